//! The parameters of AssumeRole, checked in STS's words.
//!
//! Why: STS tells every violated constraint at once, counted, in the words of its validation.
//! Invariants: what would narrow the session's rights and cannot be honoured here is refused, never ignored. What has no
//! effect here is accepted and noted.

use hostler_aws::{ApiError, Form};
use http::StatusCode;

use crate::roles::RoleArn;

const ROLE_ARN_CHARS: (usize, usize) = (20, 2048);
const SESSION_NAME_CHARS: (usize, usize) = (2, 64);
const DURATION_S: (u64, u64) = (900, 43_200);
/// One hour: STS's default, and all that a session may ask for in turn.
const DEFAULT_DURATION_S: u64 = 3600;

/// What AssumeRole shall do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) role_arn: String,
    pub(super) session_name: String,
    pub(super) duration_s: u64,
    /// A sentence about each parameter that was given and has no effect.
    pub(super) notes: Vec<String>,
}

/// Parameters that are accepted without effect, and why.
const WITHOUT_EFFECT: [(&str, &str); 7] = [
    ("Tags", "have no effect: there are no policies that could ask for them"),
    ("TransitiveTagKeys", "have no effect: there are no policies that could ask for tags"),
    ("ExternalId", "has no effect: there is no trust policy that could ask for it"),
    ("TokenCode", "has no effect without a SerialNumber, which is refused"),
    ("SourceIdentity", "has no effect: it is written down nowhere"),
    ("ProvidedContexts", "have no effect: there are no policies that could ask for them"),
    ("MinimumSessionTokenSize", "has no effect: a token has the size that it needs"),
];

/// Reads the form; `is_chained` when a session asks.
pub(super) fn read(form: &Form, is_chained: bool) -> Result<Wanted, ApiError> {
    let mut violations = Violations::default();
    let role_arn = form.get("RoleArn");
    let session_name = form.get("RoleSessionName");
    violations.text("roleArn", role_arn, ROLE_ARN_CHARS);
    violations.text("roleSessionName", session_name, SESSION_NAME_CHARS);
    if let Some(name) = session_name
        && !name.chars().all(is_session_name_char)
    {
        violations.add(
            name,
            "roleSessionName",
            "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        );
    }
    let duration_s = match form.get("DurationSeconds").map(str::parse::<i64>) {
        None => DEFAULT_DURATION_S,
        Some(Ok(seconds)) => {
            violations.number("durationSeconds", seconds);
            u64::try_from(seconds).unwrap_or_default()
        }
        Some(Err(_)) => {
            return Err(ApiError::new(
                "MalformedInput",
                StatusCode::BAD_REQUEST,
                "DurationSeconds must be a whole number",
            ));
        }
    };
    violations.finish()?;
    let (role_arn, session_name) = (role_arn.unwrap_or_default(), session_name.unwrap_or_default());
    if RoleArn::parse(role_arn).is_none() {
        return Err(ApiError::validation_error(format!("{role_arn} is invalid")));
    }
    if is_chained && duration_s > DEFAULT_DURATION_S {
        return Err(ApiError::validation_error(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    refuse_narrowing(form)?;
    Ok(Wanted {
        role_arn: role_arn.to_owned(),
        session_name: session_name.to_owned(),
        duration_s,
        notes: notes(form),
    })
}

fn notes(form: &Form) -> Vec<String> {
    let is_given = |parameter: &str| {
        let is_of = |name: &str| {
            name.strip_prefix(parameter).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        form.pairs().any(|(name, value)| !value.is_empty() && is_of(name))
    };
    let given = WITHOUT_EFFECT.iter().filter(|(parameter, _)| is_given(parameter));
    given.map(|(parameter, why)| format!("{parameter} {why}")).collect()
}

/// Session policies would take rights away; a session that keeps them would be a lie.
fn refuse_narrowing(form: &Form) -> Result<(), ApiError> {
    let narrowing = form.pairs().find(|(name, value)| {
        !value.is_empty() && (*name == "Policy" || name.starts_with("PolicyArns.") || *name == "SerialNumber")
    });
    match narrowing {
        None => Ok(()),
        Some((name, _)) => Err(ApiError::not_implemented(&format!("AssumeRole with {name}"))),
    }
}

/// `\w` of STS's pattern is ASCII.
fn is_session_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

#[derive(Default)]
struct Violations(Vec<String>);

impl Violations {
    fn add(&mut self, value: &str, member: &str, constraint: &str) {
        self.0.push(format!("Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"));
    }

    fn text(&mut self, member: &str, value: Option<&str>, (min, max): (usize, usize)) {
        let Some(value) = value else {
            self.0.push(format!(
                "Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ));
            return;
        };
        let chars = value.chars().count();
        if chars < min {
            self.add(value, member, &format!("Member must have length greater than or equal to {min}"));
        }
        if chars > max {
            self.add(value, member, &format!("Member must have length less than or equal to {max}"));
        }
    }

    fn number(&mut self, member: &str, value: i64) {
        let (min, max) = DURATION_S;
        if value < min as i64 {
            self.add(
                &value.to_string(),
                member,
                &format!("Member must have value greater than or equal to {min}"),
            );
        }
        if value > max as i64 {
            self.add(
                &value.to_string(),
                member,
                &format!("Member must have value less than or equal to {max}"),
            );
        }
    }

    fn finish(self) -> Result<(), ApiError> {
        let Self(texts) = self;
        if texts.is_empty() {
            return Ok(());
        }
        let (count, noun) = (texts.len(), if texts.len() == 1 { "error" } else { "errors" });
        Err(ApiError::validation_error(format!("{count} validation {noun} detected: {}", texts.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "RoleArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2Fr";

    fn check(form: &str, is_chained: bool) -> Result<Wanted, String> {
        read(&Form::parse(form.as_bytes()).unwrap(), is_chained)
            .map_err(|error| format!("{}: {}", error.code(), error.message().unwrap_or_default()))
    }

    #[test]
    fn a_good_request_passes_with_the_default_duration() {
        let wanted = check(&format!("{ARN}&RoleSessionName=a.b@c&Unknown=1"), false).unwrap();
        assert_eq!((wanted.session_name.as_str(), wanted.duration_s), ("a.b@c", 3600));
        for seconds in [900, 43_200] {
            let form = format!("{ARN}&RoleSessionName=ab&DurationSeconds={seconds}");
            assert_eq!(check(&form, false).unwrap().duration_s, seconds);
        }
    }

    #[test]
    fn violations_are_told_together_and_counted() {
        assert_eq!(
            check("RoleArn=short&RoleSessionName=a%2Fb%20c&DurationSeconds=899", false).unwrap_err(),
            "ValidationError: 3 validation errors detected: Value 'short' at 'roleArn' failed to satisfy constraint: \
             Member must have length greater than or equal to 20; Value 'a/b c' at 'roleSessionName' failed to \
             satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*; Value '899' at \
             'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"
        );
        assert_eq!(
            check(ARN, false).unwrap_err(),
            "ValidationError: 1 validation error detected: Value null at 'roleSessionName' failed to satisfy \
             constraint: Member must not be null"
        );
        for (form, text) in [
            ("RoleSessionName=a", "greater than or equal to 2"),
            (&format!("RoleSessionName={}", "a".repeat(65)), "less than or equal to 64"),
            ("RoleSessionName=ab&DurationSeconds=43201", "less than or equal to 43200"),
        ] {
            assert!(check(&format!("{ARN}&{form}"), false).unwrap_err().ends_with(text), "{form}");
        }
    }

    #[test]
    fn what_is_no_role_is_refused() {
        for arn in [
            "arn:aws:iam::000000000000:user/x",
            "arn:aws:iam::00000000000:role/xx",
            "xxxxxxxxxxxxxxxxxxxxxxxxx",
        ] {
            let refusal = check(&format!("RoleArn={arn}&RoleSessionName=ab"), false).unwrap_err();
            assert_eq!(refusal, format!("ValidationError: {arn} is invalid"));
        }
    }

    #[test]
    fn a_session_may_ask_for_an_hour_at_most() {
        assert!(check(&format!("{ARN}&RoleSessionName=ab&DurationSeconds=3600"), true).is_ok());
        let refusal = check(&format!("{ARN}&RoleSessionName=ab&DurationSeconds=3601"), true).unwrap_err();
        assert!(refusal.contains("1 hour session limit"), "{refusal}");
    }

    #[test]
    fn what_nothing_here_asks_for_is_noted() {
        let plain = check(&format!("{ARN}&RoleSessionName=ab&Unknown=1&ExternalId="), false).unwrap();
        assert_eq!(plain.notes, Vec::<String>::new());
        let form =
            "ExternalId=x&SourceIdentity=me&Tags.member.1.Key=k&Tags.member.1.Value=v&TokenCode=123456";
        let wanted = check(&format!("{ARN}&RoleSessionName=ab&{form}"), false).unwrap();
        let begins: Vec<&str> = wanted.notes.iter().filter_map(|note| note.split(' ').next()).collect();
        assert_eq!(begins, ["Tags", "ExternalId", "TokenCode", "SourceIdentity"]);
        assert!(wanted.notes.iter().all(|note| note.contains("no effect")), "{:?}", wanted.notes);
    }

    #[test]
    fn a_session_policy_is_refused_rather_than_ignored() {
        let refusal = check(&format!("{ARN}&RoleSessionName=ab&Policy=%7B%7D"), false).unwrap_err();
        assert!(refusal.starts_with("NotImplementedByHostler"), "{refusal}");
    }
}
