//! Signing keys, derived and kept for the day they are good for.
//!
//! Why: deriving takes four HMACs, more than the rest of a verification; a key serves every request of one secret,
//! day, region and service.
//! Invariants: the cache is bounded, holds no secret key (it is asked by access key id and scope), and learns only from
//! signatures that turned out right, so that a stranger cannot fill it. It belongs to one snapshot of the keys: when keys
//! are revoked or replaced, all that was derived from them goes.
//! Failure: a full cache is emptied; what is derived again costs microseconds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use hostler_types::Secret;
use ring::{digest, hmac};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{CredentialScope, TERMINATOR};
use crate::digits;

/// Signing keys that the cache holds: about 400 kB.
pub const SIGNING_KEYS_MAX: usize = 1024;

/// Of one access key: a client works in a few regions, and at midnight on two days.
const SCOPES_PER_KEY_MAX: usize = 32;

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

/// A SHA-256 in hexadecimal digits.
#[derive(Clone, Copy)]
pub(crate) struct HexDigest([u8; 64]);

impl HexDigest {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::from(&payload_hash(bytes))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}

impl From<&[u8; 32]> for HexDigest {
    fn from(digest: &[u8; 32]) -> Self {
        Self(digits::write_hash(digest))
    }
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

/// Derived keys by access key id and scope.
#[derive(Debug, Default)]
pub struct SigningKeys(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    by_access_key: HashMap<String, Vec<Kept>>,
    count: usize,
}

#[derive(Debug)]
struct Kept {
    day: String,
    region: String,
    service: String,
    key: SigningKey,
}

impl Kept {
    fn is_of(&self, scope: &CredentialScope<'_>) -> bool {
        self.day == scope.day && self.region == scope.region && self.service == scope.service
    }
}

impl Known {
    fn find(&self, access_key_id: &str, scope: &CredentialScope<'_>) -> Option<&SigningKey> {
        let kept = self.by_access_key.get(access_key_id)?.iter().find(|kept| kept.is_of(scope))?;
        Some(&kept.key)
    }
}

impl SigningKeys {
    /// The key that was kept for `access_key_id` within `scope`.
    pub(crate) fn find(&self, access_key_id: &str, scope: &CredentialScope<'_>) -> Option<SigningKey> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.find(access_key_id, scope).cloned()
    }

    /// Remembers a key that has verified a signature.
    pub(crate) fn keep(&self, access_key_id: &str, scope: &CredentialScope<'_>, key: &SigningKey) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.find(access_key_id, scope).is_some() {
            return;
        }
        if known.count >= SIGNING_KEYS_MAX {
            *known = Known::default();
        }
        let of_key = known.by_access_key.entry(access_key_id.to_owned()).or_default();
        let before = of_key.len();
        if before >= SCOPES_PER_KEY_MAX {
            of_key.clear();
        }
        of_key.push(Kept {
            day: scope.day.as_ref().to_owned(),
            region: scope.region.as_ref().to_owned(),
            service: scope.service.as_ref().to_owned(),
            key: key.clone(),
        });
        let after = of_key.len();
        known.count = known.count + after - before;
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(day: &str) -> CredentialScope<'_> {
        CredentialScope {
            day: day.into(),
            region: "us-east-1".into(),
            service: "iam".into(),
            terminator: TERMINATOR.into(),
        }
    }

    fn derived(day: &str) -> SigningKey {
        SigningKey::derive(&Secret::new("s"), day, "us-east-1", "iam")
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
        let (keys, key) = (SigningKeys::default(), derived("20260101"));
        for index in 0..=SIGNING_KEYS_MAX {
            keys.keep(&format!("AKID{index}"), &scope("20260101"), &key);
            assert!(keys.len() <= SIGNING_KEYS_MAX);
        }
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn one_access_key_takes_up_only_its_part() {
        let (keys, key) = (SigningKeys::default(), derived("20260101"));
        keys.keep("OTHER", &scope("20260101"), &key);
        for index in 0..10 * SCOPES_PER_KEY_MAX {
            keys.keep("AKID", &scope(&index.to_string()), &key);
            assert!(keys.len() <= SCOPES_PER_KEY_MAX + 1);
            assert!(keys.find("AKID", &scope(&index.to_string())).is_some());
        }
        assert!(keys.find("OTHER", &scope("20260101")).is_some());
    }

    #[test]
    fn a_kept_key_is_found_by_its_own_access_key_and_scope_alone() {
        let keys = SigningKeys::default();
        assert!(keys.find("AKID", &scope("20260101")).is_none());
        let key = derived("20260101");
        keys.keep("AKID", &scope("20260101"), &key);
        keys.keep("AKID", &scope("20260101"), &derived("20260102"));
        assert_eq!(keys.len(), 1);
        assert_eq!(keys.find("AKID", &scope("20260101")).unwrap().sign("x"), key.sign("x"));
        let elsewhere = CredentialScope { region: "eu-west-1".into(), ..scope("20260101") };
        let for_another = CredentialScope { service: "sts".into(), ..scope("20260101") };
        for other in [scope("20260102"), elsewhere, for_another] {
            assert!(keys.find("AKID", &other).is_none(), "{other}");
        }
        assert!(keys.find("AKID2", &scope("20260101")).is_none());
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", SigningKey::derive(&Secret::new("s"), "d", "r", "s")), "SigningKey(…)");
    }
}
