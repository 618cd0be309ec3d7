//! What is written down of an entry's files when they were fetched, and whether they are still those.
//!
//! Why: modes bind no root, and a user's own programs may change them; so a model that writes where it should only read
//! would change the model of every later instance. Reading gigabytes again at each use would tell, and costs more than it
//! is worth; what the kernel notes of each file tells too, because nobody sets a `ctime`.
//! Invariants: names, kinds, modes, sizes, `mtime` and `ctime` count; of directories names and modes only. What lies in
//! a `__pycache__` does not count: Python puts there what it makes of the code beside, and holds it against that code.
//! Links are not followed. A look ends where more is there than was written down. Not seen is a change within the same
//! tick of the kernel's clock (some milliseconds) as the end of the fetch, before an instance can have started.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::unpack::quoted;

/// Where Python keeps compiled code.
const PYTHON_CACHE: &str = "__pycache__";

/// Stands for a tree of files as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Files, links and directories below the root.
    members: u64,
    /// SHA-256 over what counts of each.
    digest: String,
}

impl Stamp {
    /// Of the tree below `root`. Blocks.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        Walk::through(root, u64::MAX).map(Walk::stamp)
    }

    /// What changed below `root` since; nothing when all is as it was. Blocks.
    pub(super) fn change(&self, root: &Path) -> Option<String> {
        let walk = match Walk::through(root, self.members) {
            Ok(walk) => walk,
            Err(error) => return Some(format!("it could not be looked through: {error}")),
        };
        if walk.members > self.members {
            return Some(format!("more is there than the {} files and directories fetched", self.members));
        }
        let latest = quoted(walk.latest.1.as_os_str().as_bytes());
        (walk.stamp() != *self).then(|| format!("the latest change is at {latest}"))
    }
}

/// A look through a tree.
struct Walk {
    members: u64,
    digest: Context,
    /// What changed last, with its `ctime`; a directory changes with the names in it.
    latest: ((i64, i64), PathBuf),
}

impl Walk {
    /// Looks at everything below `root`, but not much further than at `members_max`.
    fn through(root: &Path, members_max: u64) -> io::Result<Self> {
        let mut walk =
            Self { members: 0, digest: Context::new(&SHA256), latest: ((i64::MIN, 0), PathBuf::new()) };
        walk.note_change(Path::new("."), &fs::symlink_metadata(root)?);
        let mut waiting = vec![PathBuf::new()];
        while let Some(directory) = waiting.pop() {
            let mut names = Vec::new();
            for entry in fs::read_dir(root.join(&directory))? {
                let name = entry?.file_name();
                if name == PYTHON_CACHE {
                    continue;
                }
                names.push(name);
                if walk.members + names.len() as u64 > members_max {
                    walk.members += names.len() as u64;
                    return Ok(walk);
                }
            }
            names.sort_unstable();
            for name in names {
                let path = directory.join(name);
                let metadata = fs::symlink_metadata(root.join(&path))?;
                walk.add(&path, &metadata);
                if metadata.is_dir() {
                    waiting.push(path);
                }
            }
        }
        Ok(walk)
    }

    fn add(&mut self, path: &Path, metadata: &Metadata) {
        self.members += 1;
        self.note_change(path, metadata);
        let name = path.as_os_str().as_bytes();
        self.digest.update(&(name.len() as u64).to_be_bytes());
        self.digest.update(name);
        self.digest.update(&metadata.mode().to_be_bytes());
        // Compiled code that comes or goes changes the directory that it is in.
        if !metadata.is_dir() {
            self.digest.update(&metadata.len().to_be_bytes());
            for time in [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()] {
                self.digest.update(&time.to_be_bytes());
            }
        }
    }

    fn note_change(&mut self, path: &Path, metadata: &Metadata) {
        let at = (metadata.ctime(), metadata.ctime_nsec());
        if at > self.latest.0 {
            self.latest = (at, path.to_path_buf());
        }
    }

    fn stamp(self) -> Stamp {
        Stamp { members: self.members, digest: hex::encode(self.digest.finish()) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn model() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("code")).unwrap();
        for name in ["weights.bin", "code/serve.py"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        dir
    }

    #[test]
    fn the_same_tree_has_the_same_stamp_and_reading_it_changes_nothing() {
        let dir = model();
        let stamp = Stamp::of(dir.path()).unwrap();
        assert_eq!(stamp.members, 3);
        fs::read(dir.path().join("code/serve.py")).unwrap();
        assert_eq!(stamp.change(dir.path()), None);
    }

    #[test]
    fn the_change_is_named() {
        let dir = model();
        let stamp = Stamp::of(dir.path()).unwrap();
        let code = dir.path().join("code/serve.py");
        let before = fs::metadata(&code).unwrap();
        // The kernel's clock for files moves in ticks.
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while (before.ctime(), before.ctime_nsec()) == {
            let now = fs::metadata(&code).unwrap();
            (now.ctime(), now.ctime_nsec())
        } {
            assert!(tokio::time::Instant::now() < deadline);
            fs::set_permissions(&code, Permissions::from_mode(0o600)).unwrap();
        }
        let change = stamp.change(dir.path());
        assert_eq!(change.as_deref(), Some("the latest change is at `code/serve.py`"));
    }

    #[test]
    fn a_tree_that_grew_is_not_looked_through_to_its_end() {
        let dir = model();
        let stamp = Stamp::of(dir.path()).unwrap();
        for n in 0..100 {
            fs::write(dir.path().join(n.to_string()), "").unwrap();
        }
        let change = stamp.change(dir.path());
        assert_eq!(change.as_deref(), Some("more is there than the 3 files and directories fetched"));
        assert_eq!(Walk::through(dir.path(), 3).unwrap().members, 4);
    }

    #[test]
    fn a_tree_that_is_gone_has_changed() {
        let dir = model();
        let stamp = Stamp::of(dir.path()).unwrap();
        let gone = dir.path().join("gone");
        assert!(stamp.change(&gone).unwrap().starts_with("it could not be looked through: "));
    }
}
