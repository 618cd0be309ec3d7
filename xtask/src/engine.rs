//! `cargo xtask engine COMMAND`: a container engine and two registries of one command's own.
//!
//! Why: tests need a real `dockerd` and real pulls, and the machine that they run on may have an engine already. A second
//! engine in the same network would flush the first one's firewall chains and share its bridge, so everything runs in
//! namespaces of its own: network, mounts and processes. They end with their last process, and with them bridges,
//! firewall rules, mounts and containers, however the run ended.
//! Invariants: root only. What is built or fetched is built and fetched before: inside there is no network but
//! `127.0.0.1` and the engine's. Outside of its temporary directory nothing is written.
//! Failure: whoever starts it holds a pipe; when that ends, by an end, a signal or `kill -9`, the inside stops the
//! command, the registries and the engine by their process ids and removes the directory.

mod daemon;
mod inside;

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::test::{Context, Stopwatch};

/// How often it is looked whether something ended.
const POLL: Duration = Duration::from_millis(50);
/// How long the inside may take to stop all that it started.
const STOP: Duration = Duration::from_secs(60);
const SIGNALS: [i32; 3] =
    [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];
/// What must be on the path; `mmdebstrap` makes the images' Debian.
const PROGRAMS: [&str; 6] = ["dockerd", "docker", "docker-registry", "mmdebstrap", "unshare", "ip"];

/// What `cargo xtask engine` was asked to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The directory of an engine to be; given by this program to itself, within the namespaces.
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,

    /// The command to run beside the engine, with its arguments.
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(directory) = &arguments.inside {
        return inside::run(directory, &arguments.command);
    }
    if let Some(missing) = missing() {
        bail!("{missing}");
    }
    let context = Context::new(false, Vec::new())?;
    let mut command = context.command(&arguments.command[0]);
    command.args(&arguments.command[1..]);
    let status = beside(&command)?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// What this machine lacks for an engine; none when it has all.
pub(crate) fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("a container engine of the tests' own needs root".to_owned());
    }
    let absent: Vec<&str> = PROGRAMS.into_iter().filter(|program| !is_on_path(program)).collect();
    if !absent.is_empty() {
        let list = absent.join("`, `");
        return Some(format!(
            "not installed: `{list}` (apt-get install docker.io docker-registry iproute2 mmdebstrap)"
        ));
    }
    let mut probe = unshared();
    probe.args(["ip", "link", "set", "lo", "up"]).stdin(Stdio::null()).stderr(Stdio::null());
    let can = probe.status().is_ok_and(|status| status.success());
    (!can).then(|| "this machine lets nobody make namespaces (`unshare --net --mount --pid`)".to_owned())
}

/// Runs a command beside an engine of its own, and waits for its end.
pub(crate) fn beside(command: &Command) -> Result<ExitStatus> {
    let directory = tempfile::Builder::new().prefix("hostler-engine-").tempdir();
    let directory = directory.context("making the engine's directory")?;
    let caught = Arc::new(AtomicUsize::new(0));
    for signal in SIGNALS {
        signal_hook::flag::register_usize(signal, Arc::clone(&caught), signal as usize)
            .with_context(|| format!("listening for signal {signal}"))?;
    }

    let mut inner = started(directory.path(), command)?;
    // Its other end is what the inside watches.
    let pipe = inner.stdin.take();
    let ended = loop {
        if let Some(status) = inner.try_wait().context("waiting for the engine")? {
            break Some(status);
        }
        if caught.load(Ordering::Relaxed) != 0 {
            break None;
        }
        thread::sleep(POLL);
    };
    drop(pipe);
    if ended.is_none() {
        stop(&mut inner);
    }
    inside::forget(directory.path());
    let path = directory.path().to_owned();
    drop(directory);

    let signal = caught.load(Ordering::Relaxed);
    if signal != 0 {
        signal_hook::low_level::emulate_default_handler(signal as i32).context("ending by the signal")?;
    }
    ensure!(!path.exists(), "`{}` could not be removed", path.display());
    ended.context("the engine was stopped")
}

fn started(directory: &Path, command: &Command) -> Result<Child> {
    let own = std::env::current_exe().context("finding the running xtask")?;
    let mut inner = unshared();
    // A shell is the first process of the namespace, because it reaps whoever is orphaned in there.
    inner.args(["sh", "-c", "\"$@\"; exit $?", "sh"]).arg(own).args(["engine", "--inside"]).arg(directory);
    inner.arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => inner.env(name, value),
            None => inner.env_remove(name),
        };
    }
    if let Some(current) = command.get_current_dir() {
        inner.current_dir(current);
    }
    // A group of its own: a terminal's Ctrl-C comes here, and the inside stops in order.
    inner.stdin(Stdio::piped()).process_group(0).spawn().context("starting `unshare`")
}

/// Everything behind it runs in new namespaces, which end when `unshare` does.
fn unshared() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    command
}

fn stop(inner: &mut Child) {
    let watch = Stopwatch::start();
    while watch.elapsed() < STOP {
        if !matches!(inner.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(POLL);
    }
    // With it the first process of the namespace is killed, and so all the others. Both calls fail only when it ended.
    let _ = inner.kill();
    let _ = inner.wait();
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
