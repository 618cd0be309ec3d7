//! Messages to bytes.
//!
//! Why: a stream sends thousands of messages with the same headers, so headers are encoded once; and a large payload
//! that is passed on should not be copied, so a message can be had as what goes before its payload and what after.
//! Invariants: every message is within the limits that SDKs have; who asks for more has made a mistake of his own.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use crc32fast::Hasher;
use thiserror::Error;

use super::{
    CRC_BYTES, HEADERS_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, PRELUDE_BYTES, VALUE_BYTES_MAX, Value,
};

/// Why headers cannot be encoded.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// A name is empty or too long.
    #[error("a header's name of {bytes} bytes is not of 1 to {NAME_BYTES_MAX}")]
    Name {
        /// How long it is.
        bytes: usize,
    },
    /// Bytes or text are too long.
    #[error("a header's value of {bytes} bytes is longer than {VALUE_BYTES_MAX}")]
    ValueTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// All together are too long.
    #[error("headers of {bytes} bytes are longer than {HEADERS_BYTES_MAX}")]
    HeadersTooLong {
        /// How long they are.
        bytes: usize,
    },
}

/// Headers as they stand in a message, for any number of messages.
#[derive(Clone)]
pub struct EncodedHeaders(Bytes);

impl EncodedHeaders {
    /// Encodes them in this order.
    pub fn of(headers: &[(&str, Value)]) -> Result<Self, EncodeError> {
        let mut out = BytesMut::new();
        for (name, value) in headers {
            let length = name.len();
            if !(1..=NAME_BYTES_MAX).contains(&length) {
                return Err(EncodeError::Name { bytes: length });
            }
            out.put_u8(length as u8);
            out.put_slice(name.as_bytes());
            value.write(&mut out)?;
        }
        if out.len() > HEADERS_BYTES_MAX {
            return Err(EncodeError::HeadersTooLong { bytes: out.len() });
        }
        Ok(Self(out.freeze()))
    }

    /// The longest payload that fits into one message with them.
    pub fn payload_bytes_max(&self) -> usize {
        MESSAGE_BYTES_MAX - self.overhead_bytes()
    }

    /// A message in one piece; the payload is copied.
    pub fn message(&self, payload: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(self.overhead_bytes() + payload.len());
        self.write_head(payload.len(), &mut out);
        out.put_slice(payload);
        let mut crc = Hasher::new();
        crc.update(&out);
        out.put_u32(crc.finalize());
        out.freeze()
    }

    /// The same message as what goes before the payload and what after.
    pub fn around(&self, payload: &[u8]) -> (Bytes, Bytes) {
        let mut out = BytesMut::with_capacity(self.overhead_bytes());
        self.write_head(payload.len(), &mut out);
        let mut crc = Hasher::new();
        crc.update(&out);
        crc.update(payload);
        let before = out.split();
        out.put_u32(crc.finalize());
        (before.freeze(), out.freeze())
    }

    /// Prelude and headers.
    fn write_head(&self, payload_bytes: usize, out: &mut BytesMut) {
        assert!(payload_bytes <= self.payload_bytes_max(), "a payload is cut before it becomes a message");
        let start = out.len();
        out.put_u32((self.overhead_bytes() + payload_bytes) as u32);
        out.put_u32(self.0.len() as u32);
        out.put_u32(crc32fast::hash(&out[start..]));
        out.put_slice(&self.0);
    }

    fn overhead_bytes(&self) -> usize {
        PRELUDE_BYTES + self.0.len() + CRC_BYTES
    }
}

impl fmt::Debug for EncodedHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedHeaders({} bytes)", self.0.len())
    }
}
