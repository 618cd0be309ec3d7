//! The names of objects that become files, and manifests that list them.
//!
//! Held against: the standard library's paths. What is accepted is a plain path below the directory, no two are one
//! file, and everything a manifest lists lies below the model's prefix.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use hostler_artifacts::UnpackLimits;
use hostler_artifacts::door::{check_layout, read_manifest};

use crate::bounds::{times, within};
use crate::harness::Harness;

const LIMITS: UnpackLimits = UnpackLimits {
    files: 40,
    bytes: 1 << 20,
    ratio: 20,
    ratio_free_bytes: 1 << 20,
    path_bytes: 300,
    depth: 6,
};
const BELOW: &str = "s3://models/llm/";
const OBJECTS_MAX: usize = 30;

pub(crate) const LAYOUT: Harness = Harness {
    name: "layout",
    about: "names of objects, one on each line; those accepted are plain, distinct paths below the directory",
    run: layout,
    generate: |source| {
        let text =
            source.text(&["a", "/", "b", "\n", "..", ".", " ", "c/d", "\0", "é", "//", "long-name-"], 300);
        text.into_bytes()
    },
    words: &[b"/", b"\n", b"..", b".", b"\0", b" ", b"\xc2\xa0", b"a/b"],
};

pub(crate) const MANIFEST: Harness = Harness {
    name: "manifest",
    about: "manifests of model data; nothing outside the model's prefix is ever listed",
    run: manifest,
    generate: |source| {
        let prefix = source.pick(&["s3://models/", "s3://models/llm/", "s3://other/", ""]);
        let mut keys = vec![serde_json::json!({ "prefix": prefix })];
        for _ in 0..source.size(60) {
            keys.push(source.text(&["llm/", "a", "../", "/", "s3://models/llm/", "\u{0}"], 4).into());
        }
        let text = serde_json::Value::from(keys).to_string();
        if source.one_in(3) {
            source.mutated(text.as_bytes(), &[], MANIFEST.words)
        } else {
            text.into_bytes()
        }
    },
    words: &[
        b"[",
        b"{\"prefix\":\"s3://models/llm/\"}",
        b",",
        b"\"a\"",
        b"]",
        b"\"",
        b"\\u0000",
        b"{",
        b"}",
        b":",
    ],
};

fn layout(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let paths: Vec<&str> = text.split('\n').collect();
    // A name of one letter is two bytes, and a node of a tree of names.
    match within(times(64, data), || check_layout(&paths, &LIMITS)) {
        Ok(()) => {
            let distinct: BTreeSet<&Path> = paths.iter().map(Path::new).collect();
            assert_eq!(distinct.len(), paths.len());
            for path in &distinct {
                assert!(
                    path.components().all(|step| matches!(step, Component::Normal(_))),
                    "{}",
                    path.display()
                );
                assert!(
                    path.ancestors().skip(1).all(|above| !distinct.contains(above)),
                    "{}",
                    path.display()
                );
                assert!(
                    path.components().count() <= LIMITS.depth && path.as_os_str().len() <= LIMITS.path_bytes
                );
            }
        }
        Err(text) => assert!(text.len() < 4000),
    }
}

fn manifest(data: &[u8]) {
    match within(times(200, data), || read_manifest(data, BELOW, OBJECTS_MAX)) {
        Ok(uris) => {
            assert!(!uris.is_empty() && uris.len() <= OBJECTS_MAX);
            assert!(uris.iter().all(|uri| uri.len() > BELOW.len() && uri.starts_with(BELOW)), "{uris:?}");
        }
        Err(text) => assert!(text.len() < 4000),
    }
}
