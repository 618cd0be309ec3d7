//! Bodies made by the SageMaker SDK, Google's protobuf and MXNet (tests/recordio), and bodies made wrong.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::frames::{Frames, MAGIC};
use super::*;
use crate::media::RequestFormat;
use crate::rows::read_rows;

fn made(name: &str) -> Vec<u8> {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordio")).join(name);
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn rows_of(body: &[u8], width: usize) -> Result<Vec<Vec<f32>>, RowsError> {
    let mut rows = Vec::new();
    read_rows(RequestFormat::RecordIo, body, width, |row| {
        rows.push(row.to_vec());
        Ok::<_, RowsError>(())
    })?;
    Ok(rows)
}

fn records_of(body: &[u8]) -> Result<Vec<Vec<u8>>, RowsError> {
    let mut frames = Frames::new(body);
    let mut records = Vec::new();
    while let Some(record) = frames.next()? {
        records.push(record.to_vec());
    }
    Ok(records)
}

/// Frames with these continuation flags, as the format's description has them.
fn framed(parts: &[(u32, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (flag, payload) in parts {
        body.extend(MAGIC.to_le_bytes());
        body.extend((flag << 29 | payload.len() as u32).to_le_bytes());
        body.extend(*payload);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    body
}

/// A field of wire type 2 with a number below 16.
fn nested(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2, u8::try_from(payload.len()).unwrap()];
    field.extend(payload);
    field
}

/// One frame whose Record has these features.
fn record(name: &[u8], value: &[u8]) -> Vec<u8> {
    let entry = [nested(1, name), nested(2, value)].concat();
    framed(&[(0, &nested(1, &entry))])
}

/// One frame with one tensor of floats.
fn float32(tensor: &[u8]) -> Vec<u8> {
    record(b"values", &nested(2, tensor))
}

fn fails(body: &[u8], message: &str) {
    let error = rows_of(body, 2).unwrap_err();
    assert_eq!(error.to_string(), message);
}

const ONE_AND_TWO: [u8; 8] = [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40];

#[test]
fn bodies_of_the_sdk_and_of_other_schemas_hold_the_rows_that_went_in() {
    let expected: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&made("rows.json")).unwrap();
    assert_eq!(expected.len(), 13, "every fixture is read");
    for (name, rows) in expected {
        let rows: Vec<Vec<f32>> = serde_json::from_value(rows).unwrap();
        assert_eq!(rows_of(&made(&format!("{name}.bin")), rows[0].len()), Ok(rows), "{name}");
    }
}

#[test]
fn records_that_the_writer_split_are_joined_as_they_went_in() {
    let expected: Vec<String> = serde_json::from_slice(&made("parts.json")).unwrap();
    let digit = |character: u8| char::from(character).to_digit(16).unwrap() as u8;
    let bytes = |hex: String| -> Vec<u8> {
        hex.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
    };
    let expected: Vec<Vec<u8>> = expected.into_iter().map(bytes).collect();
    assert_eq!(records_of(&made("parts.bin")).unwrap(), expected);
}

#[test]
fn parts_in_a_wrong_order_are_refused() {
    let refused = |parts: &[(u32, &[u8])], message: &str| {
        assert_eq!(records_of(&framed(parts)).unwrap_err().to_string(), message);
    };
    let alone = "byte 13 of the RecordIO body: a later part of a record without its first part";
    refused(&[(0, b"abc"), (3, b"d")], alone);
    refused(&[(0, b"abc"), (2, b"d")], alone);
    let early = "byte 13 of the RecordIO body: a new record begins before the last part of the one before it";
    refused(&[(1, b"abc"), (0, b"d")], early);
    refused(&[(1, b"abc"), (1, b"d")], early);
    let open = "byte 25 of the RecordIO body: the body ends before the last part of a record";
    refused(&[(1, b"abc"), (2, b"d")], open);
    refused(&[(4, b"abc")], "byte 5 of the RecordIO body: the continuation flag 4 is not known");
}

#[test]
fn frames_that_do_not_fit_the_body_are_refused_with_their_place() {
    let good = framed(&[(0, b"abcde"), (0, b"fg")]);
    assert_eq!(records_of(&good).unwrap(), [b"abcde".to_vec(), b"fg".to_vec()]);
    // Nothing of the last record is missing when only its padding is.
    assert_eq!(records_of(&good[..26]).unwrap().len(), 2);
    let refused = |body: &[u8], message: &str| {
        assert_eq!(records_of(body).unwrap_err().to_string(), format!("byte {message}"));
    };
    refused(&good[..25], "21 of the RecordIO body: the frame claims 2 bytes, the body has 1 more");
    refused(&good[..23], "17 of the RecordIO body: the body ends inside the header of a frame");
    refused(
        &good[..18],
        "17 of the RecordIO body: expected a frame's magic number 0xced7230a, found the end of the body",
    );
    refused(b"1,2,3", "1 of the RecordIO body: expected a frame's magic number 0xced7230a, found 0x2c322c31");
    let huge = [&MAGIC.to_le_bytes()[..], &0x1fff_ffff_u32.to_le_bytes(), b"abcd"].concat();
    refused(&huge, "5 of the RecordIO body: the frame claims 536870911 bytes, the body has 4 more");
}

#[test]
fn rows_that_do_not_fit_the_model_are_refused_with_their_number() {
    fails(b"", "the body is empty; at least one row of 2 numbers was expected");
    fails(&made("float32.bin"), "row 1 has 3 columns, expected 2");
    let ragged = [float32(&nested(1, &ONE_AND_TWO)), float32(&nested(1, &ONE_AND_TWO[..4]))].concat();
    fails(&ragged, "row 2 has 1 columns, expected 2");
    fails(&float32(b""), "row 1 has 0 columns, expected 2");
    let nan = [&ONE_AND_TWO[..4], &f32::NAN.to_le_bytes()].concat();
    fails(&float32(&nested(1, &nan)), "row 1, column 2: `NaN` is not a finite 32-bit number");
    let unpacked = [&[0x0d][..], &ONE_AND_TWO[..4], &[0x0d], &f32::NEG_INFINITY.to_le_bytes()].concat();
    fails(&float32(&unpacked), "row 1, column 2: `-inf` is not a finite 32-bit number");
    let beyond = nested(3, &nested(1, &[1e300_f64.to_le_bytes(), [0; 8]].concat()));
    fails(&record(b"values", &beyond), "row 1, column 1: `inf` is not a finite 32-bit number");
}

#[test]
fn sparse_rows_that_make_no_sense_are_refused_with_their_number() {
    let sparse = |keys: &[u8], shape: &[u8], message: &str| {
        let tensor = [nested(1, &ONE_AND_TWO), nested(2, keys), nested(3, shape)].concat();
        fails(&float32(&tensor), message);
    };
    sparse(&[0, 2], &[2], "row 1: key 2 is beyond the 2 features, which count from 0");
    sparse(&[1, 1], &[2], "row 1: key 1 is given twice");
    sparse(&[1], &[2], "row 1: 1 keys for 2 values");
    sparse(&[0, 1, 0], &[2], "row 1: there are more keys than features (2)");
    sparse(&[0, 1], &[3], "row 1: `shape` does not agree with the width of the model (2)");
    sparse(&[0, 1], &[2, 2], "row 1: `shape` does not agree with the width of the model (2)");
    let huge = [[0xff; 9].as_slice(), &[1], &[0xff; 9], &[1]].concat();
    sparse(&[0, 1], &huge, "row 1: `shape` does not agree with the width of the model (2)");
}

#[test]
fn a_record_without_the_one_tensor_that_is_wanted_is_refused() {
    let expected = "; expected features under the name `values`";
    let record_fails =
        |body: &[u8], problem: &str| fails(body, &format!("row 1: its Record {problem}{expected}"));
    record_fails(&framed(&[(0, b"")]), "has no features");
    record_fails(&record(b"in0", &nested(2, &nested(1, &ONE_AND_TWO))), "has features `in0` only");
    record_fails(&record(b"values", b""), "holds no tensor of float32, float64 or int32");
    record_fails(
        &record(b"values", &nested(9, &nested(1, b"png"))),
        "holds bytes, not a tensor of float32, float64 or int32",
    );
    let tensor = nested(2, &nested(1, &ONE_AND_TWO));
    let two_tensors = [tensor.clone(), nested(7, &nested(1, &[1, 2]))].concat();
    record_fails(&record(b"values", &two_tensors), "holds two tensors in one value");
    let entry = nested(1, &[nested(1, b"values"), nested(2, &tensor)].concat());
    fails(&framed(&[(0, &entry.repeat(2))]), "`values` is given twice in row 1");
}

#[test]
fn what_is_not_protobuf_is_refused_with_the_reason() {
    let not_protobuf = |record: &[u8], problem: &str| {
        fails(&framed(&[(0, record)]), &format!("row 1 is not a protobuf Record: {problem}"));
    };
    not_protobuf(&[0x0a], "it ends inside a field");
    not_protobuf(&[0x0a, 5, 1], "a field claims 5 bytes, 1 are left");
    let huge = [&[0x0a][..], &[0xff; 9], &[1]].concat();
    not_protobuf(&huge, "a field claims 18446744073709551615 bytes, 0 are left");
    not_protobuf(&[0xff; 11], "a number has more than 64 bits");
    not_protobuf(&[2, 0], "0 is no field number");
    not_protobuf(&[0x0e, 0], "6 is no wire type");
    not_protobuf(&[0x0c], "a group does not end where it should");
    not_protobuf(&[0x5b].repeat(40), "a group does not end where it should");
    let odd = float32(&nested(1, &ONE_AND_TWO[..7]));
    fails(&odd, "row 1 is not a protobuf Record: 7 bytes of values are no multiple of 4");
}

#[test]
fn groups_are_stepped_over_whatever_they_hold() {
    let group = [&[0x5b][..], &[0x63, 0x64], &nested(1, b"x"), &[0x5c]].concat();
    let features =
        nested(1, &[nested(1, b"values"), nested(2, &nested(2, &nested(1, &ONE_AND_TWO)))].concat());
    let body = framed(&[(0, &[group.clone(), features, group].concat())]);
    assert_eq!(rows_of(&body, 2), Ok(vec![vec![1.0, 2.0]]));
}

/// Bodies that a reader gets far into: one of the fixtures with some bytes changed, or cut.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec![
        "sparse-float32",
        "sparse-float64",
        "unpacked-int32",
        "unknown-fields",
        "every-field",
        "labels",
    ]);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (name, changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(name, changes, cut, is_cut)| {
        let mut body = made(&format!("{name}.bin"));
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if is_cut {
            body.truncate(cut.index(body.len()));
        }
        body
    })
}

/// A varint by protobuf's description.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200), width in 1_usize..5) {
        let _ = rows_of(&body, width);
        let _ = rows_of(&framed(&[(0, &body)]), width);
        let _ = rows_of(&record(b"values", &body[..body.len().min(100)]), width);
    }

    #[test]
    fn damaged_bodies_never_panic_and_give_whole_finite_rows(body in damaged(), width in 1_usize..6) {
        let _ = read_rows(RequestFormat::RecordIo, &body, width, |row| {
            assert_eq!(row.len(), width);
            assert!(row.iter().all(|value| value.is_finite()));
            Ok::<_, RowsError>(())
        });
    }

    #[test]
    fn numbers_split_over_packed_and_unpacked_fields_are_read_in_order(
        values in prop::collection::vec(any::<i32>(), 1..20),
        packed in prop::collection::vec(any::<bool>(), 20),
    ) {
        // Negative numbers are sign-extended to 64 bits on the wire.
        let mut tensor = Vec::new();
        for (value, is_packed) in values.iter().zip(packed) {
            let number = varint(i64::from(*value) as u64);
            tensor.extend(if is_packed { nested(1, &number) } else { [&[0x08], number.as_slice()].concat() });
        }
        prop_assume!(tensor.len() < 100);
        let expected: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        prop_assert_eq!(rows_of(&record(b"values", &nested(7, &tensor)), values.len()), Ok(vec![expected]));
    }
}
