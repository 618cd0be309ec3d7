//! The target models of multi-model instances: fetched into the cache once per machine, and put where a container reads
//! them.
//!
//! Why: which models an instance needs is known when they are asked for, long after it was started, so they are placed
//! one by one below a directory that was there from the start.
//! Invariants: a model lies at `NAME/model` below the instance's directory of models; names are plain, so nothing is
//! placed anywhere else. What is placed by a link is held in the cache until it is dropped; after a restart of the
//! server it is held again when it is placed again, and what a container has read needs no file any more. A link changes
//! nothing of the cached files; a copy is made where the directory is mounted elsewhere and a link would lead nowhere. A
//! hard link is no way: it would change the files' `ctime`, by which the cache knows what was written into.
//! Failure: what was begun is made anew by the next call; a container is told of a model only after it is whole.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_artifacts::{ArtifactSource, DataForm, DataSource, FetchError};
use hostler_compute::{ComputeError, PlaceError};
use hostler_types::InstanceId;

use crate::{Lease, ModelData};

/// How a model comes into an instance's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// By a link into the cache: for processes, which see the same files as the server.
    Links,
    /// By a copy, which takes no room where the file system shares blocks: for containers.
    Copies,
}

/// Who has which model.
pub struct TargetModels {
    data: Arc<dyn ModelData>,
    placing: Placing,
    held: Mutex<HashMap<(InstanceId, String), Lease>>,
}

impl TargetModels {
    /// None yet.
    pub fn new(data: Arc<dyn ModelData>, placing: Placing) -> Self {
        Self { data, placing, held: Mutex::default() }
    }

    /// Fetches a model from below the prefix and puts it into the instance's directory of models; gives its place there.
    /// `home`: that directory and the prefix, where there is such an instance and it has many.
    pub async fn place(
        &self,
        id: &InstanceId,
        home: Option<(PathBuf, ArtifactSource)>,
        name: &str,
        target: &str,
    ) -> Result<PathBuf, PlaceError> {
        let (models, prefix) = home.ok_or_else(|| PlaceError::Unknown { id: id.clone() })?;
        if !is_plain(name) {
            return Err(PlaceError::Failed { detail: format!("`{name}` cannot be the name of a directory") });
        }
        let uri = format!("{}{}", prefix.uri, target.trim_start_matches('/'));
        let at = ArtifactSource { uri, ..prefix };
        let source = DataSource { at, form: DataForm::Archive, etag: None };
        let prepared = self.data.prepare(&source, &|_| ()).await.map_err(refusal)?;
        let (home, from, placing) = (models.join(name), prepared.path, self.placing);
        let place = home.join("model");
        let made = place.clone();
        let placed = tokio::task::spawn_blocking(move || put(placing, &home, &from, &made)).await;
        let placed = placed.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        placed.map_err(|error| {
            let detail = format!("placing the model `{target}` failed: {error}");
            match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PlaceError::NoRoom { detail },
                _ => PlaceError::Failed { detail },
            }
        })?;
        // What was copied needs the cache no more.
        if placing == Placing::Links {
            self.held().insert((id.clone(), name.to_owned()), prepared.lease);
        }
        Ok(place)
    }

    /// Takes a model away from this directory, if there is one.
    pub async fn drop_model(
        &self,
        id: &InstanceId,
        models: Option<PathBuf>,
        name: &str,
    ) -> Result<(), ComputeError> {
        self.held().remove(&(id.clone(), name.to_owned()));
        let Some(models) = models.filter(|_| is_plain(name)) else { return Ok(()) };
        let home = models.join(name);
        let gone = tokio::task::spawn_blocking(move || fs::remove_dir_all(home)).await;
        match gone.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ComputeError::Failed { action: "remove a model", source: error.into() })
            }
            _ => Ok(()),
        }
    }

    /// The instance is gone, and its directory with it.
    pub fn forget(&self, id: &InstanceId) {
        self.held().retain(|(holder, _), _| holder != id);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<(InstanceId, String), Lease>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn refusal(error: FetchError) -> PlaceError {
    match error {
        FetchError::Missing { uri } => PlaceError::Missing { uri },
        FetchError::Disk { is_full: true, .. } => PlaceError::NoRoom { detail: error.to_string() },
        FetchError::Interrupted { .. } | FetchError::Changed { .. } | FetchError::Disk { .. } => {
            PlaceError::Failed { detail: error.to_string() }
        }
        other => PlaceError::Refused { detail: other.to_string() },
    }
}

fn put(placing: Placing, home: &Path, from: &Path, place: &Path) -> io::Result<()> {
    // Not its parents: the instance may be removed at this moment.
    match fs::create_dir(home) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    match placing {
        Placing::Links => {
            match fs::remove_file(place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            symlink(from, place)
        }
        Placing::Copies => {
            for path in [place, &home.join(".new")] {
                match fs::remove_dir_all(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            let new = home.join(".new");
            copy_tree(from, &new)?;
            fs::rename(&new, place)
        }
    }
}

/// What the cache unpacked: directories and files, and links that stay inside.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_whole_and_leaves_what_it_was_made_from_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let from = root.path().join("from");
        fs::create_dir_all(from.join("code")).unwrap();
        fs::write(from.join("model"), "weights").unwrap();
        fs::write(from.join("code/inference.py"), "def").unwrap();
        symlink("model", from.join("latest")).unwrap();
        let home = root.path().join("a1");
        for _ in 0..2 {
            put(Placing::Copies, &home, &from, &home.join("model")).unwrap();
            assert_eq!(fs::read_to_string(home.join("model/latest")).unwrap(), "weights");
            assert_eq!(fs::read_to_string(home.join("model/code/inference.py")).unwrap(), "def");
        }
        fs::remove_dir_all(&home).unwrap();
        assert_eq!(fs::read_to_string(from.join("model")).unwrap(), "weights");
    }

    #[test]
    fn a_link_is_replaced_by_the_next_one() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("a1");
        for name in ["first", "second"] {
            let from = root.path().join(name);
            fs::create_dir(&from).unwrap();
            put(Placing::Links, &home, &from, &home.join("model")).unwrap();
            assert_eq!(fs::read_link(home.join("model")).unwrap(), from);
        }
    }

    #[test]
    fn only_plain_names_are_names_of_directories() {
        for name in ["", "..", "a/b", ".", "a b", &"a".repeat(65)] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("0123456789abcdef"));
    }
}
