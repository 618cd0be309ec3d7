//! What a verified head amounts to: who calls, and what the body is held to.
//!
//! Why: a body streams after its head was verified, or decides over the head when its hash was not declared; one
//! type covers both, so that no room can take a name before the signature is decided.
//! Invariants: [`Claim::caller`] is none until the signature was found right; [`Claim::claimed`] only bounds. A body may take a minute: whose key was
//! revoked meanwhile is refused at its end.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use hostler_types::{Clock, Identity, Millis, Region, Secret};

use crate::keys::Keys;
use crate::last_use::LastUse;

use super::canonical::string_to_sign;
use super::key::{SigningKey, SigningKeys};
use super::{AuthError, Refusals};

/// A body that came within this time after its head was not worth another look at the keys.
const KEY_GOOD_FOR_MS: i64 = 100;

/// Bytes of a canonical request that a mismatch keeps for the log.
const LOGGED_BYTES_MAX: usize = 4096;

/// Who a verified request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The owner of the key.
    pub identity: Identity,
    /// The region of the scope: a namespace of its own.
    pub region: Region,
}

/// What the head says about the body.
#[derive(Clone, Debug)]
pub enum PayloadForm {
    /// It has this SHA-256.
    Signed([u8; 32]),
    /// It is not covered by the signature (S3 only).
    Unsigned,
    /// It is aws-chunked (S3 only): decode it with a [`super::ChunkedDecoder`].
    Chunked(Box<ChunkedPayload>),
    /// Nothing: the signature is verified when the body's hash is known.
    Undeclared,
}

/// What a decoder of a chunked body needs.
#[derive(Clone, Debug)]
pub struct ChunkedPayload {
    /// How the chunks are signed; none when they are not.
    pub signing: Option<ChunkSigning>,
    /// A trailer follows the chunks.
    pub has_trailer: bool,
    /// The header names that `x-amz-trailer` announced, in lower case.
    pub trailer_names: Vec<String>,
    /// How long the body is when decoded.
    pub decoded_length: u64,
}

/// The chain of chunk signatures: each is over the one before.
#[derive(Clone, Debug)]
pub struct ChunkSigning {
    /// The key of the head's scope.
    pub key: SigningKey,
    /// `x-amz-date`.
    pub date: String,
    /// The head's scope.
    pub scope: String,
    /// The head's signature, with which the chain begins.
    pub seed: [u8; 32],
}

/// A request's claim to come from somebody.
#[derive(Debug)]
pub struct Claim {
    caller: Caller,
    payload: PayloadForm,
    pending: Option<Box<Pending>>,
    presenter: Presenter,
    refusals: Arc<Refusals>,
}

/// Whose key it is, to be asked for again when the body took its time.
pub(super) struct Presenter {
    pub(super) keys: Arc<dyn Keys>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) access_key_id: String,
    pub(super) session_token: Option<Secret>,
    /// When it was found.
    pub(super) at: Millis,
}

impl Presenter {
    /// Whether the key is still good.
    fn check(&self) -> Result<(), AuthError> {
        let now = self.clock.now();
        // A clock that was set back says nothing of how long it took.
        if (0..KEY_GOOD_FOR_MS).contains(&now.since(self.at)) {
            return Ok(());
        }
        let token = self.session_token.as_ref().map(Secret::expose);
        // A session that was good at the head is good for the request, as with AWS.
        match self.keys.find(&self.access_key_id, token, self.at) {
            Ok(_) => Ok(()),
            Err(source) => Err(AuthError::Key { access_key_id: self.access_key_id.clone(), source }),
        }
    }
}

impl std::fmt::Debug for Presenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presenter").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// What is needed to decide a signature.
#[derive(Debug)]
pub(super) struct Pending {
    /// Canonical requests without their last line, one for each spelling.
    pub(super) heads: Vec<Vec<u8>>,
    pub(super) date: String,
    pub(super) scope: String,
    pub(super) signature: Option<[u8; 32]>,
    pub(super) key: SigningKey,
    pub(super) key_name: [u8; 32],
    pub(super) keys: Arc<SigningKeys>,
    pub(super) last_use: Option<Arc<LastUse>>,
    pub(super) now: Millis,
}

impl Claim {
    /// A claim whose signature was found right.
    pub(super) fn verified(
        caller: Caller,
        payload: PayloadForm,
        presenter: Presenter,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self { caller, payload, pending: None, presenter, refusals }
    }

    /// A claim that the body's hash decides.
    pub(super) fn pending(
        caller: Caller,
        pending: Pending,
        presenter: Presenter,
        refusals: Arc<Refusals>,
    ) -> Self {
        let payload = PayloadForm::Undeclared;
        Self { caller, payload, pending: Some(Box::new(pending)), presenter, refusals }
    }

    /// What the head says about the body.
    pub fn payload(&self) -> &PayloadForm {
        &self.payload
    }

    /// Who signed; none as long as the signature is not verified, which is when the payload is undeclared.
    pub fn caller(&self) -> Option<&Caller> {
        self.pending.is_none().then_some(&self.caller)
    }

    /// Who says that they signed. Good for holding them to a limit; what they ask for waits for the proof.
    pub fn claimed(&self) -> &Caller {
        &self.caller
    }

    /// Decides the claim by the SHA-256 of the whole body. Unsigned and chunked bodies pass: the head is verified,
    /// and a chunked body is verified by its decoder.
    pub fn verify_payload(self, sha256: &[u8; 32]) -> Result<Caller, AuthError> {
        match self.decide(sha256) {
            Ok(()) => Ok(self.caller),
            Err(error) => {
                self.refusals.count(&error);
                Err(error)
            }
        }
    }

    fn decide(&self, sha256: &[u8; 32]) -> Result<(), AuthError> {
        self.presenter.check()?;
        if let Some(pending) = &self.pending {
            pending.verify(&hex::encode(sha256))?;
        } else if let PayloadForm::Signed(declared) = &self.payload
            && !bool::from(declared.ct_eq(sha256))
        {
            return Err(AuthError::PayloadMismatch);
        }
        Ok(())
    }
}

impl Pending {
    /// Compares the signature with the one of each spelling.
    pub(super) fn verify(&self, payload_hash: &str) -> Result<(), AuthError> {
        let mut first = None;
        for head in &self.heads {
            let mut canonical = head.clone();
            canonical.extend_from_slice(payload_hash.as_bytes());
            let text = string_to_sign(&self.date, &self.scope, &canonical);
            if self.signature.is_some_and(|signature| self.key.is_signature(&text, &signature)) {
                self.keys.keep(self.key_name, &self.key);
                if let Some(last_use) = &self.last_use {
                    last_use.note(self.now);
                }
                return Ok(());
            }
            first.get_or_insert((canonical, text));
        }
        let (canonical, string_to_sign) = first.unwrap_or_default();
        Err(AuthError::Mismatch { canonical_request: loggable(&canonical), string_to_sign })
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
