//! What tells one environment from another: the Python, what is installed, and from where.
//!
//! Invariants: pure but for reading the code's files where requirements lead to them. Equal keys mean that the same
//! packages would be asked for in the same way.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use ring::digest::{Context, SHA256};

/// Raised when environments are made in another way.
const LAYOUT: &str = "1";
/// Of a code directory that requirements lead into.
const FILES_MAX: usize = 10_000;
const BYTES_MAX: u64 = 1 << 30;
/// Enough of the digest for a directory's name.
const CHARS: usize = 32;

/// The name of an environment.
pub(crate) fn key(
    python: &str,
    base: &[String],
    requirements: Option<&str>,
    pip: &BTreeMap<String, String>,
    files: Option<&Path>,
) -> io::Result<String> {
    let mut digest = Digest(Context::new(&SHA256));
    digest.add(LAYOUT.as_bytes());
    digest.add(python.as_bytes());
    for line in base {
        digest.add(line.as_bytes());
    }
    digest.add(b"requirements");
    digest.add(requirements.unwrap_or_default().as_bytes());
    for (name, value) in pip {
        digest.add(name.as_bytes());
        digest.add(value.as_bytes());
    }
    if let Some(dir) = files {
        let mut left = (FILES_MAX, BYTES_MAX);
        digest.add_tree(dir, dir, &mut left)?;
    }
    let mut text = hex::encode(digest.0.finish());
    text.truncate(CHARS);
    Ok(text)
}

struct Digest(Context);

impl Digest {
    /// With its length, so that two texts are never one.
    fn add(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn add_tree(&mut self, root: &Path, dir: &Path, left: &mut (usize, u64)) -> io::Result<()> {
        let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                self.add_tree(root, &path, left)?;
                continue;
            }
            let length = entry.metadata()?.len();
            let too_much =
                || io::Error::other("the code that requirements lead to is too large to tell it apart");
            left.0 = left.0.checked_sub(1).ok_or_else(too_much)?;
            left.1 = left.1.checked_sub(length).ok_or_else(too_much)?;
            self.add(path.strip_prefix(root).unwrap_or(&path).as_os_str().as_encoded_bytes());
            if kind.is_file() {
                self.add(&fs::read(&path)?);
            } else {
                self.add(fs::read_link(&path)?.as_os_str().as_encoded_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn whatever_decides_what_is_installed_is_in_the_name() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.whl"), "1").unwrap();
        let none = BTreeMap::new();
        let index = |url: &str| BTreeMap::from([("PIP_INDEX_URL".to_owned(), url.to_owned())]);
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let with_files = || key("3.11", &[], Some("./a.whl"), &none, Some(dir.path())).unwrap();
        let mut keys = vec![
            key("3.11", &[], None, &none, None).unwrap(),
            key("3.12", &[], None, &none, None).unwrap(),
            key("3.11", &lines(&["numpy"]), None, &none, None).unwrap(),
            key("3.11", &lines(&["num", "py"]), None, &none, None).unwrap(),
            key("3.11", &[], Some("numpy"), &none, None).unwrap(),
            key("3.11", &[], None, &index("a"), None).unwrap(),
            key("3.11", &[], None, &index("b"), None).unwrap(),
            with_files(),
        ];
        fs::write(dir.path().join("a.whl"), "2").unwrap();
        keys.push(with_files());
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        assert_eq!(key("3.11", &[], None, &none, None).unwrap(), keys[0]);
    }
}
