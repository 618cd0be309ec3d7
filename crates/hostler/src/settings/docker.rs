//! `[docker]`: the engine that runs container images.
//!
//! Why: an engine is root on its machine, so it is used only where somebody says so; an empty table says it.
//! Invariants: without TLS an engine is on this machine. What is named is used; what is not is looked for where Docker's
//! own tools look, then where Podman listens.

use std::path::PathBuf;

use hostler_compute_docker::EngineAddress;
use serde::Deserialize;

use super::BackendKind;

/// Where engines listen when nobody says otherwise, the first that is there is taken.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];

/// Which engine runs images.
#[derive(Debug, Clone)]
pub(crate) struct DockerSettings {
    pub(crate) address: EngineAddress,
}

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    socket: Option<String>,
}

/// What the environment says of engines.
struct Environment {
    docker_host: Option<String>,
    runtime_dir: Option<PathBuf>,
}

impl Environment {
    fn of_process() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self { docker_host: value("DOCKER_HOST"), runtime_dir: value("XDG_RUNTIME_DIR").map(PathBuf::from) }
    }

    /// The usual places, the likeliest first.
    fn sockets(&self) -> Vec<PathBuf> {
        let of_user =
            self.runtime_dir.iter().flat_map(|dir| [dir.join("docker.sock"), dir.join("podman/podman.sock")]);
        SOCKETS.map(PathBuf::from).into_iter().chain(of_user).collect()
    }
}

/// The table, if there is one.
pub(super) fn resolve(
    written: Option<Written>,
    backend: BackendKind,
    mistakes: &mut Vec<String>,
) -> Option<DockerSettings> {
    let settings = written?.resolve(&Environment::of_process(), mistakes);
    if backend == BackendKind::Simulated {
        mistakes
            .push("[docker] runs images beside backend = \"process\", not beside \"simulated\"".to_owned());
    }
    settings
}

impl Written {
    fn resolve(self, environment: &Environment, mistakes: &mut Vec<String>) -> Option<DockerSettings> {
        let (name, text) = match (self.socket, &environment.docker_host) {
            (Some(socket), _) => ("[docker] socket", socket),
            (None, Some(host)) => ("DOCKER_HOST", host.clone()),
            (None, None) => {
                let sockets = environment.sockets();
                let there = sockets.iter().find(|socket| socket.exists()).or(sockets.first())?;
                return Some(DockerSettings { address: EngineAddress::Unix(there.clone()) });
            }
        };
        match text.parse() {
            Ok(address) => Some(DockerSettings { address }),
            Err(error) => {
                mistakes.push(format!("{name}: {error}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, docker_host: Option<&str>) -> Result<String, Vec<String>> {
        let environment = Environment::read(|name| match name {
            "DOCKER_HOST" => docker_host.map(str::to_owned),
            _ => None,
        });
        let written: Written = toml::from_str(text).unwrap();
        let mut mistakes = Vec::new();
        let settings = written.resolve(&environment, &mut mistakes);
        settings.map(|settings| settings.address.to_string()).ok_or(mistakes)
    }

    #[test]
    fn what_is_named_comes_before_what_the_environment_says() {
        let both = resolve("socket = \"/run/a.sock\"", Some("unix:///run/b.sock"));
        assert_eq!(both, Ok("`/run/a.sock`".to_owned()));
        assert_eq!(resolve("", Some("unix:///run/b.sock")), Ok("`/run/b.sock`".to_owned()));
    }

    #[test]
    fn an_engine_that_cannot_be_used_is_a_mistake() {
        let mistake = resolve("socket = \"tcp://10.0.0.1:2375\"", None).unwrap_err().remove(0);
        assert!(
            mistake.starts_with("[docker] socket: `tcp://10.0.0.1:2375` is not on this machine"),
            "{mistake}"
        );
        let mistake = resolve("", Some("ssh://me@there")).unwrap_err().remove(0);
        assert!(mistake.starts_with("DOCKER_HOST: `ssh://me@there` is neither"), "{mistake}");
    }
}
