//! The body of a request, whole and verified.
//!
//! Why: its hash is part of the signature, so it is all there before the model gets any of it; and it may be sent twice.

use bytes::Bytes;

/// A body that can be sent as often as need be.
#[derive(Clone, Debug)]
pub(crate) struct Payload(Bytes);

impl Payload {
    /// A body in memory.
    pub(crate) fn in_memory(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// What the container gets.
    pub(crate) fn bytes(&self) -> Bytes {
        self.0.clone()
    }
}
