//! Ends what a dead supervisor left behind.
//!
//! Why: a supervisor that was killed with signal 9 cannot clean up; its container's main process dies with it (by
//! the kernel's parent-death signal), the processes that one started may not.
//! Invariants: called only while no supervisor lives, so everything found is a leftover. Found are processes in the
//! instance's control groups and those that carry its mark in their environment; one that wiped its environment
//! escapes on a machine without control groups.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::cgroup::Group;
use crate::directory::{InstanceDir, LAUNCH};
use crate::processes;
use crate::records::Launch;

/// A killed process is gone in far less, but for one stuck in the kernel.
const STEPS_MAX: u32 = 5_000;
const STEP: Duration = Duration::from_millis(1);

/// Kills every leftover and removes the control groups. Blocks; bounded.
pub(crate) fn sweep(dir: &InstanceDir) -> io::Result<()> {
    let launch: Option<Launch> = dir.read(LAUNCH)?;
    let groups = launch.map(|launch| launch.groups).unwrap_or_default();
    for _ in 0..STEPS_MAX {
        let mut found = false;
        for group in &groups {
            found |= group.kill();
        }
        for pid in
            processes::marked(dir.path()).into_iter().filter_map(|pid| Pid::from_raw(pid.cast_signed()))
        {
            found = true;
            let _ = kill_process(pid, Signal::KILL);
        }
        if !found {
            return groups.iter().try_for_each(Group::remove);
        }
        std::thread::sleep(STEP);
    }
    Err(io::Error::other("processes of the instance survive signal 9"))
}
