//! Control groups of instances: memory and CPU limits, and a list of processes nobody can leave.
//!
//! Why: a handful of small files, written by hand; the crates for it bring half a system bus. Version 1 (a hierarchy
//! per controller), version 2 and machines with both occur.
//! Invariants: groups lie below the server's own group wherever the kernel allows it, so that nobody gets past what
//! the operator granted the server. An instance's groups have the same names after every restart.
//! Failure: a group that cannot be made fails the launch; it is never run without a limit that was promised.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hostler_compute::Limits;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

mod hierarchy;

pub(crate) use hierarchy::Hierarchies;

/// The period over which CPU time is counted, in microseconds: the kernel's default.
const CPU_PERIOD_US: u64 = 100_000;
/// The smallest quota that the kernel takes.
const CPU_QUOTA_US_MIN: u64 = 1_000;
/// How long a group may stay busy after its last process was killed, in steps of a millisecond: a killed process ends
/// when it is given the processor, and a busy machine lets it wait.
const BUSY_STEPS_MAX: u32 = 15_000;
/// How often a group is tried to be made while others take the common parent away.
const MAKE_TRIES_MAX: u32 = 100;
const STEP: std::time::Duration = std::time::Duration::from_millis(1);

/// What a group limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GroupKind {
    /// The memory controller of version 1.
    MemoryV1,
    /// The CPU controller of version 1.
    CpuV1,
    /// A group of version 2.
    Unified { memory: bool, cpu: bool },
}

impl GroupKind {
    /// What the parent has to hand out; version 1 hands out by itself.
    fn controllers(self) -> &'static [&'static str] {
        match self {
            Self::MemoryV1 | Self::CpuV1 | Self::Unified { memory: false, cpu: false } => &[],
            Self::Unified { memory: true, cpu: true } => &["+memory", "+cpu"],
            Self::Unified { memory: true, cpu: false } => &["+memory"],
            Self::Unified { memory: false, cpu: true } => &["+cpu"],
        }
    }
}

/// One group of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) kind: GroupKind,
    pub(crate) dir: PathBuf,
}

impl Group {
    /// Makes the group and sets its limits.
    pub(crate) fn create(&self, limits: &Limits) -> io::Result<()> {
        make_group_dir(&self.dir, self.kind.controllers())?;
        match self.kind {
            GroupKind::MemoryV1 => self.limit_memory_v1(limits),
            GroupKind::CpuV1 => self.limit_cpu_v1(limits),
            GroupKind::Unified { memory, cpu } => {
                if memory {
                    self.limit_memory_v2(limits)?;
                }
                if cpu { self.limit_cpu_v2(limits) } else { Ok(()) }
            }
        }
    }

    /// The file that takes process ids; `0` means the writer.
    pub(crate) fn procs(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// Moves the calling process into the group.
    pub(crate) fn join(&self) -> io::Result<()> {
        put(&self.procs(), "0")
    }

    /// How many processes the kernel killed here for memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let file = match self.kind {
            GroupKind::MemoryV1 => "memory.oom_control",
            GroupKind::Unified { memory: true, .. } => "memory.events",
            GroupKind::CpuV1 | GroupKind::Unified { .. } => return 0,
        };
        let text = fs::read_to_string(self.dir.join(file)).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }

    /// Kills everything in the group once; whether there was anything.
    pub(crate) fn kill(&self) -> bool {
        let text = fs::read_to_string(self.procs()).unwrap_or_default();
        let mut found = false;
        for pid in text.lines().filter_map(|line| line.parse().ok()).filter_map(Pid::from_raw) {
            found = true;
            // It may have ended meanwhile; that is what is wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
        found
    }

    /// Kills what is left in the group and removes it; one that is not there is fine.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for _ in 0..BUSY_STEPS_MAX {
            self.kill();
            match fs::remove_dir(&self.dir) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(STEP),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {
                    self.remove_empty_parent();
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// The common parent goes with the last group; the kernel refuses while there are others.
    fn remove_empty_parent(&self) {
        if let Some(parent) = self.dir.parent() {
            let _ = fs::remove_dir(parent);
        }
    }

    fn limit_memory_v1(&self, limits: &Limits) -> io::Result<()> {
        let Some(bytes) = limits.memory_bytes else { return Ok(()) };
        put(&self.dir.join("memory.limit_in_bytes"), &bytes.to_string())?;
        // Memory and swap together: without this a limit of memory is a licence to swap.
        put_if_there(&self.dir.join("memory.memsw.limit_in_bytes"), &bytes.to_string())
    }

    fn limit_cpu_v1(&self, limits: &Limits) -> io::Result<()> {
        let Some(quota_us) = quota_us(limits) else { return Ok(()) };
        put(&self.dir.join("cpu.cfs_period_us"), &CPU_PERIOD_US.to_string())?;
        or_stricter_parent(put(&self.dir.join("cpu.cfs_quota_us"), &quota_us.to_string()))
    }

    fn limit_memory_v2(&self, limits: &Limits) -> io::Result<()> {
        // Killing half an instance helps nobody.
        put_if_there(&self.dir.join("memory.oom.group"), "1")?;
        let Some(bytes) = limits.memory_bytes else { return Ok(()) };
        put(&self.dir.join("memory.max"), &bytes.to_string())?;
        put_if_there(&self.dir.join("memory.swap.max"), "0")
    }

    fn limit_cpu_v2(&self, limits: &Limits) -> io::Result<()> {
        let Some(quota_us) = quota_us(limits) else { return Ok(()) };
        or_stricter_parent(put(&self.dir.join("cpu.max"), &format!("{quota_us} {CPU_PERIOD_US}")))
    }
}

/// Makes a group in the common parent. The parent goes with its last group, which may be another server's, at any
/// moment: then it is made again.
fn make_group_dir(dir: &Path, controllers: &[&str]) -> io::Result<()> {
    make_group_dir_below(dir, controllers, |parent| fs::create_dir_all(parent))
}

fn make_group_dir_below(
    dir: &Path,
    controllers: &[&str],
    mut make_parent: impl FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for _ in 0..MAKE_TRIES_MAX {
        // "Exists already" may be said of a parent that is gone a moment later; of the group it says nothing.
        if let Some(Err(error)) = dir.parent().map(&mut make_parent) {
            last = error;
            continue;
        }
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => last = error,
            _ => {
                // Not before: only a parent that holds a group stays, and is the one that hands out to it.
                for controller in controllers {
                    // Where it cannot be handed out, writing the limit says so.
                    let _ = put(&dir.with_file_name("cgroup.subtree_control"), controller);
                }
                return Ok(());
            }
        }
    }
    Err(last)
}

fn quota_us(limits: &Limits) -> Option<u64> {
    let millis = limits.cpu_millis?;
    Some((millis.saturating_mul(CPU_PERIOD_US) / 1000).max(CPU_QUOTA_US_MIN))
}

/// Version 1 refuses a quota above the parent's; then the parent's holds, which is stricter.
fn or_stricter_parent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

fn put(file: &Path, text: &str) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    OpenOptions::new().write(true).open(file).map_err(named)?.write_all(text.as_bytes()).map_err(named)
}

fn put_if_there(file: &Path, text: &str) -> io::Result<()> {
    match put(file, text) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { memory_bytes: Some(1 << 30), cpu_millis: Some(1500) };

    /// A directory with these files in it stands for the kernel's.
    fn group(kind: GroupKind, files: &[&str]) -> (tempfile::TempDir, Group) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(dir.path().join(file), "").unwrap();
        }
        let group = Group { kind, dir: dir.path().to_path_buf() };
        (dir, group)
    }

    #[test]
    fn version_two_limits_are_written() {
        let files = ["memory.max", "memory.swap.max", "memory.oom.group", "cpu.max"];
        let (dir, group) = group(GroupKind::Unified { memory: true, cpu: true }, &files);
        group.create(&LIMITS).unwrap();
        let written = files.map(|file| fs::read_to_string(dir.path().join(file)).unwrap());
        assert_eq!(written, ["1073741824", "0", "1", "150000 100000"]);
    }

    #[test]
    fn version_one_limits_swap_too_and_where_it_cannot_goes_on() {
        let (dir, group) = group(GroupKind::MemoryV1, &["memory.limit_in_bytes"]);
        group.create(&LIMITS).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("memory.limit_in_bytes")).unwrap(), "1073741824");
        fs::write(dir.path().join("memory.memsw.limit_in_bytes"), "").unwrap();
        group.create(&LIMITS).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("memory.memsw.limit_in_bytes")).unwrap(), "1073741824");
    }

    #[test]
    fn a_limit_that_cannot_be_written_is_an_error_that_names_the_file() {
        let (_dir, group) = group(GroupKind::CpuV1, &[]);
        let error = group.create(&LIMITS).unwrap_err();
        assert!(error.to_string().contains("cpu.cfs_period_us"), "{error}");
    }

    #[test]
    fn a_parent_that_another_server_takes_away_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("hostler/group");
        // What `create_dir_all` says when the parent goes between its two looks; seen once in 2,000 on a busy machine.
        let mut answers = vec![io::ErrorKind::AlreadyExists, io::ErrorKind::NotFound];
        make_group_dir_below(&group, &[], |parent| match answers.pop() {
            Some(kind) => Err(kind.into()),
            None => fs::create_dir_all(parent),
        })
        .unwrap();
        assert!(group.is_dir());
    }

    #[test]
    fn memory_kills_are_counted_in_both_versions() {
        let (dir, first) = group(GroupKind::MemoryV1, &[]);
        fs::write(dir.path().join("memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
            .unwrap();
        assert_eq!(first.oom_kills(), 2);
        let (dir, second) = group(GroupKind::Unified { memory: true, cpu: false }, &[]);
        fs::write(dir.path().join("memory.events"), "max 4\noom 1\noom_kill 1\noom_group_kill 0\n").unwrap();
        assert_eq!(second.oom_kills(), 1);
    }
}
