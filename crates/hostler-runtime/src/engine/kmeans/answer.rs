//! Writing predictions as JSON and CSV.
//!
//! Why: the bodies are two numbers per row in a fixed frame, so they are written by hand into one buffer.
//! Invariants: both numbers are printed as floats (`3.0`), the distance with all the digits of its 32-bit
//! value, as Amazon's image prints them; distances are finite.

use std::io::Write;

use crate::media::AnswerFormat;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prediction {
    pub(super) cluster: usize,
    pub(super) distance: f32,
}

/// An object of the answer is some 75 bytes, a CSV line some 25.
const JSON_ROW_BYTES: usize = 80;
const CSV_ROW_BYTES: usize = 28;

pub(super) fn write(predictions: &[Prediction], format: AnswerFormat) -> Vec<u8> {
    match format {
        AnswerFormat::Json => json(predictions),
        AnswerFormat::Csv => csv(predictions),
    }
}

fn json(predictions: &[Prediction]) -> Vec<u8> {
    const START: &[u8] = br#"{"predictions": ["#;
    const END: &[u8] = b"]}";
    let capacity = START.len() + END.len() + predictions.len() * JSON_ROW_BYTES;
    let mut body = Vec::with_capacity(capacity);
    body.extend_from_slice(START);
    for (index, prediction) in predictions.iter().enumerate() {
        if index > 0 {
            body.extend_from_slice(b", ");
        }
        body.extend_from_slice(br#"{"closest_cluster": "#);
        write_cluster(&mut body, prediction.cluster);
        body.extend_from_slice(br#", "distance_to_cluster": "#);
        write_distance(&mut body, prediction.distance);
        body.push(b'}');
    }
    body.extend_from_slice(END);
    body
}

fn csv(predictions: &[Prediction]) -> Vec<u8> {
    let mut body = Vec::with_capacity(predictions.len() * CSV_ROW_BYTES);
    for prediction in predictions {
        write_cluster(&mut body, prediction.cluster);
        body.push(b',');
        write_distance(&mut body, prediction.distance);
        body.push(b'\n');
    }
    body
}

fn write_cluster(body: &mut Vec<u8>, cluster: usize) {
    write!(body, "{cluster}.0").expect("writing to a vector cannot fail");
}

fn write_distance(body: &mut Vec<u8>, distance: f32) {
    serde_json::to_writer(body, &f64::from(distance)).expect("a finite number can be written");
}
