//! The protobuf wire format: the fields of one message, in the order in which they stand.
//!
//! Why: a message is read field by field out of the body, so that nothing is copied but the numbers wanted.
//! Invariants: pure; knows no message. Fields of any number and type can be stepped over, groups included.
//! A step never goes beyond the message.

use thiserror::Error;

/// What one field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
    /// A group, which was stepped over: nothing has used them since proto2's first days.
    Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum WireError {
    #[error("it ends inside a field")]
    CutOff,
    #[error("a field claims {length} bytes, {left} are left")]
    Length { length: u64, left: usize },
    #[error("a number has more than 64 bits")]
    LongVarint,
    #[error("{number} is no field number")]
    FieldNumber { number: u64 },
    #[error("{wire_type} is no wire type")]
    WireType { wire_type: u64 },
    #[error("a group does not end where it should")]
    Group,
}

/// Groups within groups that are stepped over.
const DEPTH_MAX: usize = 32;
const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;
const GROUP_END: u64 = 4;

/// The rest of a message.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The number and content of the next field; None at the end of the message.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            3 => self.skip_group(number)?,
            wire_type => self.value(wire_type)?,
        };
        Ok(Some((number, value)))
    }

    fn tag(&mut self) -> Result<(u64, u64), WireError> {
        let tag = self.varint()?;
        let (number, wire_type) = (tag >> 3, tag & 7);
        if number == 0 || number > FIELD_NUMBER_MAX {
            return Err(WireError::FieldNumber { number });
        }
        Ok((number, wire_type))
    }

    fn value(&mut self, wire_type: u64) -> Result<Value<'a>, WireError> {
        match wire_type {
            0 => self.varint().map(Value::Varint),
            1 => self.array().map(Value::Fixed64),
            2 => {
                let length = self.varint()?;
                let left = self.rest.len();
                let fitting = usize::try_from(length).ok().and_then(|at| self.rest.split_at_checked(at));
                let (bytes, rest) = fitting.ok_or(WireError::Length { length, left })?;
                self.rest = rest;
                Ok(Value::Bytes(bytes))
            }
            5 => self.array().map(Value::Fixed32),
            GROUP_END => Err(WireError::Group),
            wire_type => Err(WireError::WireType { wire_type }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(WireError::CutOff)?;
        self.rest = rest;
        Ok(*array)
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let (number, rest) = varint(self.rest)?;
        self.rest = rest;
        Ok(number)
    }

    fn skip_group(&mut self, number: u64) -> Result<Value<'a>, WireError> {
        let mut open = vec![number];
        while let Some(innermost) = open.last() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                3 if open.len() == DEPTH_MAX => return Err(WireError::Group),
                3 => open.push(number),
                GROUP_END if number == *innermost => drop(open.pop()),
                wire_type => drop(self.value(wire_type)?),
            }
        }
        Ok(Value::Group)
    }
}

/// The varint that these bytes start with, and what follows it.
pub(super) fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), WireError> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7F);
        // The tenth byte holds the 64th bit alone.
        if index == 9 && bits > 1 {
            return Err(WireError::LongVarint);
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[index + 1..]));
        }
    }
    Err(if bytes.len() < 10 { WireError::CutOff } else { WireError::LongVarint })
}
