//! Where one container of an instance lives: its model, its temporary files, its log.
//!
//! Why: the only container of an instance has the instance's directory for itself, as it always had; several would write
//! over each other there, so each gets one of its own in it.
//! Invariants: a container's directories are named after its position and its name, so that kept logs can be listed in
//! order and found by name when nothing else of the instance is left.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::directory::InstanceDir;

const CONTAINERS: &str = "containers";
const LOGS: &str = "logs";
/// No hostname is longer.
const NAME_BYTES_MAX: usize = 63;

/// The directories of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerDir {
    path: PathBuf,
    logs: PathBuf,
}

impl ContainerDir {
    /// Those of each container of an instance whose containers have these names.
    pub fn all(dir: &InstanceDir, names: &[String]) -> Vec<Self> {
        if names.len() <= 1 {
            return vec![Self { path: dir.path().to_path_buf(), logs: dir.logs() }];
        }
        let own = |position: usize, name: &String| Self {
            path: dir.path().join(CONTAINERS).join(own_name(position, name)),
            logs: dir.logs().join(own_name(position, name)),
        };
        names.iter().enumerate().map(|(position, name)| own(position, name)).collect()
    }

    /// What is to be made in an instance's directory for several containers.
    pub fn inner(names: &[String]) -> Vec<PathBuf> {
        if names.len() <= 1 {
            return Vec::new();
        }
        let own = |(position, name): (usize, &String)| {
            let own = own_name(position, name);
            [Path::new(CONTAINERS).join(&own).join("tmp"), Path::new(LOGS).join(own)]
        };
        names.iter().enumerate().flat_map(own).collect()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model data, or a link to it.
    pub fn model(&self) -> PathBuf {
        self.path.join("model")
    }

    /// The directories of additional model data, beside `model` as under AWS's `/opt/ml`.
    pub fn additional(&self) -> PathBuf {
        self.path.join("additional-model-data-sources")
    }

    /// The log's segments.
    pub fn logs(&self) -> &Path {
        &self.logs
    }
}

/// The logs of several containers that lie in a directory, each with its container's name, in order.
pub fn logs_in(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((position, name)) = name.to_str().and_then(|name| name.split_once('-')) else { continue };
        if let Ok(position) = position.parse::<usize>() {
            found.push((position, name.to_owned(), entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, name, path)| (name, path)).collect())
}

/// What is wrong with the names of an instance's containers: they are parts of paths where there are several.
pub fn check_names(names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Err("it has no container".to_owned());
    }
    let mut known = BTreeSet::new();
    for name in names {
        if names.len() > 1 && !is_plain(name) {
            return Err(format!("`{name}` is no name of a container"));
        }
        if !known.insert(name) {
            return Err(format!("two of its containers are named `{name}`"));
        }
    }
    Ok(())
}

/// Whether a container's name can be part of a path.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

fn own_name(position: usize, name: &str) -> String {
    format!("{:02}-{name}", position + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_container_has_the_instances_directory() {
        let dir = InstanceDir::at("/i");
        let all = ContainerDir::all(&dir, &["container_1".to_owned()]);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].path(), all[0].logs()), (Path::new("/i"), Path::new("/i/logs")));
        assert_eq!(ContainerDir::inner(&["container_1".to_owned()]), Vec::<PathBuf>::new());
    }

    #[test]
    fn logs_of_several_are_found_in_order_by_their_names() {
        let root = tempfile::tempdir().unwrap();
        let names: Vec<String> = (1..=15).map(|n| format!("container-{n}")).collect();
        for inner in ContainerDir::inner(&names) {
            fs::create_dir_all(root.path().join(inner)).unwrap();
        }
        let all = ContainerDir::all(&InstanceDir::at(root.path()), &names);
        let logs = logs_in(&root.path().join("logs")).unwrap();
        let expected: Vec<_> =
            names.iter().cloned().zip(all.iter().map(|dir| dir.logs().to_path_buf())).collect();
        assert_eq!(logs, expected);
        assert!(all.iter().all(|dir| dir.path().join("tmp").is_dir()));
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_not_plain() {
        for name in ["", "..", "a/b", "a b", &"a".repeat(64)] {
            assert!(!is_plain(name), "{name}");
        }
        for name in ["container_1", "my-container", "1"] {
            assert!(is_plain(name), "{name}");
        }
    }
}
