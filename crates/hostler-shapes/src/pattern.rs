//! A pattern of the model and how values are matched against it.
//!
//! Why: the service matches the whole value with Java's regular expressions. The generator writes
//! each pattern in the regex crate's dialect too, or names a function for what it cannot express.
//! Invariants: a match is always of the whole value; each regex is compiled once, at first use.

pub(crate) mod by_hand;

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

/// A pattern of the model.
pub struct Pattern {
    model: &'static str,
    matcher: Matcher,
}

enum Matcher {
    Regex { source: &'static str, compiled: OnceLock<Option<Regex>> },
    ByHand(fn(&str) -> bool),
}

impl Pattern {
    /// A pattern that the regex crate can express: the model's spelling and the regex crate's.
    pub(crate) const fn regex(model: &'static str, source: &'static str) -> Self {
        Self { model, matcher: Matcher::Regex { source, compiled: OnceLock::new() } }
    }

    /// A pattern that only a function can match.
    pub(crate) const fn by_hand(model: &'static str, matches: fn(&str) -> bool) -> Self {
        Self { model, matcher: Matcher::ByHand(matches) }
    }

    /// The pattern as the model spells it.
    pub fn model(&self) -> &'static str {
        self.model
    }

    /// Whether the whole value matches.
    pub fn is_match(&self, value: &str) -> bool {
        match &self.matcher {
            // The generator compiled every source, and a test does so again.
            Matcher::Regex { source, compiled } => compiled
                .get_or_init(|| Regex::new(&format!(r"\A(?:{source})\z")).ok())
                .as_ref()
                .is_some_and(|regex| regex.is_match(value)),
            Matcher::ByHand(matches) => matches(value),
        }
    }

    #[cfg(test)]
    pub(crate) fn compiles(&self) -> bool {
        match &self.matcher {
            Matcher::Regex { source, .. } => Regex::new(&format!(r"\A(?:{source})\z")).is_ok(),
            Matcher::ByHand(_) => true,
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pattern({:?})", self.model)
    }
}
