//! Event-stream framing, `application/vnd.amazon.eventstream`: messages of typed headers and a payload.
//!
//! Why: AWS's streaming operations send their events so, whatever the operation; the layout is a public one, and small
//! enough that a crate for it would bring more than it saves. CRCs are crc32fast's, which is in the house already.
//! Invariants: knows the layout alone, no operation and no event. What is encoded is within the limits that SDKs have;
//! what is decoded costs no more memory than its bytes, whatever its lengths say.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the whole message |
//! | 4 | length of the headers |
//! | 4 | CRC-32 of the eight bytes before |
//! | … | headers: length of the name (1 byte), name, type (1 byte), value |
//! | … | payload |
//! | 4 | CRC-32 of everything before |
//!
//! All numbers are big-endian.

mod decode;
mod encode;
mod value;

pub use decode::{DecodeError, Decoder, Message};
pub use encode::{EncodeError, EncodedHeaders};
pub use value::Value;

/// Lengths of the message and of its headers, and their CRC.
const PRELUDE_BYTES: usize = 12;
const CRC_BYTES: usize = 4;
/// AWS's limit of a message, and the smallest one of the SDKs.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// AWS's limit of a message's headers.
pub const HEADERS_BYTES_MAX: usize = 128 * 1024;
/// The length byte is read as a signed one by some SDKs.
const NAME_BYTES_MAX: usize = 127;
/// The same of the two bytes of a value's length.
const VALUE_BYTES_MAX: usize = 32_767;
