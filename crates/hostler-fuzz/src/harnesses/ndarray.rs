//! MXNet's NDArray lists.
//!
//! Held against: a writer of the newest form. What was read is written, and read again it is the same.

use hostler_runtime::ndarray::{Element, LIST_MAGIC, NdArray, NdArrayList, read};

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const V2: u32 = 0xF993_FAC9;
const V3: u32 = 0xF993_FACA;
const ELEMENTS: [(Element, i32, u64); 8] = [
    (Element::F32, 0, 4),
    (Element::F64, 1, 8),
    (Element::F16, 2, 2),
    (Element::U8, 3, 1),
    (Element::I32, 4, 4),
    (Element::I8, 5, 1),
    (Element::I64, 6, 8),
    (Element::Bool, 7, 1),
];

pub(crate) const HARNESS: Harness = Harness {
    name: "ndarray",
    about: "MXNet NDArray lists; written and read again they are the same, lengths are the bytes there are",
    run,
    generate,
    words: &[
        &LIST_MAGIC.to_le_bytes(),
        &V2.to_le_bytes(),
        &V3.to_le_bytes(),
        &[0xff; 8],
        &[1, 0, 0, 0, 0, 0, 0, 0],
    ],
};

fn run(data: &[u8]) {
    // The oldest form's arrays of no dimension are 4 bytes each, and each is a struct with a shape of its own.
    let Ok(list) = within(times(80, data), || read(data)) else { return };
    let bytes: usize = list.arrays.iter().map(|array| array.values.len()).sum();
    assert!(bytes <= data.len());
    for array in &list.arrays {
        let (_, _, size) = code(array.element);
        assert_eq!(array.shape.iter().product::<u64>() * size, array.values.len() as u64);
        if let Some(floats) = array.to_f32() {
            assert_eq!(floats.len() as u64, array.shape.iter().product::<u64>());
        }
    }
    assert!(list.names.is_empty() || list.names.len() == list.arrays.len());
    let written = write(&list);
    assert_eq!(read(&written).as_ref(), Ok(&list));
}

fn code(element: Element) -> (Element, i32, u64) {
    *ELEMENTS.iter().find(|(known, _, _)| *known == element).expect("every element has a row")
}

/// The list as MXNet 1.5 and later would save it.
fn write(list: &NdArrayList<'_>) -> Vec<u8> {
    let mut file = Vec::new();
    for number in [LIST_MAGIC, 0, list.arrays.len() as u64] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    for array in &list.arrays {
        write_array(array, &mut file);
    }
    file.extend_from_slice(&(list.names.len() as u64).to_le_bytes());
    for name in &list.names {
        file.extend_from_slice(&(name.len() as u64).to_le_bytes());
        file.extend_from_slice(name.as_bytes());
    }
    file
}

fn write_array(array: &NdArray<'_>, file: &mut Vec<u8>) {
    file.extend_from_slice(&V3.to_le_bytes());
    file.extend_from_slice(&0_i32.to_le_bytes());
    file.extend_from_slice(&(array.shape.len() as u32).to_le_bytes());
    for dimension in &array.shape {
        file.extend_from_slice(&dimension.to_le_bytes());
    }
    file.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    file.extend_from_slice(&code(array.element).1.to_le_bytes());
    file.extend_from_slice(array.values);
}

fn generate(source: &mut Source) -> Vec<u8> {
    let values = source.bytes(64);
    let arrays = (0..source.size(40))
        .map(|_| {
            let (element, _, size) = source.pick(&ELEMENTS);
            let rows = source.below(3) as u64;
            NdArray { shape: vec![rows, 2], element, values: &values[..(rows * 2 * size) as usize] }
        })
        .collect::<Vec<_>>();
    let names = if source.one_in(2) { Vec::new() } else { vec!["name".to_owned(); arrays.len()] };
    let file = write(&NdArrayList { arrays, names });
    source.mutated(&file, &[], HARNESS.words)
}
