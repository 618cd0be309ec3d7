//! Messages against those of Smithy's codec, which botocore reads alike (`tests/vectors/event_stream.*`).

use bytes::Bytes;
use hostler_aws::event_stream::{
    DecodeError, Decoder, EncodeError, EncodedHeaders, HEADERS_BYTES_MAX, MESSAGE_BYTES_MAX, Message, Value,
};
use proptest::prelude::*;

struct Vector {
    name: String,
    headers: Vec<(String, Value)>,
    payload: Bytes,
    message: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../event_stream/vectors.json");
    let made: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let bytes = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
    let header = |header: &serde_json::Value| {
        let [kind, what] = [&header[1][0], &header[1][1]];
        (text(&header[0]), value(kind.as_str().unwrap(), what.as_str().unwrap()))
    };
    let vectors = made.iter().map(|made| Vector {
        name: text(&made["name"]),
        headers: made["headers"].as_array().unwrap().iter().map(header).collect(),
        payload: bytes(&made["payload"]).into(),
        message: bytes(&made["message"]),
    });
    vectors.collect()
}

fn value(kind: &str, what: &str) -> Value {
    match kind {
        "bool" => Value::Bool(what.parse().unwrap()),
        "byte" => Value::Byte(what.parse().unwrap()),
        "short" => Value::Short(what.parse().unwrap()),
        "int" => Value::Int(what.parse().unwrap()),
        "long" => Value::Long(what.parse().unwrap()),
        "bytes" => Value::Bytes(hex::decode(what).unwrap().into()),
        "text" => Value::text(what),
        "timestamp" => Value::TimestampMs(what.parse().unwrap()),
        "uuid" => Value::Uuid(hex::decode(what).unwrap().try_into().unwrap()),
        other => panic!("a type that nobody knows: {other}"),
    }
}

fn encoded(headers: &[(String, Value)]) -> EncodedHeaders {
    let named: Vec<(&str, Value)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    EncodedHeaders::of(&named).unwrap()
}

/// Every message, and what ended them.
fn decode(bytes: &[u8]) -> (Vec<Message>, Option<DecodeError>) {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    let mut messages = Vec::new();
    loop {
        match decoder.next_message() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

/// A message whose lengths say so, with right checksums.
fn message(message_bytes: u32, headers_bytes: u32, rest: &[u8]) -> Vec<u8> {
    let mut message = [message_bytes.to_be_bytes(), headers_bytes.to_be_bytes()].concat();
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(rest);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message
}

/// A message with these headers' bytes.
fn with_headers(headers: &[u8]) -> Vec<u8> {
    message(16 + headers.len() as u32, headers.len() as u32, headers)
}

#[test]
fn messages_are_byte_for_byte_those_of_smithy() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 12);
    for Vector { name, headers, payload, message } in vectors {
        let headers = encoded(&headers);
        assert_eq!(headers.message(&payload), message, "{name}");
        let (before, after) = headers.around(&payload);
        assert_eq!([before, payload, after].concat(), message, "{name}, around its payload");
    }
}

#[test]
fn messages_of_smithy_are_read_wherever_they_are_split() {
    let vectors = vectors();
    let stream: Vec<u8> = vectors.iter().flat_map(|vector| vector.message.clone()).collect();
    for step in [1, 2, 3, 7, 16, 1000, stream.len()] {
        let mut decoder = Decoder::new();
        let mut expected = vectors.iter();
        for piece in stream.chunks(step) {
            decoder.push(piece);
            while let Some(message) = decoder.next_message().unwrap() {
                let Vector { name, headers, payload, .. } = expected.next().unwrap();
                assert_eq!((&message.headers, &message.payload), (headers, payload), "{name}");
            }
        }
        assert!(expected.next().is_none() && decoder.is_between_messages(), "in steps of {step}");
    }
}

#[test]
fn a_message_with_any_bit_turned_is_refused() {
    for Vector { name, message, .. } in vectors().into_iter().filter(|vector| vector.message.len() < 500) {
        for bit in 0..message.len() * 8 {
            let mut broken = message.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit / 8 < 12 { DecodeError::PreludeCrc } else { DecodeError::MessageCrc };
            assert_eq!(decode(&broken), (Vec::new(), Some(expected)), "{name}, bit {bit}");
        }
    }
}

#[test]
fn a_stream_that_ends_in_a_message_is_not_between_messages() {
    let whole = vectors().swap_remove(3).message;
    for length in 1..whole.len() {
        let mut decoder = Decoder::new();
        decoder.push(&whole[..length]);
        assert_eq!(decoder.next_message(), Ok(None), "{length}");
        assert!(!decoder.is_between_messages(), "{length}");
    }
}

#[test]
fn after_an_error_nothing_more_is_read() {
    let good = vectors().swap_remove(3).message;
    let mut broken = good.clone();
    broken[20] ^= 1;
    let (messages, error) = decode(&[&good[..], &broken, &good].concat());
    assert_eq!((messages.len(), error), (1, Some(DecodeError::MessageCrc)));
    let mut decoder = Decoder::new();
    decoder.push(&broken);
    assert!(decoder.next_message().is_err());
    decoder.push(&good);
    assert_eq!(decoder.next_message(), Err(DecodeError::MessageCrc));
    assert!(!decoder.is_between_messages());
}

#[test]
fn lengths_that_no_message_has_are_refused_before_anything_waits_for_them() {
    let lengths = |message_bytes, headers_bytes| {
        let expected = DecodeError::Lengths { message_bytes, headers_bytes };
        let prelude = &message(message_bytes, headers_bytes, b"")[..12];
        assert_eq!(decode(prelude), (Vec::new(), Some(expected)), "{message_bytes}, {headers_bytes}");
    };
    let most = MESSAGE_BYTES_MAX as u32;
    let most_headers = HEADERS_BYTES_MAX as u32;
    lengths(0, 0);
    lengths(15, 0);
    lengths(16, 1);
    lengths(most + 1, 0);
    lengths(most, most_headers + 1);
    lengths(u32::MAX, 0);
    lengths(16, u32::MAX);
    lengths(u32::MAX, u32::MAX);
    for (message_bytes, headers_bytes) in [(most, 0), (most, most_headers), (17, 1)] {
        let prelude = &message(message_bytes, headers_bytes, b"")[..12];
        assert_eq!(decode(prelude), (Vec::new(), None));
    }
}

#[test]
fn headers_that_cannot_be_read_are_refused() {
    let refused = |headers: &[u8], expected| {
        assert_eq!(decode(&with_headers(headers)), (Vec::new(), Some(expected)), "{headers:?}");
    };
    refused(b"\x00\x00", DecodeError::Name);
    refused(&[&[128], &[b'n'; 128][..], &[0]].concat(), DecodeError::Name);
    refused(b"\x01\xff\x00", DecodeError::Name);
    refused(b"\x01", DecodeError::HeadersEndEarly);
    refused(b"\x01a", DecodeError::HeadersEndEarly);
    refused(b"\x01a\x04\x00\x00\x00", DecodeError::HeadersEndEarly);
    refused(b"\x01a\x07\x00", DecodeError::HeadersEndEarly);
    refused(b"\x01a\x07\x00\x02x", DecodeError::HeadersEndEarly);
    refused(b"\x01a\x07\x00\x01\xff", DecodeError::NotText);
    refused(b"\x01a\x07\x80\x00", DecodeError::ValueTooLong { bytes: 32_768 });
    refused(b"\x01a\x0a", DecodeError::UnknownType { kind: 10 });
    refused(b"\x01a\x00\x01b\x00\x01a\x01", DecodeError::Duplicate);
}

#[test]
fn the_longest_that_is_allowed_is_encoded_and_read_and_one_more_is_refused() {
    let value = |length: usize| Value::text("v".repeat(length));
    let name = "n".repeat(127);
    let longest = EncodedHeaders::of(&[(&name, value(32_767))]).unwrap();
    let (messages, error) = decode(&longest.message(b"x"));
    assert_eq!((messages[0].text(&name).map(str::len), error), (Some(32_767), None));
    let refused = |headers: &[(&str, Value)]| EncodedHeaders::of(headers).map(drop).unwrap_err();
    assert_eq!(refused(&[("", value(1))]), EncodeError::Name { bytes: 0 });
    assert_eq!(refused(&[(&"n".repeat(128), value(1))]), EncodeError::Name { bytes: 128 });
    assert_eq!(refused(&[("n", value(32_768))]), EncodeError::ValueTooLong { bytes: 32_768 });
    let four = |last: usize| {
        let header = |name, length| (name, value(length));
        [header("a", 32_767), header("b", 32_767), header("c", 32_767), header("d", last)]
    };
    // Four bytes besides name and value each.
    let rest = HEADERS_BYTES_MAX - 3 * (32_767 + 5) - 5;
    assert!(EncodedHeaders::of(&four(rest)).is_ok());
    assert_eq!(refused(&four(rest + 1)), EncodeError::HeadersTooLong { bytes: HEADERS_BYTES_MAX + 1 });
    let none = EncodedHeaders::of(&[]).unwrap();
    let largest = none.message(&vec![0; none.payload_bytes_max()]);
    assert_eq!(largest.len(), MESSAGE_BYTES_MAX);
    assert_eq!(decode(&largest).0.len(), 1);
}

#[test]
#[should_panic(expected = "a payload is cut before it becomes a message")]
fn a_payload_that_no_message_holds_is_never_sent() {
    let none = EncodedHeaders::of(&[]).unwrap();
    none.message(&vec![0; none.payload_bytes_max() + 1]);
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        prop::collection::vec(any::<u8>(), 0..50).prop_map(|bytes| Value::Bytes(bytes.into())),
        any::<String>().prop_map(Value::Text),
        any::<i64>().prop_map(Value::TimestampMs),
        any::<[u8; 16]>().prop_map(Value::Uuid),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_what_is_read(
        headers in prop::collection::btree_map("[:a-z]{1,20}", any_value(), 0..8),
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let headers: Vec<(String, Value)> = headers.into_iter().collect();
        let encoded = encoded(&headers);
        let (messages, error) = decode(&encoded.message(&payload));
        prop_assert_eq!(error, None);
        prop_assert_eq!(messages, [Message { headers, payload: payload.into() }]);
    }
}
