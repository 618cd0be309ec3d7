//! The kernel's table of processes, as far as this room needs it.
//!
//! Why: a number alone does not name a process, since numbers are used again; number and start time do.
//! Invariants: read-only; what cannot be read is treated as gone.

use std::fs;
use std::path::Path;

use crate::records::ProcessRecord;

/// Present in the environment of everything an instance starts, so that leftovers are found without control groups.
pub(crate) const MARKER: &str = "HOSTLER_INSTANCE_DIR";

/// What `/proc/PID/stat` says.
struct Stat {
    state: u8,
    parent: u32,
    start_ticks: u64,
}

/// The record of a process that exists, zombies included.
pub(crate) fn record(pid: u32) -> Option<ProcessRecord> {
    stat(pid).map(|stat| ProcessRecord { pid, start_ticks: stat.start_ticks })
}

/// The living children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    all().filter(|&pid| stat(pid).is_some_and(|stat| stat.parent == parent && !is_dead(stat.state))).collect()
}

/// The living processes that carry an instance's mark.
pub(crate) fn marked(instance_dir: &Path) -> Vec<u32> {
    let mark = [MARKER.as_bytes(), b"=", instance_dir.as_os_str().as_encoded_bytes()].concat();
    let is_marked = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|entry| entry == mark)
            && stat(*pid).is_some_and(|stat| !is_dead(stat.state))
    };
    all().filter(is_marked).collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name in parentheses may hold anything, parentheses and spaces too.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    Some(Stat {
        state: *fields.first()?.as_bytes().first()?,
        parent: fields.get(1)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

fn is_dead(state: u8) -> bool {
    matches!(state, b'Z' | b'X')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_past() {
        let text = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 100 10 0\n";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.state, stat.parent, stat.start_ticks), (b'S', 7, 12345));
    }

    #[test]
    fn a_process_is_named_by_number_and_start_time() {
        let own = record(std::process::id()).unwrap();
        assert_eq!(record(own.pid), Some(own));
        assert!(own.start_ticks > 0);
    }
}
