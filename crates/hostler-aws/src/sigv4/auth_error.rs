//! Why a signature was not accepted, and what each protocol says about it.
//!
//! Why: one failure has up to four codes, texts and statuses; SDKs and people know AWS's, so they are all here.
//! Invariants: no text holds a secret or the expected signature; the canonical request goes to the log alone.

use http::StatusCode;

use crate::keys::KeyError;
use crate::{ApiError, Protocol};

use super::{AmzDate, AuthForm};

mod coral;
mod s3;

/// Why a request is not who it says it is.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Neither an Authorization header nor a presigned query.
    #[error("the request carries no signature")]
    Missing,
    /// A signature that cannot be read.
    #[error("the signature is incomplete: {part:?}")]
    Incomplete {
        /// Where it stands.
        form: AuthForm,
        /// What is wrong with it.
        part: Incomplete,
    },
    /// More head than is looked at.
    #[error("the request's head has {found} {what}, the limit is {max}")]
    TooLarge {
        /// Bytes or lines.
        what: &'static str,
        /// How many.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// A scope of another day, region, service or ending.
    #[error("the credential's scope does not fit: {faults:?}")]
    Scope {
        /// Where the signature stands.
        form: AuthForm,
        /// Everything that does not fit.
        faults: Vec<ScopeFault>,
    },
    /// Signed too long ago.
    #[error("the signature of {date} expired at {limit}")]
    Expired {
        /// When it was signed.
        date: AmzDate,
        /// The earliest date that would do.
        limit: AmzDate,
        /// The present.
        now: AmzDate,
        /// The skew that is allowed.
        minutes: i64,
    },
    /// Signed in the future.
    #[error("the signature of {date} is later than {limit}")]
    NotYetCurrent {
        /// When it was signed.
        date: AmzDate,
        /// The latest date that would do.
        limit: AmzDate,
        /// The present.
        now: AmzDate,
        /// The skew that is allowed.
        minutes: i64,
        /// Where it stands: S3 has another text for presigned requests.
        form: AuthForm,
    },
    /// A presigned request past its life.
    #[error("the request was presigned until {until}")]
    PresignExpired {
        /// When its life ended.
        until: AmzDate,
        /// The present.
        now: AmzDate,
    },
    /// The access key or the session token is not good.
    #[error("access key `{access_key_id}` was not accepted")]
    Key {
        /// As presented.
        access_key_id: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// Headers that must be signed are not.
    #[error("headers that must be signed are not: {names:?}")]
    NotSigned {
        /// Their names.
        names: Vec<String>,
    },
    /// The signature is not the one that the request's bytes have.
    #[error("the signature does not match")]
    Mismatch {
        /// What was hashed, for the log.
        canonical_request: String,
        /// What was signed, for the log.
        string_to_sign: String,
    },
    /// The body is not the one that was declared.
    #[error("the body does not have the declared hash")]
    PayloadMismatch,
    /// S3 wants the payload declared.
    #[error("x-amz-content-sha256 is missing")]
    PayloadMissing,
    /// S3 wants the payload declared in one of a few ways.
    #[error("x-amz-content-sha256 is `{0}`")]
    PayloadForm(String),
    /// A chunked body says how long it is when decoded.
    #[error("x-amz-decoded-content-length is missing or no number")]
    DecodedLength,
}

/// The part of a signature that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// Not `AWS4-HMAC-SHA256`.
    Algorithm(String),
    /// Both forms at once.
    TwoForms,
    /// Parts that are not there.
    Missing(Vec<&'static str>),
    /// A field without an equal sign.
    NotKeyValue(String),
    /// Not five parts between slashes.
    Credential(String),
    /// Not a sorted list of lower-case names.
    SignedHeaders(String),
    /// Not a date.
    Date(String),
    /// `X-Amz-Expires` is no number.
    ExpiresForm,
    /// `X-Amz-Expires` is below zero.
    ExpiresNegative,
    /// `X-Amz-Expires` is more than a week.
    ExpiresTooLong,
}

/// A part of the scope that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeFault {
    /// Another service.
    Service {
        /// The one that would do.
        expected: &'static str,
        /// The one that was sent.
        found: String,
    },
    /// A region that cannot be one.
    Region(String),
    /// Not `aws4_request`.
    Terminator(String),
    /// Another day than the date's.
    Day {
        /// The scope's.
        scope: String,
        /// The signature's.
        date: AmzDate,
    },
}

impl AuthError {
    /// The error that a client of `protocol` gets.
    pub fn to_api_error(&self, protocol: Protocol) -> ApiError {
        let error = match protocol {
            Protocol::S3 => s3::error(self),
            Protocol::Query => coral::error(self, &coral::STS),
            Protocol::AwsJson => coral::error(self, &coral::AWS_JSON),
            Protocol::RestJson => coral::error(self, &coral::REST_JSON),
        };
        match self {
            Self::Mismatch { canonical_request, string_to_sign } => error.with_internal(format!(
                "canonical request:\n{canonical_request}\nstring to sign:\n{string_to_sign}"
            )),
            other => error.with_internal(other.to_string()),
        }
    }
}

fn too_large(error: &AuthError) -> ApiError {
    let text = format!("Your request header section exceeds the maximum allowed size: {error}.");
    ApiError::new("RequestHeaderSectionTooLarge", StatusCode::BAD_REQUEST, text)
}
