//! Content-Type and Accept headers of the model server.
//!
//! Held against: what must be true of any choice: it is one of those offered, a type asked for by its bare name is
//! given, and a type refused by `q=0` is not.

use hostler_runtime::door::{answer_format, request_format};

use crate::bounds::{times, within};
use crate::generate::{BYTES_MAX, Source};
use crate::harness::Harness;

const OFFERED: [&str; 4] =
    ["application/json", "text/csv", "application/jsonlines", "application/x-recordio-protobuf"];

pub(crate) const HARNESS: Harness = Harness {
    name: "media",
    about: "Content-Type and Accept of the model server; what is chosen is offered and not refused",
    run,
    generate,
    words: &[
        b"application/json",
        b"text/csv",
        b"application/jsonlines",
        b"application/x-recordio-protobuf",
        b"*/*",
        b"text/*",
        b"application/*",
        b";q=0",
        b";q=0.5",
        b";q=nan",
        b"; label_size=",
        b"; charset=",
        b",",
        b";",
        b"=",
        b"\"",
        b"*",
    ],
};

fn run(data: &[u8]) {
    // A header of the server is text.
    let Ok(header) = std::str::from_utf8(data) else { return };
    if let Err(error) = within(times(8, data), || request_format(Some(header))) {
        assert!(error.to_string().len() < 1000);
    }
    match within(times(24, data), || answer_format(Some(header))) {
        Ok(chosen) => {
            assert!(OFFERED.contains(&chosen));
            let is_refused = header.split(',').any(|range| {
                let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
                name.trim().eq_ignore_ascii_case(chosen) && parameters.trim() == "q=0"
            });
            assert!(!is_refused, "`{header}` got {chosen}");
        }
        Err(error) => {
            assert!(error.to_string().len() < 1000);
            let asks = |range: &str| OFFERED.iter().any(|offered| range.trim() == *offered);
            let refuses = header.contains(';');
            assert!(refuses || !header.split(',').any(asks), "`{header}` got nothing");
        }
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    if source.one_in(50) {
        // Found by the first run: the cost of each range was that of all refused ones.
        return b"a;q=0,".repeat(BYTES_MAX / 6);
    }
    let pieces = [
        "text/csv",
        "application/json",
        "*/*",
        "text/*",
        ";q=0",
        ";q=0.9",
        ",",
        ", ",
        "; label_size=2",
        "a",
        "é",
    ];
    let text = source.text(&pieces, 2000);
    if source.one_in(3) { source.mutated(text.as_bytes(), &[], HARNESS.words) } else { text.into_bytes() }
}
