//! A string that cannot be printed by accident.
//!
//! Invariants: `Debug` shows nothing of the value, there is no `Display`, and it never serialises.

use std::fmt;

/// A secret key or token. Read it with [`Secret::expose`], where a reader of the code can see it happen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
