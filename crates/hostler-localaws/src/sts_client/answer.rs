//! What an STS said: credentials, or a refusal and whose matter it is.
//!
//! Why: "this role may not be assumed" is the model owner's to mend, "this server's key is not known" the operator's,
//! and "try again" nobody's; a `FailureReason` that mixes them sends people to the wrong place.
//! Invariants: pure; texts of the service are passed on, cut to a bound.

use bytes::Bytes;
use http::header::DATE;
use http::{Response, StatusCode};

use hostler_types::{CredentialError, Credentials, Millis, Secret};

use super::Asked;
use crate::xml::Element;

/// Characters of a service's message that are passed on.
const MESSAGE_CHARS_MAX: usize = 500;
/// Clocks that differ by less are not corrected: a `Date` has whole seconds and an answer takes its time.
const SKEW_MS_MIN: i64 = 60_000;
/// Errors with a client's status that another try may not meet again.
const PASSING: [&str; 4] =
    ["Throttling", "ThrottlingException", "RequestLimitExceeded", "IDPCommunicationError"];
/// Errors that are about the key that signed, not about the role.
const OWN_KEY: [&str; 8] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "ExpiredToken",
    "ExpiredTokenException",
    "MissingAuthenticationToken",
];
/// Errors that a wrong clock causes, among others.
const TIME: [&str; 4] =
    ["SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"];

/// An answer that could be read.
pub(super) enum Outcome {
    Assumed(Credentials),
    Refused(Refusal),
}

/// A refusal that another try would meet again.
pub(super) struct Refusal {
    code: String,
    message: String,
    /// How far the service's clock is from ours, when it is far.
    pub(super) skew_ms: Option<i64>,
}

impl Refusal {
    /// Whether other clocks might have been accepted.
    pub(super) fn is_about_time(&self) -> bool {
        TIME.contains(&self.code.as_str())
    }

    pub(super) fn into_error(self, asked: &Asked<'_>) -> CredentialError {
        let Self { code, message, .. } = self;
        if OWN_KEY.contains(&code.as_str()) || TIME.contains(&code.as_str()) {
            return asked.unanswered(format!(
                "STS at `{}` refused this server's own key (see `[sts]` in the settings) with {code}: {message}",
                asked.endpoint
            ));
        }
        CredentialError::Refused { role_arn: asked.role_arn.to_owned(), code, message }
    }
}

pub(super) fn read(
    asked: &Asked<'_>,
    response: &Response<Bytes>,
    now: Millis,
) -> Result<Outcome, CredentialError> {
    let status = response.status();
    let root = Element::parse(response.body());
    if status == StatusCode::OK {
        return root
            .as_ref()
            .and_then(|root| root.child("AssumeRoleResult")?.child("Credentials"))
            .and_then(read_credentials)
            .map(Outcome::Assumed)
            .ok_or_else(|| asked.unreachable("the answer holds no credentials"));
    }
    let error = root
        .as_ref()
        .and_then(error_of)
        .and_then(|error| Some((error.child_text("Code")?, error.child_text("Message").unwrap_or_default())));
    let Some((code, message)) = error else {
        return Err(asked.unreachable(format!("status {status} without an error that can be read")));
    };
    let message: String = message.trim().chars().take(MESSAGE_CHARS_MAX).collect();
    if status.is_client_error() && !PASSING.contains(&code) {
        return Ok(Outcome::Refused(Refusal {
            code: code.to_owned(),
            message,
            skew_ms: skew_ms(response, now),
        }));
    }
    Err(asked.unreachable(format!("status {status}, {code}: {message}")))
}

/// AWS wraps its error once; moto wraps it twice, as AWS's EC2 does, and SDKs read both.
fn error_of(root: &Element) -> Option<&Element> {
    root.child("Error").or_else(|| root.child("Errors")?.child("Error"))
}

/// How far the service's clock is from ours, when it is far.
pub(super) fn skew_ms(response: &Response<Bytes>, now: Millis) -> Option<i64> {
    let date = response.headers().get(DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let skew_ms = Millis(date.as_millisecond()).since(now);
    (skew_ms.abs() >= SKEW_MS_MIN).then_some(skew_ms)
}

fn read_credentials(element: &Element) -> Option<Credentials> {
    // They go into headers: what no header can carry is no key.
    let is_sendable = |text: &&str| !text.chars().any(char::is_control);
    let text = |name: &str| element.child_text(name).map(str::trim).filter(is_sendable).map(str::to_owned);
    let end: jiff::Timestamp = text("Expiration")?.parse().ok()?;
    Some(Credentials {
        access_key_id: text("AccessKeyId")?,
        secret_access_key: Secret::new(text("SecretAccessKey")?),
        session_token: Some(Secret::new(text("SessionToken")?)),
        expires_at: Some(Millis(end.as_millisecond())),
    })
}

#[cfg(test)]
mod tests {
    use hostler_types::{AccountId, Region};

    use super::*;

    const NOW: Millis = Millis(1_767_323_045_000);

    fn answer(status: u16, body: &'static str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    fn read(status: u16, body: &'static str) -> Result<Credentials, CredentialError> {
        let (account, region) = (AccountId::new("000000000000"), Region::new("us-east-1"));
        let endpoint = "http://sts.example/".parse().unwrap();
        let asked =
            Asked { account: &account, region: &region, role_arn: "arn", session: "s", endpoint: &endpoint };
        match super::read(&asked, &answer(status, body), NOW)? {
            Outcome::Assumed(credentials) => Ok(credentials),
            Outcome::Refused(refusal) => Err(refusal.into_error(&asked)),
        }
    }

    #[test]
    fn credentials_that_no_header_can_carry_are_none() {
        // Found by the fuzz target `sts_answer`.
        let body = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>R\0R</AccessKeyId>\
            <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
            <Expiration>2026-01-02T03:04:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
        assert!(read(200, body).is_err());
        let sound: &'static str = Box::leak(body.replace('\0', "").into_boxed_str());
        assert_eq!(read(200, sound).unwrap().access_key_id, "RR");
    }

    #[test]
    fn an_answer_as_aws_documents_it_is_read() {
        // The example of AWS's API reference, shortened.
        let credentials = read(
            200,
            r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
              <AssumeRoleResult>
                <SourceIdentity>DevUser123</SourceIdentity>
                <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/demo/John</Arn></AssumedRoleUser>
                <Credentials>
                  <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
                  <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
                  <SessionToken>
                   AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW
                  </SessionToken>
                  <Expiration>2019-11-09T13:34:41Z</Expiration>
                </Credentials>
              </AssumeRoleResult>
            </AssumeRoleResponse>"#,
        )
        .unwrap();
        assert_eq!(credentials.access_key_id, "ASIAIOSFODNN7EXAMPLE");
        assert!(credentials.session_token.unwrap().expose().starts_with("AQoDYX"));
        // date -u -d 2019-11-09T13:34:41Z +%s
        assert_eq!(credentials.expires_at, Some(Millis(1_573_306_481_000)));
    }

    #[test]
    fn refusals_and_failures_are_told_apart() {
        let document = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        assert!(matches!(
            read(403, document),
            Err(CredentialError::Refused { code, message, .. }) if code == "AccessDenied" && message == "no"
        ));
        let wrapped =
            "<ErrorResponse><Errors><Error><Code>AccessDenied</Code></Error></Errors></ErrorResponse>";
        assert!(
            matches!(read(403, wrapped), Err(CredentialError::Refused { code, .. }) if code == "AccessDenied")
        );
        for (status, body) in [
            (400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"),
            (500, "<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>"),
            (503, "busy"),
            (200, "<html/>"),
            (200, ""),
        ] {
            assert!(
                matches!(read(status, body), Err(CredentialError::Unreachable { .. })),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_key_of_this_server_that_is_refused_is_not_the_roles_fault() {
        // facts 4.6: what STS says of an unknown key.
        let document = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>\
                        <Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>";
        let error = read(403, document).unwrap_err();
        assert_eq!(
            error.to_string(),
            "assuming role `arn` got no usable answer: STS at `http://sts.example/` refused this server's own key (see \
             `[sts]` in the settings) with InvalidClientTokenId: The security token included in the request is invalid."
        );
    }

    #[test]
    fn only_clocks_that_are_far_apart_count_as_different() {
        let at = |date: &'static str| {
            let mut response = answer(403, "");
            response.headers_mut().insert(DATE, date.parse().unwrap());
            skew_ms(&response, NOW)
        };
        // NOW is Fri, 02 Jan 2026 03:04:05 GMT.
        assert_eq!(at("Fri, 02 Jan 2026 04:04:05 GMT"), Some(3_600_000));
        assert_eq!(at("Fri, 02 Jan 2026 02:54:05 GMT"), Some(-600_000));
        assert_eq!(at("Fri, 02 Jan 2026 03:04:59 GMT"), None);
        assert_eq!(at("yesterday"), None);
        assert_eq!(skew_ms(&answer(403, ""), NOW), None);
    }
}
