//! Control groups, namespaces, container engines: what holds an instance to its limits.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use hostler_compute_process::ControlGroups;
use tokio::process::Command;

use super::report::Row;

const CHILD_TIMEOUT: Duration = Duration::from_secs(10);
const SOCKET_TIMEOUT: Duration = Duration::from_secs(2);
/// CAP_SYS_ADMIN's bit in `/proc/self/status`.
const SYS_ADMIN: u64 = 1 << 21;

pub(super) fn control_groups(groups: &ControlGroups) -> Row {
    let versions: Vec<String> = groups.versions.iter().map(u8::to_string).collect();
    let version = format!("version {}", versions.join(" and "));
    let to_do = "run the server as root or under systemd with Delegate=yes; in a container, with a writable \
                 /sys/fs/cgroup";
    let why = groups.missing.join("; ");
    match (groups.limits_memory, groups.limits_cpu) {
        (true, true) => Row::good("control groups", format!("memory and CPU limits hold ({version})")),
        (true, false) => {
            Row::limited("control groups", format!("memory limits hold, CPU limits do not: {why}"), to_do)
        }
        (false, true) => {
            Row::limited("control groups", format!("CPU limits hold, memory limits do not: {why}"), to_do)
        }
        (false, false) => Row::limited(
            "control groups",
            format!("instances run without the limits of their type: {why}"),
            to_do,
        ),
    }
}

/// Tried for real where util-linux's `unshare` is there.
pub(super) async fn namespaces() -> Row {
    let says = "a process can get its own view of the file system";
    match (unshare(&["--mount"]).await, unshare(&["--user", "--map-root-user", "--mount"]).await) {
        (Some(true), _) => Row::good("mount namespaces", format!("{says} (this user may make one)")),
        (_, Some(true)) => Row::good("mount namespaces", format!("{says} (in a user namespace)")),
        (None, None) if has_sys_admin() => {
            Row::good("mount namespaces", format!("{says} (CAP_SYS_ADMIN; not tried, there is no `unshare`)"))
        }
        (None, None) => Row::limited(
            "mount namespaces",
            "whether they can be made could not be tried: there is no `unshare`",
            "install util-linux",
        ),
        _ => Row::limited("mount namespaces", format!("they cannot be made: {}", why_not()), what_to_do()),
    }
}

/// None: there is no such program.
async fn unshare(flags: &[&str]) -> Option<bool> {
    let child = Command::new("unshare")
        .args(flags)
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    match tokio::time::timeout(CHILD_TIMEOUT, child).await {
        Ok(Ok(status)) => Some(status.success()),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => None,
        _ => Some(false),
    }
}

fn has_sys_admin() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set & SYS_ADMIN != 0)
}

/// The switches that distributions use.
const SWITCHES: [(&str, &str, &str); 3] = [
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
];

fn switched_off() -> Option<&'static (&'static str, &'static str, &'static str)> {
    SWITCHES.iter().find(|(file, off, _)| fs::read_to_string(file).is_ok_and(|text| text.trim() == *off))
}

fn why_not() -> String {
    match switched_off() {
        Some((file, off, _)) => format!("`{file}` is {off}"),
        None => "the kernel refuses, perhaps by the rules of a container".to_owned(),
    }
}

fn what_to_do() -> String {
    match switched_off() {
        Some((_, _, command)) => format!("`{command}` as root, or run the server as root"),
        None => "run the server as root, or outside the container".to_owned(),
    }
}

/// Sockets of Docker and Podman, asked whether somebody is at home.
pub(super) fn container_engine() -> Row {
    let unused = "this version runs models as processes and does not use it yet";
    for socket in sockets() {
        let shown = socket.display();
        match ping(&socket) {
            Ok(true) => return Row::good("container engine", format!("one answers at {shown}; {unused}")),
            Ok(false) => {
                let says = format!("something that is no container engine answers at {shown}");
                return Row::limited("container engine", says, "nothing for now: it is not used yet");
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Row::limited(
                    "container engine",
                    format!("{shown} is there, but this user may not use it; {unused}"),
                    "nothing for now; later, add the user to the socket's group",
                );
            }
            Err(_) => {}
        }
    }
    Row::missing(
        "container engine",
        format!("no Docker or Podman socket answers; {unused}"),
        "nothing for now: map images to commands by [[image]] in the settings",
    )
}

fn sockets() -> Vec<PathBuf> {
    let named = env::var("DOCKER_HOST").ok().and_then(|host| host.strip_prefix("unix://").map(PathBuf::from));
    let of_user = env::var_os("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("podman/podman.sock"));
    let usual = ["/var/run/docker.sock", "/run/podman/podman.sock"].map(PathBuf::from);
    named.into_iter().chain(usual).chain(of_user).collect()
}

fn ping(socket: &PathBuf) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(SOCKET_TIMEOUT))?;
    stream.set_write_timeout(Some(SOCKET_TIMEOUT))?;
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 32];
    let count = stream.read(&mut answer)?;
    Ok(answer[..count].starts_with(b"HTTP/1.") && answer[..count].windows(5).any(|word| word == b" 200 "))
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn groups(limits_memory: bool, limits_cpu: bool) -> ControlGroups {
        ControlGroups { limits_memory, limits_cpu, versions: vec![2], missing: vec!["cpu: why".to_owned()] }
    }

    #[test]
    fn a_server_without_limits_still_runs() {
        assert_eq!(control_groups(&groups(true, true)).verdict, Verdict::Good);
        for (memory, cpu) in [(true, false), (false, true), (false, false)] {
            let row = control_groups(&groups(memory, cpu));
            assert_eq!(row.verdict, Verdict::Limited);
            assert!(row.says.ends_with("cpu: why"), "{}", row.says);
        }
    }

    #[test]
    fn an_engine_is_one_that_answers_a_ping() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("engine.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let answer = |text: &'static str| {
            let listener = listener.try_clone().unwrap();
            let served = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 64];
                let count = stream.read(&mut request).unwrap();
                assert!(request[..count].starts_with(b"GET /_ping HTTP/1.1\r\n"));
                stream.write_all(text.as_bytes()).unwrap();
            });
            let pinged = ping(&socket).unwrap();
            served.join().unwrap();
            pinged
        };
        assert!(answer("HTTP/1.1 200 OK\r\n\r\nOK"));
        assert!(!answer("HTTP/1.1 404 Not Found\r\n\r\n"));
        assert!(!answer("hello"));
        assert!(ping(&dir.path().join("nobody.sock")).is_err());
    }
}
