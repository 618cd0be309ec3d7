//! Control groups, `/opt/ml/model`, container engines: what surrounds an instance.

use std::env;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use hostler_compute_process::{ControlGroups, OptMlRefused, ProcessConfig, try_opt_ml_model};

use super::report::Row;

const SOCKET_TIMEOUT: Duration = Duration::from_secs(2);

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

/// Tried as an instance would, for programs that look nowhere but in `/opt/ml/model`.
pub(super) async fn opt_ml_model() -> Row {
    let tried = async {
        let model = tempfile::tempdir()?;
        let config = ProcessConfig::new(model.path(), env::current_exe()?);
        try_opt_ml_model(&config, model.path()).await
    };
    match tried.await {
        Ok(None) => Row::good(
            "/opt/ml/model",
            "a program that insists on it gets it, in a mount namespace of its own (needs_opt_ml)",
        ),
        Ok(Some(OptMlRefused { what, to_do })) => Row::limited(
            "/opt/ml/model",
            format!("no program can be given it: {what}"),
            format!("nothing unless an [[image]] says needs_opt_ml; else {to_do}"),
        ),
        Err(error) => Row::limited(
            "/opt/ml/model",
            format!("whether a program can be given it could not be tried: {error}"),
            "see that TMPDIR can be written",
        ),
    }
}

/// Sockets of Docker and Podman, asked whether somebody is at home.
pub(super) fn container_engine() -> Row {
    for socket in sockets() {
        let shown = socket.display();
        match ping(&socket) {
            Ok(true) => {
                let says =
                    format!("one answers at {shown}; with a [docker] table in the settings it runs images");
                return Row::good("container engine", says);
            }
            Ok(false) => {
                let says = format!("something that is no container engine answers at {shown}");
                return Row::limited(
                    "container engine",
                    says,
                    "name the engine's own by socket under [docker]",
                );
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Row::limited(
                    "container engine",
                    format!("{shown} is there, but this user may not use it"),
                    "add the user to the socket's group (often `docker`), and log in again",
                );
            }
            Err(_) => {}
        }
    }
    Row::missing(
        "container engine",
        "no Docker or Podman socket answers, so no image can be run as it is".to_owned(),
        "install Docker or Podman (Debian: `apt install docker.io`) and add an empty [docker] table to the settings, or map \
         images to commands by [[image]]",
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
