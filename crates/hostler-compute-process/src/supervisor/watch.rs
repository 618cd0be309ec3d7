//! The supervisor's life: lock, launch, watch, stop, clean up, tell.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use hostler_compute::ExitCause;
use hostler_compute_local::{GRACE_DEFAULT, Stop};
use hostler_types::{Clock, SystemClock};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getpid, getrlimit, kill_process,
    kill_process_group, set_child_subreaper, setrlimit, setsid, wait,
};

use super::events::{Event, listen};
use super::launch::{Container, launch, remove_groups};
use crate::cgroup::Group;
use crate::directory::{EXIT, FAILED, InstanceDir, LAUNCH, RUNNING, STOP, SUPERVISOR};
use crate::logs::LogWriter;
use crate::processes;
use crate::records::{Each, Exit, Launch, MainProcess, Running};
use crate::refusal;

/// What a shell returns for a child that was ended by signal 9.
const CODE_OF_KILLED_CHILD: i32 = 128 + 9;
/// How long killed processes may take to go, and the log to drain.
const CLEAN_UP: Duration = Duration::from_secs(5);
/// When one container has ended, the others have so long to stop by themselves: the server is to hear of it soon, and
/// requests that need all of them are lost already.
const REST_GRACE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(1);

/// Supervises the instance in this directory until it ended.
pub(super) fn supervise(path: &Path) -> io::Result<()> {
    // Fails only for a group leader, which is out of the terminal's reach already.
    let _ = setsid();
    std::env::set_current_dir(path)?;
    let dir = InstanceDir::at(std::env::current_dir()?);
    check_lock(&dir)?;
    if dir.has(SUPERVISOR) {
        return Err(io::Error::other("this instance was launched before"));
    }
    let own =
        processes::record(std::process::id()).ok_or_else(|| io::Error::other("/proc is not mounted"))?;
    dir.write(SUPERVISOR, &own)?;
    set_child_subreaper(Some(getpid()))?;
    let events = listen()?;
    let plan: Launch = dir.read(LAUNCH)?.ok_or_else(|| io::Error::other("there is no launch.json"))?;
    if let Some(most) = plan.open_files_max {
        limit_open_files(most);
    }
    let mut containers = Vec::new();
    if let Err(failure) = launch(&dir, &plan, &mut containers) {
        end_rest(&plan, &events);
        drain(containers);
        remove_groups(&plan);
        dir.write(FAILED, &failure)?;
        tell_ready();
        return Ok(());
    }
    let mains: Vec<u32> = containers.iter().map(|container| container.pid).collect();
    let records: Option<Vec<_>> = mains.iter().map(|&pid| processes::record(pid)).collect();
    let records = records.into_iter().flatten().map(|process| MainProcess { process });
    // One that ended and was not reaped yet has a record too.
    if let Some(containers) = Each::of(records) {
        dir.write(RUNNING, &Running { containers, since: SystemClock.now() })?;
    }
    tell_ready();
    let ended = watch(&dir, &plan, &mains, &events);
    finish(&dir, &plan, containers, ended, &events)
}

/// Says something in `supervisor.log`.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// What the server may have open is more than old programs expect; the container inherits this process's limit.
fn limit_open_files(most: u64) {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit }) {
        note(&format!("limiting the number of open files to {most} failed: {error}"));
    }
}

/// The server hands over the lock as standard input; anybody else is refused.
fn check_lock(dir: &InstanceDir) -> io::Result<()> {
    let handed = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (ours, theirs) = (handed.metadata()?, std::fs::metadata(dir.path().join("lock"))?);
    if (ours.dev(), ours.ino()) != (theirs.dev(), theirs.ino()) {
        return Err(io::Error::other(
            "standard input is not this instance's lock; only the server starts this",
        ));
    }
    flock(&handed, FlockOperation::NonBlockingLockExclusive)?;
    Ok(())
}

/// The server waits for one byte, then reads the files; one that is gone meanwhile is fine.
fn tell_ready() {
    let mut out = io::stdout();
    let _ = out.write_all(b"\n").and_then(|()| out.flush());
}

/// Waits until every main process ended, and stops them when asked to, or when one of them has ended. Which of them
/// ended first, and how; none: they were lost.
fn watch(
    dir: &InstanceDir,
    plan: &Launch,
    mains: &[u32],
    events: &Receiver<Event>,
) -> Option<(usize, WaitStatus)> {
    // Their numbers are their own until they are reaped.
    let mut living = mains.to_vec();
    let mut first = None;
    let mut kill_at: Option<Instant> = None;
    loop {
        let left = kill_at.map(|at| at.saturating_duration_since(now()));
        let event = match left {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(left) => events.recv_timeout(left),
        };
        let grace = match event {
            Ok(Event::Child) => {
                let count = living.len();
                // Several that ended at once may be one event.
                loop {
                    match reap(&living) {
                        Reaped::Main(pid, status) => {
                            living.retain(|&other| other != pid);
                            let position = mains.iter().position(|&main| main == pid);
                            first = first.or(position.map(|position| (position, status)));
                        }
                        Reaped::Others => break,
                        Reaped::Everything => return first,
                    }
                }
                if living.is_empty() {
                    return first;
                }
                if living.len() == count {
                    continue;
                }
                REST_GRACE
            }
            Ok(Event::Stop) => {
                let asked = dir.read::<Stop>(STOP).ok().flatten();
                asked.map_or(GRACE_DEFAULT, Stop::grace)
            }
            Err(_) => {
                for &main in &living {
                    signal_group(main, Signal::KILL);
                }
                kill_rest(plan);
                kill_at = Some(now() + CLEAN_UP);
                continue;
            }
        };
        if kill_at.is_none() {
            for &main in &living {
                signal_group(main, Signal::TERM);
                // One that is stopped could not hear it.
                signal_group(main, Signal::CONT);
            }
        }
        let deadline = now() + grace;
        kill_at = Some(kill_at.map_or(deadline, |earlier| earlier.min(deadline)));
    }
}

enum Reaped {
    Main(u32, WaitStatus),
    Others,
    /// There is no child left.
    Everything,
}

/// Reaps what ended, up to one of these processes.
fn reap(mains: &[u32]) -> Reaped {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                let pid = pid.as_raw_nonzero().get().cast_unsigned();
                if mains.contains(&pid) {
                    return Reaped::Main(pid, status);
                }
            }
            Err(Errno::INTR) => {}
            Ok(None) => return Reaped::Others,
            Err(_) => return Reaped::Everything,
        }
    }
}

/// After the main processes: ends the rest, writes how it ended, removes the groups.
fn finish(
    dir: &InstanceDir,
    plan: &Launch,
    containers: Vec<Container>,
    ended: Option<(usize, WaitStatus)>,
    events: &Receiver<Event>,
) -> io::Result<()> {
    end_rest(plan, events);
    let oom_kills = plan.groups.iter().map(Group::oom_kills).max().unwrap_or(0);
    let mut logs = drain(containers);
    let (position, status) = ended.unzip();
    if oom_kills > 0
        && let Some(Some(log)) = logs.get_mut(position.unwrap_or(0))
    {
        let limit = plan.limits.memory_bytes.unwrap_or(0);
        let text = format!(
            "hostler: the kernel killed {oom_kills} of this instance's processes for memory (limit {limit} bytes)\n"
        );
        let _ = log.append(text.as_bytes());
    }
    let cause = cause(status, oom_kills, plan.limits.memory_bytes);
    let of_container = position.and_then(|position| plan.containers.get(position));
    let home = of_container.map_or(dir.path(), |container| &container.working_dir);
    // A program of ours may know more than its code tells; what is read first is written first.
    if !matches!(cause, ExitCause::Code(0) | ExitCause::OutOfMemory { .. })
        && let Some(failure) = refusal::taken_over(home)
    {
        dir.write(FAILED, &failure)?;
    }
    let container = position.and_then(|position| plan.name_among_several(position));
    let written = dir.write(EXIT, &Exit { container, cause, at: SystemClock.now() });
    remove_groups(plan);
    written
}

/// How it ended. A shell around the killed process ends with a code that says so.
fn cause(status: Option<WaitStatus>, oom_kills: u64, limit_bytes: Option<u64>) -> ExitCause {
    let Some(status) = status else { return ExitCause::Unseen };
    let cause = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitCause::Code(code),
        (None, Some(signal)) => ExitCause::Signal(signal),
        (None, None) => ExitCause::Unseen,
    };
    let is_killed =
        cause == ExitCause::Signal(Signal::KILL.as_raw()) || cause == ExitCause::Code(CODE_OF_KILLED_CHILD);
    match limit_bytes {
        Some(limit_bytes) if is_killed && oom_kills > 0 => ExitCause::OutOfMemory { limit_bytes },
        _ => cause,
    }
}

/// Kills until there is no descendant: as subreaper, each one becomes a child of this process sooner or later.
fn end_rest(plan: &Launch, events: &Receiver<Event>) {
    let deadline = now() + CLEAN_UP;
    while !matches!(reap(&[]), Reaped::Everything) {
        if now() > deadline {
            note("processes of the instance survive signal 9");
            return;
        }
        kill_rest(plan);
        let _ = events.recv_timeout(STEP);
    }
}

fn kill_rest(plan: &Launch) {
    for group in &plan.groups {
        group.kill();
    }
    for pid in processes::children(std::process::id()) {
        let _ = Pid::from_raw(pid.cast_signed()).map(|pid| kill_process(pid, Signal::KILL));
    }
}

/// Only while a main process is not reaped: until then its number is its own.
fn signal_group(main: u32, signal: Signal) {
    let _ = Pid::from_raw(main.cast_signed()).map(|pid| kill_process_group(pid, signal));
}

/// Waits for the last output; somebody outside may hold a pipe, so not for ever. The log of each container whose output
/// has ended.
fn drain(containers: Vec<Container>) -> Vec<Option<LogWriter>> {
    let deadline = now() + CLEAN_UP;
    let drain = |container: Container| {
        while !container.pump.is_finished() {
            if now() > deadline {
                return None;
            }
            std::thread::sleep(STEP);
        }
        container.pump.join().ok()
    };
    containers.into_iter().map(drain).collect()
}

#[expect(clippy::disallowed_methods, reason = "the supervisor has no async runtime whose clock it could use")]
fn now() -> Instant {
    Instant::now()
}
