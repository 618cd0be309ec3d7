//! One instance's directory: its files, its lock, its birth and its end.
//!
//! Why: a directory appears complete (made aside, then renamed) and disappears at once (renamed aside, then deleted),
//! so a crash leaves an instance or none, never half of one.
//! Invariants: whoever holds the lock is the supervisor or the server that is about to start it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use hostler_artifacts::remove_tree;
use hostler_types::InstanceId;

/// What the instance is to be.
pub const SPEC: &str = "spec.json";
/// Its model data is in place.
pub const PREPARED: &str = "prepared.json";
/// What is launched, and how.
pub const LAUNCH: &str = "launch.json";
/// Who watches it.
pub const SUPERVISOR: &str = "supervisor.json";
/// It was started.
pub const RUNNING: &str = "running.json";
/// Why it never ran.
pub const FAILED: &str = "failed.json";
/// How it ended.
pub const EXIT: &str = "exit.json";
/// How long it has to stop.
pub const STOP: &str = "stop.json";
/// Its removal was begun.
pub const REMOVING: &str = "removing.json";
/// The directory of target models.
pub const MODELS: &str = "models";
const LOCK: &str = "lock";
/// Prefixes of directories that are no instance yet or no more.
const NEW: &str = ".new-";
const REMOVED: &str = ".removed-";
/// Only its owner reads an instance's directory: environments hold secrets.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The directory of one instance.
#[derive(Clone, Debug)]
pub struct InstanceDir {
    path: PathBuf,
}

/// The lock on an instance, held until dropped by every process it was handed to.
#[derive(Debug)]
pub struct Lock(File);

impl InstanceDir {
    /// The directory at a path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory of an instance below the root of all.
    pub fn of(root: &Path, id: &InstanceId) -> Self {
        Self::at(root.join(id.to_string()))
    }

    /// Where its target models are, when it has many.
    pub fn models(&self) -> PathBuf {
        self.path.join(MODELS)
    }

    /// Makes the directory with its spec and these directories, durably; one that exists is an error.
    pub fn create(
        root: &Path,
        id: &InstanceId,
        spec: &impl Serialize,
        inner: &[PathBuf],
    ) -> io::Result<Self> {
        let whole = Self::of(root, id);
        if whole.path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let new = Self::at(root.join(format!("{NEW}{id}")));
        new.delete()?;
        make_dir(&new.path)?;
        for part in ["tmp", "logs"].into_iter().map(Path::new).chain(inner.iter().map(PathBuf::as_path)) {
            make_dir(&new.path.join(part))?;
        }
        new.write(SPEC, spec)?;
        File::open(new.path.join(SPEC))?.sync_all()?;
        File::open(&new.path)?.sync_all()?;
        fs::rename(&new.path, &whole.path)?;
        File::open(root)?.sync_all()?;
        Ok(whole)
    }

    /// Every instance under `root`, after what was half made or half deleted there is gone.
    pub fn all(root: &Path) -> io::Result<Vec<(InstanceId, Self)>> {
        make_dir(root)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(NEW) || name.starts_with(REMOVED) {
                // No instance any more: what cannot be deleted is in nobody's way.
                if let Err(error) = Self::at(entry.path()).delete() {
                    tracing::warn!(%error, directory = name, "what is left of an instance could not be deleted");
                }
            } else if let Ok(id) = name.parse() {
                found.push((id, Self::at(entry.path())));
            }
        }
        Ok(found)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log's segments, or a directory of them for each of several containers.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// What a supervisor says of its own.
    pub fn supervisor_log(&self) -> PathBuf {
        self.path.join("supervisor.log")
    }

    /// Whether a file was written.
    pub fn has(&self, file: &str) -> bool {
        self.path.join(file).exists()
    }

    /// Reads a file; none when it was not written yet.
    pub fn read<T: DeserializeOwned>(&self, file: &str) -> io::Result<Option<T>> {
        let bytes = match fs::read(self.path.join(file)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from)
    }

    /// Writes a file whole or not at all.
    pub fn write(&self, file: &str, value: &impl Serialize) -> io::Result<()> {
        let aside = self.path.join(format!(".{file}.{}", std::process::id()));
        let mut out =
            OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&aside)?;
        out.write_all(&serde_json::to_vec(value)?)?;
        fs::rename(&aside, self.path.join(file))
    }

    /// Takes the lock; none when a supervisor holds it.
    pub fn try_lock(&self) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(self.path.join(LOCK))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the directory out of sight at once, then deletes it.
    pub fn remove(&self) -> io::Result<()> {
        let Some((root, name)) = self.path.parent().zip(self.path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let aside = Self::at(root.join(format!("{REMOVED}{}", name.to_string_lossy())));
        aside.delete()?;
        match fs::rename(&self.path, &aside.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        aside.delete()
    }

    fn delete(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // What a model copied from its sealed files is as sealed as they are.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => remove_tree(&self.path),
            deleted => deleted,
        }
    }
}

impl Lock {
    /// The open file, to be handed to the supervisor as its standard input.
    pub fn into_file(self) -> File {
        self.0
    }
}

/// Makes a directory, and those above it, for its owner alone.
pub fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(path)
}

#[cfg(test)]
mod tests {
    use hostler_types::{EndpointUid, VariantName};

    use super::*;

    fn id() -> InstanceId {
        InstanceId {
            endpoint: EndpointUid::new("e1"),
            generation: 1,
            variant: VariantName::new("v"),
            ordinal: 0,
            attempt: 1,
        }
    }

    #[test]
    fn half_made_and_half_deleted_directories_are_swept() {
        let root = tempfile::tempdir().unwrap();
        InstanceDir::create(root.path(), &id(), &1, &[]).unwrap();
        fs::create_dir_all(root.path().join(".new-e1.g1.v.7.1/tmp")).unwrap();
        fs::create_dir_all(root.path().join(".removed-e1.g1.v.8.1/tmp")).unwrap();
        fs::create_dir_all(root.path().join("lost+found")).unwrap();
        let found: Vec<InstanceId> =
            InstanceDir::all(root.path()).unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, [id()]);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "only the instance and what is not ours");
    }

    #[test]
    fn a_lock_is_held_by_one() {
        let root = tempfile::tempdir().unwrap();
        let dir = InstanceDir::create(root.path(), &id(), &1, &[]).unwrap();
        let lock = dir.try_lock().unwrap();
        assert!(lock.is_some());
        assert!(dir.try_lock().unwrap().is_none());
        drop(lock);
        assert!(dir.try_lock().unwrap().is_some());
    }

    #[test]
    fn removing_twice_is_fine() {
        let root = tempfile::tempdir().unwrap();
        let dir = InstanceDir::create(root.path(), &id(), &1, &[]).unwrap();
        dir.remove().unwrap();
        dir.remove().unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
