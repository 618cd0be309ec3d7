//! Within the namespaces: starts the engine and the registries, runs the command, stops all.
//!
//! Why: the tests find an engine at a socket and registries at fixed addresses, which are free because the network is
//! this run's own. One registry asks for a name and a password, the other asks nobody.
//! Invariants: `/run` and `/etc/docker` are empty and forgotten afterwards, because an engine writes there whatever
//! directories it is given. Its control groups are below one that is named after the directory.
//! Failure: when standard input ends, the command is stopped as if it had failed.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, stdin};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use super::POLL;
use super::daemon::{Address, Daemon};
use crate::test::{Stopwatch, succeed};

const OPEN_REGISTRY: &str = "127.0.0.1:5000";
const CLOSED_REGISTRY: &str = "127.0.0.1:5001";
/// Worth nothing elsewhere: that registry lives on the loopback address of a network that ends with it.
const LOGIN: &str = "hostler:only-on-loopback";
/// The same, as the registry wants it (bcrypt).
const HTPASSWD: &str = "hostler:$2y$05$abcdefghijklmnopqrstuusSNxBrUR/NrYVPNsgFmsGqrCdOLqhxG\n";
/// Hidden from the engine, with what it finds there instead.
const FORGOTTEN: [&str; 2] = ["/run", "/etc/docker"];
/// The address of the engine's bridge in a network that nobody shares.
const BRIDGE: &str = "172.17.0.1/16";
const CGROUPS: &str = "/sys/fs/cgroup";
/// SIGTERM first, SIGKILL then.
const COMMAND_STOP: Duration = Duration::from_secs(10);

pub(super) fn run(directory: &Path, command: &[OsString]) -> Result<ExitCode> {
    let abandoned = watch_standard_input();
    let outcome = serve(directory, command, &abandoned);
    forget(directory);
    let removed = fs::remove_dir_all(directory);
    let status = outcome?;
    removed.with_context(|| format!("removing `{}`", directory.display()))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// Removes the control groups of the engine's containers, whose processes ended with it.
pub(super) fn forget(directory: &Path) {
    let name = control_group(directory);
    let Ok(hierarchies) = fs::read_dir(CGROUPS) else { return };
    let below = hierarchies.filter_map(|entry| Some(entry.ok()?.path().join(&name)));
    for group in below.chain([Path::new(CGROUPS).join(&name)]) {
        remove_groups(&group);
    }
}

/// A control group is removed by removing its directory, from below.
fn remove_groups(group: &Path) {
    if let Ok(entries) = fs::read_dir(group) {
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            remove_groups(&entry.path());
        }
        // One that is still in use stays; nothing of this run is in it.
        let _ = fs::remove_dir(group);
    }
}

fn control_group(directory: &Path) -> String {
    directory
        .file_name()
        .map_or_else(|| "hostler-engine".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn serve(directory: &Path, command: &[OsString], abandoned: &AtomicBool) -> Result<ExitStatus> {
    succeed(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    for place in FORGOTTEN {
        if Path::new(place).is_dir() {
            succeed(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0755", "hostler-engine", place]))?;
        }
    }
    let mut daemons = Vec::new();
    let outcome = prepared(directory, &mut daemons)
        .and_then(|socket| watched(&mut started(directory, &socket, command)?, abandoned));
    for daemon in daemons.iter_mut().rev() {
        daemon.stop();
    }
    outcome
}

/// Starts all and waits until all answer; the engine's socket.
fn prepared(directory: &Path, daemons: &mut Vec<Daemon>) -> Result<PathBuf> {
    let socket = directory.join("docker.sock");
    daemons.push(engine(directory, &socket)?);
    for (name, address) in [("registry", OPEN_REGISTRY), ("registry-with-login", CLOSED_REGISTRY)] {
        daemons.push(registry(directory, name, address)?);
    }
    daemons[0].wait(&Address::Unix(socket.clone()), "/_ping")?;
    daemons[1].wait(&Address::Tcp(OPEN_REGISTRY), "/v2/")?;
    daemons[2].wait(&Address::Tcp(CLOSED_REGISTRY), "/v2/")?;
    Ok(socket)
}

fn engine(directory: &Path, socket: &Path) -> Result<Daemon> {
    let mut command = Command::new("dockerd");
    command.arg("--data-root").arg(directory.join("data"));
    command.arg("--exec-root").arg(directory.join("exec"));
    command.arg("-p").arg(directory.join("pid"));
    command.arg("-H").arg(format!("unix://{}", socket.display()));
    // Said, and not chosen by it, so that `docker network inspect bridge` tells the gateway from the first start on.
    command.args(["--bip", BRIDGE]);
    command.arg("--cgroup-parent").arg(format!("/{}", control_group(directory)));
    Daemon::start("dockerd", directory, &mut command)
}

fn registry(directory: &Path, name: &'static str, address: &str) -> Result<Daemon> {
    let login = if address == CLOSED_REGISTRY {
        let file = directory.join("htpasswd");
        fs::write(&file, HTPASSWD).context("writing the registry's logins")?;
        format!("auth:\n  htpasswd:\n    realm: hostler\n    path: {}\n", file.display())
    } else {
        String::new()
    };
    let storage = directory.join(name);
    let settings = format!(
        "version: 0.1\nlog:\n  level: warn\n  accesslog:\n    disabled: true\n\
         storage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: {}\n\
         http:\n  addr: {address}\n{login}",
        storage.display()
    );
    let file = directory.join(format!("{name}.yml"));
    fs::write(&file, settings).context("writing the registry's settings")?;
    Daemon::start(name, directory, Command::new("docker-registry").arg("serve").arg(file))
}

fn started(directory: &Path, socket: &Path, command: &[OsString]) -> Result<Child> {
    let (program, arguments) = command.split_first().context("looking for the command")?;
    Command::new(program)
        .args(arguments)
        .env("HOSTLER_TEST_DOCKER", socket)
        .env("HOSTLER_TEST_REGISTRY", OPEN_REGISTRY)
        .env("HOSTLER_TEST_REGISTRY_CLOSED", CLOSED_REGISTRY)
        .env("HOSTLER_TEST_REGISTRY_LOGIN", LOGIN)
        // For `docker` itself; what it writes down is not the machine's.
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .env("DOCKER_CONFIG", directory.join("client"))
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting `{}`", program.display()))
}

/// The command's end, which is hastened when nobody waits for it any more.
fn watched(child: &mut Child, abandoned: &AtomicBool) -> Result<ExitStatus> {
    let mut asked: Option<Stopwatch> = None;
    loop {
        if let Some(status) = child.try_wait().context("waiting for the command")? {
            return Ok(status);
        }
        match &asked {
            None if abandoned.load(Ordering::Relaxed) => {
                signal_group(child, Signal::TERM);
                asked = Some(Stopwatch::start());
            }
            Some(watch) if watch.elapsed() > COMMAND_STOP => signal_group(child, Signal::KILL),
            _ => {}
        }
        thread::sleep(POLL);
    }
}

fn signal_group(child: &Child, signal: Signal) {
    if let Some(group) = Pid::from_raw(child.id() as i32) {
        // It fails only when the group ended.
        let _ = kill_process_group(group, signal);
    }
}

/// Becomes true when whoever started this has ended or closed the pipe.
fn watch_standard_input() -> Arc<AtomicBool> {
    let abandoned = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&abandoned);
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while matches!(stdin().read(&mut buffer), Ok(1..)) {}
        seen.store(true, Ordering::Relaxed);
    });
    abandoned
}
