//! Why a chunked body was not accepted, and what an S3 client is told.
//!
//! Invariants: texts hold positions and names, never data.

use http::StatusCode;

use crate::ApiError;

/// Why a chunked body was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A chunk's header line is not `size[;chunk-signature=…]`.
    #[error("the chunk at byte {offset} of the decoded body has a header that is not a size and a signature")]
    Header {
        /// Where the chunk would begin in the decoded body.
        offset: u64,
    },
    /// A line is longer than any honest one.
    #[error("a {what} of more than {max} bytes")]
    TooLong {
        /// Which line.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Chunks do not add up to `x-amz-decoded-content-length`.
    #[error("the chunks have {found} bytes or more, {declared} were declared")]
    Length {
        /// As declared.
        declared: u64,
        /// As found up to here.
        found: u64,
    },
    /// A chunk's or the trailer's signature is not the one.
    #[error("the signature of the {what} at byte {offset} of the decoded body does not match")]
    Signature {
        /// Chunk or trailer.
        what: &'static str,
        /// Where it stands.
        offset: u64,
    },
    /// The trailer is not what was announced.
    #[error("the trailer is not as announced: {0}")]
    Trailer(String),
    /// A checksum is not the body's.
    #[error("`{name}` is `{declared}`, the body has `{computed}`")]
    Checksum {
        /// The trailer's name.
        name: String,
        /// As sent.
        declared: String,
        /// As computed.
        computed: String,
    },
    /// The body ended early.
    #[error("the body ended inside the {0}")]
    Truncated(&'static str),
    /// Bytes after the end.
    #[error("bytes follow the end of the body")]
    Excess,
}

impl ChunkError {
    /// What an S3 client gets.
    pub fn to_api_error(&self) -> ApiError {
        let bad = |code: &'static str, text: String| ApiError::new(code, StatusCode::BAD_REQUEST, text);
        let error = match self {
            Self::Signature { .. } => ApiError::new(
                "SignatureDoesNotMatch",
                StatusCode::FORBIDDEN,
                "The request signature we calculated does not match the signature you provided. Check your key and \
                 signing method.",
            ),
            Self::Checksum { name, .. } => {
                let algorithm = name.rsplit('-').next().unwrap_or_default().to_ascii_uppercase();
                bad("BadDigest", format!("The {algorithm} you specified did not match the calculated checksum."))
            }
            Self::Length { .. } | Self::Truncated(_) => bad(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header"
                    .to_owned(),
            ),
            Self::Trailer(_) => bad(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our published \
                 schema."
                    .to_owned(),
            ),
            Self::Header { .. } | Self::TooLong { .. } | Self::Excess => {
                bad("InvalidRequest", format!("The aws-chunked body is malformed: {self}."))
            }
        };
        error.with_internal(self.to_string())
    }
}
