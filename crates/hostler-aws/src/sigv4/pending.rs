//! A signature that is still to be decided: the request's bytes as they were signed, and the key.
//!
//! Why: all that the head alone tells is worked out before the body is read; what remains is two hashes.
//! Invariants: a signing key is kept only after it made a right signature. The canonical request reaches the log without
//! its session token, and nothing else.

use std::sync::Arc;

use hostler_types::Millis;

use crate::keys::KeyOwner;
use crate::{Head, Protocol};

use super::canonical::{PathStyle, canonical_head};
use super::key::{HexDigest, SigningKey};
use super::{ALGORITHM, AuthError, CredentialScope, Presented, Rules};

/// Bytes of a canonical request that a mismatch keeps for the log.
const LOGGED_BYTES_MAX: usize = 4096;

/// What is needed to decide a signature.
pub(super) struct Pending {
    /// The canonical request without its last line.
    canonical: Vec<u8>,
    /// The same with path and query spelled anew, where that makes a difference.
    respelled: Option<Vec<u8>>,
    /// The string to sign, of which everything up to here is the same whatever was hashed.
    text: String,
    text_begun: usize,
    signature: Option<[u8; 32]>,
    key: SigningKey,
    /// Where the key was derived for this request.
    derived_for: Option<CredentialScope<'static>>,
    owner: Arc<KeyOwner>,
    now: Millis,
}

impl Pending {
    pub(super) fn new(
        request: &Head<'_>,
        presented: &Presented<'_>,
        rules: &Rules,
        owner: Arc<KeyOwner>,
        now: Millis,
    ) -> Self {
        let (plain, respelled) = match rules.protocol {
            Protocol::S3 => (PathStyle::S3, PathStyle::S3Respelled),
            _ => (PathStyle::Standard, PathStyle::StandardRespelled),
        };
        let head = |style| canonical_head(request, &presented.signed_headers, style);
        let canonical = head(plain);
        let respelled = plain.may_differ_respelled(request).then(|| head(respelled));
        let respelled = respelled.filter(|respelled| *respelled != canonical);
        let scope = &presented.scope;
        let known = owner.signing_keys.find(&owner.identity.access_key_id, scope);
        let derived_for = known.is_none().then(|| scope.clone().into_owned());
        let key = known
            .unwrap_or_else(|| SigningKey::derive(&owner.secret, &scope.day, &scope.region, &scope.service));
        let mut text = String::with_capacity(192);
        for part in [ALGORITHM, "\n", presented.date.as_str(), "\n"] {
            text.push_str(part);
        }
        scope.push_to(&mut text);
        text.push('\n');
        let (text_begun, signature) = (text.len(), presented.signature);
        Self { canonical, respelled, text, text_begun, signature, key, derived_for, owner, now }
    }

    /// The key that signs within the head's scope.
    pub(super) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Compares the signature with the one of each spelling. To be asked once: what is hashed is completed in its place.
    pub(super) fn verify(mut self, payload_hash: &str) -> Result<(), AuthError> {
        let heads = [Some(std::mem::take(&mut self.canonical)), self.respelled.take()];
        let mut first = None;
        for mut canonical in heads.into_iter().flatten() {
            canonical.extend_from_slice(payload_hash.as_bytes());
            if self.is_signed(&canonical) {
                self.accept();
                return Ok(());
            }
            first.get_or_insert_with(|| (canonical, self.text.clone()));
        }
        let (canonical, string_to_sign) = first.unwrap_or_default();
        Err(AuthError::Mismatch { canonical_request: loggable(&canonical), string_to_sign })
    }

    fn is_signed(&mut self, canonical: &[u8]) -> bool {
        self.text.truncate(self.text_begun);
        self.text.push_str(HexDigest::of(canonical).as_str());
        self.signature.is_some_and(|signature| self.key.is_signature(&self.text, &signature))
    }

    fn accept(&self) {
        let owner = &self.owner;
        if let Some(scope) = &self.derived_for {
            owner.signing_keys.keep(&owner.identity.access_key_id, scope, &self.key);
        }
        if let Some(last_use) = &owner.last_use {
            last_use.note(self.now);
        }
    }
}

/// The canonical request for the log: cut, and without the session token.
fn loggable(canonical: &[u8]) -> String {
    let text = String::from_utf8_lossy(&canonical[..canonical.len().min(LOGGED_BYTES_MAX)]);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let token = ["x-amz-security-token:", "X-Amz-Security-Token="]
            .into_iter()
            .find_map(|name| line.find(name).map(|at| at + name.len()));
        let Some(from) = token else {
            out.push_str(line);
            continue;
        };
        let to = line[from..].find(['&', '\n']).map_or(line.len(), |length| from + length);
        out.push_str(&line[..from]);
        out.push('…');
        out.push_str(&line[to..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_token_does_not_reach_the_log() {
        let canonical = b"GET\n/\na=1&X-Amz-Security-Token=geheim&b=2\nx-amz-date:d\nx-amz-security-token:geheim\n\nhost\n";
        let expected =
            "GET\n/\na=1&X-Amz-Security-Token=…&b=2\nx-amz-date:d\nx-amz-security-token:…\n\nhost\n";
        assert_eq!(loggable(canonical), expected);
    }
}
