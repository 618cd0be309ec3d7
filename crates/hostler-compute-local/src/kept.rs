//! Logs that outlive their instance, until its endpoint is forgotten.
//!
//! Why: a failed instance is removed at once, and its log is what its owner wants to read then.
//! Invariants: a few logs per endpoint, the oldest go first; nothing is kept of an endpoint that was forgotten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hostler_types::{EndpointUid, InstanceId};

use crate::container_dir;
use crate::directory::{InstanceDir, make_dir};

/// Beside the instances; no instance id begins with a dot.
const KEPT: &str = ".kept";
/// Kept of each endpoint: enough for every attempt that a person will look at.
const LOGS_MAX: usize = 16;

/// Where the log of a removed instance is kept, if it is.
pub fn dir(root: &Path, id: &InstanceId) -> PathBuf {
    root.join(KEPT).join(id.endpoint.as_str()).join(id.to_string())
}

/// Where the log of a container of a removed instance is kept, if it is; without a name, the first one's.
pub fn log(root: &Path, id: &InstanceId, container: Option<&str>) -> Option<PathBuf> {
    let dir = dir(root, id);
    let logs = container_dir::logs_in(&dir).ok()?;
    if logs.is_empty() {
        return Some(dir);
    }
    let is_meant = |name: &String| container.is_none_or(|container| container == name);
    logs.into_iter().find(|(name, _)| is_meant(name)).map(|(_, path)| path)
}

/// The names of a removed instance's containers whose logs are kept; none where there was one container.
pub fn names(root: &Path, id: &InstanceId) -> Vec<String> {
    let logs = container_dir::logs_in(&dir(root, id)).unwrap_or_default();
    logs.into_iter().map(|(name, _)| name).collect()
}

/// Whether anything was written.
fn has_segments(logs: &Path) -> bool {
    let entries = fs::read_dir(logs).into_iter().flatten().flatten();
    let mut entries = entries.map(|entry| entry.path());
    entries.any(|path| !path.is_dir() || fs::read_dir(path).is_ok_and(|mut inner| inner.next().is_some()))
}

/// Moves an instance's log aside; done twice it is fine.
pub fn keep(root: &Path, id: &InstanceId, instance: &InstanceDir) -> io::Result<()> {
    let logs = instance.logs();
    if !has_segments(&logs) {
        return Ok(());
    }
    let kept = dir(root, id);
    let of_endpoint = root.join(KEPT).join(id.endpoint.as_str());
    make_dir(&of_endpoint)?;
    fs::rename(logs, kept)?;
    let mut all = Vec::new();
    for entry in fs::read_dir(&of_endpoint)? {
        let entry = entry?;
        all.push((entry.metadata()?.modified()?, entry.path()));
    }
    all.sort();
    for (_, old) in &all[..all.len().saturating_sub(LOGS_MAX)] {
        fs::remove_dir_all(old)?;
    }
    Ok(())
}

/// The instances of an endpoint whose logs are kept.
pub fn list(root: &Path, endpoint: &EndpointUid) -> io::Result<Vec<InstanceId>> {
    if !is_plain(endpoint) {
        return Ok(Vec::new());
    }
    let entries = match fs::read_dir(root.join(KEPT).join(endpoint.as_str())) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        ids.extend(entry?.file_name().to_str().and_then(|name| name.parse().ok()));
    }
    ids.sort();
    Ok(ids)
}

/// An uid that is one part of a path and nothing else.
fn is_plain(endpoint: &EndpointUid) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !endpoint.as_str().is_empty() && endpoint.as_str().bytes().all(is_plain)
}

/// Deletes what was kept of an endpoint.
pub fn forget(root: &Path, endpoint: &EndpointUid) -> io::Result<()> {
    if !is_plain(endpoint) {
        return Ok(());
    }
    let kept = root.join(KEPT);
    match fs::remove_dir_all(kept.join(endpoint.as_str())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => {
            // Fails while other endpoints have something in it.
            let _ = fs::remove_dir(kept);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use hostler_compute::conformance::instance_id;

    use super::*;

    #[test]
    fn a_few_logs_are_kept_until_the_endpoint_is_forgotten() {
        let root = tempfile::tempdir().unwrap();
        for ordinal in 0..20 {
            let id = instance_id("e1", ordinal);
            let instance = InstanceDir::create(root.path(), &id, &1, &[]).unwrap();
            fs::write(instance.logs().join("0.log"), "x").unwrap();
            keep(root.path(), &id, &instance).unwrap();
            keep(root.path(), &id, &instance).unwrap();
            instance.remove().unwrap();
        }
        assert_eq!(fs::read_dir(root.path().join(".kept/e1")).unwrap().count(), 16);
        assert!(dir(root.path(), &instance_id("e1", 19)).exists());
        let kept: Vec<u32> =
            list(root.path(), &EndpointUid::new("e1")).unwrap().iter().map(|id| id.ordinal).collect();
        assert_eq!(kept, (4..20).collect::<Vec<u32>>());
        for nothing in ["e2", "..", ""] {
            assert_eq!(list(root.path(), &EndpointUid::new(nothing)).unwrap(), [], "{nothing}");
        }
        forget(root.path(), &EndpointUid::new("..")).unwrap();
        forget(root.path(), &EndpointUid::new("e2")).unwrap();
        assert!(root.path().join(".kept/e1").exists());
        forget(root.path(), &EndpointUid::new("e1")).unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
