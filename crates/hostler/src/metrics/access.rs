//! Who may read the metrics.
//!
//! Why: Prometheus does not sign its requests; what it can do is send a token.
//! Invariants: without a token only a server that nobody but its own machine reaches shows anything. Tokens are compared
//! in constant time.

use std::fmt;
use std::net::SocketAddr;

use hostler_types::Secret;
use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

const NO_TOKEN: &str = "the metrics name every account's endpoints, and this server listens beyond loopback: set \
                        metrics_token_file in its settings to a file with a token, and have Prometheus send it \
                        (authorization: credentials_file)\n";
const WRONG_TOKEN: &str = "the metrics are for who sends the token in the server's metrics_token_file, as \
                           Authorization: Bearer TOKEN (Prometheus: authorization: credentials_file)\n";

/// Who may read.
#[derive(Clone)]
pub(crate) enum MetricsAccess {
    /// Nobody but this machine reaches the server.
    Anybody,
    /// Whoever has it.
    Bearer(Secret),
    /// The server is reachable and has no token.
    Nobody,
}

impl MetricsAccess {
    pub(crate) fn new(listen: SocketAddr, token: Option<Secret>) -> Self {
        match token {
            Some(token) => Self::Bearer(token),
            None if listen.ip().is_loopback() => Self::Anybody,
            None => Self::Nobody,
        }
    }

    /// Or what is to be done.
    pub(super) fn allow(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let token = match self {
            Self::Anybody => return Ok(()),
            Self::Nobody => return Err(NO_TOKEN),
            Self::Bearer(token) => token.expose(),
        };
        let sent =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
                let (scheme, sent) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| sent.trim())
            });
        let is_right = sent.is_some_and(|sent| bool::from(sent.as_bytes().ct_eq(token.as_bytes())));
        if is_right { Ok(()) } else { Err(WRONG_TOKEN) }
    }
}

impl fmt::Debug for MetricsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anybody => "Anybody",
            Self::Bearer(_) => "Bearer",
            Self::Nobody => "Nobody",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn allows(listen: &str, token: Option<&str>, sent: Option<&'static str>) -> bool {
        let access = MetricsAccess::new(listen.parse().unwrap(), token.map(Secret::new));
        let mut headers = HeaderMap::new();
        if let Some(sent) = sent {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(sent));
        }
        access.allow(&headers).is_ok()
    }

    #[test]
    fn on_loopback_anybody_reads_and_beyond_it_nobody_without_the_token() {
        assert!(allows("127.0.0.1:1", None, None) && allows("[::1]:1", None, None));
        for listen in ["0.0.0.0:1", "192.0.2.1:1", "[::]:1"] {
            assert!(!allows(listen, None, None));
            assert!(!allows(listen, None, Some("Bearer ")));
        }
        for listen in ["0.0.0.0:1", "127.0.0.1:1"] {
            assert!(allows(listen, Some("t0k"), Some("Bearer t0k")));
            assert!(allows(listen, Some("t0k"), Some("bearer t0k")));
            for wrong in ["Bearer t0", "Bearer t0kk", "Basic t0k", "t0k", "Bearer"] {
                assert!(!allows(listen, Some("t0k"), Some(wrong)), "{wrong}");
            }
            assert!(!allows(listen, Some("t0k"), None));
        }
    }
}
