//! One `Record`: finds the tensor of features in it and reads that.
//!
//! Why: the message is aialgs.data's `Record { map<string, Value> features = 1; map<string, Value> label = 2;
//! string uid = 3; string metadata = 4; string configuration = 5 }`, whose `Value` is one of `Float32Tensor = 2`,
//! `Float64Tensor = 3`, `Int32Tensor = 7`, `Bytes = 9`; a tensor has `values = 1; uint64 keys = 2;
//! uint64 shape = 3`. Repeated numbers are read packed, unpacked and mixed, as every parser must.
//! Invariants: fields nobody here knows, and those that change no prediction, are stepped over. What would make
//! two parsers disagree (the features twice, two tensors in one value) is refused.

use super::wire::{Fields, Value, WireError, varint};
use crate::rows::tensor::{Form, Length, Tensor};
use crate::rows::{RowsError, shorten};

/// The name under which the features of an algorithm with one input stand.
const FEATURES: &[u8] = b"values";

const RECORD_FEATURES: u64 = 1;
const ENTRY_KEY: u64 = 1;
const ENTRY_VALUE: u64 = 2;
const VALUE_FLOAT32: u64 = 2;
const VALUE_FLOAT64: u64 = 3;
const VALUE_INT32: u64 = 7;
const VALUE_BYTES: u64 = 9;
const TENSOR_VALUES: u64 = 1;
const TENSOR_KEYS: u64 = 2;
const TENSOR_SHAPE: u64 = 3;

#[derive(Clone, Copy)]
enum Element {
    Float32,
    Float64,
    Int32,
}

pub(super) fn read(record: &[u8], tensor: &mut Tensor) -> Result<(), RowsError> {
    let row = tensor.row();
    let value = features(record, row)?;
    let (element, message) = only_tensor(value, row)?;
    let form = read_tensor(element, message, tensor)?;
    tensor.finish(&form)
}

/// The value of the features' map under the name that is known.
fn features(record: &[u8], row: usize) -> Result<&[u8], RowsError> {
    let mut found = None;
    let mut other = None;
    each_field(record, row, |number, value| {
        let (RECORD_FEATURES, Value::Bytes(entry)) = (number, value) else {
            return Ok(());
        };
        let (key, value) = map_entry(entry, row)?;
        if key != FEATURES {
            other = Some(key);
            return Ok(());
        }
        if found.replace(value).is_some() {
            return Err(RowsError::Twice { member: "values", place: format!(" in row {row}") });
        }
        Ok(())
    })?;
    found.ok_or_else(|| {
        let problem = match other {
            Some(name) => format!("has features `{}` only", shorten(name)),
            None => "has no features".to_owned(),
        };
        RowsError::Record { row, problem }
    })
}

/// Name and value of an entry of a map; as everywhere in protobuf, the last of each counts.
fn map_entry(entry: &[u8], row: usize) -> Result<(&[u8], &[u8]), RowsError> {
    let (mut key, mut content): (&[u8], &[u8]) = (b"", b"");
    each_field(entry, row, |number, value| {
        match (number, value) {
            (ENTRY_KEY, Value::Bytes(bytes)) => key = bytes,
            (ENTRY_VALUE, Value::Bytes(bytes)) => content = bytes,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, content))
}

fn only_tensor(value: &[u8], row: usize) -> Result<(Element, &[u8]), RowsError> {
    let wrong = |problem: &str| RowsError::Record { row, problem: problem.to_owned() };
    let mut found = None;
    each_field(value, row, |number, value| {
        let Value::Bytes(message) = value else {
            return Ok(());
        };
        let element = match number {
            VALUE_FLOAT32 => Element::Float32,
            VALUE_FLOAT64 => Element::Float64,
            VALUE_INT32 => Element::Int32,
            VALUE_BYTES => return Err(wrong("holds bytes, not a tensor of float32, float64 or int32")),
            _ => return Ok(()),
        };
        if found.replace((element, message)).is_some() {
            return Err(wrong("holds two tensors in one value"));
        }
        Ok(())
    })?;
    found.ok_or_else(|| wrong("holds no tensor of float32, float64 or int32"))
}

fn read_tensor(element: Element, message: &[u8], tensor: &mut Tensor) -> Result<Form, RowsError> {
    let row = tensor.row();
    let mut length: Option<Length> = None;
    each_field(message, row, |number, value| match number {
        TENSOR_VALUES => read_values(element, value, tensor),
        TENSOR_KEYS => each_varint(value, row, |key| tensor.push_key(key)),
        TENSOR_SHAPE => each_varint(value, row, |dimension| {
            length = Some(length.unwrap_or(Length::ONE).times(dimension));
            Ok(())
        }),
        _ => Ok(()),
    })?;
    // A shape alone is a sparse row without any value: protobuf does not write empty lists of keys.
    let has_keys = tensor.has_any_key() || (tensor.got() == 0 && length.is_some());
    Ok(Form { has_keys, length })
}

fn read_values(element: Element, value: Value<'_>, tensor: &mut Tensor) -> Result<(), RowsError> {
    let row = tensor.row();
    match (element, value) {
        (Element::Float32, Value::Bytes(packed)) => {
            let floats = whole_elements::<4>(packed, row)?;
            tensor.extend(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)))
        }
        (Element::Float32, Value::Fixed32(bytes)) => {
            tensor.extend(std::iter::once(f32::from_le_bytes(bytes)))
        }
        (Element::Float64, Value::Bytes(packed)) => {
            let floats = whole_elements::<8>(packed, row)?;
            tensor.extend(floats.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32))
        }
        (Element::Float64, Value::Fixed64(bytes)) => {
            tensor.extend(std::iter::once(f64::from_le_bytes(bytes) as f32))
        }
        (Element::Int32, value) => {
            // Negative numbers are written with 64 bits, of which the lower half counts.
            each_varint(value, row, |number| {
                tensor.push(number as u32 as i32 as f32);
                Ok(())
            })
        }
        _ => Ok(()),
    }
}

fn whole_elements<const N: usize>(packed: &[u8], row: usize) -> Result<&[[u8; N]], RowsError> {
    if let (elements, []) = packed.as_chunks() {
        return Ok(elements);
    }
    let problem = format!("{} bytes of values are no multiple of {N}", packed.len());
    Err(RowsError::Protobuf { row, problem })
}

/// Every number of a repeated varint field, packed or not.
fn each_varint(
    value: Value<'_>,
    row: usize,
    mut take: impl FnMut(u64) -> Result<(), RowsError>,
) -> Result<(), RowsError> {
    match value {
        Value::Varint(number) => take(number),
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                let (number, rest) = varint(packed).map_err(|error| broken(row, error))?;
                packed = rest;
                take(number)?;
            }
            Ok(())
        }
        Value::Fixed32(_) | Value::Fixed64(_) | Value::Group => Ok(()),
    }
}

fn each_field<'a>(
    message: &'a [u8],
    row: usize,
    mut take: impl FnMut(u64, Value<'a>) -> Result<(), RowsError>,
) -> Result<(), RowsError> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next().map_err(|error| broken(row, error))? {
        take(number, value)?;
    }
    Ok(())
}

fn broken(row: usize, error: WireError) -> RowsError {
    RowsError::Protobuf { row, problem: error.to_string() }
}
