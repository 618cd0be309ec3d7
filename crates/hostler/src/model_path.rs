//! A model on this machine's disk: a directory, or an archive that is unpacked for a look.
//!
//! Why: `deploy` and `inspect` must see just what a deployment would see.
//! Invariants: an archive is unpacked with the server's own rules into a private directory, which goes with this value,
//! also when its directories are read-only.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hostler_artifacts::{Contents, UnpackLimits, look_at_directory, remove_tree, unpack_local};
use tempfile::TempDir;

use crate::output;

/// What a path holds.
pub(crate) struct ModelPath {
    pub(crate) contents: Contents,
    pub(crate) form: Form,
    dir: PathBuf,
    scratch: Option<TempDir>,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Directory,
    Archive { bytes: u64 },
}

impl Form {
    /// Directory or archive; anything else is an error.
    pub(crate) fn of(path: &Path) -> anyhow::Result<Self> {
        let metadata =
            fs::metadata(path).with_context(|| format!("looking at `{}` failed", path.display()))?;
        if metadata.is_dir() {
            Ok(Self::Directory)
        } else if metadata.is_file() {
            Ok(Self::Archive { bytes: metadata.len() })
        } else {
            bail!("`{}` is neither a directory nor a file", path.display())
        }
    }
}

impl ModelPath {
    /// Looks at everything. Blocks.
    pub(crate) fn look(path: &Path) -> anyhow::Result<Self> {
        let form = Form::of(path)?;
        let limits = UnpackLimits::default();
        if form == Form::Directory {
            let contents = look_at_directory(path, &limits)?;
            return Ok(Self { contents, form, dir: path.to_owned(), scratch: None });
        }
        let scratch = tempfile::Builder::new()
            .prefix("hostler-model-")
            .tempdir()
            .context("making a temporary directory failed")?;
        // Made before anything is unpacked, so that whatever happens is cleaned up by `drop`.
        let mut model = Self {
            contents: Contents::default(),
            form,
            dir: scratch.path().to_owned(),
            scratch: Some(scratch),
        };
        model.contents = unpack_local(path, &model.dir, &limits)?;
        Ok(model)
    }

    /// Where its files lie.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for ModelPath {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take()
            && let Err(error) = remove_tree(scratch.path())
        {
            output::say(&format!("`{}` could not be removed: {error}", scratch.path().display()));
        }
    }
}
