//! Matchers for the model's patterns that the regex crate cannot express (look-around).
//!
//! Why: five patterns use look-ahead or look-behind; a second regex engine for them would cost more
//! than these functions.
//! Invariants: each function accepts exactly what `java.util.regex` accepts for the pattern quoted
//! above it; the generator knows them by name and stops at a pattern that is not among them.

/// `(?!\s*$).+`
pub(crate) fn not_blank(value: &str) -> bool {
    is_dots(value) && !value.is_empty() && !value.chars().all(is_space)
}

/// `/(?!.*\.\.)[a-zA-Z0-9/_.\-]+`
pub(crate) fn metrics_endpoint_path(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('/') else {
        return false;
    };
    !rest.is_empty()
        && !rest.contains("..")
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte))
}

/// `(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?`
pub(crate) fn versioned_arn_or_name(value: &str) -> bool {
    if is_versioned_name(value) {
        return true;
    }
    let mut parts = value.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service) = (next(), next(), next());
    let (region, account, resource) = (next(), next(), next());
    let Some((kind, name)) = resource.split_once('/') else {
        return false;
    };
    arn == "arn"
        && partition.strip_prefix("aws").is_some_and(is_lower_or_dash)
        && service == "sagemaker"
        && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && is_lower_or_dash(kind)
        && is_versioned_name(name)
}

/// `^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$`
pub(crate) fn file_name(value: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_alphanumeric())
        && value.bytes().filter(|byte| *byte == b'.').count() <= 1
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// `^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$`
pub(crate) fn output_path_extension(value: &str) -> bool {
    // The forbidden beginnings hold a colon, which the class does not allow anyway.
    !value.is_empty()
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!_.*'()/-".contains(&byte))
}

fn is_lower_or_dash(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// `([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?`
fn is_versioned_name(text: &str) -> bool {
    let (name, version) = match text.split_once('/') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.len() <= 63
        && !name.ends_with('-')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_version = version.is_none_or(|digits| {
        (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    is_name && is_version
}

/// Java's `.` leaves out line terminators.
fn is_dots(value: &str) -> bool {
    !value.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// Java's `\s` is ASCII white space only.
fn is_space(letter: char) -> bool {
    matches!(letter, '\t'..='\r' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(matches: fn(&str) -> bool, accepted: &[&str], refused: &[&str]) {
        for value in accepted {
            assert!(matches(value), "should be accepted: {value:?}");
        }
        for value in refused {
            assert!(!matches(value), "should be refused: {value:?}");
        }
    }

    #[test]
    fn alarm_names_are_not_blank() {
        check(not_blank, &["a", " a ", "\u{a0}", "äöü"], &["", " ", "\t ", "a\nb", "a\u{2028}"]);
    }

    #[test]
    fn metrics_paths_have_no_two_dots_in_a_row() {
        check(
            metrics_endpoint_path,
            &["/metrics", "/a/b.c", "//", "/."],
            &["", "/", "metrics", "/a..b", "/..", "/a b", "/ä"],
        );
    }

    #[test]
    fn model_packages_are_named_by_arn_or_name_with_a_version_or_none() {
        check(
            versioned_arn_or_name,
            &[
                "p",
                "my-package",
                "p/1",
                "p/123456789",
                &"a".repeat(63),
                "arn:aws:sagemaker:us-east-1:123456789012:model-package/p/3",
                "arn:aws-cn:sagemaker::123456789012:/p",
            ],
            &[
                "",
                "-p",
                "p-",
                "p/",
                "p/1234567890",
                "p-/1",
                "p/a",
                "p/1/2",
                &"a".repeat(64),
                "arn:aws:sagemaker:us-east-1:12345678901:model-package/p",
                "arn:aws:iam:us-east-1:123456789012:model-package/p",
                "arn:aws:sagemaker:us-east-1:123456789012:model-package",
                "arn:AWS:sagemaker:us-east-1:123456789012:model-package/p",
            ],
        );
    }

    #[test]
    fn file_names_have_at_most_one_dot() {
        check(file_name, &["a", "a.out", "a_b-c"], &["", ".a", "a.b.c", "-a", "a/b", "ä"]);
    }

    #[test]
    fn output_path_extensions_are_no_addresses() {
        check(
            output_path_extension,
            &["a", "a/b/c", "s3", "x!_.*'()-"],
            &["", "s3://b/k", "https://b", "a b", "a:b"],
        );
    }
}
