//! Forms, in bodies and in queries.
//!
//! Held against: the `form_urlencoded` crate.

use hostler_aws::{FORM_BYTES_MAX, FORM_PAIRS_MAX, Form, FormError};

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

pub(crate) const HARNESS: Harness = Harness {
    name: "form",
    about: "forms and query strings; pairs as the form_urlencoded crate reads them",
    run,
    generate,
    words: &[b"&", b"=", b"%", b"+", b"%00", b"%ff", b"%C3%A9", b"Action=AssumeRole", b"%2", b"%zz"],
};

fn run(data: &[u8]) {
    // A pair of one letter is two bytes, and two strings of three words and a byte.
    let read = within(times(64, data), || Form::parse(data));
    let expected = || form_urlencoded::parse(data);
    match read {
        Ok(form) => {
            assert!(data.len() <= FORM_BYTES_MAX);
            let pairs: Vec<(String, String)> =
                form.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(pairs, expected().into_owned().collect::<Vec<_>>());
            for (name, _) in &pairs {
                let first = pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
                if pairs.len() < 20 {
                    assert_eq!(form.get(name), first);
                }
            }
        }
        Err(FormError::TooLong { found }) => assert!(found == data.len() && found > FORM_BYTES_MAX),
        Err(FormError::TooMany) => assert!(expected().count() > FORM_PAIRS_MAX),
        Err(FormError::NotUtf8 { position }) => {
            let (name, value) = expected().nth(position - 1).expect("there is such a pair");
            assert!(name.contains('\u{FFFD}') || value.contains('\u{FFFD}'));
        }
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    let pieces = ["&", "=", "a", "Name", "+", "%20", "%C3%A9", "%", "%f", "value", "%00"];
    let text = source.text(&pieces, 3000);
    if source.one_in(3) { source.mutated(text.as_bytes(), &[], HARNESS.words) } else { text.into_bytes() }
}
