//! The stored inputs of `fuzz/corpus`.
//!
//! Invariants: read in the order of their names, so that a run with the same seed is the same run everywhere.

use std::io;
use std::path::Path;

/// Every input of one harness; none when there is no directory for it.
pub fn load(root: &Path, name: &str) -> io::Result<Vec<Vec<u8>>> {
    let directory = root.join(name);
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        files.push(entry?.path());
    }
    files.sort();
    files.iter().map(std::fs::read).collect()
}
