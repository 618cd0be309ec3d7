//! The id of one request: in the answer's header, in error documents and in the log.
//!
//! Invariants: the text is a version 4 UUID in lower case.

use std::fmt;

use crate::digits::digits_of;

/// A request's id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 36]);

/// Where the digits of each byte stand between the hyphens.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

impl RequestId {
    /// Made from bytes that the caller drew, so that a simulation can repeat itself.
    pub fn from_bytes(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mut text = [b'-'; 36];
        for (byte, at) in bytes.into_iter().zip(PLACES) {
            text[at..at + 2].copy_from_slice(&digits_of(byte));
        }
        Self(text)
    }

    /// A fresh one. It names a request and guards nothing, so the system is not asked for each.
    pub fn random() -> Self {
        Self::from_bytes(rand::random())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits and hyphens")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_a_version_4_uuid() {
        assert_eq!(RequestId::from_bytes([0xff; 16]).as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(RequestId::from_bytes([0; 16]).as_str(), "00000000-0000-4000-8000-000000000000");
        // As Python's uuid.UUID(bytes=bytes(range(16)), version=4) writes it.
        let counted = std::array::from_fn(|index| index as u8);
        assert_eq!(RequestId::from_bytes(counted).as_str(), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }

    #[test]
    fn random_ids_differ() {
        assert_ne!(RequestId::random(), RequestId::random());
    }
}
