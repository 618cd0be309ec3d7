//! S3's words for a signature that was not accepted.
//!
//! Why: S3 is older than AWS's framework and has codes, texts and statuses of its own, different again for presigned
//! requests.
//! Invariants: one fault is named, the first, as S3 does.

use http::StatusCode;

use crate::ApiError;
use crate::keys::KeyError;

use super::super::AuthForm;
use super::{AuthError, Incomplete, ScopeFault, too_large};

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
                           key and signing method.";

pub(super) fn error(error: &AuthError) -> ApiError {
    let denied = |code: &'static str, text: &str| ApiError::new(code, StatusCode::FORBIDDEN, text);
    let bad = |code: &'static str, text: &str| ApiError::new(code, StatusCode::BAD_REQUEST, text);
    match error {
        AuthError::Missing => denied("AccessDenied", "Access Denied"),
        AuthError::Incomplete { form, part } => s3_part(*form, part),
        AuthError::TooLarge { .. } => too_large(error),
        AuthError::Scope { form, faults } => s3_scope(*form, faults),
        AuthError::NotYetCurrent { form: AuthForm::Query, .. } => {
            denied("AccessDenied", "Request is not valid yet")
        }
        AuthError::Expired { .. } | AuthError::NotYetCurrent { .. } => denied(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        AuthError::PresignExpired { .. } => denied("AccessDenied", "Request has expired"),
        AuthError::Key { source: KeyError::Unknown, .. } => {
            denied("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        }
        AuthError::Key { source: KeyError::BadToken, .. } => {
            bad("InvalidToken", "The provided token is malformed or otherwise invalid.")
        }
        AuthError::Key { source: KeyError::Expired, .. } => {
            bad("ExpiredToken", "The provided token has expired.")
        }
        AuthError::NotSigned { names } if names.iter().any(|name| name == "host") => bad(
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; the host header must be signed.",
        ),
        AuthError::NotSigned { .. } => {
            denied("AccessDenied", "There were headers present in the request which were not signed")
        }
        AuthError::Mismatch { .. } => denied("SignatureDoesNotMatch", MISMATCH),
        AuthError::PayloadMismatch => bad(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        AuthError::PayloadMissing => {
            bad("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        }
        AuthError::PayloadForm(_) => bad(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
             STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 \
             value.",
        ),
        AuthError::DecodedLength => ApiError::new(
            "MissingContentLength",
            StatusCode::LENGTH_REQUIRED,
            "You must provide the x-amz-decoded-content-length HTTP header.",
        ),
    }
}

fn s3_part(form: AuthForm, part: &Incomplete) -> ApiError {
    let bad = |code: &'static str, text: String| ApiError::new(code, StatusCode::BAD_REQUEST, text);
    let header = |text: &str| {
        bad("AuthorizationHeaderMalformed", format!("The authorization header is malformed; {text}"))
    };
    let query = |text: &str| bad("AuthorizationQueryParametersError", text.to_owned());
    match (form, part) {
        (AuthForm::Header, Incomplete::Algorithm(found)) if found == "AWS" => bad(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.".to_owned(),
        ),
        (AuthForm::Header, Incomplete::Algorithm(_)) => {
            bad("InvalidArgument", "Unsupported Authorization Type".to_owned())
        }
        (AuthForm::Query, Incomplete::Algorithm(_)) => query("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""),
        (_, Incomplete::TwoForms) => bad(
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
             parameter or the Authorization header should be specified"
                .to_owned(),
        ),
        (AuthForm::Header, Incomplete::Missing(names)) if names[..] == ["X-Amz-Date"] => ApiError::new(
            "AccessDenied",
            StatusCode::FORBIDDEN,
            "AWS authentication requires a valid Date or x-amz-date header",
        ),
        (AuthForm::Header, Incomplete::Date(_)) => ApiError::new(
            "AccessDenied",
            StatusCode::FORBIDDEN,
            "AWS authentication requires a valid Date or x-amz-date header",
        ),
        (AuthForm::Header, Incomplete::Missing(_) | Incomplete::NotKeyValue(_)) => header(
            "the authorization header requires three components: Credential, SignedHeaders, and Signature.",
        ),
        (AuthForm::Query, Incomplete::Missing(_) | Incomplete::NotKeyValue(_)) => query(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
             X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ),
        (AuthForm::Header, Incomplete::Credential(_)) => header(
            "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ),
        (AuthForm::Query, Incomplete::Credential(_)) => query(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \
             \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ),
        (AuthForm::Query, Incomplete::Date(_)) => {
            query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        }
        (AuthForm::Header, Incomplete::SignedHeaders(_)) => {
            header("SignedHeaders must be a sorted list of lower-case header names.")
        }
        (AuthForm::Query, Incomplete::SignedHeaders(_)) => {
            query("X-Amz-SignedHeaders must be a sorted list of lower-case header names.")
        }
        (_, Incomplete::ExpiresForm) => query("X-Amz-Expires should be a number"),
        (_, Incomplete::ExpiresNegative) => query("X-Amz-Expires must be non-negative"),
        (_, Incomplete::ExpiresTooLong) => query(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
             604800 seconds",
        ),
    }
}

/// S3 names the first fault only.
fn s3_scope(form: AuthForm, faults: &[ScopeFault]) -> ApiError {
    let text = match faults.first() {
        Some(ScopeFault::Service { expected, found }) => {
            format!("incorrect service \"{found}\". This endpoint belongs to \"{expected}\".")
        }
        Some(ScopeFault::Region(found)) => format!("the region '{found}' is wrong"),
        Some(ScopeFault::Terminator(found)) => {
            format!("incorrect terminator \"{found}\". This endpoint uses \"aws4_request\".")
        }
        Some(ScopeFault::Day { scope, date }) => format!(
            "Invalid credential date \"{scope}\". This date is not the same as X-Amz-Date: \"{}\".",
            date.day()
        ),
        None => "the scope is wrong".to_owned(),
    };
    match form {
        AuthForm::Header => ApiError::new(
            "AuthorizationHeaderMalformed",
            StatusCode::BAD_REQUEST,
            format!("The authorization header is malformed; {text}"),
        ),
        AuthForm::Query => ApiError::new(
            "AuthorizationQueryParametersError",
            StatusCode::BAD_REQUEST,
            format!("Error parsing the X-Amz-Credential parameter; {text}"),
        ),
    }
}
