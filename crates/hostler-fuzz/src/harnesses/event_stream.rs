//! Event-stream messages.
//!
//! Held against: the same bytes pushed in otherwise; a sum that is computed here bit by bit; and the encoder, which
//! must make of every message that was read the very bytes that it was read from. What is encoded here comes out again.

use hostler_aws::event_stream::{DecodeError, Decoder, EncodedHeaders, Message, Value};

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const NAMES: [&str; 5] = [":message-type", ":event-type", ":exception-type", ":content-type", "x"];
/// The smallest header has three bytes and becomes a name and a value; and what was pushed in grows by doubling.
const BYTES_PER_BYTE: usize = 96;

pub(crate) const HARNESS: Harness = Harness {
    name: "event_stream",
    about: "event-stream messages; the same however they are split, and the encoder's bytes again",
    run,
    generate,
    words: &[
        b"\x0d:message-type\x07\x00\x05event",
        b"\x0b:event-type\x07\x00\x0bPayloadPart",
        b"\x0d:message-type\x07\x00\x09exception",
        b"\x00\x00\x00\x10\x00\x00\x00\x00",
        b"\x01x\x00",
        b"\x01x\x06\x7f\xff",
        b"\x80\x00",
    ],
};

fn run(data: &[u8]) {
    let Some((&split, body)) = data.split_first() else { return };
    let whole = within(times(BYTES_PER_BYTE, data), || decode(body, body.len().max(1)));
    // Byte by byte costs most, so long bodies come in larger pieces.
    let least = body.len().div_ceil(2000).max(1);
    assert_eq!(decode(body, least), whole);
    assert_eq!(decode(body, usize::from(split).max(1)), whole);
    let mut rest = body;
    for message in &whole.0 {
        let encoded = encode(message);
        assert!(rest.starts_with(&encoded), "the encoder writes other bytes than were read");
        let (sums, at) = (&encoded[..], encoded.len() - 4);
        assert_eq!(crc32(&sums[..8]).to_be_bytes(), sums[8..12]);
        assert_eq!(crc32(&sums[..at]).to_be_bytes(), sums[at..]);
        rest = &rest[encoded.len()..];
    }
    comes_out_again(body, split);
}

type Decoded = (Vec<Message>, Option<DecodeError>, bool);

fn decode(body: &[u8], at_once: usize) -> Decoded {
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    for piece in body.chunks(at_once) {
        decoder.push(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error), false),
            }
        }
    }
    (messages, None, decoder.is_between_messages())
}

fn encode(message: &Message) -> Vec<u8> {
    let headers: Vec<(&str, Value)> =
        message.headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let headers = EncodedHeaders::of(&headers).expect("what was read is within the limits");
    let whole = headers.message(&message.payload);
    let (before, after) = headers.around(&message.payload);
    assert_eq!([&before[..], &message.payload, &after].concat(), whole);
    whole.to_vec()
}

/// Encodes a message of the input's bytes: a header of each type, the rest as payload.
fn comes_out_again(body: &[u8], choice: u8) {
    let (held, payload) = body.split_at(body.len().min(usize::from(choice)));
    let number = held.iter().fold(0_i64, |number, byte| number.rotate_left(8) ^ i64::from(*byte));
    let mut uuid = [0; 16];
    uuid[..held.len().min(16)].copy_from_slice(&held[..held.len().min(16)]);
    let values = [
        ("yes", Value::Bool(true)),
        ("no", Value::Bool(false)),
        ("byte", Value::Byte(number as i8)),
        ("short", Value::Short(number as i16)),
        ("int", Value::Int(number as i32)),
        ("long", Value::Long(number)),
        ("bytes", Value::Bytes(held.to_vec().into())),
        ("text", Value::text(String::from_utf8_lossy(held))),
        ("time", Value::TimestampMs(number)),
        ("uuid", Value::Uuid(uuid)),
    ];
    let message = Message {
        headers: values.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        payload: payload.to_vec().into(),
    };
    assert_eq!(decode(&encode(&message), 1000), (vec![message], None, true));
}

/// The sum of IEEE 802.3, as slow as it is short.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

fn generate(source: &mut Source) -> Vec<u8> {
    let mut input = vec![source.below(256) as u8];
    for _ in 0..source.size(8) {
        let mut headers = Vec::new();
        for _ in 0..source.size(12) {
            header(source, &mut headers);
        }
        if source.one_in(4) {
            headers = source.mutated(&headers, &[], HARNESS.words);
        }
        let payload = source.size(2000);
        let payload = source.bytes(payload);
        frame(source, &headers, &payload, &mut input);
    }
    if source.one_in(3) { source.mutated(&input, &[], HARNESS.words) } else { input }
}

fn header(source: &mut Source, out: &mut Vec<u8>) {
    let name =
        if source.one_in(2) { source.pick(&NAMES).to_owned() } else { format!("h{}", source.below(90)) };
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    let kind = source.below(10) as u8;
    out.push(kind);
    let fixed = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        9 => 16,
        _ => {
            let length = source.size(40);
            out.extend_from_slice(&(length as u16).to_be_bytes());
            out.extend(std::iter::repeat_n(b'v', length));
            return;
        }
    };
    let value = source.bytes(fixed);
    out.extend_from_slice(&value);
}

/// A message with right sums, mostly of right lengths.
fn frame(source: &mut Source, headers: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    let mut lengths = [(16 + headers.len() + payload.len()) as u32, headers.len() as u32];
    if source.one_in(12) {
        let wrong = source.below(2);
        lengths[wrong] = source.number() as u32;
    }
    let mut message: Vec<u8> = lengths.iter().flat_map(|length| length.to_be_bytes()).collect();
    message.extend_from_slice(&crc32(&message).to_be_bytes());
    message.extend_from_slice(headers);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32(&message).to_be_bytes());
    out.extend_from_slice(&message);
}
