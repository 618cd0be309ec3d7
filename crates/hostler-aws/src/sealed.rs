//! Session tokens that carry their own session, sealed with the cluster's key.
//!
//! Why: a gateway must check an assumed role's key without a store and on any machine; a table of sessions would be
//! one more thing to share and to expire. A session names the long-lived key that it came from, so that it ends with
//! that key; it cannot be revoked by itself.
//! Invariants: sealed for this use alone, the version authenticated; a token that fails to open says nothing about why.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use hostler_types::{AccountId, Credentials, Identity, Millis, Secret};

use crate::seal::{ID_CHARS, Seal, id_text};
use crate::sigv4::payload_hash;

/// The form that is issued.
const VERSION: u8 = 2;
/// The form of when the server's own key was the only one: it names no key.
const VERSION_OF_ONE_KEY: u8 = 1;
/// What the cluster's key is used for here.
const PURPOSE: &[u8] = b"hostler session token v1";
/// The longest token that is looked at: names and ARNs at their longest make about 4 kB.
const TOKEN_CHARS_MAX: usize = 8192;

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not sealed with this cluster's key, or damaged.
    #[error("the session token was not issued here")]
    Foreign,
    /// Its session is over.
    #[error("the session token has expired")]
    Expired,
}

/// What a token carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `ASIA…`.
    pub access_key_id: String,
    /// What the session signs with.
    pub secret_access_key: Secret,
    /// The account of the session.
    pub account: AccountId,
    /// The role as AssumeRole named it.
    pub role_arn: String,
    /// The session's name.
    pub session_name: String,
    /// The long-lived key that it came from, over however many roles; none where the service itself acts.
    pub long_lived_key_id: Option<String>,
    /// When it ends.
    pub expires_at: Millis,
}

impl Session {
    /// The caller that the session is.
    pub fn identity(&self) -> Identity {
        let Self { account, role_arn, session_name, .. } = self;
        let partition = role_arn.split(':').nth(1).unwrap_or("aws");
        // A role's path is not part of the session's ARN.
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        Identity {
            account: account.clone(),
            access_key_id: self.access_key_id.clone(),
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session_name}"),
            user_id: format!("{}:{session_name}", role_id(role_arn)),
            role_arn: Some(role_arn.clone()),
            long_lived_key_id: self.long_lived_key_id.clone(),
        }
    }
}

/// Issues and opens session tokens.
pub struct TokenSealer {
    seal: Seal,
}

impl TokenSealer {
    /// A sealer for every server that shares `cluster_key`.
    pub fn new(cluster_key: [u8; 32]) -> Self {
        Self { seal: Seal::new(cluster_key, PURPOSE) }
    }

    /// Makes a session of `role_arn` for the service itself, which acts for `account`. It ends at `expires_at`.
    pub fn issue(
        &self,
        role_arn: &str,
        session_name: &str,
        account: &AccountId,
        expires_at: Millis,
    ) -> Credentials {
        self.issue_session(Session {
            access_key_id: self.seal.random_id("ASIA"),
            secret_access_key: random_secret(&self.seal),
            account: account.clone(),
            role_arn: role_arn.to_owned(),
            session_name: session_name.to_owned(),
            long_lived_key_id: None,
            expires_at,
        })
    }

    /// Makes a session of `role_arn` for `caller`. It ends at `expires_at`, or with the caller's long-lived key.
    pub fn issue_to(
        &self,
        caller: &Identity,
        role_arn: &str,
        session_name: &str,
        expires_at: Millis,
    ) -> Credentials {
        self.issue_session(Session {
            access_key_id: self.seal.random_id("ASIA"),
            secret_access_key: random_secret(&self.seal),
            account: caller.account.clone(),
            role_arn: role_arn.to_owned(),
            session_name: session_name.to_owned(),
            long_lived_key_id: caller.long_lived_key_id.clone(),
            expires_at,
        })
    }

    /// Opens a token that this cluster issued.
    pub fn open(&self, token: &str, now: Millis) -> Result<Session, TokenError> {
        let session = self.unseal(token).ok_or(TokenError::Foreign)?;
        if session.expires_at <= now { Err(TokenError::Expired) } else { Ok(session) }
    }

    fn issue_session(&self, session: Session) -> Credentials {
        let token = self.close(&session);
        Credentials {
            access_key_id: session.access_key_id,
            secret_access_key: session.secret_access_key,
            session_token: Some(Secret::new(token)),
            expires_at: Some(session.expires_at),
        }
    }

    fn close(&self, session: &Session) -> String {
        let plain = json!({
            "k": session.access_key_id,
            "s": session.secret_access_key.expose(),
            "a": session.account.as_str(),
            "r": session.role_arn,
            "n": session.session_name,
            "i": session.long_lived_key_id,
            "e": session.expires_at.0,
        });
        let mut token = vec![VERSION];
        token.append(&mut self.seal.close(&[VERSION], plain.to_string().into_bytes()));
        URL_SAFE_NO_PAD.encode(token)
    }

    fn unseal(&self, token: &str) -> Option<Session> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (version, sealed) = token.split_first()?;
        if ![VERSION, VERSION_OF_ONE_KEY].contains(version) {
            return None;
        }
        let plain = self.seal.open(&[*version], sealed)?;
        read_session(&serde_json::from_slice(&plain).ok()?)
    }
}

impl fmt::Debug for TokenSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSealer(…)")
    }
}

fn read_session(value: &Value) -> Option<Session> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    Some(Session {
        access_key_id: text("k")?,
        secret_access_key: Secret::new(text("s")?),
        account: AccountId::new(text("a")?),
        role_arn: text("r")?,
        session_name: text("n")?,
        long_lived_key_id: text("i"),
        expires_at: Millis(value.get("e")?.as_i64()?),
    })
}

/// `AROA…`: the same for the same role, as AWS's is.
fn role_id(role_arn: &str) -> String {
    lasting_id("AROA", role_arn)
}

/// An id that is the same for the same ARN.
pub(crate) fn lasting_id(prefix: &str, arn: &str) -> String {
    format!("{prefix}{}", id_text(&payload_hash(arn.as_bytes())[..ID_CHARS]))
}

/// Forty characters that nobody guesses.
pub(crate) fn random_secret(seal: &Seal) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(seal.random_bytes::<30>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_323_045_000);
    const FIRST_FORM: &str = "AQABAgMEBQYHCAkKCx4nDJDbsPL2LVatswPrcRbH71rLg2tGBZq4X8-omrjLgKysj5__8y9sh8tI7mWqa4rc9vthlV\
                             M3BMjcPyo6XEiUR0yvaYoueZBzZHOos7524NVyEmZMFTqBg7Ov0bHaV_AyhUoL2GAQSKoih2jqrlW2LFsJSNl-lqXE\
                             9dXrL3ALY86yy7WT0Daq-h9cuHpK";

    fn token(sealer: &TokenSealer) -> String {
        let account = AccountId::new("123456789012");
        let issued =
            sealer.issue("arn:aws-cn:iam::123456789012:role/a/b/R", "s@1", &account, NOW.plus(900_000));
        issued.session_token.unwrap().expose().to_owned()
    }

    #[test]
    fn a_token_carries_its_session() {
        let sealer = TokenSealer::new([1; 32]);
        let session = sealer.open(&token(&sealer), NOW).unwrap();
        assert_eq!(session.session_name, "s@1");
        assert_eq!(session.expires_at, NOW.plus(900_000));
        assert!(session.access_key_id.starts_with("ASIA") && session.access_key_id.len() == 20);
        assert_eq!(session.secret_access_key.expose().len(), 40);
        let identity = session.identity();
        assert_eq!(identity.arn, "arn:aws-cn:sts::123456789012:assumed-role/R/s@1");
        assert!(identity.user_id.starts_with("AROA") && identity.user_id.ends_with(":s@1"));
    }

    #[test]
    fn any_server_with_the_same_key_opens_it_and_no_other() {
        let token = token(&TokenSealer::new([1; 32]));
        assert!(TokenSealer::new([1; 32]).open(&token, NOW).is_ok());
        assert_eq!(TokenSealer::new([2; 32]).open(&token, NOW), Err(TokenError::Foreign));
    }

    #[test]
    fn a_token_ends_when_its_session_does() {
        let sealer = TokenSealer::new([1; 32]);
        let token = token(&sealer);
        assert!(sealer.open(&token, NOW.plus(899_999)).is_ok());
        assert_eq!(sealer.open(&token, NOW.plus(900_000)), Err(TokenError::Expired));
    }

    #[test]
    fn a_changed_token_is_foreign_wherever_it_was_changed() {
        let sealer = TokenSealer::new([1; 32]);
        let bytes = URL_SAFE_NO_PAD.decode(token(&sealer)).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(sealer.open(&changed, NOW), Err(TokenError::Foreign), "byte {index}");
        }
        for text in ["", "AQ", "not base64!", &"A".repeat(TOKEN_CHARS_MAX + 1)] {
            assert_eq!(sealer.open(text, NOW), Err(TokenError::Foreign));
        }
    }

    #[test]
    fn a_session_of_a_session_is_of_the_same_long_lived_key() {
        let sealer = TokenSealer::new([1; 32]);
        let opened = |issued: Credentials| sealer.open(issued.session_token.unwrap().expose(), NOW).unwrap();
        let mut caller = sealer.open(&token(&sealer), NOW).unwrap().identity();
        assert_eq!(caller.long_lived_key_id, None, "the service itself");
        caller.long_lived_key_id = Some("AKIAONE".to_owned());
        let first = opened(sealer.issue_to(&caller, "arn:aws:iam::1:role/A", "a", NOW.plus(1000)));
        let second = opened(sealer.issue_to(&first.identity(), "arn:aws:iam::1:role/B", "b", NOW.plus(1000)));
        assert_eq!(second.long_lived_key_id.as_deref(), Some("AKIAONE"));
        assert_eq!(second.account, caller.account);
    }

    #[test]
    fn a_token_of_the_first_form_is_read_for_ever() {
        // Sealed by a release that had version 1, with Python's `cryptography` as the witness of its form.
        let sealer = TokenSealer::new([7; 32]);
        let session = sealer.open(FIRST_FORM, Millis(1_767_323_045_000)).unwrap();
        assert_eq!((session.access_key_id.as_str(), session.session_name.as_str()), ("ASIAFIRST", "old"));
        assert_eq!(session.long_lived_key_id, None);
    }

    #[test]
    fn two_tokens_of_one_role_share_its_id_and_nothing_else() {
        let sealer = TokenSealer::new([1; 32]);
        let (a, b) = (token(&sealer), token(&sealer));
        assert_ne!(a, b);
        let (a, b) = (sealer.open(&a, NOW).unwrap(), sealer.open(&b, NOW).unwrap());
        assert_ne!(a.access_key_id, b.access_key_id);
        assert_eq!(a.identity().user_id, b.identity().user_id);
    }
}
