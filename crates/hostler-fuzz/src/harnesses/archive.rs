//! Any bytes as a model archive: gzip, tar, or neither.
//!
//! Held against: GNU-compatible reading by the `tar` and `flate2` crates, for archives that are accepted; and what must
//! hold of the directory whatever the archive is (`unpacked`).

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use hostler_artifacts::door::{Refusal, unpack};

use super::unpacked::{Found, LIMITS, Place};
use crate::bounds::within;
use crate::generate::Source;
use crate::harness::Harness;

/// One buffer of 64 KiB, one metadata record of 1 MiB (twice while it grows), gzip's window: whatever the archive is.
const MEMORY_MAX: usize = 4 << 20;

pub(crate) const HARNESS: Harness = Harness {
    name: "archive",
    about: "any bytes as a model archive; files as the tar and flate2 crates see them, nothing outside",
    run,
    generate,
    words: &[
        b"ustar\x0000",
        b"ustar  \0",
        b"../",
        b"/",
        b"\x1f\x8b\x08",
        b"path=",
        b"linkpath=",
        b"size=",
        b"\0\0\0\0",
    ],
};

fn run(data: &[u8]) {
    let place = Place::new();
    let root = place.root();
    let unpacked = within(MEMORY_MAX, || unpack(data, &root, &LIMITS));
    let found = place.look(unpacked.is_ok());
    match unpacked {
        Ok(bytes) => {
            assert!(bytes <= LIMITS.bytes);
            compare(data, &found);
        }
        Err(Refusal::Archive(text)) => assert!(text.len() < 4000, "a text of {} bytes", text.len()),
        Err(Refusal::Machine(text)) => panic!("an archive's content failed as the machine's fault: {text}"),
    }
}

/// Compares with what another reader finds, where that one accepts the archive.
pub(super) fn compare(data: &[u8], found: &Found) {
    let mut plain = Vec::new();
    if data.starts_with(b"\x1f\x8b") {
        let read = MultiGzDecoder::new(data).take(4 * LIMITS.bytes).read_to_end(&mut plain);
        assert!(read.is_ok(), "flate2 refuses gzip data that was accepted: {read:?}");
    } else {
        plain.extend_from_slice(data);
    }
    if let Some(expected) = files(&plain) {
        let names: Vec<_> = found.files.keys().map(|name| String::from_utf8_lossy(name)).collect();
        for (name, content) in &expected {
            let shown = String::from_utf8_lossy(name);
            assert_eq!(
                found.files.get(name),
                Some(content),
                "`{shown}` is another file; there are {names:?}"
            );
        }
    }
}

/// The plain files that the `tar` crate finds; none where it refuses something or where the two differ on purpose.
fn files(plain: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(plain).entries().ok()? {
        let mut entry = entry.ok()?;
        let name = normal(&entry.path_bytes());
        match entry.header().entry_type() {
            kind if kind.is_file() || kind.is_contiguous() => {
                // An old archive's file whose name ends in a slash is a directory.
                if entry.path_bytes().ends_with(b"/") {
                    return None;
                }
                let mut content = Vec::new();
                entry.read_to_end(&mut content).ok()?;
                files.insert(name, content);
            }
            kind if kind.is_dir() => {}
            // Links may replace files and have their content: looked at by `archive_members`.
            _ => return None,
        }
    }
    Some(files)
}

/// Without `.` and empty steps.
pub(super) fn normal(name: &[u8]) -> Vec<u8> {
    let steps = name.split(|byte| *byte == b'/').filter(|step| !step.is_empty() && *step != b".");
    steps.collect::<Vec<_>>().join(&b'/')
}

fn generate(source: &mut Source) -> Vec<u8> {
    let archive = super::archive_members::archive(source);
    if source.one_in(2) { source.mutated(&archive, &[], HARNESS.words) } else { archive }
}
