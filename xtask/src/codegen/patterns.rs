//! Turns the model's patterns (Java's dialect) into what the regex crate matches the same way.
//!
//! Why: the service matches with `java.util.regex`; the regex crate knows neither look-around nor
//! Java's ASCII-only `\s`, `\d` and line terminators.
//! Invariants: every construct is either translated on purpose or stops the run; what cannot be
//! expressed is named in `BY_HAND` with the function that stands in for it.

use anyhow::{Context, Result, bail, ensure};

/// Patterns with look-around, and their matchers in `hostler_shapes`' `pattern/by_hand.rs`.
const BY_HAND: [(&str, &str); 5] = [
    (r"(?!\s*$).+", "not_blank"),
    (r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+", "metrics_endpoint_path"),
    (
        r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?",
        "versioned_arn_or_name",
    ),
    (r"^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$", "file_name"),
    (r"^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$", "output_path_extension"),
];

/// Everything but Java's line terminators.
const DOT: &str = r"[^\n\r\u{85}\u{2028}\u{2029}]";
/// Java's `\s` and `\S` without flags.
const SPACE: &str = r"[\x09-\x0D\x20]";
const NO_SPACE: &str = r"[^\x09-\x0D\x20]";

/// A pattern as a Rust expression.
pub(crate) fn render(pattern: &str) -> Result<String> {
    if let Some((_, function)) = BY_HAND.iter().find(|(known, _)| *known == pattern) {
        return Ok(format!("Pattern::by_hand({pattern:?}, by_hand::{function})"));
    }
    let translated = translate(pattern)
        .with_context(|| format!("the pattern `{pattern}`; translate it, or name a matcher in `BY_HAND`"))?;
    regex::Regex::new(&format!(r"\A(?:{translated})\z"))
        .with_context(|| format!("the pattern `{pattern}` was translated to `{translated}`"))?;
    Ok(format!("Pattern::regex({pattern:?}, {translated:?})"))
}

fn translate(pattern: &str) -> Result<String> {
    let mut letters = pattern.chars().peekable();
    let mut out = String::new();
    let mut in_class = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let escaped = letters.next().context("a lone backslash at the end")?;
                if escaped == 'p' {
                    out.push_str(&property(&mut letters)?);
                } else {
                    out.push_str(&escape(escaped, in_class)?);
                }
            }
            '[' if in_class => bail!("a `[` inside a class means a union in Java"),
            '[' => {
                in_class = true;
                out.push(letter);
            }
            ']' => {
                in_class = false;
                out.push(letter);
            }
            '&' if in_class && letters.peek() == Some(&'&') => bail!("class intersections"),
            '-' | '~' if in_class && letters.peek() == Some(&letter) => {
                bail!("`{letter}{letter}` in a class is a set operation for the regex crate")
            }
            '(' if letters.peek() == Some(&'?') => bail!("a group with `?` is look-around or a flag"),
            '+' | '*' | '?' | '}' if !in_class && matches!(letters.peek(), Some('+')) => {
                bail!("possessive quantifiers")
            }
            '.' if !in_class => out.push_str(DOT),
            '#' | ' ' => bail!("`{letter}` was not met yet; decide what it means"),
            _ => out.push(letter),
        }
    }
    ensure!(!in_class, "a class that is not closed");
    Ok(out)
}

fn escape(escaped: char, in_class: bool) -> Result<String> {
    Ok(match escaped {
        'd' => if in_class { "0-9" } else { "[0-9]" }.to_owned(),
        's' => SPACE.to_owned(),
        'S' => NO_SPACE.to_owned(),
        // The regex crate matches the whole value, so these add nothing but mean the same.
        'A' | 'z' if !in_class => format!("\\{escaped}"),
        'n' | 'r' | 't' => format!("\\{escaped}"),
        '/' => "/".to_owned(),
        '.' | '-' | '_' | '\\' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '$' | '^' | '|' => {
            match escaped {
                '_' => "_".to_owned(),
                _ => format!("\\{escaped}"),
            }
        }
        other => bail!("the escape `\\{other}` was not met yet; decide what it means"),
    })
}

fn property(letters: &mut impl Iterator<Item = char>) -> Result<String> {
    let mut name = String::new();
    ensure!(letters.next() == Some('{'), "a property without braces");
    loop {
        match letters.next() {
            Some('}') => break,
            Some(letter) => name.push(letter),
            None => bail!("a property that is not closed"),
        }
    }
    Ok(match name.as_str() {
        "L" | "N" | "Z" => format!("\\p{{{name}}}"),
        "ASCII" => r"[\x00-\x7F]".to_owned(),
        "Print" => r"[\x20-\x7E]".to_owned(),
        other => bail!("the property `{other}` was not met yet; decide what it means"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_classes_become_ascii_only() {
        for (pattern, expected) in [
            (r"[\S]+", r"[[^\x09-\x0D\x20]]+"),
            (r"\d{12}", r"[0-9]{12}"),
            (r"\p{ASCII}*", r"[\x00-\x7F]*"),
            (r"[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-z]", r"[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-z]"),
            (".*", r"[^\n\r\u{85}\u{2028}\u{2029}]*"),
        ] {
            assert_eq!(translate(pattern).unwrap(), expected);
        }
    }

    #[test]
    fn what_the_regex_crate_reads_otherwise_stops_the_run() {
        for pattern in ["(?=a)", "(?<!-)", "[a[b]]", "[a&&b]", r"\w+", r"\p{Alpha}", "a++", "[a"] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }
}
