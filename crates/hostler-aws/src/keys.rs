//! Who owns an access key.
//!
//! Why: the verifier asks a port; long-lived keys come from a snapshot that the owner of the server swaps, keys of
//! assumed roles come out of their own sealed session token, so that any gateway can check them without a store.
//! Invariants: a long-lived key never takes a session token, and a role's key is nothing without its own.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hostler_types::{AccountId, Identity, Millis, Secret};

use crate::sealed::{TokenError, TokenSealer};

/// The secret and the owner of an access key.
#[derive(Clone, Debug)]
pub struct KeyOwner {
    /// What it signs with.
    pub secret: Secret,
    /// Whose it is.
    pub identity: Identity,
}

/// Why an access key is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nobody has it, or it came without the session token that belongs to it.
    #[error("the access key is not known")]
    Unknown,
    /// The session token is not one of ours, or belongs to another key.
    #[error("the session token is not good")]
    BadToken,
    /// The session is over.
    #[error("the session has ended")]
    Expired,
}

/// Finds the owner of an access key.
pub trait Keys: Send + Sync {
    /// The owner of `access_key_id`, which came with `session_token`.
    fn find(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Millis,
    ) -> Result<KeyOwner, KeyError>;
}

/// A key without an end.
#[derive(Clone, Debug)]
pub struct LongLivedKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// What it signs with.
    pub secret_access_key: Secret,
    /// The account that it belongs to.
    pub account: AccountId,
}

impl LongLivedKey {
    fn into_owner(self) -> (String, KeyOwner) {
        let Self { access_key_id, secret_access_key, account } = self;
        let identity = Identity {
            arn: format!("arn:aws:iam::{account}:root"),
            user_id: account.to_string(),
            account,
            access_key_id: access_key_id.clone(),
            role_arn: None,
        };
        (access_key_id, KeyOwner { secret: secret_access_key, identity })
    }
}

/// Long-lived keys in a snapshot, and sealed session tokens.
#[derive(Debug)]
pub struct KeyRing {
    long_lived: RwLock<Arc<HashMap<String, KeyOwner>>>,
    sealer: TokenSealer,
}

impl KeyRing {
    /// A ring without long-lived keys.
    pub fn new(sealer: TokenSealer) -> Self {
        Self { long_lived: RwLock::default(), sealer }
    }

    /// Swaps the long-lived keys; requests under way keep what they found.
    pub fn replace(&self, keys: impl IntoIterator<Item = LongLivedKey>) {
        let keys = Arc::new(keys.into_iter().map(LongLivedKey::into_owner).collect());
        *self.long_lived.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Issues and opens session tokens.
    pub fn sealer(&self) -> &TokenSealer {
        &self.sealer
    }
}

impl Keys for KeyRing {
    fn find(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Millis,
    ) -> Result<KeyOwner, KeyError> {
        let Some(token) = session_token else {
            let keys = Arc::clone(&self.long_lived.read().unwrap_or_else(PoisonError::into_inner));
            return keys.get(access_key_id).cloned().ok_or(KeyError::Unknown);
        };
        let session = self.sealer.open(token, now).map_err(|error| match error {
            TokenError::Expired => KeyError::Expired,
            TokenError::Foreign => KeyError::BadToken,
        })?;
        if session.access_key_id != access_key_id {
            return Err(KeyError::BadToken);
        }
        Ok(KeyOwner { identity: session.identity(), secret: session.secret_access_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_323_045_000);

    fn ring() -> KeyRing {
        let ring = KeyRing::new(TokenSealer::new([7; 32]));
        ring.replace([LongLivedKey {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("secret"),
            account: AccountId::new("000000000000"),
        }]);
        ring
    }

    #[test]
    fn a_long_lived_key_is_found_without_a_token_only() {
        let ring = ring();
        let owner = ring.find("AKIDEXAMPLE", None, NOW).unwrap();
        assert_eq!(owner.identity.arn, "arn:aws:iam::000000000000:root");
        assert_eq!(ring.find("AKIDEXAMPLE", Some("x"), NOW).unwrap_err(), KeyError::BadToken);
        assert_eq!(ring.find("AKIDOTHER", None, NOW).unwrap_err(), KeyError::Unknown);
    }

    #[test]
    fn a_session_is_found_by_its_own_token_until_it_ends() {
        let ring = ring();
        let role = "arn:aws:iam::000000000000:role/service-role/Model";
        let account = AccountId::new("000000000000");
        let issued = ring.sealer().issue(role, "download", &account, NOW.plus(1000));
        let token = issued.session_token.as_ref().unwrap().expose();

        let owner = ring.find(&issued.access_key_id, Some(token), NOW).unwrap();
        assert_eq!(owner.secret, issued.secret_access_key);
        assert_eq!(owner.identity.arn, "arn:aws:sts::000000000000:assumed-role/Model/download");
        assert_eq!(owner.identity.role_arn.as_deref(), Some(role));

        let find = |id: &str, token, now| ring.find(id, token, now).unwrap_err();
        assert_eq!(find(&issued.access_key_id, None, NOW), KeyError::Unknown);
        assert_eq!(find("ASIAOTHER", Some(token), NOW), KeyError::BadToken);
        assert_eq!(find(&issued.access_key_id, Some(token), NOW.plus(1000)), KeyError::Expired);
        assert_eq!(find(&issued.access_key_id, Some("AQ"), NOW), KeyError::BadToken);
    }

    #[test]
    fn replacing_the_keys_drops_the_old_ones() {
        let ring = ring();
        ring.replace([]);
        assert_eq!(ring.find("AKIDEXAMPLE", None, NOW).unwrap_err(), KeyError::Unknown);
    }
}
