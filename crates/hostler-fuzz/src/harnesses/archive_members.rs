//! Archives of members that are chosen one by one, written by the `tar` and `flate2` crates.
//!
//! Why: random bytes rarely have a header's checksum, so the choices are made before the header is written. What the
//! fuzzer changes is the list of choices.
//! Held against: a model of the directory that follows the members one after another, as GNU tar would.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hostler_artifacts::door::{Refusal, unpack};

use super::archive::normal;
use super::unpacked::{LIMITS, Place};
use crate::bounds::within;
use crate::generate::Source;
use crate::harness::Harness;

const MEMORY_MAX: usize = 4 << 20;

const NAMES: [&str; 16] = [
    "a",
    "b",
    "a/b",
    "a/b/c",
    "b/a",
    "./a",
    "a//b",
    "a/",
    "..",
    "../a",
    "/a",
    "a/../b",
    "",
    "c",
    "d/e/f/g/h/i/j",
    "a\0b",
];
const TARGETS: [&str; 12] =
    ["a", "b", "..", "../b", "../../b", "/etc/passwd", ".", "a/b", "b/..", "", "c/d", "../a/b/c"];
/// Header types: files, links, directories, devices, long names, PAX records, sparse files, unknown ones.
const KINDS: [u8; 16] = *b"00001122557LKxgS";

/// Some bytes stand for a member of 300 KiB: more of them would be work for the disk and nothing new.
const MEMBERS_MAX: usize = 256;

pub(crate) const HARNESS: Harness = Harness {
    name: "archive_members",
    about: "archives of chosen members; files as a model of the directory has them, nothing outside",
    run,
    generate: |source| {
        let length = source.size(400);
        source.bytes(length)
    },
    words: &[],
};

/// The files that are there, while the model can say.
type Model = Option<BTreeMap<Vec<u8>, Vec<u8>>>;

/// The choices that an input makes, one byte each; zeros after its end.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn pick<'t>(&mut self, among: &[&'t str]) -> &'t str {
        among[usize::from(self.next()) % among.len()]
    }
}

fn run(data: &[u8]) {
    let (archive, expected) = build(data);
    let place = Place::new();
    let root = place.root();
    let unpacked = within(MEMORY_MAX, || unpack(&archive, &root, &LIMITS));
    let found = place.look(unpacked.is_ok());
    match unpacked {
        Ok(_) => {
            if let Some(expected) = expected {
                assert_eq!(found.files, expected);
            }
        }
        Err(Refusal::Archive(_)) => {}
        Err(Refusal::Machine(text)) => panic!("an archive's content failed as the machine's fault: {text}"),
    }
}

/// An archive for the harness of any bytes.
pub(super) fn archive(source: &mut Source) -> Vec<u8> {
    let length = source.size(200);
    build(&source.bytes(length)).0
}

/// The archive, and the files that are there when it is accepted; none when the model does not say.
fn build(data: &[u8]) -> (Vec<u8>, Model) {
    let mut choices = Choices(data);
    let how = choices.next();
    let mut tar = Vec::new();
    let mut model = Some(BTreeMap::new());
    for _ in 0..MEMBERS_MAX {
        if choices.0.is_empty() {
            break;
        }
        member(&mut choices, &mut tar, &mut model);
    }
    if how & 1 == 0 {
        tar.extend_from_slice(&[0; 1024]);
    }
    if how & 2 == 0 {
        return (tar, model);
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&tar).expect("writing to memory");
    let mut packed = gzip.finish().expect("writing to memory");
    if how & 4 != 0 {
        packed.extend(packed.clone());
        // Two members of gzip: one stream, of which only the first archive is read.
    }
    (packed, model)
}

fn member(choices: &mut Choices<'_>, tar: &mut Vec<u8>, model: &mut Model) {
    let kind = KINDS[usize::from(choices.next()) % KINDS.len()];
    let name = choices.pick(&NAMES);
    let target = choices.pick(&TARGETS);
    let shape = choices.next();
    let content = match kind {
        b'0' if shape & 0xf0 == 0xf0 => vec![b'z'; 300 << 10],
        b'0' => vec![b'x'; usize::from(shape)],
        b'L' => format!("{name}\0").into_bytes(),
        b'K' => format!("{target}\0").into_bytes(),
        b'x' | b'g' => pax(choices, name, target),
        _ => Vec::new(),
    };
    let mut header = tar::Header::new_gnu();
    let length = name.len().min(100);
    header.as_old_mut().name[..length].copy_from_slice(&name.as_bytes()[..length]);
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    let claimed = if shape == 7 { u64::from(choices.next()) << 30 } else { content.len() as u64 };
    header.set_size(claimed);
    header.set_mode(u32::from(choices.next()) << 4 | 0o644);
    header.as_old_mut().linkflag = [kind];
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(&content);
    tar.resize(tar.len().next_multiple_of(512), 0);
    follow(model, kind, name, content);
}

/// A PAX record, not always with the length that it has.
fn pax(choices: &mut Choices<'_>, name: &str, target: &str) -> Vec<u8> {
    let (key, value) = match choices.next() % 6 {
        0 => ("path", name.to_owned()),
        1 => ("linkpath", target.to_owned()),
        2 => ("size", choices.next().to_string()),
        3 => ("size", "18446744073709551615".to_owned()),
        4 => ("GNU.sparse.major", "1".to_owned()),
        _ => ("comment", "=\n=".to_owned()),
    };
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length += 1;
    }
    let off = choices.next();
    let length = if off > 250 { usize::from(off) } else { length };
    format!("{length}{rest}").into_bytes()
}

/// Does what the member says to the model. Links and overrides end what it says.
fn follow(model: &mut Model, kind: u8, name: &str, content: Vec<u8>) {
    // A header's name ends at its first zero byte.
    let name = name.split('\0').next().unwrap_or_default();
    match (kind, &mut *model) {
        (b'0', Some(files)) if !name.ends_with('/') => {
            files.insert(normal(name.as_bytes()), content);
        }
        (b'5' | b'g', _) => {}
        _ => *model = None,
    }
}
