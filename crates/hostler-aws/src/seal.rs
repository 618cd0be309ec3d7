//! Sealing with the cluster's key: nobody without it can read what was sealed, or change it unnoticed.
//!
//! Why: session tokens travel with clients and secret keys lie in the database; both need the same lock, and neither may
//! open with the other's.
//! Invariants: AES-256-GCM under a key derived from the cluster's for one purpose alone, a fresh nonce each time; what
//! the sealed thing is about is authenticated with it. What fails to open says nothing about why.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// AWS's alphabet of ids.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters of an id after its four-letter prefix.
pub(crate) const ID_CHARS: usize = 16;

/// Closes and opens what is sealed for one purpose.
pub(crate) struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Seal {
    /// The same for every server that shares `cluster_key`.
    pub(crate) fn new(cluster_key: [u8; 32], purpose: &[u8]) -> Self {
        let cluster_key = Zeroizing::new(cluster_key);
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &cluster_key[..]), purpose);
        let key =
            UnboundKey::new(&AES_256_GCM, derived.as_ref()).expect("a SHA-256 tag is as long as the key");
        Self { key: LessSafeKey::new(key), random: SystemRandom::new() }
    }

    /// Nonce, then what `plain` became; it opens only together with the same `about`.
    pub(crate) fn close(&self, about: &[u8], mut plain: Vec<u8>) -> Vec<u8> {
        let nonce = self.random_bytes::<NONCE_LEN>();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut plain)
            .expect("what is sealed here is far below AES-GCM's limit of 64 GB");
        let mut sealed = nonce.to_vec();
        sealed.append(&mut plain);
        sealed
    }

    /// What was sealed, if it was sealed so.
    pub(crate) fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, Aad::from(about), &mut opened).ok()?.len();
        opened.truncate(length);
        Some(opened)
    }

    /// Random bytes of the system.
    pub(crate) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).expect("the system's random source never fails once it has started");
        bytes
    }

    /// `AKIA…`, `ASIA…`: an access key id that nobody had before.
    pub(crate) fn random_id(&self, prefix: &str) -> String {
        format!("{prefix}{}", id_text(&self.random_bytes::<ID_CHARS>()))
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// Bytes in AWS's alphabet of ids.
pub(crate) fn id_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_key_its_purpose_and_its_subject_alone() {
        let seal = Seal::new([1; 32], b"one");
        let sealed = seal.close(b"about", b"plain".to_vec());
        assert_eq!(seal.open(b"about", &sealed).unwrap().as_slice(), b"plain");
        assert_eq!(Seal::new([1; 32], b"one").open(b"about", &sealed).unwrap().as_slice(), b"plain");
        assert!(seal.open(b"another", &sealed).is_none());
        assert!(Seal::new([1; 32], b"two").open(b"about", &sealed).is_none());
        assert!(Seal::new([2; 32], b"one").open(b"about", &sealed).is_none());
        assert!(seal.open(b"about", &sealed[..11]).is_none());
    }

    #[test]
    fn nothing_sealed_twice_looks_the_same() {
        let seal = Seal::new([1; 32], b"one");
        assert_ne!(seal.close(b"", b"plain".to_vec()), seal.close(b"", b"plain".to_vec()));
        assert_ne!(seal.random_id("AKIA"), seal.random_id("AKIA"));
    }
}
