//! How much memory models may take, and who has how much of it.
//!
//! Why: a load that does not fit must be an answer (507) while there is still memory to give it, not a process that
//! the kernel killed.
//! Invariants: the shares that are out never add up to more than the room. A share is given back when it is dropped.
//! Failure: where nothing says how much there is, a share of the machine's memory is the room.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is left for everything that is no model: requests, answers, the process itself.
const FOR_MODELS: (u64, u64) = (4, 5);
/// Where nothing at all can be read.
const ROOM_BYTES_UNKNOWN: u64 = 1 << 30;
/// Version 1 says "no limit" by a number near the largest there is.
const NO_LIMIT_BYTES: u64 = 1 << 60;

/// The memory for models.
#[derive(Debug)]
pub(crate) struct Room {
    bytes: u64,
    taken: AtomicU64,
}

/// A part of the room.
#[derive(Debug)]
pub(crate) struct Share {
    room: Arc<Room>,
    bytes: u64,
}

impl Room {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes, taken: AtomicU64::new(0) }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A share of this size, or how much is free.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64) -> Result<Share, u64> {
        let more = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= self.bytes);
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Share { room: Arc::clone(self), bytes }),
            Err(taken) => Err(self.bytes.saturating_sub(taken)),
        }
    }
}

impl Share {
    /// Gives back what is more than this; a share never grows.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        self.room.taken.fetch_sub(less, Ordering::Relaxed);
        self.bytes -= less;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The room for models in this process: four fifths of what its control group grants, or of the machine's memory.
pub(crate) fn room_of_this_process() -> u64 {
    let limit = [group_limit(), machine_bytes()].into_iter().flatten().min();
    let (part, whole) = FOR_MODELS;
    limit.map_or(ROOM_BYTES_UNKNOWN, |bytes| bytes / whole * part)
}

/// The smallest limit on the way from this process's control group to the root.
fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_files(&groups).iter().filter_map(|file| limit_in(file)).min()
}

/// The files that may hold a limit, by what `/proc/self/cgroup` says. In a container the group's own path may not be
/// there while its files lie at the root, so each directory up to the root is asked.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            some if some.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let dir = Path::new(root).join(path.trim_start_matches('/'));
        files.extend(dir.ancestors().take_while(|dir| dir.starts_with(root)).map(|dir| dir.join(file)));
    }
    files
}

fn limit_in(file: &Path) -> Option<u64> {
    // `max` is no number and no limit.
    let bytes: u64 = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (bytes < NO_LIMIT_BYTES).then_some(bytes)
}

fn machine_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_add_up_to_more_than_the_room_and_come_back() {
        let room = Arc::new(Room::new(100));
        let mut first = room.take(60).unwrap();
        assert_eq!(room.take(41).unwrap_err(), 40);
        assert_eq!(room.take(u64::MAX).unwrap_err(), 40, "a sum that overflows is no room");
        first.shrink_to(30);
        first.shrink_to(50);
        let second = room.take(70).unwrap();
        assert_eq!(room.take(1).unwrap_err(), 0, "a share that was shrunk does not grow again");
        drop(first);
        drop(second);
        assert_eq!(room.take(101).unwrap_err(), 100);
    }

    #[test]
    fn every_group_up_to_the_root_may_limit_in_both_versions() {
        let names = |groups| -> Vec<String> {
            limit_files(groups).iter().map(|file| file.display().to_string()).collect()
        };
        assert_eq!(
            names("5:cpu,cpuacct:/a\n4:memory:/a/b\n1:name=systemd:/\n"),
            [
                "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            ]
        );
        assert_eq!(names("0::/a\n"), ["/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"]);
        assert_eq!(names("0::/\n"), ["/sys/fs/cgroup/memory.max"]);
        assert!(names("nonsense\n").is_empty());
    }

    #[test]
    fn a_file_of_a_limit_is_a_number_of_bytes_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("limit");
        for (text, limit) in
            [("4194304\n", Some(4_194_304)), ("max\n", None), ("9223372036854771712\n", None), ("", None)]
        {
            fs::write(&file, text).unwrap();
            assert_eq!(limit_in(&file), limit, "{text}");
        }
        assert_eq!(limit_in(&dir.path().join("missing")), None);
    }
}
