//! The words of AWS's own service framework, which SageMaker's planes and STS share.
//!
//! Why: the texts are the same behind awsJson, restJson and query; codes and statuses are not, so they are a table.
//! Invariants: texts are AWS's where they are known; our own are as plain as theirs.

use http::StatusCode;

use crate::ApiError;
use crate::keys::KeyError;

use super::{AuthError, Incomplete, ScopeFault, too_large};

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
                        AWS Secret Access Key and signing method. Consult the service documentation for details.";
/// How a protocol of AWS's own framework spells the failures.
pub(super) struct Dialect {
    refused: StatusCode,
    missing: &'static str,
    missing_text: &'static str,
    incomplete: &'static str,
    mismatch: &'static str,
    unknown: &'static str,
    expired: &'static str,
}

pub(super) const AWS_JSON: Dialect = Dialect {
    refused: StatusCode::BAD_REQUEST,
    missing: "MissingAuthenticationTokenException",
    missing_text: "Missing Authentication Token",
    incomplete: "IncompleteSignatureException",
    mismatch: "InvalidSignatureException",
    unknown: "UnrecognizedClientException",
    expired: "ExpiredTokenException",
};

pub(super) const REST_JSON: Dialect = Dialect { refused: StatusCode::FORBIDDEN, ..AWS_JSON };

pub(super) const STS: Dialect = Dialect {
    refused: StatusCode::FORBIDDEN,
    missing: "MissingAuthenticationToken",
    missing_text: "Request is missing Authentication Token",
    incomplete: "IncompleteSignature",
    mismatch: "SignatureDoesNotMatch",
    unknown: "InvalidClientTokenId",
    expired: "ExpiredToken",
};

/// What the front end of AWS's own framework says; the words are the same, codes and statuses are not.
pub(super) fn error(error: &AuthError, dialect: &Dialect) -> ApiError {
    let refused = |code: &'static str, text: String| ApiError::new(code, dialect.refused, text);
    let mismatch = |text: String| refused(dialect.mismatch, text);
    match error {
        AuthError::Missing => refused(dialect.missing, dialect.missing_text.to_owned()),
        AuthError::Incomplete { part, .. } => {
            ApiError::new(dialect.incomplete, StatusCode::BAD_REQUEST, coral_part(part))
        }
        AuthError::TooLarge { .. } => too_large(error),
        AuthError::Scope { faults, .. } => mismatch(faults.iter().map(coral_fault).collect()),
        AuthError::Expired { date, limit, now, minutes } => mismatch(format!(
            "Signature expired: {date} is now earlier than {limit} ({now} - {minutes} min.)"
        )),
        AuthError::NotYetCurrent { date, limit, now, minutes, .. } => mismatch(format!(
            "Signature not yet current: {date} is still later than {limit} ({now} + {minutes} min.)"
        )),
        AuthError::PresignExpired { until, now } => {
            mismatch(format!("Signature expired: {until} is now earlier than {now}"))
        }
        AuthError::Key { source: KeyError::Expired, .. } => {
            refused(dialect.expired, "The security token included in the request is expired".to_owned())
        }
        AuthError::Key { .. } => {
            let text = "The security token included in the request is invalid.";
            refused(dialect.unknown, text.to_owned())
        }
        AuthError::NotSigned { names } => mismatch(coral_not_signed(names)),
        AuthError::Mismatch { .. }
        | AuthError::PayloadMismatch
        | AuthError::PayloadMissing
        | AuthError::PayloadForm(_)
        | AuthError::DecodedLength => mismatch(MISMATCH.to_owned()),
    }
}

fn coral_part(part: &Incomplete) -> String {
    match part {
        Incomplete::Algorithm(found) => format!("Unsupported AWS 'algorithm': '{found}'."),
        Incomplete::TwoForms => {
            "Authorization header and X-Amz-Algorithm query parameter may not be sent together.".to_owned()
        }
        Incomplete::Missing(names) => names
            .iter()
            .map(|name| match *name {
                "X-Amz-Date" => {
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                                 header. "
                        .to_owned()
                }
                name => format!(
                    "Authorization header requires '{}' parameter. ",
                    name.trim_start_matches("X-Amz-")
                ),
            })
            .collect(),
        Incomplete::NotKeyValue(found) => {
            format!("'{found}' not a valid key=value pair (missing equal-sign) in Authorization header.")
        }
        Incomplete::Credential(found) => format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
             '{found}'"
        ),
        Incomplete::SignedHeaders(found) => {
            format!("SignedHeaders must be a sorted list of lower-case header names, got '{found}'")
        }
        Incomplete::Date(found) => {
            format!(
                "Date must be in ISO-8601 'basic format'. Got '{found}'. See http://en.wikipedia.org/wiki/ISO_8601"
            )
        }
        Incomplete::ExpiresForm => "X-Amz-Expires should be a number".to_owned(),
        Incomplete::ExpiresNegative => "X-Amz-Expires must be non-negative".to_owned(),
        Incomplete::ExpiresTooLong => "X-Amz-Expires must be less than 604800 seconds".to_owned(),
    }
}

/// Each sentence ends with a space, as AWS's do.
fn coral_fault(fault: &ScopeFault) -> String {
    match fault {
        ScopeFault::Service { expected, .. } => {
            format!("Credential should be scoped to correct service: '{expected}'. ")
        }
        ScopeFault::Region(_) => "Credential should be scoped to a valid region. ".to_owned(),
        ScopeFault::Terminator(found) => {
            format!("Credential should be scoped with a valid terminator: 'aws4_request', not '{found}'. ")
        }
        ScopeFault::Day { scope, date } => format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != \
             '{}', from '{date}'. ",
            date.day()
        ),
    }
}

fn coral_not_signed(names: &[String]) -> String {
    names
        .iter()
        .map(|name| match name.as_str() {
            "host" => "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization. ".to_owned(),
            name => format!("'{name}' must be a 'SignedHeader' in the AWS Authorization. "),
        })
        .collect::<String>()
        .trim_end()
        .to_owned()
}
