//! Where the engine is.
//!
//! Invariants: an engine is root on its machine; one that is spoken to without TLS is on this machine, or nowhere.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineAddress {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A port of this machine.
    Tcp(SocketAddr),
}

/// A text that names no engine that can be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineAddressError {
    /// Another machine, in the clear.
    #[error("`{0}` is not on this machine, and an engine that is spoken to without TLS has to be")]
    Elsewhere(String),
    /// Something else.
    #[error("`{0}` is neither a path, `unix://PATH` nor `tcp://ADDRESS:PORT`")]
    Unknown(String),
}

impl FromStr for EngineAddress {
    type Err = EngineAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || EngineAddressError::Unknown(text.to_owned());
        if let Some(address) = text.strip_prefix("tcp://") {
            let address = address.trim_end_matches('/').replace("localhost:", "127.0.0.1:");
            let address: SocketAddr = address.parse().map_err(|_| unknown())?;
            if !address.ip().is_loopback() {
                return Err(EngineAddressError::Elsewhere(text.to_owned()));
            }
            return Ok(Self::Tcp(address));
        }
        let path = text.strip_prefix("unix://").unwrap_or(text);
        if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(unknown()) }
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "`{}`", path.display()),
            Self::Tcp(address) => write!(f, "`tcp://{address}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_named_as_docker_names_them() {
        let parse = |text: &str| text.parse::<EngineAddress>();
        assert_eq!(parse("/run/docker.sock"), Ok(EngineAddress::Unix("/run/docker.sock".into())));
        assert_eq!(parse("unix:///run/docker.sock"), parse("/run/docker.sock"));
        assert_eq!(parse("tcp://127.0.0.1:2375"), Ok(EngineAddress::Tcp("127.0.0.1:2375".parse().unwrap())));
        assert_eq!(parse("tcp://localhost:2375"), parse("tcp://127.0.0.1:2375"));
        assert_eq!(parse("tcp://[::1]:2375").unwrap().to_string(), "`tcp://[::1]:2375`");
    }

    #[test]
    fn an_engine_elsewhere_is_refused() {
        let text = "tcp://10.0.0.1:2375";
        assert_eq!(text.parse::<EngineAddress>(), Err(EngineAddressError::Elsewhere(text.to_owned())));
        for text in ["", "docker.sock", "ssh://host", "tcp://host", "npipe:////./pipe/docker_engine"] {
            assert_eq!(text.parse::<EngineAddress>(), Err(EngineAddressError::Unknown(text.to_owned())));
        }
    }
}
