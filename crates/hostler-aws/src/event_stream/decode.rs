//! Bytes to messages, as they arrive.
//!
//! Invariants: a length is believed only when its CRC is right and it is within the limit; until then nothing waits
//! for so many bytes. After an error there are no more messages: where the next one would begin is not known.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use super::value::{take, take_bytes};
use super::{
    CRC_BYTES, HEADERS_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, PRELUDE_BYTES, VALUE_BYTES_MAX, Value,
};

/// What is wrong with bytes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The lengths are not those that were sent.
    #[error("the prelude's checksum is not that of its lengths")]
    PreludeCrc,
    /// A length that no message may have, or two that do not fit together.
    #[error("a message of {message_bytes} bytes with headers of {headers_bytes} is outside the limits")]
    Lengths {
        /// Of the whole message.
        message_bytes: u32,
        /// Of its headers.
        headers_bytes: u32,
    },
    /// The message is not the one that was sent.
    #[error("the message's checksum is not that of its bytes")]
    MessageCrc,
    /// A header needs more bytes than there are.
    #[error("the headers end in the middle of one")]
    HeadersEndEarly,
    /// A name is empty, too long, or not UTF-8.
    #[error("a header's name is not of 1 to {NAME_BYTES_MAX} bytes of UTF-8")]
    Name,
    /// A name stands there twice.
    #[error("a header stands there twice")]
    Duplicate,
    /// A type that is not one of the ten.
    #[error("a header's type {kind} is not known")]
    UnknownType {
        /// The number.
        kind: u8,
    },
    /// Bytes or text are too long.
    #[error("a header's value of {bytes} bytes is longer than {VALUE_BYTES_MAX}")]
    ValueTooLong {
        /// How long it says it is.
        bytes: usize,
    },
    /// Text that is not UTF-8.
    #[error("a header's text is not UTF-8")]
    NotText,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// In the order of the wire; no name twice.
    pub headers: Vec<(String, Value)>,
    /// The rest.
    pub payload: Bytes,
}

impl Message {
    /// The header of that name.
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The same where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.header(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// Takes bytes in pieces of any size and gives messages.
#[derive(Debug, Default)]
pub struct Decoder {
    waiting: BytesMut,
    failure: Option<DecodeError>,
}

impl Decoder {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes some more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.waiting.extend_from_slice(bytes);
        }
    }

    /// The next whole message; none until more bytes are there.
    pub fn next_message(&mut self) -> Result<Option<Message>, DecodeError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.read().inspect_err(|error| {
            self.failure = Some(error.clone());
            self.waiting = BytesMut::new();
        })
    }

    /// Whether the last message was a whole one, so that the stream may end here.
    pub fn is_between_messages(&self) -> bool {
        self.failure.is_none() && self.waiting.is_empty()
    }

    fn read(&mut self) -> Result<Option<Message>, DecodeError> {
        let Some(prelude) = self.waiting.first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
        let (message_bytes, headers_bytes) = read_prelude(*prelude)?;
        if self.waiting.len() < message_bytes {
            return Ok(None);
        }
        let mut message = self.waiting.split_to(message_bytes).freeze();
        let sent_crc = message.split_off(message_bytes - CRC_BYTES).get_u32();
        if crc32fast::hash(&message) != sent_crc {
            return Err(DecodeError::MessageCrc);
        }
        let mut headers = message.split_off(PRELUDE_BYTES);
        let payload = headers.split_off(headers_bytes);
        Ok(Some(Message { headers: read_headers(headers)?, payload }))
    }
}

/// Lengths of the message and of its headers.
fn read_prelude(prelude: [u8; PRELUDE_BYTES]) -> Result<(usize, usize), DecodeError> {
    let mut fields = &prelude[..];
    let (message_bytes, headers_bytes, sent_crc) = (fields.get_u32(), fields.get_u32(), fields.get_u32());
    if crc32fast::hash(&prelude[..PRELUDE_BYTES - CRC_BYTES]) != sent_crc {
        return Err(DecodeError::PreludeCrc);
    }
    let (message, headers) = (message_bytes as usize, headers_bytes as usize);
    let is_within = message <= MESSAGE_BYTES_MAX
        && headers <= HEADERS_BYTES_MAX
        && headers + PRELUDE_BYTES + CRC_BYTES <= message;
    if is_within {
        Ok((message, headers))
    } else {
        Err(DecodeError::Lengths { message_bytes, headers_bytes })
    }
}

fn read_headers(mut bytes: Bytes) -> Result<Vec<(String, Value)>, DecodeError> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let [length] = take(&mut bytes)?;
        if !(1..=NAME_BYTES_MAX).contains(&usize::from(length)) {
            return Err(DecodeError::Name);
        }
        let name = take_bytes(&mut bytes, length.into())?;
        let name = String::from_utf8(name.into()).map_err(|_| DecodeError::Name)?;
        headers.push((name, Value::read(&mut bytes)?));
    }
    let names: BTreeSet<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    if names.len() < headers.len() { Err(DecodeError::Duplicate) } else { Ok(headers) }
}
