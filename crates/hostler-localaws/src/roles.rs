//! What a role may do on the embedded S3.
//!
//! Why: a forbidden object must be producible, as on AWS; IAM's policy language is far more than that needs. A rule is
//! a role and the objects that it may read.
//! Invariants: a declared role may do nothing but read what it allows; a session of a long-lived key is not held to
//! anything but its account. A decision never depends on whether the object exists.

use std::collections::BTreeMap;

/// A declared role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// `arn:aws:iam::<account>:role/<name>`.
    pub arn: String,
    /// `s3://bucket/key`; `*` stands for any text.
    pub allow: Vec<String>,
}

/// What happens with roles that nobody declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UndeclaredRoles {
    /// They exist and may do everything in their account's buckets.
    #[default]
    Allow,
    /// They do not exist.
    Deny,
}

/// Everything that is wrong with a list of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the declared roles have mistakes: {}", .0.join("; "))]
pub struct RoleRuleError(pub Vec<String>);

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access<'a> {
    /// The bytes or the record of an object.
    Read { bucket: &'a str, key: &'a str },
    /// The names that begin with a prefix.
    List { bucket: &'a str, prefix: &'a str },
    /// Whether a bucket exists and where.
    Look { bucket: &'a str },
    /// Anything that changes something, or that shows other people's business.
    Other,
}

/// The declared roles.
#[derive(Clone, Debug, Default)]
pub struct RolePolicies {
    rules: BTreeMap<String, Vec<Pattern>>,
    undeclared: UndeclaredRoles,
}

impl RolePolicies {
    /// Checks the rules; all mistakes are told together.
    pub fn new(rules: Vec<RoleRule>, undeclared: UndeclaredRoles) -> Result<Self, RoleRuleError> {
        let mut mistakes = Vec::new();
        let mut map = BTreeMap::new();
        for rule in rules {
            if RoleArn::parse(&rule.arn).is_none() {
                mistakes.push(format!("`{}` is not the ARN of a role", rule.arn));
            }
            let mut patterns = Vec::new();
            for text in &rule.allow {
                match Pattern::parse(text) {
                    Some(pattern) => patterns.push(pattern),
                    None => mistakes.push(format!(
                        "`{text}` of role `{}` must read `s3://bucket/key`, where `*` stands for any text",
                        rule.arn
                    )),
                }
            }
            if map.insert(rule.arn.clone(), patterns).is_some() {
                mistakes.push(format!("role `{}` is declared twice", rule.arn));
            }
        }
        if mistakes.is_empty() { Ok(Self { rules: map, undeclared }) } else { Err(RoleRuleError(mistakes)) }
    }

    /// Whether the role exists, so that it may be assumed.
    pub fn is_assumable(&self, role_arn: &str) -> bool {
        self.undeclared == UndeclaredRoles::Allow || self.rules.contains_key(role_arn)
    }

    /// Whether a session of `role_arn` may do this; none is a long-lived key.
    pub(crate) fn allows(&self, role_arn: Option<&str>, access: Access<'_>) -> bool {
        let Some(role_arn) = role_arn else {
            return true;
        };
        let Some(patterns) = self.rules.get(role_arn) else {
            return self.undeclared == UndeclaredRoles::Allow;
        };
        patterns.iter().any(|pattern| pattern.allows(access))
    }
}

/// The parts of a role's ARN that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleArn<'a> {
    pub(crate) account: &'a str,
}

impl<'a> RoleArn<'a> {
    /// Reads `arn:<partition>:iam::<account>:role/<path and name>`.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts[..] else {
            return None;
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let name = resource.strip_prefix("role/")?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&byte);
        let is_named = !name.is_empty() && !name.ends_with('/') && name.bytes().all(is_name);
        (partition.starts_with("aws") && is_account && is_named).then_some(Self { account })
    }
}

/// `bucket/key` with stars.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    bucket: String,
    key: String,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (bucket, key) = match text.strip_prefix("s3://")?.split_once('/') {
            Some((bucket, key)) => (bucket, key),
            None => (text.strip_prefix("s3://")?, "*"),
        };
        let key = if key.is_empty() { "*" } else { key };
        (!bucket.is_empty()).then(|| Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    fn allows(&self, access: Access<'_>) -> bool {
        match access {
            Access::Read { bucket, key } => matches(&self.bucket, bucket) && matches(&self.key, key),
            // A listing shows everything behind its prefix, so only a rule with an open end covers one.
            Access::List { bucket, prefix } => {
                self.key.ends_with('*') && matches(&self.bucket, bucket) && matches(&self.key, prefix)
            }
            Access::Look { bucket } => matches(&self.bucket, bucket),
            Access::Other => false,
        }
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text; linear in memory, no recursion.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    let Some(mut rest) = rest.strip_suffix(last) else {
        return false;
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::000000000000:role/service-role/Model";

    fn policies(allow: &[&str], undeclared: UndeclaredRoles) -> RolePolicies {
        let allow = allow.iter().map(|&text| text.to_owned()).collect();
        RolePolicies::new(vec![RoleRule { arn: ROLE.into(), allow }], undeclared).unwrap()
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a/b", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "abc", true),
            ("models/*/m.tar.gz", "models/x/y/m.tar.gz", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_declared_role_reads_what_it_allows_and_nothing_else() {
        let policies = policies(&["s3://b/models/*", "s3://c/one.tar.gz"], UndeclaredRoles::Allow);
        let allows = |access| policies.allows(Some(ROLE), access);
        assert!(allows(Access::Read { bucket: "b", key: "models/m.tar.gz" }));
        assert!(allows(Access::Read { bucket: "c", key: "one.tar.gz" }));
        assert!(allows(Access::List { bucket: "b", prefix: "models/x" }));
        assert!(allows(Access::Look { bucket: "c" }));
        assert!(!allows(Access::Read { bucket: "b", key: "secret" }));
        assert!(!allows(Access::Read { bucket: "c", key: "one.tar.gz.bak" }));
        assert!(!allows(Access::List { bucket: "b", prefix: "" }));
        assert!(!allows(Access::List { bucket: "c", prefix: "one.tar.gz" }));
        assert!(!allows(Access::Look { bucket: "d" }));
        assert!(!allows(Access::Other));
    }

    #[test]
    fn undeclared_roles_follow_the_setting_and_keys_are_free() {
        let access = Access::Other;
        let other = "arn:aws:iam::000000000000:role/Other";
        for (setting, expected) in [(UndeclaredRoles::Allow, true), (UndeclaredRoles::Deny, false)] {
            let policies = policies(&[], setting);
            assert_eq!(policies.allows(Some(other), access), expected);
            assert_eq!(policies.is_assumable(other), expected);
            assert!(policies.is_assumable(ROLE));
            assert!(!policies.allows(Some(ROLE), access));
            assert!(policies.allows(None, access));
        }
    }

    #[test]
    fn a_whole_bucket_may_be_named() {
        for allow in ["s3://b", "s3://b/", "s3://b/*"] {
            let policies = policies(&[allow], UndeclaredRoles::Deny);
            assert!(policies.allows(Some(ROLE), Access::Read { bucket: "b", key: "x" }), "{allow}");
            assert!(policies.allows(Some(ROLE), Access::List { bucket: "b", prefix: "" }), "{allow}");
            assert!(!policies.allows(Some(ROLE), Access::Read { bucket: "bb", key: "x" }), "{allow}");
        }
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let rule = |arn: &str, allow: &str| RoleRule { arn: arn.into(), allow: vec![allow.into()] };
        let rules = vec![
            rule("Model", "bucket/key"),
            rule(ROLE, "s3://"),
            rule(ROLE, "s3://b/*"),
            rule("arn:aws:iam::1:role/r", "s3://b"),
        ];
        let RoleRuleError(mistakes) = RolePolicies::new(rules, UndeclaredRoles::Allow).unwrap_err();
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
    }
}
