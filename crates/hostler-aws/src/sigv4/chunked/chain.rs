//! The chain of signatures over the chunks and the trailer of a body.
//!
//! Invariants: a chunk is hashed as it comes; each signature is over the one before it, the first over the head's.

use ring::digest;

use super::super::ChunkSigning;
use super::super::key::HexDigest;

/// SHA-256 of nothing, a part of every chunk's string to sign.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The chain of signatures.
#[derive(Debug)]
pub(super) struct Chain {
    signing: ChunkSigning,
    /// The last signature that was right, in hexadecimal.
    previous: String,
    /// The present chunk's.
    claimed: [u8; 32],
    data: Hash,
}

impl Chain {
    pub(super) fn new(signing: ChunkSigning) -> Self {
        let previous = hex::encode(signing.seed);
        Self { signing, previous, claimed: [0; 32], data: Hash::new() }
    }

    /// Takes the signature that the present chunk claims.
    pub(super) fn claim(&mut self, signature: [u8; 32]) {
        self.claimed = signature;
    }

    /// Takes data of the present chunk.
    pub(super) fn take_data(&mut self, data: &[u8]) {
        self.data.update(data);
    }

    /// Whether the present chunk, now whole, has the signature that it claims; the next chunk begins.
    pub(super) fn is_chunk_signed(&mut self) -> bool {
        let data = std::mem::replace(&mut self.data, Hash::new()).finish();
        let last = format!("{EMPTY_SHA256}\n{data}");
        let claimed = self.claimed;
        self.is_next("AWS4-HMAC-SHA256-PAYLOAD", &last, &claimed)
    }

    /// Whether the trailer has this signature.
    pub(super) fn is_trailer_signed(&mut self, lines: &str, signature: &str) -> bool {
        let mut claimed = [0; 32];
        hex::decode_to_slice(signature, &mut claimed).is_ok()
            && self.is_next("AWS4-HMAC-SHA256-TRAILER", HexDigest::of(lines.as_bytes()).as_str(), &claimed)
    }

    fn is_next(&mut self, algorithm: &str, last: &str, claimed: &[u8; 32]) -> bool {
        let ChunkSigning { key, date, scope, .. } = &self.signing;
        let text = format!("{algorithm}\n{date}\n{scope}\n{}\n{last}", self.previous);
        self.previous = hex::encode(claimed);
        key.is_signature(&text, claimed)
    }
}

/// SHA-256 in the making.
struct Hash(digest::Context);

impl Hash {
    fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self) -> String {
        hex::encode(self.0.finish())
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(…)")
    }
}
