//! What to do about an error: the one place where every command's errors get their `hint:` line.
//!
//! Why: an error says what was tried and what came back; a person also wants to know what to type now. The hint is
//! found by the type of the error, so that no command has to think of it.
//! Invariants: at most one hint, the one nearest to the surface that knows something. A hint never repeats the error.

use std::error::Error;
use std::fmt;
use std::io;

use hostler_store::Trouble as StoreTrouble;
use hostler_store_sql::{LockError, OpenError};

use crate::client::{Refusal, Trouble, Unreachable};
use crate::profile::NoProfile;

/// Names that are near to one that is not there; more do not help.
const NEAR_MAX: usize = 3;
/// How alike two names must be, 1 being equal.
const NEAR_ENOUGH: f64 = 0.75;

const DISK_FULL: &str = "free some space, or choose another disk by --data-dir (or TMPDIR)";

/// An error that knows what to do about it.
pub(crate) trait Hint {
    fn hint(&self) -> Option<String>;
}

/// Any error, with a hint that somebody who knew more has added.
#[derive(Debug)]
pub(crate) struct Hinted {
    error: anyhow::Error,
    hint: String,
}

/// The user asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted{0}")]
pub(crate) struct Interrupted(pub(crate) String);

impl Hinted {
    pub(crate) fn wrap(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { error: error.into(), hint: hint.into() })
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.chain().nth(1)
    }
}

impl Hint for Hinted {
    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

impl Hint for NoProfile {
    fn hint(&self) -> Option<String> {
        let dir = self.data_dir.display();
        Some(format!(
            "start a server with `hostler serve --data-dir {dir}`, or name the directory of one that runs by --data-dir or HOSTLER_DATA_DIR"
        ))
    }
}

impl Hint for Unreachable {
    fn hint(&self) -> Option<String> {
        Some(match self.trouble {
            Trouble::NoConnection => {
                "start it with `hostler serve`; `hostler doctor` says what this machine can run".to_owned()
            }
            Trouble::Certificate => {
                "tell of the certificate's authority, or of the certificate itself, by --ca-cert FILE or AWS_CA_BUNDLE"
                    .to_owned()
            }
            Trouble::Tls => format!("does it speak TLS? Without --tls-cert its URL begins with http:// ({})", self.url),
            Trouble::Broken if self.url.starts_with("http://") => {
                "did the server stop? If it was started with --tls-cert, its URL begins with https://".to_owned()
            }
            Trouble::Broken => "did the server stop? `hostler doctor` looks for it".to_owned(),
        })
    }
}

impl Hint for Refusal {
    fn hint(&self) -> Option<String> {
        Some(match self.code.as_str() {
            "InvalidSignatureException" | "SignatureDoesNotMatch" | "UnrecognizedClientException"
            | "InvalidClientTokenId" | "InvalidAccessKeyId" | "IncompleteSignature" => {
                "the key in the data directory is not this server's: give the --data-dir of the server at --endpoint, and compare both clocks".to_owned()
            }
            _ if self.message.starts_with("Cannot update in-progress endpoint") => {
                "one change at a time: `hostler describe NAME` shows how far it is; try again when it has settled"
                    .to_owned()
            }
            "ThrottlingException" | "ServiceUnavailable" | "SlowDown" => "try again in a moment".to_owned(),
            "ResourceLimitExceeded" => "`hostler quotas` shows limits and use; delete what is not needed, or raise the limit under [quotas] in the settings".to_owned(),
            "ModelError" => "`hostler logs NAME` shows what the model wrote".to_owned(),
            "InternalFailure" | "InternalServerException" | "InternalError" => {
                "the server's own log says more".to_owned()
            }
            _ => return None,
        })
    }
}

impl Hint for LockError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Held { .. } => Some(
                "use the server that runs (`hostler ls`), or give this one another --data-dir".to_owned(),
            ),
            Self::Failed { .. } => None,
        }
    }
}

impl Hint for OpenError {
    fn hint(&self) -> Option<String> {
        Some(match self.trouble()? {
            StoreTrouble::DiskFull => DISK_FULL.to_owned(),
            StoreTrouble::ReadOnly => {
                "give the user who runs the server the permission to write to the data directory and its files".to_owned()
            }
            StoreTrouble::Damaged => {
                "put a copy of the database in its place, or move it away to begin with nothing; docs/trouble.md says how"
                    .to_owned()
            }
        })
    }
}

impl Hint for io::Error {
    fn hint(&self) -> Option<String> {
        Some(match self.kind() {
            io::ErrorKind::NotFound => {
                "check the path; a relative one starts at the current directory".to_owned()
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "the file system is mounted read-only: mount it for writing, or choose another disk by --data-dir".to_owned()
            }
            io::ErrorKind::PermissionDenied => {
                "run it as the user who owns the file, or give that user the permission".to_owned()
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                DISK_FULL.to_owned()
            }
            io::ErrorKind::AddrInUse => {
                "another program has the port: choose one with --listen, 127.0.0.1:0 takes any".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => {
                "the address is not one of this machine's; 127.0.0.1 always is".to_owned()
            }
            _ => return None,
        })
    }
}

/// What to do about `error`, if anything is known.
pub(crate) fn of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        let known: [Option<&dyn Hint>; 7] = [
            as_hint::<Hinted>(cause),
            as_hint::<NoProfile>(cause),
            as_hint::<Unreachable>(cause),
            as_hint::<Refusal>(cause),
            as_hint::<LockError>(cause),
            as_hint::<OpenError>(cause),
            as_hint::<io::Error>(cause),
        ];
        known.into_iter().flatten().find_map(Hint::hint)
    })
}

/// Whether the user asked to stop, with a hint around it or without.
pub(crate) fn is_interrupted(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<Interrupted>()
            || cause.downcast_ref::<Hinted>().is_some_and(|hinted| is_interrupted(&hinted.error))
    })
}

fn as_hint<'a, E: Hint + Error + 'static>(cause: &'a (dyn Error + 'static)) -> Option<&'a dyn Hint> {
    cause.downcast_ref::<E>().map(|error| error as &dyn Hint)
}

/// The names nearest to one that is not there, the nearest first.
pub(crate) fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let mut alike: Vec<(f64, &str)> = known
        .into_iter()
        .map(|known| {
            let lower = known.to_lowercase();
            let is_part = wanted.len() > 2 && (lower.contains(&wanted) || wanted.contains(&lower));
            (strsim::jaro_winkler(&wanted, &lower) + if is_part { 1.0 } else { 0.0 }, known)
        })
        .filter(|(score, _)| *score >= NEAR_ENOUGH)
        .collect();
    alike.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
    alike.into_iter().take(NEAR_MAX).map(|(_, known)| known).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_hint_nearest_to_the_surface_wins() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let plain = Err::<(), _>(missing()).context("reading `x` failed").unwrap_err();
        assert!(of(&plain).unwrap().contains("path"));
        let hinted = Hinted::wrap(plain, "do this");
        assert_eq!(of(&hinted).as_deref(), Some("do this"));
        assert_eq!(of(&anyhow::anyhow!("something else")), None);
    }

    #[test]
    fn a_hinted_error_still_shows_its_text_and_its_causes_once() {
        let cause = Err::<(), _>(io::Error::other("the cause")).context("the error").unwrap_err();
        let texts: Vec<String> = Hinted::wrap(cause, "h").chain().map(ToString::to_string).collect();
        assert_eq!(texts, ["the error", "the cause"]);
    }

    #[test]
    fn an_interruption_is_one_also_with_a_hint() {
        let plain = anyhow::Error::new(Interrupted(String::new()));
        assert!(is_interrupted(&plain));
        assert!(is_interrupted(&Hinted::wrap(plain, "h")));
        assert!(!is_interrupted(&Hinted::wrap(anyhow::anyhow!("other"), "h")));
    }

    #[test]
    fn near_names_are_those_a_person_could_have_meant() {
        let known = ["digits", "digits-canary", "faces", "prices"];
        assert_eq!(near("digit", known), ["digits", "digits-canary"]);
        assert_eq!(near("DIGITS", known), ["digits", "digits-canary"]);
        assert_eq!(near("pirces", known), ["prices"]);
        assert_eq!(near("weather", known), Vec::<&str>::new());
    }
}
