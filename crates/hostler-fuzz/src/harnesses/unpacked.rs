//! A directory that archives are unpacked into, and what must hold of it afterwards.
//!
//! Why: "nothing outside" is looked at from outside: the archive's directory stands in another one whose other contents
//! must not change, and every file and link below is looked at by itself.
//! Invariants: empty before each input. It lies in memory where the machine has such a place.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hostler_artifacts::{UnpackLimits, remove_tree};

/// Small enough that inputs of a few kilobytes reach each of them.
pub(crate) const LIMITS: UnpackLimits = UnpackLimits {
    files: 48,
    bytes: 1 << 20,
    ratio: 20,
    ratio_free_bytes: 256 << 10,
    path_bytes: 300,
    depth: 6,
};

const CANARY: &[u8] = b"this stands beside the directory";

/// The directory of one input.
pub(crate) struct Place {
    outer: tempfile::TempDir,
}

/// What files and links were found, by their path below the directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) files: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) links: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) directories: usize,
}

impl Place {
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let builder = tempfile::Builder::new();
        let outer = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
        let place = Self { outer: outer.expect("a directory for temporary files can be made in") };
        fs::create_dir(place.root()).expect("it is new");
        fs::write(place.canary(), CANARY).expect("it is new");
        place
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.outer.path().join("model")
    }

    fn canary(&self) -> PathBuf {
        self.outer.path().join("canary")
    }

    /// Looks at everything; `is_whole` when unpacking said that it went well.
    pub(crate) fn look(&self, is_whole: bool) -> Found {
        assert_eq!(fs::read(self.canary()).ok().as_deref(), Some(CANARY), "a file outside was changed");
        assert_eq!(
            fs::read_dir(self.outer.path()).map(Iterator::count).ok(),
            Some(2),
            "a file was made outside"
        );
        let mut found = Found::default();
        let mut bytes = 0;
        let root = self.root();
        let mut open = vec![root.clone()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).expect("it is there and ours") {
                let path = entry.expect("it is there and ours").path();
                let about = fs::symlink_metadata(&path).expect("it is there");
                let below = path.strip_prefix(&root).expect("it was found below").as_os_str();
                let below = std::os::unix::ffi::OsStrExt::as_bytes(below).to_vec();
                let shown = path.display().to_string();
                assert_eq!(about.permissions().mode() & 0o7000, 0, "`{shown}` has a special bit");
                if about.is_dir() {
                    found.directories += 1;
                    open.push(path);
                } else if about.is_symlink() {
                    check_link(&root, &path);
                    let target = fs::read_link(&path).expect("it is a link").into_os_string();
                    found.links.insert(below, std::os::unix::ffi::OsStringExt::into_vec(target));
                } else {
                    assert!(about.is_file(), "`{shown}` is neither a file nor a directory nor a link");
                    assert!(!is_whole || about.mode() & 0o222 == 0, "`{shown}` may be written");
                    let content = fs::read(&path).expect("it is ours");
                    bytes += if about.nlink() > 1 { 0 } else { content.len() as u64 };
                    found.files.insert(below, content);
                }
            }
        }
        assert!(bytes <= LIMITS.bytes, "{bytes} bytes of files");
        let made = found.files.len() + found.links.len() + found.directories;
        assert!(made as u64 <= LIMITS.files + LIMITS.depth as u64, "{made} files and directories");
        found
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Finished directories are read-only.
        let _ = remove_tree(&self.root());
    }
}

/// Whatever the link leads to, through other links too, is below the directory or is not there.
fn check_link(root: &Path, link: &Path) {
    let root = fs::canonicalize(root).expect("it is there");
    if let Ok(end) = fs::canonicalize(link) {
        assert!(end.starts_with(&root), "`{}` leads to `{}`", link.display(), end.display());
    }
}
