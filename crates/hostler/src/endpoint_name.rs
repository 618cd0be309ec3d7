//! What can be an endpoint's name, said before anything is sent.
//!
//! Why: a name goes into URLs; one with a space, a slash or a question mark would ask for something else, and the
//! answer would be about that.
//! Invariants: accepts what the service model accepts, and nothing else.

use anyhow::anyhow;

use crate::hint::Hinted;

/// SageMaker's limit for names.
pub(crate) const NAME_CHARS_MAX: usize = 63;

/// Refuses what cannot be the name of an endpoint.
pub(crate) fn check(name: &str) -> anyhow::Result<()> {
    let is_valid = !name.is_empty()
        && name.len() <= NAME_CHARS_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if is_valid {
        return Ok(());
    }
    Err(Hinted::wrap(
        anyhow!("`{}` cannot be an endpoint's name", name.escape_debug()),
        "a name has letters, digits and hyphens between them, at most 63 characters",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_service_model() {
        // botocore: `^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`, which AWS matches against the whole name.
        for name in ["a", "digits-2", "0", "a--b", &"a".repeat(63)] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "-", "a_b", "a b", "a/b", "a?b", "a%20b", "..", "ä", &"a".repeat(64)] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_text() {
        assert_eq!(
            check("a\n\u{1b}[2J").unwrap_err().to_string(),
            "`a\\n\\u{1b}[2J` cannot be an endpoint's name"
        );
    }
}
