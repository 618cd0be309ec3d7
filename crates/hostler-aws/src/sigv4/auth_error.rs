//! Why a signature was not accepted, and what each protocol says about it.
//!
//! Why: one failure has up to four codes, texts and statuses; SDKs and people know AWS's, so they are all here.
//! Invariants: no text holds a secret or the expected signature; the canonical request goes to the log alone.

use http::StatusCode;

use crate::keys::KeyError;
use crate::{ApiError, Protocol};

use super::{AmzDate, AuthForm};

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
                        AWS Secret Access Key and signing method. Consult the service documentation for details.";
const S3_MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
                           key and signing method.";

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
            Protocol::S3 => self.s3(),
            Protocol::Query => self.coral(&STS),
            Protocol::AwsJson => self.coral(&AWS_JSON),
            Protocol::RestJson => self.coral(&REST_JSON),
        };
        match self {
            Self::Mismatch { canonical_request, string_to_sign } => error.with_internal(format!(
                "canonical request:\n{canonical_request}\nstring to sign:\n{string_to_sign}"
            )),
            other => error.with_internal(other.to_string()),
        }
    }

    /// What the front end of AWS's own framework says; the words are the same, codes and statuses are not.
    fn coral(&self, dialect: &Dialect) -> ApiError {
        let refused = |code: &'static str, text: String| ApiError::new(code, dialect.refused, text);
        let mismatch = |text: String| refused(dialect.mismatch, text);
        match self {
            Self::Missing => refused(dialect.missing, dialect.missing_text.to_owned()),
            Self::Incomplete { part, .. } => {
                ApiError::new(dialect.incomplete, StatusCode::BAD_REQUEST, coral_part(part))
            }
            Self::TooLarge { .. } => too_large(self),
            Self::Scope { faults, .. } => mismatch(faults.iter().map(coral_fault).collect()),
            Self::Expired { date, limit, now, minutes } => mismatch(format!(
                "Signature expired: {date} is now earlier than {limit} ({now} - {minutes} min.)"
            )),
            Self::NotYetCurrent { date, limit, now, minutes, .. } => mismatch(format!(
                "Signature not yet current: {date} is still later than {limit} ({now} + {minutes} min.)"
            )),
            Self::PresignExpired { until, now } => {
                mismatch(format!("Signature expired: {until} is now earlier than {now}"))
            }
            Self::Key { source: KeyError::Expired, .. } => {
                refused(dialect.expired, "The security token included in the request is expired".to_owned())
            }
            Self::Key { .. } => {
                let text = "The security token included in the request is invalid.";
                refused(dialect.unknown, text.to_owned())
            }
            Self::NotSigned { names } => mismatch(coral_not_signed(names)),
            Self::Mismatch { .. }
            | Self::PayloadMismatch
            | Self::PayloadMissing
            | Self::PayloadForm(_)
            | Self::DecodedLength => mismatch(MISMATCH.to_owned()),
        }
    }

    fn s3(&self) -> ApiError {
        let denied = |code: &'static str, text: &str| ApiError::new(code, StatusCode::FORBIDDEN, text);
        let bad = |code: &'static str, text: &str| ApiError::new(code, StatusCode::BAD_REQUEST, text);
        match self {
            Self::Missing => denied("AccessDenied", "Access Denied"),
            Self::Incomplete { form, part } => s3_part(*form, part),
            Self::TooLarge { .. } => too_large(self),
            Self::Scope { form, faults } => s3_scope(*form, faults),
            Self::NotYetCurrent { form: AuthForm::Query, .. } => {
                denied("AccessDenied", "Request is not valid yet")
            }
            Self::Expired { .. } | Self::NotYetCurrent { .. } => denied(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            Self::PresignExpired { .. } => denied("AccessDenied", "Request has expired"),
            Self::Key { source: KeyError::Unknown, .. } => denied(
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Self::Key { source: KeyError::BadToken, .. } => {
                bad("InvalidToken", "The provided token is malformed or otherwise invalid.")
            }
            Self::Key { source: KeyError::Expired, .. } => {
                bad("ExpiredToken", "The provided token has expired.")
            }
            Self::NotSigned { names } if names.iter().any(|name| name == "host") => bad(
                "AuthorizationHeaderMalformed",
                "The authorization header is malformed; the host header must be signed.",
            ),
            Self::NotSigned { .. } => {
                denied("AccessDenied", "There were headers present in the request which were not signed")
            }
            Self::Mismatch { .. } => denied("SignatureDoesNotMatch", S3_MISMATCH),
            Self::PayloadMismatch => bad(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ),
            Self::PayloadMissing => {
                bad("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
            }
            Self::PayloadForm(_) => bad(
                "InvalidArgument",
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                 STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 \
                 value.",
            ),
            Self::DecodedLength => ApiError::new(
                "MissingContentLength",
                StatusCode::LENGTH_REQUIRED,
                "You must provide the x-amz-decoded-content-length HTTP header.",
            ),
        }
    }
}

/// How a protocol of AWS's own framework spells the failures.
struct Dialect {
    refused: StatusCode,
    missing: &'static str,
    missing_text: &'static str,
    incomplete: &'static str,
    mismatch: &'static str,
    unknown: &'static str,
    expired: &'static str,
}

const AWS_JSON: Dialect = Dialect {
    refused: StatusCode::BAD_REQUEST,
    missing: "MissingAuthenticationTokenException",
    missing_text: "Missing Authentication Token",
    incomplete: "IncompleteSignatureException",
    mismatch: "InvalidSignatureException",
    unknown: "UnrecognizedClientException",
    expired: "ExpiredTokenException",
};

const REST_JSON: Dialect = Dialect { refused: StatusCode::FORBIDDEN, ..AWS_JSON };

const STS: Dialect = Dialect {
    refused: StatusCode::FORBIDDEN,
    missing: "MissingAuthenticationToken",
    missing_text: "Request is missing Authentication Token",
    incomplete: "IncompleteSignature",
    mismatch: "SignatureDoesNotMatch",
    unknown: "InvalidClientTokenId",
    expired: "ExpiredToken",
};

fn too_large(error: &AuthError) -> ApiError {
    let text = format!("Your request header section exceeds the maximum allowed size: {error}.");
    ApiError::new("RequestHeaderSectionTooLarge", StatusCode::BAD_REQUEST, text)
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
