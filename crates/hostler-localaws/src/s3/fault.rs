//! S3's errors in S3's words.
//!
//! Why: SDKs branch on the code and people search for the text; both are here once.
//! Invariants: what the file system said goes to the log, never to the client.

use std::error::Error as _;

use http::StatusCode;

use hostler_aws::ApiError;

use crate::folder::FolderError;

fn fault(code: &'static str, status: StatusCode, message: impl Into<String>) -> ApiError {
    ApiError::new(code, status, message)
}

fn bad(code: &'static str, message: impl Into<String>) -> ApiError {
    fault(code, StatusCode::BAD_REQUEST, message)
}

pub(crate) fn access_denied() -> ApiError {
    fault("AccessDenied", StatusCode::FORBIDDEN, "Access Denied")
}

pub(crate) fn no_such_bucket() -> ApiError {
    fault("NoSuchBucket", StatusCode::NOT_FOUND, "The specified bucket does not exist")
}

pub(crate) fn no_such_version() -> ApiError {
    fault("NoSuchVersion", StatusCode::NOT_FOUND, "The specified version does not exist.")
}

/// `what` is the header or subresource.
pub(crate) fn not_implemented(what: &str) -> ApiError {
    fault(
        "NotImplemented",
        StatusCode::NOT_IMPLEMENTED,
        format!("A header or query you provided implies functionality that is not implemented: {what}"),
    )
}

/// The embedded S3 is off. No SDK retries a 400, and a redirect would send a client there with this server's key.
pub(crate) fn elsewhere(service: &str) -> ApiError {
    bad(
        "NotImplementedByHostler",
        format!(
            "The embedded S3 is off: [s3] in the settings names {service} for model data. Send S3 requests there, with \
             credentials of that service."
        ),
    )
}

pub(crate) fn method_not_allowed() -> ApiError {
    fault(
        "MethodNotAllowed",
        StatusCode::METHOD_NOT_ALLOWED,
        "The specified method is not allowed against this resource.",
    )
}

pub(crate) fn invalid_uri() -> ApiError {
    bad("InvalidURI", "Couldn't parse the specified URI.")
}

pub(crate) fn invalid_bucket_name() -> ApiError {
    bad("InvalidBucketName", "The specified bucket is not valid.")
}

pub(crate) fn invalid_argument(message: impl Into<String>) -> ApiError {
    bad("InvalidArgument", message)
}

pub(crate) fn invalid_request(message: impl Into<String>) -> ApiError {
    bad("InvalidRequest", message)
}

pub(crate) fn key_too_long() -> ApiError {
    bad("KeyTooLongError", "Your key is too long")
}

pub(crate) fn metadata_too_large() -> ApiError {
    bad("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
}

pub(crate) fn malformed_xml() -> ApiError {
    bad(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

pub(crate) fn entity_too_large(limit: u64) -> ApiError {
    bad("EntityTooLarge", format!("Your proposed upload exceeds the maximum allowed size of {limit} bytes"))
}

pub(crate) fn entity_too_small() -> ApiError {
    bad("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
}

pub(crate) fn missing_content_length() -> ApiError {
    fault(
        "MissingContentLength",
        StatusCode::LENGTH_REQUIRED,
        "You must provide the Content-Length HTTP header.",
    )
}

pub(crate) fn incomplete_body() -> ApiError {
    bad(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

pub(crate) fn request_timeout() -> ApiError {
    bad(
        "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout period. Idle \
         connections will be closed.",
    )
}

/// `what` is `Content-MD5` or the name of a checksum.
pub(crate) fn bad_digest(what: &str) -> ApiError {
    bad("BadDigest", format!("The {what} you specified did not match what we received."))
}

pub(crate) fn invalid_digest(what: &str) -> ApiError {
    bad("InvalidDigest", format!("The {what} you specified was invalid."))
}

pub(crate) fn invalid_part() -> ApiError {
    bad(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
         specified entity tag may not match the part's entity tag.",
    )
}

pub(crate) fn invalid_part_order() -> ApiError {
    bad(
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    )
}

pub(crate) fn invalid_range() -> ApiError {
    fault("InvalidRange", StatusCode::RANGE_NOT_SATISFIABLE, "The requested range is not satisfiable")
}

pub(crate) fn precondition_failed() -> ApiError {
    fault(
        "PreconditionFailed",
        StatusCode::PRECONDITION_FAILED,
        "At least one of the pre-conditions you specified did not hold",
    )
}

pub(crate) fn bucket_already_owned_by_you() -> ApiError {
    fault(
        "BucketAlreadyOwnedByYou",
        StatusCode::CONFLICT,
        "Your previous request to create the named bucket succeeded and you already own it.",
    )
}

/// What a failure of the folder is for the client.
impl From<FolderError> for Fault {
    fn from(error: FolderError) -> Self {
        Self(match error {
            FolderError::NoSuchBucket => no_such_bucket(),
            FolderError::BucketExists { .. } => fault(
                "BucketAlreadyExists",
                StatusCode::CONFLICT,
                "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                 system. Please select a different name and try again.",
            ),
            FolderError::BucketNotEmpty => {
                fault("BucketNotEmpty", StatusCode::CONFLICT, "The bucket you tried to delete is not empty")
            }
            FolderError::NoSuchKey => {
                fault("NoSuchKey", StatusCode::NOT_FOUND, "The specified key does not exist.")
            }
            FolderError::NoSuchUpload => fault(
                "NoSuchUpload",
                StatusCode::NOT_FOUND,
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                 aborted or completed.",
            ),
            FolderError::PartChanged => invalid_part(),
            FolderError::Precondition => precondition_failed(),
            FolderError::Full { what: "buckets", limit } => bad(
                "TooManyBuckets",
                format!("You have attempted to create more buckets than allowed: {limit}"),
            ),
            FolderError::Full { what, limit } => fault(
                "SlowDown",
                StatusCode::SERVICE_UNAVAILABLE,
                format!("Please reduce your request rate: the limit of {limit} {what} is reached."),
            ),
            FolderError::DiskFull(source) => fault(
                "InsufficientStorage",
                StatusCode::INSUFFICIENT_STORAGE,
                "The disk that holds Hostler's embedded S3 is full.",
            )
            .with_source(source),
            error @ (FolderError::Io { .. } | FolderError::Damaged { .. }) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                ApiError::internal(format!("{error}{cause}"))
            }
        })
    }
}

/// An error on its way out of the embedded S3; a type of our own, so that `?` turns the folder's errors into it.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) ApiError);

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}
