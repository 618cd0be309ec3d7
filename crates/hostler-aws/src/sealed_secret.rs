//! Secret keys at rest: sealed with the cluster's key, each bound to whose it is.
//!
//! Why: SigV4 needs the secret itself, so it cannot be kept as a hash; a copy of the database alone must reveal none,
//! and nobody who can write to it may give one account's key to another.
//! Invariants: a sealed secret opens only for the very access key, account and user that it was sealed for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use hostler_types::{AccountId, Secret};

use crate::seal::Seal;
use crate::sealed::random_secret;

/// What the cluster's key is used for here.
const PURPOSE: &[u8] = b"hostler secret access key v1";

/// Whose a secret is.
#[derive(Clone, Copy, Debug)]
pub struct SecretOwner<'a> {
    /// `AKIA…`.
    pub access_key_id: &'a str,
    /// The account.
    pub account: &'a AccountId,
    /// The user; none is the account itself.
    pub user: Option<&'a str>,
}

/// Makes, seals and opens secret keys.
#[derive(Debug)]
pub struct SecretSealer {
    seal: Seal,
}

impl SecretSealer {
    /// A sealer for every server that shares `cluster_key`.
    pub fn new(cluster_key: [u8; 32]) -> Self {
        Self { seal: Seal::new(cluster_key, PURPOSE) }
    }

    /// `AKIA…` and a secret, both new.
    pub fn new_key(&self) -> (String, Secret) {
        (self.seal.random_id("AKIA"), random_secret(&self.seal))
    }

    /// The secret as it may be written down.
    pub fn close(&self, owner: SecretOwner<'_>, secret: &Secret) -> String {
        URL_SAFE_NO_PAD.encode(self.seal.close(&about(owner), secret.expose().as_bytes().to_vec()))
    }

    /// What was sealed for this owner.
    pub fn open(&self, owner: SecretOwner<'_>, sealed: &str) -> Option<Secret> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let plain: Zeroizing<Vec<u8>> = self.seal.open(&about(owner), &sealed)?;
        Some(Secret::new(std::str::from_utf8(&plain).ok()?))
    }
}

/// Lengths go in too, so that no two owners have one text; no user is none with an empty name.
fn about(owner: SecretOwner<'_>) -> Vec<u8> {
    let SecretOwner { access_key_id, account, user } = owner;
    let mut about = Vec::new();
    for part in [Some(access_key_id), Some(account.as_str()), user].into_iter().flatten() {
        about.extend_from_slice(&(part.len() as u64).to_be_bytes());
        about.extend_from_slice(part.as_bytes());
    }
    about
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_its_owner_alone() {
        let sealer = SecretSealer::new([1; 32]);
        let (id, secret) = sealer.new_key();
        assert!(id.starts_with("AKIA") && id.len() == 20 && secret.expose().len() == 40);
        let (account, other) = (AccountId::new("111111111111"), AccountId::new("222222222222"));
        let owner = SecretOwner { access_key_id: &id, account: &account, user: Some("ci") };
        let sealed = sealer.close(owner, &secret);
        assert!(!sealed.contains(secret.expose()));
        assert_eq!(sealer.open(owner, &sealed), Some(secret.clone()));
        for stranger in [
            SecretOwner { access_key_id: "AKIAOTHER", ..owner },
            SecretOwner { account: &other, ..owner },
            SecretOwner { user: None, ..owner },
            SecretOwner { user: Some("root"), ..owner },
        ] {
            assert_eq!(sealer.open(stranger, &sealed), None, "{stranger:?}");
        }
        assert_eq!(SecretSealer::new([2; 32]).open(owner, &sealed), None);
        assert_eq!(sealer.open(owner, "not base64!"), None);
    }
}
