//! Writing predictions as JSON, JSON Lines, CSV and RecordIO-protobuf.
//!
//! Why: the bodies are two numbers per row in a fixed frame, so they are written by hand into one buffer; in
//! protobuf, too, every row has the same bytes but for its two floats.
//! Invariants: both numbers are printed as floats (`3.0`), the distance with all the digits of its 32-bit
//! value, as Amazon's image prints them; distances are finite. JSON Lines has the distance first, as Amazon's
//! sample has it.

use std::io::Write;

use crate::media::AnswerFormat;

/// A cluster and the distance to it.
type Prediction = (usize, f32);

/// An object of the answer is some 75 bytes, a CSV line some 25.
const JSON_ROW_BYTES: usize = 80;
const CSV_ROW_BYTES: usize = 28;

/// What stands before the four bytes of the cluster, between the two floats, and after the distance. In words:
/// a RecordIO header (magic, length 62), a `Record` with two entries of `label` (field 2), each of them a name
/// (1) and a `Value` (2) whose `Float32Tensor` (2) has packed `values` (1); then padding to four bytes.
const RECORD_START: &[u8] =
    b"\x0a\x23\xd7\xce\x3e\0\0\0\x12\x1b\x0a\x0fclosest_cluster\x12\x08\x12\x06\x0a\x04";
const RECORD_MIDDLE: &[u8] = b"\x12\x1f\x0a\x13distance_to_cluster\x12\x08\x12\x06\x0a\x04";
const RECORD_END: &[u8] = b"\0\0";
const RECORD_BYTES: usize = 72;

pub(super) fn write(predictions: &[Prediction], format: AnswerFormat) -> Vec<u8> {
    match format {
        AnswerFormat::Json => json(predictions),
        AnswerFormat::Csv => csv(predictions),
        AnswerFormat::JsonLines => json_lines(predictions),
        AnswerFormat::RecordIo => record_io(predictions),
    }
}

fn json(predictions: &[Prediction]) -> Vec<u8> {
    const START: &[u8] = br#"{"predictions": ["#;
    const END: &[u8] = b"]}";
    let capacity = START.len() + END.len() + predictions.len() * JSON_ROW_BYTES;
    let mut body = Vec::with_capacity(capacity);
    body.extend_from_slice(START);
    for (index, (cluster, distance)) in predictions.iter().enumerate() {
        if index > 0 {
            body.extend_from_slice(b", ");
        }
        body.extend_from_slice(br#"{"closest_cluster": "#);
        write_cluster(&mut body, *cluster);
        body.extend_from_slice(br#", "distance_to_cluster": "#);
        write_distance(&mut body, *distance);
        body.push(b'}');
    }
    body.extend_from_slice(END);
    body
}

fn csv(predictions: &[Prediction]) -> Vec<u8> {
    let mut body = Vec::with_capacity(predictions.len() * CSV_ROW_BYTES);
    for (cluster, distance) in predictions {
        write_cluster(&mut body, *cluster);
        body.push(b',');
        write_distance(&mut body, *distance);
        body.push(b'\n');
    }
    body
}

fn json_lines(predictions: &[Prediction]) -> Vec<u8> {
    let mut body = Vec::with_capacity(predictions.len() * JSON_ROW_BYTES);
    for (cluster, distance) in predictions {
        body.extend_from_slice(br#"{"distance_to_cluster": "#);
        write_distance(&mut body, *distance);
        body.extend_from_slice(br#", "closest_cluster": "#);
        write_cluster(&mut body, *cluster);
        body.extend_from_slice(b"}\n");
    }
    body
}

fn record_io(predictions: &[Prediction]) -> Vec<u8> {
    let mut body = Vec::with_capacity(predictions.len() * RECORD_BYTES);
    for (cluster, distance) in predictions {
        body.extend_from_slice(RECORD_START);
        body.extend_from_slice(&(*cluster as f32).to_le_bytes());
        body.extend_from_slice(RECORD_MIDDLE);
        body.extend_from_slice(&distance.to_le_bytes());
        body.extend_from_slice(RECORD_END);
    }
    body
}

fn write_cluster(body: &mut Vec<u8>, cluster: usize) {
    write!(body, "{cluster}.0").expect("writing to a vector cannot fail");
}

fn write_distance(body: &mut Vec<u8>, distance: f32) {
    serde_json::to_writer(body, &f64::from(distance)).expect("a finite number can be written");
}
