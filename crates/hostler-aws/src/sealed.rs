//! Session tokens that carry their own session, sealed with the cluster's key.
//!
//! Why: a gateway must check an assumed role's key without a store and on any machine; a table of sessions would be
//! one more thing to share and to expire. The price: a session cannot be revoked before it ends.
//! Invariants: AES-256-GCM under a key derived from the cluster's for this use alone, a fresh nonce per token, the
//! version authenticated; a token that fails to open says nothing about why.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use hostler_types::{AccountId, Credentials, Identity, Millis, Secret};

use crate::sigv4::payload_hash;

/// The only form so far.
const VERSION: u8 = 1;
/// What the cluster's key is used for here.
const PURPOSE: &[u8] = b"hostler session token v1";
/// The longest token that is looked at: names and ARNs at their longest make about 4 kB.
const TOKEN_CHARS_MAX: usize = 8192;
/// AWS's alphabet of ids.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters after `ASIA`.
const ID_CHARS: usize = 16;

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
        }
    }
}

/// Issues and opens session tokens.
pub struct TokenSealer {
    key: LessSafeKey,
    random: SystemRandom,
}

impl TokenSealer {
    /// A sealer for every server that shares `cluster_key`.
    pub fn new(cluster_key: [u8; 32]) -> Self {
        let cluster_key = Zeroizing::new(cluster_key);
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &cluster_key[..]), PURPOSE);
        let key =
            UnboundKey::new(&AES_256_GCM, derived.as_ref()).expect("a SHA-256 tag is as long as the key");
        Self { key: LessSafeKey::new(key), random: SystemRandom::new() }
    }

    /// Makes a session of `role_arn` that ends at `expires_at`.
    pub fn issue(
        &self,
        role_arn: &str,
        session_name: &str,
        account: &AccountId,
        expires_at: Millis,
    ) -> Credentials {
        let session = Session {
            access_key_id: format!("ASIA{}", id_text(&self.random_bytes::<ID_CHARS>())),
            secret_access_key: Secret::new(URL_SAFE_NO_PAD.encode(self.random_bytes::<30>())),
            account: account.clone(),
            role_arn: role_arn.to_owned(),
            session_name: session_name.to_owned(),
            expires_at,
        };
        let token = self.seal(&session);
        Credentials {
            access_key_id: session.access_key_id,
            secret_access_key: session.secret_access_key,
            session_token: Some(Secret::new(token)),
            expires_at: Some(expires_at),
        }
    }

    /// Opens a token that this cluster issued.
    pub fn open(&self, token: &str, now: Millis) -> Result<Session, TokenError> {
        let session = self.unseal(token).ok_or(TokenError::Foreign)?;
        if session.expires_at <= now { Err(TokenError::Expired) } else { Ok(session) }
    }

    fn seal(&self, session: &Session) -> String {
        let nonce = self.random_bytes::<NONCE_LEN>();
        let mut sealed = json!({
            "k": session.access_key_id,
            "s": session.secret_access_key.expose(),
            "a": session.account.as_str(),
            "r": session.role_arn,
            "n": session.session_name,
            "e": session.expires_at.0,
        })
        .to_string()
        .into_bytes();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from([VERSION]), &mut sealed)
            .expect("a session is far below AES-GCM's limit of 64 GB");
        let mut token = vec![VERSION];
        token.extend_from_slice(&nonce);
        token.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(token)
    }

    fn unseal(&self, token: &str) -> Option<Session> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (version, rest) = token.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.key.open_in_place(nonce, Aad::from([VERSION]), &mut opened).ok()?;
        read_session(&serde_json::from_slice(plain).ok()?)
    }

    fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).expect("the system's random source never fails once it has started");
        bytes
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
        expires_at: Millis(value.get("e")?.as_i64()?),
    })
}

/// `AROA…`: the same for the same role, as AWS's is.
fn role_id(role_arn: &str) -> String {
    format!("AROA{}", id_text(&payload_hash(role_arn.as_bytes())[..ID_CHARS]))
}

fn id_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_323_045_000);

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
    fn two_tokens_of_one_role_share_its_id_and_nothing_else() {
        let sealer = TokenSealer::new([1; 32]);
        let (a, b) = (token(&sealer), token(&sealer));
        assert_ne!(a, b);
        let (a, b) = (sealer.open(&a, NOW).unwrap(), sealer.open(&b, NOW).unwrap());
        assert_ne!(a.access_key_id, b.access_key_id);
        assert_eq!(a.identity().user_id, b.identity().user_id);
    }
}
