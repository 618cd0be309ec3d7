//! Archives against the unpacker: sound ones made by Python, malicious ones made byte by byte here.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

const LIMITS: UnpackLimits = UnpackLimits {
    files: 50,
    bytes: 4 << 20,
    ratio: 100,
    ratio_free_bytes: 128 << 10,
    path_bytes: 400,
    depth: 6,
};

/// One tar block of header, written by hand.
#[derive(Clone)]
struct Raw {
    name: Vec<u8>,
    kind: u8,
    mode: &'static str,
    size: String,
    link: Vec<u8>,
}

impl Raw {
    fn new(kind: u8, name: &str) -> Self {
        Self { name: name.into(), kind, mode: "0000644", size: "00000000000".into(), link: vec![] }
    }

    fn link(kind: u8, name: &str, target: &str) -> Vec<u8> {
        Self { link: target.into(), ..Self::new(kind, name) }.block()
    }

    fn block(&self) -> Vec<u8> {
        let mut block = vec![0_u8; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, self.mode.as_bytes());
        put(108, b"0000000");
        put(116, b"0000000");
        put(124, self.size.as_bytes());
        put(136, b"00000000000");
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, &self.link);
        put(257, b"ustar\x0000");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    fn with_body(mut self, body: &[u8]) -> Vec<u8> {
        self.size = format!("{:011o}", body.len());
        let mut bytes = self.block();
        bytes.extend_from_slice(body);
        bytes.resize(bytes.len().div_ceil(512) * 512, 0);
        bytes
    }
}

fn file(name: &str, body: &str) -> Vec<u8> {
    Raw::new(b'0', name).with_body(body.as_bytes())
}

fn long_name(name: &str) -> Vec<u8> {
    Raw::new(b'L', "././@LongLink").with_body(format!("{name}\0").as_bytes())
}

fn pax(record: &str) -> Vec<u8> {
    Raw::new(b'x', "pax").with_body(record.as_bytes())
}

fn tar_of(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Unpacks into `model` below a directory that must hold nothing else afterwards.
fn unpack_bytes(archive: &[u8]) -> (tempfile::TempDir, Result<Unpacked, UnpackError>) {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("secret"), "untouched").unwrap();
    let model = outer.path().join("model");
    fs::create_dir(&model).unwrap();
    let outcome = unpack(archive, &model, &LIMITS);
    let names: Vec<_> = fs::read_dir(outer.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "something was made outside: {names:?}");
    assert_eq!(fs::read_to_string(outer.path().join("secret")).unwrap(), "untouched");
    (outer, outcome)
}

/// Path to (kind, text) of everything below `root`.
fn tree_of(root: &Path) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = metadata.permissions().mode();
            let shown = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let value = if metadata.is_dir() {
                assert_eq!(mode & 0o7777, 0o555, "{shown}");
                waiting.push(path.clone());
                ("directory".to_owned(), String::new())
            } else if metadata.is_symlink() {
                ("link".to_owned(), fs::read_link(&path).unwrap().to_str().unwrap().to_owned())
            } else {
                let kind = if mode & 0o111 == 0 { "file" } else { "program" };
                assert_eq!(mode & 0o7777, if kind == "file" { 0o444 } else { 0o555 }, "{shown}");
                (kind.to_owned(), fs::read_to_string(&path).unwrap())
            };
            found.insert(shown, value);
        }
    }
    found
}

#[test]
fn archives_made_by_python_unpack_to_what_python_put_in() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/archives");
    let expected = fs::read(directory.join("expected.json")).unwrap();
    let expected: BTreeMap<String, BTreeMap<String, (String, String)>> =
        serde_json::from_slice(&expected).unwrap();
    assert!(expected.len() >= 9);
    for (name, mut expected) in expected {
        let (outer, outcome) = unpack_bytes(&fs::read(directory.join(&name)).unwrap());
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        // The list names members; the directories above them are there too.
        for path in expected.keys().cloned().collect::<Vec<_>>() {
            for above in Path::new(&path).ancestors().skip(1).filter(|above| *above != Path::new("")) {
                let above = above.to_str().unwrap().to_owned();
                expected.entry(above).or_insert_with(|| ("directory".into(), String::new()));
            }
        }
        assert_eq!(tree_of(&outer.path().join("model")), expected, "{name}");
    }
}

fn refusal(archive: &[u8]) -> String {
    match unpack_bytes(archive).1 {
        Ok(_) => "accepted".into(),
        Err(UnpackError::Refused(text) | UnpackError::Flawed(_, text)) => format!("refused: {text}"),
        Err(UnpackError::OverLimit(text)) => format!("over limit: {text}"),
        Err(other) => format!("other: {other}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn archives_that_break_a_rule_are_refused_with_that_rule() {
    let cases: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        ("absolute", vec![file("/etc/passwd", "x")], "refused: `/etc/passwd` is an absolute path"),
        ("absolute to the root", vec![Raw::new(b'5', "/./").block()], "refused: `/./` is an absolute path"),
        ("above", vec![file("../secret", "x")], "refused: `../secret` goes through `..`"),
        ("hidden above", vec![file("a/../../secret", "x")], "refused: `a/../../secret` goes through `..`"),
        ("directory above", vec![Raw::new(b'5', "..").block()], "refused: `..` goes through `..`"),
        (
            "above by a long name",
            vec![long_name("a/../../secret"), file("ok", "x")],
            "refused: `a/../../secret` goes through `..`",
        ),
        (
            "above by an attribute",
            vec![pax("18 path=../secret\n"), file("ok", "x")],
            "refused: `../secret` goes through `..`",
        ),
        (
            "absolute link",
            vec![Raw::link(b'2', "l", "/etc/passwd")],
            "refused: `l` is a link to `/etc/passwd`, an absolute path",
        ),
        (
            "link out",
            vec![Raw::link(b'2', "d/l", "../../secret")],
            "refused: `d/l` is a link to `../../secret`, outside the model's directory",
        ),
        (
            "link out at the top",
            vec![Raw::link(b'2', "l", "..")],
            "refused: `l` is a link to `..`, outside the model's directory",
        ),
        (
            "link that climbs from elsewhere",
            vec![Raw::link(b'2', "a/b/c/s", "../../.."), Raw::link(b'2', "t", "a/b/c/s/../secret")],
            "refused: `t` is a link to `a/b/c/s/../secret`, which goes through `..` after a name",
        ),
        ("empty link", vec![Raw::link(b'2', "l", "")], "refused: `l` is a link to ``, which is empty"),
        (
            "write through a link",
            vec![Raw::link(b'2', "d", "e"), Raw::new(b'5', "e").block(), file("d/x", "x")],
            "refused: `d` is a directory in one place and a file or a link in another",
        ),
        (
            "directory over a link",
            vec![Raw::link(b'2', "d", "."), Raw::new(b'5', "d").block()],
            "refused: `d` is a directory in one place and a file or a link in another",
        ),
        (
            "file over a directory",
            vec![Raw::new(b'5', "d").block(), file("d", "x")],
            "refused: `d` is a directory in one place and a file or a link in another",
        ),
        (
            "directory over a file",
            vec![file("d", "x"), file("d/x", "x")],
            "refused: `d` is a directory in one place and a file or a link in another",
        ),
        (
            "hard link out",
            vec![Raw::link(b'1', "l", "../secret")],
            "refused: `../secret` goes through `..`",
        ),
        (
            "hard link to nothing",
            vec![Raw::link(b'1', "l", "later"), file("later", "x")],
            "refused: `l` is a hard link to `later`, which is not a file that stands before it in the archive",
        ),
        (
            "hard link to a link",
            vec![Raw::link(b'2', "s", "later"), Raw::link(b'1', "l", "s")],
            "refused: `l` is a hard link to `s`, which is not a file that stands before it in the archive",
        ),
        (
            "hard link through a link",
            vec![file("d/x", "x"), Raw::link(b'2', "s", "d"), Raw::link(b'1', "l", "s/x")],
            "refused: `l` is a hard link to `s/x`, which is not a file that stands before it in the archive",
        ),
        ("character device", vec![Raw::new(b'3', "null").block()], "refused: `null` is a character device"),
        ("block device", vec![Raw::new(b'4', "disk").block()], "refused: `disk` is a block device"),
        ("pipe", vec![Raw::new(b'6', "pipe").block()], "refused: `pipe` is a named pipe"),
        ("unknown kind", vec![Raw::new(b'Z', "z").block()], "refused: `z` is of the unknown kind `Z`"),
        (
            "sparse",
            vec![Raw::new(b'S', "s").block()],
            "refused: `s` is stored as a sparse file; make the archive without `--sparse`",
        ),
        (
            "sparse by an attribute",
            vec![pax("22 GNU.sparse.major=1\n"), file("s", "x")],
            "refused: `s` is stored as a sparse file; make the archive without `--sparse`",
        ),
        ("no name", vec![file(".", "x")], "refused: it holds a member without a name"),
        ("no name but the root's", vec![Raw::link(b'2', "/", "a")], "refused: it holds a member without a name"),
        ("no name for a link", vec![Raw::link(b'2', ".", "a")], "refused: it holds a member without a name"),
        (
            "zero byte in a name",
            vec![pax("12 path=a\0b\n"), file("ok", "x")],
            "refused: the path `a\\u{0}b` holds a zero byte",
        ),
        (
            "attribute without an end",
            vec![pax("99 path=a\n"), file("ok", "x")],
            "refused: its tar header at byte 0 has an attribute record that cannot be read",
        ),
        (
            "size that is no number",
            vec![Raw { size: "zzzzzzzzzzz".into(), ..Raw::new(b'0', "a") }.block()],
            "refused: its tar header at byte 0 has a size that is no number",
        ),
        (
            "long path",
            vec![long_name(&"a/".repeat(201)), file("ok", "x")],
            &format!("over limit: the path `{}…` is longer than 400 bytes", "a/".repeat(60)),
        ),
        (
            "long component",
            vec![long_name(&"a".repeat(256)), file("ok", "x")],
            &format!("over limit: `{}…` holds a name longer than 255 bytes", "a".repeat(120)),
        ),
        (
            "deep",
            vec![file("1/2/3/4/5/6/7", "x")],
            "over limit: `1/2/3/4/5/6/7` lies more than 6 directories deep",
        ),
        (
            "claimed size",
            vec![Raw { size: "77777777777".into(), ..Raw::new(b'0', "big") }.block()],
            "over limit: it unpacks to more than 4194304 bytes",
        ),
        (
            "claimed size by an attribute",
            vec![pax("29 size=18446744073709551615\n"), file("big", "x")],
            "over limit: it unpacks to more than 4194304 bytes",
        ),
        (
            "endless name",
            vec![Raw { size: "00010000000".into(), ..Raw::new(b'L', "l") }.block()],
            "over limit: it holds a name or attribute record of 2097152 bytes; at most 1048576 are read",
        ),
        (
            "many files",
            (0..51).map(|n| file(&n.to_string(), "")).collect(),
            "over limit: it holds more than 50 files and directories",
        ),
        (
            "many directories",
            (0..11).map(|n| file(&format!("{n}/a/b/c/d/e"), "")).collect(),
            "over limit: it holds more than 50 files and directories",
        ),
    ]
    .into_iter()
    .map(|(name, members, text)| (name, members, Box::leak(text.to_owned().into_boxed_str()) as &str))
    .collect();
    for (name, members, expected) in cases {
        assert_eq!(refusal(&gzip(&tar_of(&members))), expected, "{name}");
        assert_eq!(refusal(&tar_of(&members)), expected, "{name}, not compressed");
    }
}

#[test]
fn what_is_not_an_archive_is_named() {
    let not = "refused: not a gzip-compressed tar archive; it looks like this: ";
    let cases: Vec<(Vec<u8>, String)> = vec![
        (vec![], format!("{not}empty")),
        (
            b"PK\x03\x04rest".to_vec(),
            format!("{not}a zip archive (PyTorch and Keras files are zip archives too)"),
        ),
        (b"\x80\x04\x95rest".to_vec(), format!("{not}a Python pickle")),
        (b"BZh91AY".to_vec(), format!("{not}bzip2 data")),
        (b"\x89HDF\r\n\x1a\nrest".to_vec(), format!("{not}an HDF5 file")),
        (b"<html></html>".to_vec(), format!("{not}XML or HTML text")),
        (b"{\"a\": 1}".to_vec(), format!("{not}JSON text")),
        (b"hello\n".to_vec(), format!("{not}plain text")),
        (
            vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            format!("{not}unknown data that begins with 00 01 02 03 04 05 06 07"),
        ),
        (
            gzip(b"\x80\x04\x95 a pickle in gzip"),
            "refused: compressed with gzip, but not a tar archive inside; it looks like this: a Python pickle"
                .into(),
        ),
        (
            gzip(&[b'x'; 2000]),
            "refused: compressed with gzip, but not a tar archive inside; it looks like this: plain text".into(),
        ),
        (gzip(b""), "refused: there is nothing inside".into()),
    ];
    for (bytes, expected) in cases {
        assert_eq!(refusal(&bytes), expected);
    }
}

#[test]
fn an_archive_cut_off_anywhere_is_refused() {
    let noise: String = (0..4000_u32).map(|n| char::from(b'a' + (n * n % 23) as u8)).collect();
    let tar = tar_of(&[file("a", &noise), file("b", "tail")]);
    let packed = gzip(&tar);
    for kept in 1..packed.len() {
        let outcome = refusal(&packed[..kept]);
        let is_cut = outcome == "refused: its gzip data was cut off before the end"
            || (kept == 1 && outcome.contains("not a gzip-compressed tar archive"));
        assert!(is_cut, "{kept} of {}: {outcome}", packed.len());
    }
    // Without its end marker, the last 1,024 bytes.
    for kept in [300, 511, 512, 1000, 4607, 4608, 5120, 5121, 5632] {
        let outcome = refusal(&tar[..kept]);
        assert!(outcome.contains("cut off") || outcome.contains("damaged tar"), "{kept}: {outcome}");
    }
    assert_eq!(refusal(&tar[..tar.len() - 1024 + 512]), "accepted");
}

#[test]
fn a_tar_cut_before_it_was_compressed_is_refused() {
    let tar = tar_of(&[file("a", "0123456789")]);
    let cut = "refused: the tar archive was cut off before its end";
    assert_eq!(refusal(&gzip(&tar[..515])), cut);
    // An archive without end marker is what some tools write; the checksum of gzip says that it is whole.
    assert_eq!(refusal(&gzip(&tar[..1024])), "accepted");
}

#[test]
fn damaged_bytes_are_refused() {
    let mut packed = gzip(&tar_of(&[file("a", "0123456789")]));
    let checksum_at = packed.len() - 8;
    packed[checksum_at] ^= 1;
    let outcome = refusal(&packed);
    assert!(outcome.starts_with("refused: its gzip data is damaged"), "{outcome}");

    let mut tar = tar_of(&[file("a", "x"), file("b", "y")]);
    tar[1024 + 3] ^= 1;
    assert_eq!(refusal(&gzip(&tar)), "refused: its tar header at byte 1024 has a wrong checksum");

    let mut followed = gzip(&tar_of(&[file("a", "x")]));
    followed.extend_from_slice(b"-- \nsent from a mail program\n");
    let outcome = refusal(&followed);
    let wanted =
        "refused: its gzip data is whole, but something else follows it; that looks like this: plain text";
    assert_eq!(outcome, wanted);
}

#[test]
fn a_bomb_stops_long_before_it_is_unpacked() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    encoder.write_all(&Raw { size: "00014000000".into(), ..Raw::new(b'0', "zeros") }.block()).unwrap();
    for _ in 0..3 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let (outer, outcome) = unpack_bytes(&bomb);
    let text = outcome.unwrap_err().to_string();
    assert!(text.starts_with("it unpacks to more than 100 times its own size (stopped after "), "{text}");
    // The decoder's buffer runs ahead of the limit by some kilobytes, not by megabytes.
    assert!(fs::metadata(outer.path().join("model/zeros")).unwrap().len() < 1 << 20);
}

#[test]
fn zeros_after_the_end_of_the_archive_count_too() {
    let mut tar = tar_of(&[file("a", "x")]);
    tar.resize(tar.len() + (5 << 20), 0);
    let outcome = refusal(&tar);
    assert_eq!(outcome, "over limit: it unpacks to more than 4194304 bytes");
    assert!(refusal(&gzip(&tar)).starts_with("over limit: it unpacks to more than 100 times"));
}

#[test]
fn a_planted_link_is_replaced_and_not_written_through() {
    let archive =
        gzip(&tar_of(&[file("target", "kept"), Raw::link(b'2', "name", "target"), file("name", "new")]));
    let (outer, outcome) = unpack_bytes(&archive);
    outcome.unwrap();
    let tree = tree_of(&outer.path().join("model"));
    assert_eq!(tree["target"], ("file".into(), "kept".into()));
    assert_eq!(tree["name"], ("file".into(), "new".into()));
}

#[test]
fn a_second_copy_does_not_write_through_a_hard_link() {
    let archive = gzip(&tar_of(&[file("a", "first"), Raw::link(b'1', "b", "a"), file("b", "second")]));
    let (outer, outcome) = unpack_bytes(&archive);
    outcome.unwrap();
    let tree = tree_of(&outer.path().join("model"));
    assert_eq!(tree["a"].1, "first");
    assert_eq!(tree["b"].1, "second");
}

#[test]
fn directories_of_old_archives_and_comments_are_understood() {
    let archive = gzip(&tar_of(&[
        Raw::new(b'g', "pax_global_header").with_body(b"18 comment=a-hash\n"),
        Raw::new(0, "old/").block(),
        Raw::new(0, "old/file").with_body(b"x"),
    ]));
    let (outer, outcome) = unpack_bytes(&archive);
    assert_eq!(outcome.unwrap(), Unpacked { bytes: 1 });
    assert_eq!(tree_of(&outer.path().join("model")).len(), 2);
}

#[test]
fn a_source_that_breaks_off_is_not_the_archives_fault() {
    struct Breaking(Vec<u8>);
    impl Read for Breaking {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other(crate::feed::Abandoned));
            }
            let count = buffer.len().min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }
    let packed = gzip(&tar_of(&[file("a", &"x".repeat(5000))]));
    for kept in [0, 5, 20, packed.len() - 1, packed.len()] {
        let target = tempfile::tempdir().unwrap();
        let outcome = unpack(Breaking(packed[..kept].to_vec()), target.path(), &LIMITS);
        assert!(matches!(outcome, Err(UnpackError::Source(_))), "{kept}: {outcome:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// `unpack_bytes` checks that nothing outside changed.
    #[test]
    fn no_archive_reaches_outside(
        names in prop::collection::vec(("[a-c./]{1,8}", "[a-c./]{0,12}", prop::sample::select(b"01257".to_vec())), 1..12),
    ) {
        let members: Vec<Vec<u8>> = names
            .iter()
            .map(|(name, target, kind)| match kind {
                b'0' => file(name, target),
                kind => Raw::link(*kind, name, target),
            })
            .collect();
        let (outer, _) = unpack_bytes(&gzip(&tar_of(&members)));
        // Every link that was made resolves inside, or nowhere.
        let root = outer.path().join("model").canonicalize().unwrap();
        let mut waiting = vec![root.clone()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if fs::symlink_metadata(&path).unwrap().is_dir() {
                    waiting.push(path);
                } else if let Ok(resolved) = path.canonicalize() {
                    prop_assert!(resolved.starts_with(&root), "{} leads to {}", path.display(), resolved.display());
                }
            }
        }
    }

    #[test]
    fn damaged_archives_never_panic(at in 0_usize..3000, with in any::<u8>(), compressed in any::<bool>()) {
        let tar = tar_of(&[
            long_name("a/long/name"), file("x", "0123456789"),
            pax("16 path=a/other\n"), file("y", "z"), Raw::link(b'2', "l", "a"),
        ]);
        let mut bytes = if compressed { gzip(&tar) } else { tar };
        let at = at % bytes.len();
        bytes[at] = with;
        let _ = unpack_bytes(&bytes);
    }
}
