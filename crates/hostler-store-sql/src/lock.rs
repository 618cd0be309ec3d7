//! The lock on a data directory: one server at a time.
//!
//! Why: two servers over one directory would launch everything twice. The kernel drops this lock with the process,
//! however it ends, so no stale lock can exist.
//! Invariants: held for as long as the value lives; not inherited by what the server starts.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Why the directory is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another server has it.
    #[error(
        "the data directory `{dir}` is in use by another server (process {holder}); stop it or use another --data-dir"
    )]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The holder's process id as it wrote it, or `unknown`.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("locking the data directory `{dir}` failed")]
    Failed {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The right to use a data directory.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Takes the lock, or says who has it.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Failed { dir: dir.to_path_buf(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("lock"))
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                let mut holder = String::new();
                let read = file.read_to_string(&mut holder);
                let holder = match (read, holder.trim()) {
                    (Ok(_), pid) if !pid.is_empty() => pid.to_owned(),
                    _ => "unknown".to_owned(),
                };
                return Err(LockError::Held { dir: dir.to_path_buf(), holder });
            }
            Err(error) => return Err(failed(error.into())),
        }
        write_holder(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_directory_is_refused_with_the_holders_process_id() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDirLock::acquire(dir.path()).unwrap();
        match DataDirLock::acquire(dir.path()) {
            Err(LockError::Held { holder, .. }) => assert_eq!(holder, std::process::id().to_string()),
            other => panic!("{other:?}"),
        }
        drop(held);
        DataDirLock::acquire(dir.path()).unwrap();
    }
}
