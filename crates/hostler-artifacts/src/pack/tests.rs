//! Packed directories, read back by GNU tar and by our own unpacker.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::contents::unpack_local;

fn packed(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(dir, &mut bytes, &UnpackLimits::default()).unwrap();
    bytes
}

fn problems(dir: &Path, limits: &UnpackLimits) -> Vec<String> {
    match pack(dir, io::sink(), limits) {
        Err(PackError::Refused { problems, .. }) => problems,
        other => panic!("{other:?}"),
    }
}

/// What GNU tar lists: mode, owner, size and name, without the time.
fn listed(archive: &[u8]) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive).unwrap();
    let command = Command::new("tar").args(["--numeric-owner", "-tvzf"]).arg(file.path()).output().unwrap();
    assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
    let text = String::from_utf8(command.stdout).unwrap();
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        [&words[..3], &words[5..]].concat().join(" ")
    };
    text.lines().map(line).collect()
}

fn model() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("code/deep")).unwrap();
    fs::write(dir.path().join("weights"), [7; 1000]).unwrap();
    fs::write(dir.path().join(".hidden"), "h").unwrap();
    fs::write(dir.path().join("code/run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(dir.path().join("code/run.sh"), fs::Permissions::from_mode(0o4750)).unwrap();
    symlink("../weights", dir.path().join("code/link")).unwrap();
    dir
}

#[test]
fn gnu_tar_lists_every_entry_sorted_and_owned_by_nobody_in_particular() {
    assert_eq!(
        listed(&packed(model().path())),
        [
            "-rw-r--r-- 0/0 1 .hidden",
            "drwxr-xr-x 0/0 0 code",
            "drwxr-xr-x 0/0 0 code/deep",
            "lrwxrwxrwx 0/0 0 code/link -> ../weights",
            "-rwxr-xr-x 0/0 10 code/run.sh",
            "-rw-r--r-- 0/0 1000 weights",
        ]
    );
}

#[test]
fn the_same_content_is_the_same_archive_whenever_it_was_written() {
    let (first, second) = (model(), model());
    let old = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    File::options().write(true).open(second.path().join("weights")).unwrap().set_times(old).unwrap();
    assert_eq!(packed(first.path()), packed(second.path()));
}

#[test]
fn long_names_survive() {
    let dir = tempfile::tempdir().unwrap();
    let deep = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    fs::create_dir(dir.path().join("d".repeat(200))).unwrap();
    fs::write(dir.path().join(&deep), "x").unwrap();
    symlink(format!("{}/{}", "d".repeat(200), "f".repeat(200)), dir.path().join("long")).unwrap();
    let lines = listed(&packed(dir.path()));
    assert_eq!(lines[1], format!("-rw-r--r-- 0/0 1 {deep}"));
    assert_eq!(lines[2], format!("lrwxrwxrwx 0/0 0 long -> {deep}"));
}

#[test]
fn what_cannot_be_packed_is_told_all_at_once() {
    let dir = model();
    symlink("/etc/passwd", dir.path().join("absolute")).unwrap();
    symlink("../../outside", dir.path().join("code/up")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("code/socket")).unwrap();
    assert_eq!(
        problems(dir.path(), &UnpackLimits::default()),
        [
            "`absolute` is a link to `/etc/passwd`, an absolute path",
            "`code/socket` is a socket",
            "`code/up` is a link to `../../outside`, outside the model's directory",
        ]
    );
}

#[test]
fn the_unpackers_limits_hold_before_anything_is_sent() {
    let few = UnpackLimits { files: 3, ..UnpackLimits::default() };
    assert_eq!(problems(model().path(), &few), ["it holds more than 3 files and directories"]);
    let small = UnpackLimits { bytes: 500, ..UnpackLimits::default() };
    assert_eq!(problems(model().path(), &small), ["it unpacks to more than 500 bytes"]);
}

#[test]
fn a_directory_that_is_not_there_is_an_error_that_names_it() {
    let error = pack(Path::new("/nowhere/model"), io::sink(), &UnpackLimits::default()).unwrap_err();
    assert_eq!(error.to_string(), "listing `/nowhere/model` failed");
}

/// Grows a file at the moment its first bytes are taken.
struct Grower(PathBuf);

impl Write for Grower {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        File::options().append(true).open(&self.0)?.write_all(b"more")?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_that_grows_meanwhile_fails_the_packing() {
    let dir = tempfile::tempdir().unwrap();
    // Random enough to fill the compressor's buffer before the end of the file.
    let noise: Vec<u8> = (0..4 << 20_u32).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let file = dir.path().join("weights");
    fs::write(&file, noise).unwrap();
    let error = pack(dir.path(), Grower(file.clone()), &UnpackLimits::default()).unwrap_err();
    assert!(matches!(&error, PackError::Changed { file: changed } if *changed == file), "{error:?}");
}

/// Every file below a directory.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(here) = waiting.pop() {
        for entry in fs::read_dir(here).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(dir).unwrap().to_owned();
                found.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_packed_is_what_is_unpacked(
        tree in prop::collection::btree_map("[a-c]{1,2}(/[a-zé ]{1,9}){0,3}", prop::collection::vec(any::<u8>(), 0..2000), 0..12)
    ) {
        let (from, into, archive) = (TempDir::new()?, TempDir::new()?, tempfile::NamedTempFile::new()?);
        for (name, content) in &tree {
            let path = from.path().join(name);
            // A name may be a directory of another one already; then it is left out.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.is_dir() {
                fs::write(path, content)?;
            }
        }
        let packed = pack(from.path(), archive.as_file(), &UnpackLimits::default()).unwrap();
        let contents = unpack_local(archive.path(), into.path(), &UnpackLimits::default()).unwrap();
        prop_assert_eq!(&contents.problems, &Vec::<String>::new());
        prop_assert_eq!(contents.entries.len() as u64, packed.entries);
        prop_assert_eq!(&contents, &look_at_directory(from.path(), &UnpackLimits::default()).unwrap());
        prop_assert_eq!(files(from.path()), files(into.path()));
        crate::remove_tree(into.path())?;
    }
}
