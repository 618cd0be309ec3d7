//! CSV bodies.
//!
//! Held against: the `csv` crate and the standard library's numbers, for bodies that are accepted.

use hostler_runtime::door::{read_rows, values_max};

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const TYPES: [&str; 3] = ["text/csv", "text/csv; label_size=1", "text/csv;charset=latin1;label_size=2"];
const WIDTH: usize = 3;

pub(crate) const HARNESS: Harness = Harness {
    name: "csv",
    about: "CSV bodies (the first byte chooses the content type); rows as the csv crate reads them",
    run,
    generate,
    words: &[
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b"\"",
        b"\"\"",
        b"1e38",
        b"-0",
        b".5",
        b"nan",
        b"inf",
        b" ",
        b"\t",
        b"\xef\xbb\xbf",
    ],
};

fn run(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    let label_size = usize::from(*which) % TYPES.len();
    let content_type = Some(TYPES[label_size]);
    let mut rows: Vec<f32> = Vec::with_capacity(body.len());
    let read = within(times(2, body), || {
        read_rows(content_type, body, WIDTH, &mut |row| {
            assert!(row.len() == WIDTH && row.iter().all(|value| value.is_finite()));
            rows.extend_from_slice(row);
        })
    });
    let most = values_max(content_type, body, WIDTH).expect("the type is known");
    // The last value needs no separator.
    assert!(rows.len() <= most + 1, "{} values, {most} at most were expected", rows.len());
    match read {
        // A quote inside a label may be anything: only numbers are compared.
        Ok(()) if label_size == 0 => assert_eq!(rows, expected(body)),
        Ok(()) => {}
        Err(error) => assert!(error.to_string().len() < 500),
    }
}

fn expected(body: &[u8]) -> Vec<f32> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.expect("what is read from memory is read");
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) && record.len() == 1 {
            continue;
        }
        for cell in &record {
            let mut cell = cell.trim_ascii();
            // With a blank before its quote the csv crate takes the quotes for content.
            if let [b'"', inner @ .., b'"'] = cell {
                cell = inner.trim_ascii();
            }
            let text = std::str::from_utf8(cell).expect("it was accepted");
            rows.push(text.parse().unwrap_or_else(|_| panic!("`{text}` was accepted as a number")));
        }
    }
    rows
}

fn generate(source: &mut Source) -> Vec<u8> {
    let mut input = vec![source.below(6) as u8];
    let columns = WIDTH + usize::from(input[0]) % TYPES.len();
    for _ in 0..source.size(400) {
        for column in 0..columns {
            let cell = source.pick(&[
                "1",
                "-2.5",
                "3e4",
                " 7 ",
                "\"8\"",
                "\"a,b\"",
                "\"a\"\"b\"",
                "0.1",
                "1e-40",
                "16777217",
            ]);
            let cell = if cell.contains('a') && column + WIDTH >= columns { "6" } else { cell };
            input.extend_from_slice(cell.as_bytes());
            input.push(b',');
        }
        input.pop();
        input.extend_from_slice(source.pick(&["\n", "\n", "\r\n"]).as_bytes());
    }
    if source.one_in(2) { source.mutated(&input, &[], HARNESS.words) } else { input }
}
