//! The files in hexadecimal were written, or at least read back, by mxnet 1.9.1.

use proptest::prelude::*;

use super::*;

const LIST: &str = "120100000000000000000000000000000100000000000000\
    c9fa93f900000000020000000200000000000000030000000000000001000000000000000000\
    00000000803f00002040000040c0000080400000a0400000c0400000000000000000";
const DICTIONARY: &str = "120100000000000000000000000000000200000000000000\
    c9fa93f900000000010000000100000000000000010000000000000001000000000000000000f83f\
    c9fa93f900000000010000000200000000000000010000000000000003000000\
    0102020000000000000004000000000000006d65616e010000000000000076";
const CSR: &str = "120100000000000000000000000000000100000000000000\
    c9fa93f902000000010000000000000000000000020000000200000000000000020000000000000001000000\
    000000000000000006000000010000000300000000000000060000000100000002000000000000000000803f\
    00000040000000000000000001000000000000000200000000000000000000000000000001000000000000000000000000000000";
const V3_SCALAR_AND_EMPTY: &str = "120100000000000000000000000000000200000000000000\
    cafa93f900000000000000000100000000000000000000000000f040\
    cafa93f90000000002000000020000000000000000000000000000000100000000000000000000000000000000000000";
const V1: &str = "120100000000000000000000000000000100000000000000\
    c8fa93f9020000000200000000000000030000000000000001000000000000000000\
    00000000803f00002040000040c0000080400000a0400000c0400000000000000000";
const V0: &str = "120100000000000000000000000000000100000000000000\
    02000000020000000300000001000000000000000000\
    00000000803f00002040000040c0000080400000a0400000c0400000000000000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |character: u8| char::from(character).to_digit(16).unwrap() as u8;
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

fn with(hex: &str, at: usize, replacement: &[u8]) -> Vec<u8> {
    let mut file = bytes(hex);
    file[at..at + replacement.len()].copy_from_slice(replacement);
    file
}

#[test]
fn every_version_of_the_format_is_read() {
    for hex in [LIST, V1, V0] {
        let file = bytes(hex);
        let list = read(&file).unwrap();
        assert_eq!(list.names, Vec::<String>::new());
        assert_eq!(list.arrays.len(), 1);
        assert_eq!(list.arrays[0].shape, [2, 3]);
        assert_eq!(list.arrays[0].to_f32().unwrap(), [1.0, 2.5, -3.0, 4.0, 5.0, 6.0]);
    }
}

#[test]
fn a_dictionary_keeps_its_names_and_types() {
    let file = bytes(DICTIONARY);
    let list = read(&file).unwrap();
    assert_eq!(list.names, ["mean", "v"]);
    assert_eq!(list.arrays[0].element, Element::F64);
    assert_eq!(list.arrays[0].to_f32().unwrap(), [1.5]);
    assert_eq!(list.arrays[1].element, Element::U8);
    assert_eq!(list.arrays[1].to_f32(), None);
    assert_eq!(list.arrays[1].values, [1, 2]);
}

#[test]
fn scalars_and_empty_arrays_of_version_three_are_read() {
    let file = bytes(V3_SCALAR_AND_EMPTY);
    let list = read(&file).unwrap();
    assert_eq!(list.arrays[0].shape, [] as [u64; 0]);
    assert_eq!(list.arrays[0].to_f32().unwrap(), [7.5]);
    assert_eq!(list.arrays[1].shape, [2, 0]);
    assert_eq!(list.arrays[1].values, [] as [u8; 0]);
}

#[test]
fn a_sparse_array_is_refused_by_its_name() {
    let error = read(&bytes(CSR)).unwrap_err();
    assert_eq!(error.to_string(), "byte 28: array 0 is stored as csr, only dense arrays can be served");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for hex in [LIST, DICTIONARY, V3_SCALAR_AND_EMPTY, V1, V0] {
        let file = bytes(hex);
        for length in 0..file.len() {
            assert!(read(&file[..length]).is_err(), "cut to {length} bytes");
        }
    }
}

#[test]
fn lengths_beyond_the_file_are_refused_before_anything_is_allocated() {
    // The first dimension, then the number of arrays, then the number of names.
    let huge = u64::MAX.to_le_bytes();
    let wide = (1_u64 << 62).to_le_bytes();
    let cases = [
        (with(LIST, 36, &wide), "of shape [4611686018427387904, 3] needs more than the 32 bytes"),
        (with(LIST, 36, &huge), "a dimension is -1"),
        (with(LIST, 16, &huge), "ends at byte 96, inside the header of an array"),
        (with(LIST, 88, &huge), "18446744073709551615 names for 1 arrays"),
        (with(LIST, 32, &[255; 4]), "the number of dimensions is 4294967295"),
        (with(LIST, 60, &[9, 0, 0, 0]), "the element type is 9"),
        (with(DICTIONARY, 106, &huge), "ends at byte 127, inside a name"),
    ];
    for (file, expected) in cases {
        let message = read(&file).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn other_files_are_named_for_what_they_look_like() {
    let zip = read(b"PK\x03\x04 and more").unwrap_err().to_string();
    assert!(zip.contains("zip archive"), "{zip}");
    let gzip = read(b"\x1f\x8b\x08 and more").unwrap_err().to_string();
    assert!(gzip.contains("gzip file"), "{gzip}");
    let empty = read(b"").unwrap_err().to_string();
    assert_eq!(empty, "the file ends at byte 0, inside the list header");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(file in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&file);
    }

    #[test]
    fn a_file_with_some_bytes_changed_never_panics(
        hex in prop_oneof![Just(LIST), Just(DICTIONARY), Just(CSR), Just(V3_SCALAR_AND_EMPTY), Just(V1), Just(V0)],
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = bytes(hex);
        for (index, byte) in changes {
            let at = index.index(file.len());
            file[at] = byte;
        }
        if let Ok(list) = read(&file) {
            for array in &list.arrays {
                let _ = array.to_f32();
            }
        }
    }
}
