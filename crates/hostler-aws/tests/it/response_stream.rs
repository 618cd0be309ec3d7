//! The events of a streamed answer, as SDKs look at them.

use bytes::Bytes;
use hostler_aws::event_stream::{Decoder, Message};
use hostler_aws::{PART_BYTES_MAX, StreamFailure, payload_part, payload_part_around, stream_failure};

fn only(bytes: &[u8]) -> Message {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    let message = decoder.next_message().unwrap().unwrap();
    assert!(decoder.is_between_messages());
    message
}

fn names(message: &Message) -> Vec<&str> {
    message.headers.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_part_is_an_event_with_the_models_bytes_as_they_are() {
    for length in [1, 100, PART_BYTES_MAX] {
        let part = Bytes::from(vec![b'\xff'; length]);
        let whole = payload_part(&part);
        let (before, after) = payload_part_around(&part);
        assert_eq!(whole, [before, part.clone(), after].concat());
        let message = only(&whole);
        assert_eq!(names(&message), [":message-type", ":event-type", ":content-type"]);
        assert_eq!(message.text(":message-type"), Some("event"));
        assert_eq!(message.text(":event-type"), Some("PayloadPart"));
        assert_eq!(message.text(":content-type"), Some("application/octet-stream"));
        assert_eq!(message.payload, part);
    }
}

#[test]
fn a_failure_is_an_exception_of_the_service_models_shape() {
    let check = |failure, kind, document: serde_json::Value| {
        let message = only(&stream_failure(failure, "it is \"gone\""));
        assert_eq!(names(&message), [":message-type", ":exception-type", ":content-type"]);
        assert_eq!(message.text(":message-type"), Some("exception"));
        assert_eq!(message.text(":exception-type"), Some(kind));
        assert_eq!(message.text(":content-type"), Some("application/json"));
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&message.payload).unwrap(), document);
    };
    let with_code = |error_code| serde_json::json!({ "ErrorCode": error_code, "Message": "it is \"gone\"" });
    check(StreamFailure::Broken, "ModelStreamError", with_code("StreamBroken"));
    check(StreamFailure::TimeExceeded, "ModelStreamError", with_code("ModelInvocationTimeExceeded"));
    let internal = serde_json::json!({ "Message": "it is \"gone\"" });
    check(StreamFailure::Internal, "InternalStreamFailure", internal);
}
