//! The head of a request out of an input, as an HTTP server would hand it over, and the keys that sign one.
//!
//! Why: a server has parsed the head before any code of ours sees it, so what it would refuse need not be tried.
//! Invariants: the key and the moment are those of the vectors of `hostler-aws`, so their signatures are right here.

use std::sync::Arc;

use hostler_aws::sigv4::Verifier;
use hostler_aws::{KeyRing, LongLivedKey, TokenSealer};
use hostler_types::{AccountId, Clock, Credentials, Millis, Secret};
use http::Request;
use http::request::Parts;

/// 2026-01-02T03:04:05Z.
pub(crate) const NOW: Millis = Millis(1_767_323_045_000);
pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(crate) const REGION: &str = "eu-central-1";

pub(crate) struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Millis {
        NOW
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials {
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET),
        session_token: None,
        expires_at: None,
    }
}

pub(crate) fn key_ring() -> KeyRing {
    let ring = KeyRing::new(TokenSealer::new([7; 32]));
    let account = AccountId::new("123456789012");
    ring.replace([&LongLivedKey::of_account(KEY_ID, Secret::new(SECRET), &account)]);
    ring
}

thread_local! {
    static VERIFIER: Verifier = Verifier::new(Arc::new(key_ring()), Arc::new(StandingClock));
}

/// The one verifier; what it keeps are keys that it could derive again.
pub(crate) fn with_verifier<T>(use_it: impl FnOnce(&Verifier) -> T) -> T {
    VERIFIER.with(use_it)
}

/// `METHOD URI`, then a header on each line, then after an empty line the body; none when it is no head.
pub(crate) fn split(data: &[u8]) -> Option<(Parts, &[u8])> {
    let (head, body) = match data.windows(2).position(|window| window == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.next()?;
    let blank = first.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::builder().method(&first[..blank]).uri(first.get(blank + 1..)?);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    Some((request.body(()).ok()?.into_parts().0, body))
}
