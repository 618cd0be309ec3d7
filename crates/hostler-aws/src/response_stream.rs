//! The events of InvokeEndpointWithResponseStream: a part of the model's answer, or why there are no more.
//!
//! Why: what SDKs look for in an event (its kind, its type, the members of an exception) is AWS's, so it stands here
//! and not where streams are made.
//! Invariants: a part is never empty and never longer than [`PART_BYTES_MAX`], so that a client, which cannot use a
//! message before it has all of it, need not hold more.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use crate::event_stream::{EncodedHeaders, Value};

/// The content type of an answer that consists of events.
pub const EVENT_STREAM_TYPE: &str = "application/vnd.amazon.eventstream";

/// The longest part: as much as a model's server commonly writes at once.
pub const PART_BYTES_MAX: usize = 64 * 1024;

static PAYLOAD_PART: LazyLock<EncodedHeaders> =
    LazyLock::new(|| headers("event", ":event-type", "PayloadPart", "application/octet-stream"));

/// Why a stream ends before its model's answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFailure {
    /// The model was lost: ModelStreamError, StreamBroken.
    Broken,
    /// The model took longer than a stream may: ModelStreamError, ModelInvocationTimeExceeded.
    TimeExceeded,
    /// It is the server's doing: InternalStreamFailure.
    Internal,
}

/// `PayloadPart` in one message; `part` is copied.
pub fn payload_part(part: &[u8]) -> Bytes {
    check_part(part);
    PAYLOAD_PART.message(part)
}

/// The same message as what goes before `part` and what after.
pub fn payload_part_around(part: &[u8]) -> (Bytes, Bytes) {
    check_part(part);
    PAYLOAD_PART.around(part)
}

/// The exception that ends a stream.
pub fn stream_failure(failure: StreamFailure, message: &str) -> Bytes {
    let (kind, error_code) = match failure {
        StreamFailure::Broken => ("ModelStreamError", Some("StreamBroken")),
        StreamFailure::TimeExceeded => ("ModelStreamError", Some("ModelInvocationTimeExceeded")),
        StreamFailure::Internal => ("InternalStreamFailure", None),
    };
    let document = match error_code {
        Some(error_code) => json!({ "ErrorCode": error_code, "Message": message }),
        None => json!({ "Message": message }),
    };
    headers("exception", ":exception-type", kind, "application/json").message(document.to_string().as_bytes())
}

fn check_part(part: &[u8]) {
    assert!((1..=PART_BYTES_MAX).contains(&part.len()), "an answer is cut before it becomes parts");
}

fn headers(message_type: &str, type_name: &str, type_value: &str, content_type: &str) -> EncodedHeaders {
    let headers = [
        (":message-type", Value::text(message_type)),
        (type_name, Value::text(type_value)),
        (":content-type", Value::text(content_type)),
    ];
    EncodedHeaders::of(&headers).expect("a few short names and texts are within every limit")
}
