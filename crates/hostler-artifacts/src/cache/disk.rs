//! The cache's directory: `KEY/model` with `KEY/entry.json` beside it, and `.work/N` for what is not whole.
//!
//! Why: a name below the cache's directory means "whole", because it is given by one rename after everything else.
//! Nothing is synced (a cold start should not wait for the disk), so an entry also names the boot it was made in: what a
//! killed process left is whole, what a power cut left may not be and is fetched again.
//! Invariants: only names that this module makes are ever removed. Removing never follows links.
//! Failure: a `WorkDir` removes itself on drop; what could not be removed is removed at the next start.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use crate::key::CacheKey;
use crate::port::ArtifactVersion;

const WORK: &str = ".work";
const MODEL: &str = "model";
const ENTRY: &str = "entry.json";
/// Models may be confidential: nobody else passes the cache's own directory.
const PRIVATE_MODE: u32 = 0o700;
/// What lets the owner empty a directory.
const OWNER_MAY_EMPTY: u32 = 0o700;
/// Changes at every boot of the machine.
const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";

/// The directory.
pub(super) struct Disk {
    dir: PathBuf,
    boot_id: String,
    next_work: Arc<AtomicU64>,
}

/// An entry of an earlier server.
pub(super) struct Found {
    pub(super) key: CacheKey,
    pub(super) version: ArtifactVersion,
    pub(super) bytes: u64,
    pub(super) stamp: Option<Stamp>,
}

/// `entry.json`.
#[derive(Serialize, Deserialize)]
struct Description {
    key: CacheKey,
    version: ArtifactVersion,
    unpacked_bytes: u64,
    boot_id: String,
    /// None in entries of earlier releases.
    #[serde(default)]
    stamp: Option<Stamp>,
}

/// A directory that is removed on drop, unless it became an entry.
pub(crate) struct WorkDir {
    path: PathBuf,
    model: PathBuf,
    is_ours: bool,
}

impl WorkDir {
    /// Where the model's files belong.
    pub(crate) fn model(&self) -> &Path {
        &self.model
    }

    fn at(path: PathBuf) -> Self {
        Self { model: path.join(MODEL), path, is_ours: true }
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        if let Err(error) = remove_tree(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "leftovers stay until the next start");
        }
    }
}

impl Disk {
    /// Opens `dir`, removes what is not whole, and lists the rest in the order of last use. Blocks.
    pub(super) fn open(dir: PathBuf) -> io::Result<(Self, Vec<Found>)> {
        fs::DirBuilder::new().recursive(true).mode(PRIVATE_MODE).create(&dir)?;
        let work = dir.join(WORK);
        if work.exists() {
            remove_tree(&work)?;
        }
        fs::DirBuilder::new().mode(PRIVATE_MODE).create(&work)?;
        // Without a boot id no entry of an earlier start is trusted.
        let boot_id = fs::read_to_string(BOOT_ID_FILE).unwrap_or_default().trim().to_owned();
        let disk = Self { dir, boot_id, next_work: Arc::default() };
        let found = disk.find_entries()?;
        Ok((disk, found))
    }

    fn find_entries(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for child in fs::read_dir(&self.dir)? {
            let child = child?;
            let Some(key) = child.file_name().to_str().and_then(|name| name.parse::<CacheKey>().ok()) else {
                continue;
            };
            if let Some((used_at, entry)) = self.read_entry(&key) {
                found.push((used_at, entry));
            } else {
                tracing::info!(%key, "removing a cached model that may not be whole");
                remove_tree(&child.path())?;
            }
        }
        found.sort_by_key(|(used_at, _)| *used_at);
        Ok(found.into_iter().map(|(_, entry)| entry).collect())
    }

    fn read_entry(&self, key: &CacheKey) -> Option<(SystemTime, Found)> {
        let path = self.dir.join(key.as_str()).join(ENTRY);
        let used_at = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
        let description: Description = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let is_whole = description.key == *key
            && !self.boot_id.is_empty()
            && description.boot_id == self.boot_id
            && self.model(key).is_dir();
        let Description { version, unpacked_bytes: bytes, stamp, .. } = description;
        is_whole.then(|| (used_at, Found { key: key.clone(), version, bytes, stamp }))
    }

    /// Where an entry's files are.
    pub(super) fn model(&self, key: &CacheKey) -> PathBuf {
        self.dir.join(key.as_str()).join(MODEL)
    }

    /// Whether an entry's files are still there.
    pub(super) fn has(&self, key: &CacheKey) -> bool {
        self.model(key).is_dir()
    }

    /// Notes a use, for the order after a restart.
    pub(super) fn touch(&self, key: &CacheKey) {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps { last_access: omit, last_modification: now };
        let path = self.dir.join(key.as_str()).join(ENTRY);
        if let Err(error) = rustix::fs::utimensat(CWD, &path, &times, AtFlags::empty()) {
            tracing::debug!(%key, %error, "the use of a cached model was not noted");
        }
    }

    /// A new directory with an empty `model` in it.
    pub(super) fn work_dir(&self) -> io::Result<WorkDir> {
        let work = WorkDir::at(self.next_work_path());
        fs::create_dir(&work.path)?;
        fs::create_dir(&work.model)?;
        Ok(work)
    }

    /// Writes what the entry is, the last thing before it gets its name; what was written down of its files.
    pub(super) fn describe(
        &self,
        work: &WorkDir,
        key: &CacheKey,
        version: &ArtifactVersion,
        unpacked_bytes: u64,
    ) -> io::Result<Stamp> {
        let stamp = Stamp::of(&work.model)?;
        let (key, version, boot_id) = (key.clone(), version.clone(), self.boot_id.clone());
        let description = Description { key, version, unpacked_bytes, boot_id, stamp: Some(stamp.clone()) };
        fs::write(work.path.join(ENTRY), serde_json::to_vec_pretty(&description)?)?;
        Ok(stamp)
    }

    /// Gives a finished directory its name.
    pub(super) fn put_in(&self, key: &CacheKey, work: &mut WorkDir) -> io::Result<()> {
        let path = self.dir.join(key.as_str());
        match fs::rename(&work.path, &path) {
            // What stands there is not known as an entry, so somebody damaged it.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                drop(self.take_out(key)?);
                fs::rename(&work.path, &path)?;
            }
            other => other?,
        }
        work.is_ours = false;
        Ok(())
    }

    /// Takes an entry's name away; its files go when the result is dropped.
    pub(super) fn take_out(&self, key: &CacheKey) -> io::Result<WorkDir> {
        let path = self.next_work_path();
        fs::rename(self.dir.join(key.as_str()), &path)?;
        Ok(WorkDir::at(path))
    }

    fn next_work_path(&self) -> PathBuf {
        self.dir.join(WORK).join(self.next_work.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

/// Removes a tree whose directories may be read-only, as an unpacked model's are.
pub fn remove_tree(root: &Path) -> io::Result<()> {
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        fs::set_permissions(&directory, Permissions::from_mode(OWNER_MAY_EMPTY))?;
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    fs::remove_dir_all(root)
}
