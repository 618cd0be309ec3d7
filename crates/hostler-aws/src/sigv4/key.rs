//! Signing keys, derived and kept for the day they are good for.
//!
//! Why: deriving takes four HMACs, more than the rest of a verification; a key serves every request of one secret,
//! day, region and service.
//! Invariants: the cache is bounded, holds no secret key (its keys are digests), and learns only from signatures that
//! turned out right, so that a stranger cannot fill it.
//! Failure: a full cache is emptied; what is derived again costs microseconds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use hostler_types::Secret;
use ring::{digest, hmac};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{CredentialScope, TERMINATOR};

/// Signing keys that the cache holds: about 400 kB.
pub const SIGNING_KEYS_MAX: usize = 1024;

/// SHA-256 of a body.
pub fn payload_hash(body: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, body);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The same of a body that comes in pieces.
#[derive(Clone)]
pub struct PayloadHasher(digest::Context);

impl PayloadHasher {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next piece in.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of all pieces.
    pub fn finish(self) -> [u8; 32] {
        self.0.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

impl Default for PayloadHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PayloadHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadHasher").finish_non_exhaustive()
    }
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(payload_hash(bytes))
}

/// The key that signs within one scope.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Derives it from the secret key.
    pub fn derive(secret: &Secret, day: &str, region: &str, service: &str) -> Self {
        let mut first = format!("AWS4{}", secret.expose()).into_bytes();
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, &first);
        first.zeroize();
        for part in [day, region, service, TERMINATOR] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        Self(key)
    }

    /// The signature of a string to sign.
    pub fn sign(&self, string_to_sign: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0, string_to_sign.as_bytes());
        tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
    }

    /// Whether `signature` is the one, in constant time.
    pub fn is_signature(&self, string_to_sign: &str, signature: &[u8; 32]) -> bool {
        self.sign(string_to_sign).ct_eq(signature).into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// Derived keys by the digest of what they came from.
#[derive(Debug, Default)]
pub struct SigningKeys {
    known: RwLock<HashMap<[u8; 32], SigningKey>>,
}

impl SigningKeys {
    /// The key for `secret` within `scope`, derived if it is not known; and the name to keep it under.
    pub(crate) fn find(&self, secret: &Secret, scope: &CredentialScope) -> (SigningKey, [u8; 32]) {
        let name = digest_of([secret.expose(), &scope.day, &scope.region, &scope.service]);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let key = known.get(&name).cloned();
        drop(known);
        let key =
            key.unwrap_or_else(|| SigningKey::derive(secret, &scope.day, &scope.region, &scope.service));
        (key, name)
    }

    /// Remembers a key that has verified a signature.
    pub(crate) fn keep(&self, name: [u8; 32], key: &SigningKey) {
        let is_known = self.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(&name);
        if is_known {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SIGNING_KEYS_MAX {
            known.clear();
        }
        known.insert(name, key.clone());
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Lengths go in too, so that no two lists of parts have one digest.
fn digest_of(parts: [&str; 4]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(day: &str) -> CredentialScope {
        CredentialScope {
            day: day.to_owned(),
            region: "us-east-1".to_owned(),
            service: "iam".to_owned(),
            terminator: TERMINATOR.to_owned(),
        }
    }

    #[test]
    fn the_key_is_the_one_in_aws_documentation() {
        // AWS General Reference, "Examples of how to derive a signing key": the date 20150830, us-east-1, iam.
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let key = SigningKey::derive(&secret, "20150830", "us-east-1", "iam");
        let string_to_sign = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                              f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let expected = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert_eq!(hex::encode(key.sign(string_to_sign)), expected);
    }

    #[test]
    fn the_cache_never_grows_past_its_limit() {
        let keys = SigningKeys::default();
        let secret = Secret::new("s");
        for index in 0..=SIGNING_KEYS_MAX {
            let (key, name) = keys.find(&secret, &scope(&index.to_string()));
            keys.keep(name, &key);
            assert!(keys.len() <= SIGNING_KEYS_MAX);
        }
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn a_kept_key_is_the_derived_one() {
        let keys = SigningKeys::default();
        let secret = Secret::new("s");
        let (derived, name) = keys.find(&secret, &scope("20260101"));
        assert!(keys.is_empty());
        keys.keep(name, &derived);
        let (kept, _) = keys.find(&secret, &scope("20260101"));
        assert_eq!(kept.sign("x"), derived.sign("x"));
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", SigningKey::derive(&Secret::new("s"), "d", "r", "s")), "SigningKey(…)");
    }
}
