//! Signature Version 4, both ways.
//!
//! Why: the signer (artifact downloads, STS) and the verifier (every request) share the same small pure steps:
//! canonical request, string to sign, signing key. Each is tested against what botocore computes.
//! Invariants: HMAC-SHA256 only; signatures are compared in constant time; secrets never reach a text or a log.

mod auth_error;
mod canonical;
mod checksum;
mod chunked;
mod claim;
mod date;
mod key;
mod pending;
mod presented;
mod refusals;
mod sign;
mod verify;

pub use auth_error::{AuthError, Incomplete, ScopeFault};
pub use canonical::{
    PathStyle, canonical_headers, canonical_query, canonical_request, canonical_uri, string_to_sign,
};
pub use checksum::ChecksumKind;
pub use chunked::{ChunkError, ChunkedDecoder};
pub use claim::{Caller, ChunkSigning, ChunkedPayload, Claim, PayloadForm};
pub use date::AmzDate;
pub use key::{PayloadHasher, SIGNING_KEYS_MAX, SigningKey, SigningKeys, payload_hash};
pub use presented::{AuthForm, CredentialScope, Presented};
pub use refusals::{RefusalReason, Refusals};
pub use sign::{Payload, SignError, Signer};
pub use verify::{Rules, Verifier};

/// The only algorithm.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The end of every scope.
pub const TERMINATOR: &str = "aws4_request";
/// What stands for the payload's hash when it is not signed.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// aws-chunked, every chunk signed.
pub const STREAMING_SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
/// aws-chunked, every chunk and the trailer signed.
pub const STREAMING_SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
/// aws-chunked, nothing signed but the head; a trailer follows.
pub const STREAMING_UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
