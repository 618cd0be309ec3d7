//! What a verified head amounts to: who calls, and what the body is held to.
//!
//! Why: a body streams after its head was verified, or decides over the head when its hash was not declared; one
//! type covers both, so that no room can take a name before the signature is decided.
//! Invariants: [`Claim::caller`] is none until the signature was found right; [`Claim::claimed`] only bounds. A body may take a minute: whose key was
//! revoked meanwhile is refused at its end.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use hostler_types::{Identity, Millis, Region, Secret};

use super::AuthError;
use super::key::{HexDigest, SigningKey};
use super::pending::Pending;
use super::verify::Grounds;

/// A body that came within this time after its head was not worth another look at the keys.
const KEY_GOOD_FOR_MS: i64 = 100;

/// Who a verified request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The owner of the key.
    pub identity: Arc<Identity>,
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
pub struct Claim {
    grounds: Arc<Grounds>,
    caller: Caller,
    payload: PayloadForm,
    presenter: Presenter,
    pending: Option<Box<Pending>>,
}

/// With what the owner of the key was found, to be asked for again when the body took its time.
pub(super) struct Presenter {
    pub(super) session_token: Option<Secret>,
    /// When it was found.
    pub(super) at: Millis,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").field("payload", &self.payload).finish_non_exhaustive()
    }
}

impl Claim {
    /// A claim whose signature was found right.
    pub(super) fn verified(
        grounds: Arc<Grounds>,
        caller: Caller,
        presenter: Presenter,
        payload: PayloadForm,
    ) -> Self {
        Self { grounds, caller, payload, presenter, pending: None }
    }

    /// A claim that the body's hash decides.
    pub(super) fn pending(
        grounds: Arc<Grounds>,
        caller: Caller,
        presenter: Presenter,
        pending: Pending,
    ) -> Self {
        let payload = PayloadForm::Undeclared;
        Self { grounds, caller, payload, presenter, pending: Some(Box::new(pending)) }
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
    pub fn verify_payload(mut self, sha256: &[u8; 32]) -> Result<Caller, AuthError> {
        match self.decide(sha256) {
            Ok(()) => Ok(self.caller),
            Err(error) => {
                self.grounds.refusals.count(&error);
                Err(error)
            }
        }
    }

    fn decide(&mut self, sha256: &[u8; 32]) -> Result<(), AuthError> {
        self.check_key()?;
        if let Some(pending) = self.pending.take() {
            pending.verify(HexDigest::from(sha256).as_str())?;
        } else if let PayloadForm::Signed(declared) = &self.payload
            && !bool::from(declared.ct_eq(sha256))
        {
            return Err(AuthError::PayloadMismatch);
        }
        Ok(())
    }

    /// Whether the key is still good.
    fn check_key(&self) -> Result<(), AuthError> {
        let (Grounds { keys, clock, .. }, Presenter { session_token, at }) =
            (self.grounds.as_ref(), &self.presenter);
        let now = clock.now();
        // A clock that was set back says nothing of how long it took.
        if (0..KEY_GOOD_FOR_MS).contains(&now.since(*at)) {
            return Ok(());
        }
        let (id, token) = (&self.caller.identity.access_key_id, session_token.as_ref().map(Secret::expose));
        // A session that was good at the head is good for the request, as with AWS.
        let found = keys.find(id, token, *at);
        found.map(|_| ()).map_err(|source| AuthError::Key { access_key_id: id.clone(), source })
    }
}
