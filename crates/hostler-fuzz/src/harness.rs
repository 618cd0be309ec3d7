//! What a harness is, and the table of all.
//!
//! Invariants: names are unique and are those of the targets in `fuzz/` and of the directories of the corpus.

use crate::generate::Source;
use crate::harnesses::{
    answer_codec, archive, archive_members, classify, client_head, csv, error_document, event_stream, form,
    invocation, json_rows, listing, media, model_answer, model_layout, ndarray, operation, page_token,
    recordio, s3_document, s3_request, session_token, sigv4_chunked, sigv4_head, sts,
};

/// One decoder and how it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Harness {
    /// Its name everywhere.
    pub name: &'static str,
    /// What is decoded, and what it is held against.
    pub about: &'static str,
    /// Decodes one input and panics when something does not hold.
    pub run: fn(&[u8]),
    /// Makes an input that gets further than random bytes do.
    pub generate: fn(&mut Source) -> Vec<u8>,
    /// What mutations put in.
    pub words: &'static [&'static [u8]],
}

/// All of them.
pub const HARNESSES: [Harness; 28] = [
    answer_codec::HARNESS,
    archive::HARNESS,
    archive_members::HARNESS,
    classify::HARNESS,
    client_head::HARNESS,
    csv::HARNESS,
    error_document::HARNESS,
    event_stream::HARNESS,
    form::HARNESS,
    invocation::HARNESS,
    json_rows::HARNESS,
    json_rows::LINES_HARNESS,
    listing::HARNESS,
    media::HARNESS,
    model_answer::HARNESS,
    model_layout::LAYOUT,
    model_layout::MANIFEST,
    ndarray::HARNESS,
    operation::HARNESS,
    page_token::HARNESS,
    recordio::HARNESS,
    s3_document::HARNESS,
    s3_request::HARNESS,
    session_token::HARNESS,
    sigv4_chunked::HARNESS,
    sigv4_head::HARNESS,
    sts::ANSWER,
    sts::PARAMETERS,
];

/// The harness of this name.
pub fn harness(name: &str) -> Option<&'static Harness> {
    HARNESSES.iter().find(|harness| harness.name == name)
}

/// Runs the harness of this name, which is how a fuzzer's target calls it.
pub fn run(name: &str, data: &[u8]) {
    let harness = harness(name).expect("a target bears a harness's name");
    (harness.run)(data);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_harness_has_a_target_of_its_name_and_every_target_a_harness() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        let listed = manifest.split("[[bin]]\nname = \"").skip(1).filter_map(|rest| rest.split('"').next());
        let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
        let names: BTreeSet<String> = HARNESSES.iter().map(|harness| harness.name.to_owned()).collect();
        assert_eq!(names.len(), HARNESSES.len());
        assert_eq!(listed, names);
        for name in names {
            let target = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
            assert!(target.contains(&format!("hostler_fuzz::run(\"{name}\", data)")), "{target}");
        }
    }
}
