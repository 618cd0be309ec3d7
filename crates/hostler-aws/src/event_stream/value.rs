//! A header's value: ten types, each known by a number before it.
//!
//! Invariants: `write` and `read` are each other's inverse for every value within its limit.

use bytes::{BufMut, Bytes, BytesMut};

use super::{DecodeError, EncodeError, VALUE_BYTES_MAX};

const TRUE: u8 = 0;
const FALSE: u8 = 1;
const BYTE: u8 = 2;
const SHORT: u8 = 3;
const INT: u8 = 4;
const LONG: u8 = 5;
const BYTES: u8 = 6;
const TEXT: u8 = 7;
const TIMESTAMP: u8 = 8;
const UUID: u8 = 9;

/// What stands behind a header's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// True or false, each a type of its own on the wire.
    Bool(bool),
    /// Eight bits.
    Byte(i8),
    /// Sixteen bits.
    Short(i16),
    /// Thirty-two bits.
    Int(i32),
    /// Sixty-four bits.
    Long(i64),
    /// Bytes without a meaning here.
    Bytes(Bytes),
    /// UTF-8.
    Text(String),
    /// Milliseconds since 1970.
    TimestampMs(i64),
    /// A UUID's sixteen bytes.
    Uuid([u8; 16]),
}

impl Value {
    /// Text, the type of nearly every header.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn write(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Bool(true) => out.put_u8(TRUE),
            Self::Bool(false) => out.put_u8(FALSE),
            Self::Byte(value) => {
                out.put_u8(BYTE);
                out.put_i8(*value);
            }
            Self::Short(value) => {
                out.put_u8(SHORT);
                out.put_i16(*value);
            }
            Self::Int(value) => {
                out.put_u8(INT);
                out.put_i32(*value);
            }
            Self::Long(value) => {
                out.put_u8(LONG);
                out.put_i64(*value);
            }
            Self::Bytes(value) => {
                out.put_u8(BYTES);
                write_sized(value, out)?;
            }
            Self::Text(value) => {
                out.put_u8(TEXT);
                write_sized(value.as_bytes(), out)?;
            }
            Self::TimestampMs(value) => {
                out.put_u8(TIMESTAMP);
                out.put_i64(*value);
            }
            Self::Uuid(value) => {
                out.put_u8(UUID);
                out.put_slice(value);
            }
        }
        Ok(())
    }

    /// Takes one value, its type first, from the beginning of `headers`.
    pub(super) fn read(headers: &mut Bytes) -> Result<Self, DecodeError> {
        let [kind] = take(headers)?;
        Ok(match kind {
            TRUE => Self::Bool(true),
            FALSE => Self::Bool(false),
            BYTE => Self::Byte(i8::from_be_bytes(take(headers)?)),
            SHORT => Self::Short(i16::from_be_bytes(take(headers)?)),
            INT => Self::Int(i32::from_be_bytes(take(headers)?)),
            LONG => Self::Long(i64::from_be_bytes(take(headers)?)),
            BYTES => Self::Bytes(read_sized(headers)?),
            TEXT => {
                let text = read_sized(headers)?;
                Self::Text(String::from_utf8(text.into()).map_err(|_| DecodeError::NotText)?)
            }
            TIMESTAMP => Self::TimestampMs(i64::from_be_bytes(take(headers)?)),
            UUID => Self::Uuid(take(headers)?),
            kind => return Err(DecodeError::UnknownType { kind }),
        })
    }
}

fn write_sized(value: &[u8], out: &mut BytesMut) -> Result<(), EncodeError> {
    let length = u16::try_from(value.len()).ok().filter(|length| usize::from(*length) <= VALUE_BYTES_MAX);
    out.put_u16(length.ok_or(EncodeError::ValueTooLong { bytes: value.len() })?);
    out.put_slice(value);
    Ok(())
}

fn read_sized(headers: &mut Bytes) -> Result<Bytes, DecodeError> {
    let length = usize::from(u16::from_be_bytes(take(headers)?));
    if length > VALUE_BYTES_MAX {
        return Err(DecodeError::ValueTooLong { bytes: length });
    }
    take_bytes(headers, length)
}

/// Takes `N` bytes from the beginning of `headers`.
pub(super) fn take<const N: usize>(headers: &mut Bytes) -> Result<[u8; N], DecodeError> {
    let taken = *headers.first_chunk::<N>().ok_or(DecodeError::HeadersEndEarly)?;
    let _ = headers.split_to(N);
    Ok(taken)
}

/// The same for a length that was read.
pub(super) fn take_bytes(headers: &mut Bytes, length: usize) -> Result<Bytes, DecodeError> {
    if headers.len() < length {
        return Err(DecodeError::HeadersEndEarly);
    }
    Ok(headers.split_to(length))
}
