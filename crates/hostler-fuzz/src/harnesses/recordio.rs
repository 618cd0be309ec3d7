//! RecordIO bodies of protobuf Records, as the SageMaker SDK's predictors send them.
//!
//! Held against: the `prost` crate reading each Record, behind frames that are split here once more. Only what both
//! accept is compared: prost keeps the last of repeated features where ours refuses them.

use std::collections::HashMap;

use hostler_runtime::door::{read_rows, values_max};
use prost::Message;

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const TYPE: Option<&str> = Some("application/x-recordio-protobuf");
const WIDTH: usize = 4;
const MAGIC: [u8; 4] = 0xCED7_230A_u32.to_le_bytes();

pub(crate) const HARNESS: Harness = Harness {
    name: "recordio",
    about: "RecordIO with protobuf Records; rows as the prost crate reads them",
    run,
    generate,
    words: &[
        &MAGIC,
        b"\x0a",
        b"values",
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x0b],
        &[0x0c],
        &[0, 0, 0x80, 0x3f],
    ],
};

/// `aialgs.data.Record`, as far as features go.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(map = "string, message", tag = "1")]
    features: HashMap<String, Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(message, optional, tag = "2")]
    float32: Option<Float32Tensor>,
    #[prost(message, optional, tag = "3")]
    float64: Option<Float64Tensor>,
    #[prost(message, optional, tag = "7")]
    int32: Option<Int32Tensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Float32Tensor {
    #[prost(float, repeated, tag = "1")]
    values: Vec<f32>,
    #[prost(uint64, repeated, tag = "2")]
    keys: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    shape: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct Float64Tensor {
    #[prost(double, repeated, tag = "1")]
    values: Vec<f64>,
    #[prost(uint64, repeated, tag = "2")]
    keys: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    shape: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct Int32Tensor {
    #[prost(int32, repeated, tag = "1")]
    values: Vec<i32>,
    #[prost(uint64, repeated, tag = "2")]
    keys: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    shape: Vec<u64>,
}

fn run(data: &[u8]) {
    let mut values = Vec::with_capacity(data.len() * WIDTH);
    let read = within(times(8, data), || {
        read_rows(TYPE, data, WIDTH, &mut |row| {
            assert!(row.len() == WIDTH && row.iter().all(|value| value.is_finite()));
            values.extend_from_slice(row);
        })
    });
    let most = values_max(TYPE, data, WIDTH).expect("the type is known");
    assert!(values.len() <= most, "{} values, {most} at most were expected", values.len());
    if read.is_err() {
        return;
    }
    let records = records(data);
    assert_eq!(records.len() * WIDTH, values.len());
    for (record, row) in records.iter().zip(values.chunks(WIDTH)) {
        let expected = Record::decode(&record[..]).ok().and_then(dense);
        if let Some(expected) = expected {
            assert_eq!(expected, row);
        }
    }
}

/// The row of a Record, sparse or not.
fn dense(record: Record) -> Option<Vec<f32>> {
    let value = record.features.get("values")?;
    let (values, keys) = match value {
        Value { float32: Some(tensor), .. } => (tensor.values.clone(), &tensor.keys),
        Value { float64: Some(tensor), .. } => {
            (tensor.values.iter().map(|value| *value as f32).collect(), &tensor.keys)
        }
        Value { int32: Some(tensor), .. } => {
            (tensor.values.iter().map(|value| *value as f32).collect(), &tensor.keys)
        }
        _ => return None,
    };
    if keys.is_empty() && values.len() == WIDTH {
        return Some(values);
    }
    let mut row = vec![0.0; WIDTH];
    for (key, value) in keys.iter().zip(values) {
        *row.get_mut(usize::try_from(*key).ok()?)? = value;
    }
    Some(row)
}

/// The records of a body that is known to be well-formed.
fn records(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    while let Some((header, rest)) = body.split_first_chunk::<8>() {
        let field = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        let length = (field & 0x1fff_ffff) as usize;
        let payload = &rest[..length];
        body = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        match (field >> 29, open.take()) {
            (0, _) => records.push(payload.to_vec()),
            (1, _) => open = Some(payload.to_vec()),
            (part, first) => {
                let joined = [&first.unwrap_or_default(), &MAGIC[..], payload].concat();
                if part == 3 { records.push(joined) } else { open = Some(joined) }
            }
        }
    }
    records
}

fn generate(source: &mut Source) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..source.size(20) {
        let count = if source.one_in(6) { source.size(40) } else { WIDTH };
        let keys: Vec<u64> = match source.below(3) {
            0 => (0..count as u64).collect(),
            _ => Vec::new(),
        };
        let shape = if source.one_in(3) { vec![WIDTH as u64] } else { Vec::new() };
        let mut value = Value::default();
        match source.below(3) {
            0 => value.float64 = Some(Float64Tensor { values: vec![1e300; count], keys, shape }),
            1 => value.int32 = Some(Int32Tensor { values: vec![-7; count], keys, shape }),
            _ => {
                let values = vec![f32::from_bits(u32::from_le_bytes(MAGIC)); count];
                value.float32 = Some(Float32Tensor { values, keys, shape });
            }
        }
        let name = if source.one_in(8) { "other" } else { "values" };
        let record = Record { features: HashMap::from([(name.to_owned(), value)]) }.encode_to_vec();
        frame(source, &record, &mut body);
    }
    if source.one_in(2) { source.mutated(&body, &[], HARNESS.words) } else { body }
}

/// Writes a frame, now and then in two parts.
fn frame(source: &mut Source, record: &[u8], body: &mut Vec<u8>) {
    let mut part = |flag: u32, payload: &[u8]| {
        body.extend_from_slice(&MAGIC);
        body.extend_from_slice(&(flag << 29 | payload.len() as u32).to_le_bytes());
        body.extend_from_slice(payload);
        body.resize(body.len().next_multiple_of(4), 0);
    };
    let split = record.windows(4).position(|window| window == MAGIC);
    match split {
        Some(at) if source.one_in(2) => {
            part(1, &record[..at]);
            part(3, &record[at + 4..]);
        }
        _ => part(0, record),
    }
}
