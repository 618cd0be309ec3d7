//! AWS on the wire: signatures both ways, error documents, forms, and which room a request is for.
//!
//! Why: what AWS's front ends do is the same for every operation, so it is done once, here, by pure functions.
//! Invariants: no I/O, no HTTP server and no async runtime; time and keys are passed in. Nothing here knows what an
//! endpoint or a bucket is.
#![warn(missing_docs)]

mod absent;
mod digits;
mod document;
mod error;
pub mod event_stream;
mod front;
mod head;
mod keys;
mod last_use;
mod query;
mod region;
mod request_id;
mod response_stream;
mod seal;
mod sealed;
mod sealed_secret;
pub mod sigv4;
mod throttle;
mod xml;

pub use absent::AbsentService;
pub use document::{DocumentContext, Protocol, STS_XMLNS, aws_json_response, error_response, sts_response};
pub use error::{ApiError, MODEL_MESSAGE_CHARS_MAX, ModelFault};
pub use front::{FrontKind, RESERVED_NAMES, classify, classify_head};
pub use head::{Field, Head};
pub use keys::{KeyError, KeyOwner, KeyRing, Keys, LongLivedKey};
pub use last_use::{LAST_USE_STEP_MS, LastUse};
pub use query::{FORM_BYTES_MAX, FORM_PAIRS_MAX, Form, FormError};
pub use region::aws_service_host;
pub use request_id::RequestId;
pub use response_stream::{
    EVENT_STREAM_TYPE, PART_BYTES_MAX, StreamFailure, payload_part, payload_part_around, stream_failure,
};
pub use sealed::{Session, TokenError, TokenSealer};
pub use sealed_secret::{SecretOwner, SecretSealer};
pub use throttle::{ClassIndex, DEFAULT_CLASS, Rate, Throttle, ThrottleClass};
pub use xml::{escape_xml, push_element};
