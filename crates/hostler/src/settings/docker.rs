//! `[docker]`: the engine that runs container images.
//!
//! Why: an engine is root on its machine, so it is used only where somebody says so; an empty table says it.
//! Invariants: without TLS an engine is on this machine. What is named is used; what is not is looked for where Docker's
//! own tools look, then where Podman listens.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hostler_compute_docker::EngineAddress;
use http::Uri;
use serde::Deserialize;

use super::BackendKind;

/// Where engines listen when nobody says otherwise, the first that is there is taken.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];

/// Which engine runs images, and who this server is at registries.
#[derive(Debug, Clone)]
pub(crate) struct DockerSettings {
    pub(crate) address: EngineAddress,
    /// Docker's config file.
    pub(crate) config_file: Option<PathBuf>,
    /// For so long an image that was pulled is kept when nobody uses it.
    pub(crate) images_kept: Option<Duration>,
    /// An ECR that is not Amazon's.
    pub(crate) ecr_endpoint: Option<Uri>,
    /// Registries besides Amazon's own that take its tokens.
    pub(crate) ecr_registries: Vec<String>,
}

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    socket: Option<String>,
    config_file: Option<PathBuf>,
    images_kept_s: Option<u64>,
    ecr_endpoint: Option<String>,
    #[serde(default)]
    ecr_registries: Vec<String>,
}

/// What the environment says of engines.
struct Environment {
    docker_host: Option<String>,
    runtime_dir: Option<PathBuf>,
    config_file: Option<PathBuf>,
}

impl Environment {
    fn of_process() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let of_user = value("HOME").map(|home| PathBuf::from(home).join(".docker"));
        let config_dir = value("DOCKER_CONFIG").map(PathBuf::from).or(of_user);
        Self {
            docker_host: value("DOCKER_HOST"),
            runtime_dir: value("XDG_RUNTIME_DIR").map(PathBuf::from),
            config_file: config_dir.map(|dir| dir.join("config.json")),
        }
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
        if let Some(file) = self.config_file.as_deref().filter(|file| !file.is_file()) {
            mistakes.push(format!("[docker] config_file: there is no file `{}`", file.display()));
        }
        let ecr_endpoint = self.ecr_endpoint.as_deref().and_then(|text| {
            let endpoint = endpoint(text);
            if endpoint.is_none() {
                mistakes.push(format!(
                    "[docker] ecr_endpoint = \"{text}\" is neither https:// nor http:// to this machine"
                ));
            }
            endpoint
        });
        let (name, text) = match (self.socket, &environment.docker_host) {
            (Some(socket), _) => ("[docker] socket", Some(socket)),
            (None, host) => ("DOCKER_HOST", host.clone()),
        };
        let address = match text.as_deref().map(str::parse) {
            Some(Ok(address)) => address,
            Some(Err(error)) => {
                mistakes.push(format!("{name}: {error}"));
                return None;
            }
            None => {
                let sockets = environment.sockets();
                EngineAddress::Unix(
                    sockets.iter().find(|socket| socket.exists()).or(sockets.first())?.clone(),
                )
            }
        };
        Some(DockerSettings {
            address,
            config_file: self.config_file.or(environment.config_file.clone()),
            images_kept: self.images_kept_s.map(Duration::from_secs),
            ecr_endpoint,
            ecr_registries: self.ecr_registries,
        })
    }
}

/// The answers hold passwords, so in the clear they stay on this machine.
fn endpoint(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str()? {
        "https" => Some(uri),
        "http" if is_here => Some(uri),
        _ => None,
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
        assert!(endpoint("http://127.0.0.1:1/").is_some() && endpoint("https://ecr.example/").is_some());
        assert!(endpoint("http://ecr.example/").is_none() && endpoint("ecr.example").is_none());
    }
}
