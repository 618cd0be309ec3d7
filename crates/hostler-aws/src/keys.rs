//! Who owns an access key.
//!
//! Why: the verifier asks a port; long-lived keys come from a snapshot that the owner of the server swaps, keys of
//! assumed roles come out of their own sealed session token, so that any gateway can check them without a store.
//! Invariants: a long-lived key never takes a session token, and a role's key is nothing without its own. A session that
//! a long-lived key began ends with that key.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use hostler_types::{AccountId, Identity, Millis, Secret};

use crate::last_use::LastUse;
use crate::sealed::{TokenError, TokenSealer, lasting_id};
use crate::sigv4::SigningKeys;

/// The secret and the owner of an access key.
#[derive(Clone, Debug)]
pub struct KeyOwner {
    /// What it signs with.
    pub secret: Secret,
    /// Whose it is.
    pub identity: Arc<Identity>,
    /// What was derived from the secret, as long as these keys are good.
    pub signing_keys: Arc<SigningKeys>,
    /// Where a right signature is noted; none for sessions.
    pub last_use: Option<Arc<LastUse>>,
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
    ) -> Result<Arc<KeyOwner>, KeyError>;
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
    /// The user of the account; none is the account itself.
    pub user: Option<String>,
    /// Where its use is noted.
    pub last_use: Arc<LastUse>,
}

impl LongLivedKey {
    /// A key of the account itself.
    pub fn of_account(
        access_key_id: impl Into<String>,
        secret_access_key: Secret,
        account: &AccountId,
    ) -> Self {
        let (access_key_id, account) = (access_key_id.into(), account.clone());
        Self { access_key_id, secret_access_key, account, user: None, last_use: Arc::default() }
    }

    /// The ARN of whoever signs with it.
    pub fn arn(&self) -> String {
        let account = &self.account;
        match &self.user {
            None => format!("arn:aws:iam::{account}:root"),
            Some(user) => format!("arn:aws:iam::{account}:user/{user}"),
        }
    }

    fn owner(&self, signing_keys: &Arc<SigningKeys>) -> KeyOwner {
        let arn = self.arn();
        let user_id = match &self.user {
            None => self.account.to_string(),
            Some(_) => lasting_id("AIDA", &arn),
        };
        let identity = Identity {
            arn,
            user_id,
            account: self.account.clone(),
            access_key_id: self.access_key_id.clone(),
            role_arn: None,
            long_lived_key_id: Some(self.access_key_id.clone()),
        };
        KeyOwner {
            secret: self.secret_access_key.clone(),
            identity: Arc::new(identity),
            signing_keys: Arc::clone(signing_keys),
            last_use: Some(Arc::clone(&self.last_use)),
        }
    }
}

/// Long-lived keys in a snapshot, and sealed session tokens.
#[derive(Debug)]
pub struct KeyRing {
    snapshot: RwLock<Snapshot>,
    sealer: TokenSealer,
}

/// The keys that are good, and what was derived from them and from the keys of sessions: it goes when they do.
#[derive(Debug, Default)]
struct Snapshot {
    long_lived: HashMap<String, Arc<KeyOwner>>,
    signing_keys: Arc<SigningKeys>,
}

impl KeyRing {
    /// A ring without long-lived keys.
    pub fn new(sealer: TokenSealer) -> Self {
        Self { snapshot: RwLock::default(), sealer }
    }

    /// Swaps the long-lived keys; requests under way keep what they found.
    pub fn replace<'a>(&self, keys: impl IntoIterator<Item = &'a LongLivedKey>) {
        let signing_keys = Arc::default();
        let owner = |key: &LongLivedKey| (key.access_key_id.clone(), Arc::new(key.owner(&signing_keys)));
        let long_lived = keys.into_iter().map(owner).collect();
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) =
            Snapshot { long_lived, signing_keys };
    }

    /// Issues and opens session tokens.
    pub fn sealer(&self) -> &TokenSealer {
        &self.sealer
    }

    fn snapshot(&self) -> RwLockReadGuard<'_, Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys for KeyRing {
    fn find(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Millis,
    ) -> Result<Arc<KeyOwner>, KeyError> {
        let Some(token) = session_token else {
            return self.snapshot().long_lived.get(access_key_id).cloned().ok_or(KeyError::Unknown);
        };
        let session = self.sealer.open(token, now).map_err(|error| match error {
            TokenError::Expired => KeyError::Expired,
            TokenError::Foreign => KeyError::BadToken,
        })?;
        if session.access_key_id != access_key_id {
            return Err(KeyError::BadToken);
        }
        let snapshot = self.snapshot();
        // Whoever had the key that is gone has no sessions either.
        if session.long_lived_key_id.as_ref().is_some_and(|key| !snapshot.long_lived.contains_key(key)) {
            return Err(KeyError::BadToken);
        }
        let signing_keys = Arc::clone(&snapshot.signing_keys);
        drop(snapshot);
        let identity = Arc::new(session.identity());
        Ok(Arc::new(KeyOwner { secret: session.secret_access_key, identity, signing_keys, last_use: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_323_045_000);

    fn ring() -> KeyRing {
        let ring = KeyRing::new(TokenSealer::new([7; 32]));
        ring.replace([&key()]);
        ring
    }

    fn key() -> LongLivedKey {
        LongLivedKey::of_account("AKIDEXAMPLE", Secret::new("secret"), &AccountId::new("000000000000"))
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
    fn a_session_ends_with_the_key_that_began_it_and_that_of_the_service_does_not() {
        let ring = ring();
        let caller = ring.find("AKIDEXAMPLE", None, NOW).unwrap().identity.clone();
        let role = "arn:aws:iam::000000000000:role/Model";
        let begun = ring.sealer().issue_to(&caller, role, "s", NOW.plus(1000));
        let inner = {
            let token = begun.session_token.as_ref().unwrap().expose();
            let identity = ring.find(&begun.access_key_id, Some(token), NOW).unwrap().identity.clone();
            ring.sealer().issue_to(&identity, role, "t", NOW.plus(1000))
        };
        let of_service = ring.sealer().issue(role, "s", &caller.account, NOW.plus(1000));
        let find = |session: &hostler_types::Credentials| {
            let token = session.session_token.as_ref().unwrap().expose();
            ring.find(&session.access_key_id, Some(token), NOW).map(|owner| owner.identity.arn.clone())
        };
        for session in [&begun, &inner, &of_service] {
            assert!(find(session).is_ok());
        }
        ring.replace([]);
        for session in [&begun, &inner] {
            assert_eq!(find(session), Err(KeyError::BadToken));
        }
        assert!(find(&of_service).is_ok());
    }

    #[test]
    fn a_key_of_a_user_is_the_users() {
        let ring = ring();
        ring.replace([&LongLivedKey { user: Some("ci".to_owned()), ..key() }]);
        let identity = ring.find("AKIDEXAMPLE", None, NOW).unwrap().identity.clone();
        assert_eq!(identity.arn, "arn:aws:iam::000000000000:user/ci");
        assert!(identity.user_id.starts_with("AIDA") && identity.user_id.len() == 20);
    }

    #[test]
    fn replacing_the_keys_drops_the_old_ones() {
        let ring = ring();
        ring.replace([]);
        assert_eq!(ring.find("AKIDEXAMPLE", None, NOW).unwrap_err(), KeyError::Unknown);
    }
}
