//! From the bytes of a request to its typed input: syntax, types, constraints, in AWS's order.
//!
//! Why: AWS tells a wrong type (`SerializationException`) from a wrong value (`ValidationException`)
//! and looks for the former first. serde's own messages would say neither in AWS's words.
//! The words were measured by others on services with the same framework (Athena, SES v2); where
//! nobody measured any, the exception carries no message, as AWS does for malformed JSON.
//! Invariants: never panics, whatever the bytes are, and takes a small multiple of their size; unknown members are ignored; a member that is
//! null counts as absent; an empty body is an empty structure.
//!
//! Numbers (inferred, measured nowhere): a whole number may be written with a fraction of zero
//! (`1.0`, `1e2`), since JavaScript's and Lua's encoders do so; `1.5` and numbers that do not fit are
//! refused without a message. Booleans may be the words that AWS was measured to accept as strings.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::operation::Operation;
use crate::shape::{Kind, Shape};
use crate::timestamp::Timestamp;
use crate::validate::{Violation, validate, validation_message};

/// Values that a body may hold: the largest legitimate request, fifteen containers with a hundred variables each and
/// their options, has some thousand. In memory each is 72 bytes, and in the body it may be two.
const VALUES_MAX: usize = 50_000;

/// Why a request has no typed form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// AWS's `SerializationException`.
    Serialization(SerializationProblem),
    /// AWS's `ValidationException`; `validation_message` makes its text.
    Validation(Vec<Violation>),
}

/// The message of a `SerializationException`, if it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SerializationProblem {
    /// AWS's text; absent for malformed JSON.
    pub message: Option<String>,
}

impl SerializationProblem {
    pub(crate) fn text(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()) }
    }

    const fn silent() -> Self {
        Self { message: None }
    }
}

impl fmt::Display for SerializationProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.message.as_deref().unwrap_or("the body is not readable"))
    }
}

impl std::error::Error for SerializationProblem {}

impl fmt::Display for DecodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serialization(problem) => problem.fmt(out),
            Self::Validation(violations) => out.write_str(&validation_message(violations)),
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<SerializationProblem> for DecodeError {
    fn from(problem: SerializationProblem) -> Self {
        Self::Serialization(problem)
    }
}

/// Reads the input of an operation, checked against all its constraints.
pub fn decode<T: DeserializeOwned>(operation: &Operation, bytes: &[u8]) -> Result<T, DecodeError> {
    let value = read(operation.input, bytes)?;
    // All checks passed, so this fails only if the generated types and tables disagree.
    serde_json::from_value(value).map_err(|_| DecodeError::Serialization(SerializationProblem::silent()))
}

/// The part of `decode` that does not depend on the type, so that it is compiled once.
fn read(shape: &Shape, bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut value = if bytes.iter().all(u8::is_ascii_whitespace) {
        Value::Object(serde_json::Map::new())
    } else if values_max(bytes) > VALUES_MAX {
        return Err(SerializationProblem::silent().into());
    } else {
        serde_json::from_slice(bytes).map_err(|_| SerializationProblem::silent())?
    };
    match value {
        Value::Object(_) => {}
        Value::Array(_) => return Err(start_of_list().into()),
        _ => return Err(SerializationProblem::silent().into()),
    }
    check_types(shape, &value)?;
    normalise(shape, &mut value);
    validate(shape, &value).map_err(DecodeError::Validation)?;
    Ok(value)
}

/// The most values that a JSON text can hold, by its commas and brackets outside strings.
fn values_max(bytes: &[u8]) -> usize {
    let (mut values, mut is_in_string, mut is_escaped) = (1, false, false);
    for byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_string => is_escaped = true,
            b'"' => is_in_string = !is_in_string,
            b',' | b'[' | b'{' if !is_in_string => values += 1,
            _ => {}
        }
    }
    values
}

/// Whether every known member has the JSON type of its shape.
pub fn check_types(shape: &Shape, value: &Value) -> Result<(), SerializationProblem> {
    if value.is_null() {
        return Ok(());
    }
    match &shape.kind {
        Kind::Structure(members) => {
            let Value::Object(fields) = value else {
                return Err(wrong_collection(value, "Expected null"));
            };
            for member in *members {
                if let Some(value) = fields.get(member.name) {
                    check_types(member.shape, value)?;
                }
            }
            Ok(())
        }
        Kind::List { member, .. } => {
            let Value::Array(elements) = value else {
                return Err(wrong_collection(value, "Expected list or null"));
            };
            elements.iter().try_for_each(|element| check_types(member, element))
        }
        Kind::Map { value: element, .. } => {
            let Value::Object(entries) = value else {
                return Err(wrong_collection(value, "Expected null"));
            };
            entries.values().try_for_each(|value| check_types(element, value))
        }
        Kind::String(_) | Kind::Blob { .. } => {
            if value.is_string() {
                Ok(())
            } else {
                Err(not_convertible(value, "a String"))
            }
        }
        Kind::Integer { .. } => {
            let fits = |whole| i32::try_from(whole).is_ok();
            check_number(value, "an Integer", || whole_number(value).is_some_and(fits))
        }
        Kind::Long { .. } => check_number(value, "a Long", || whole_number(value).is_some()),
        Kind::Float { .. } => check_number(value, "a Float", || {
            value.as_f64().is_some_and(|number| (number as f32).is_finite())
        }),
        Kind::Double { .. } => check_number(value, "a Double", || true),
        Kind::Timestamp => check_number(value, "milliseconds since epoch", || {
            value.as_f64().and_then(Timestamp::from_seconds).is_some()
        }),
        Kind::Boolean => match value {
            Value::Bool(_) => Ok(()),
            Value::String(text) if boolean_word(text).is_some() => Ok(()),
            // AWS's own grammar, as measured.
            Value::String(_) => Err(not_convertible(value, "an Boolean")),
            _ => Err(not_convertible(value, "a Boolean")),
        },
    }
}

fn check_number(
    value: &Value,
    target: &str,
    fits: impl FnOnce() -> bool,
) -> Result<(), SerializationProblem> {
    match value {
        Value::Number(_) if fits() => Ok(()),
        Value::Number(_) => Err(SerializationProblem::silent()),
        _ => Err(not_convertible(value, target)),
    }
}

fn wrong_collection(value: &Value, scalar: &str) -> SerializationProblem {
    match value {
        Value::Array(_) => start_of_list(),
        Value::Object(_) => start_of_structure(),
        _ => SerializationProblem::text(scalar),
    }
}

fn not_convertible(value: &Value, target: &str) -> SerializationProblem {
    let token = match value {
        Value::Array(_) => return start_of_list(),
        Value::Object(_) => return start_of_structure(),
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
    };
    SerializationProblem::text(format!("{token} can not be converted to {target}"))
}

/// Without a full stop, unlike its sibling: so measured.
fn start_of_list() -> SerializationProblem {
    SerializationProblem::text("Start of list found where not expected")
}

fn start_of_structure() -> SerializationProblem {
    SerializationProblem::text("Start of structure or map found where not expected.")
}

/// Rewrites what `check_types` lets pass into the one form that the generated types read: members
/// that are null go, whole numbers lose their fraction, words become booleans.
fn normalise(shape: &Shape, value: &mut Value) {
    match &shape.kind {
        Kind::Structure(members) => {
            if let Value::Object(fields) = value {
                fields.retain(|_, value| !value.is_null());
                for member in *members {
                    if let Some(value) = fields.get_mut(member.name) {
                        normalise(member.shape, value);
                    }
                }
            }
        }
        Kind::List { member, .. } => {
            if let Value::Array(elements) = value {
                for element in elements {
                    normalise(member, element);
                }
            }
        }
        Kind::Map { value: element, .. } => {
            if let Value::Object(entries) = value {
                for value in entries.values_mut() {
                    normalise(element, value);
                }
            }
        }
        Kind::Integer { .. } | Kind::Long { .. } => {
            if let Some(whole) = whole_number(value) {
                *value = Value::from(whole);
            }
        }
        Kind::Boolean => {
            if let Some(word) = value.as_str().and_then(boolean_word) {
                *value = Value::Bool(word);
            }
        }
        _ => {}
    }
}

/// The value of a number without a fraction.
fn whole_number(value: &Value) -> Option<i64> {
    /// Beyond this a float no longer holds every whole number.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

    if let Some(whole) = value.as_i64() {
        return Some(whole);
    }
    let number = value.as_f64()?;
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

fn boolean_word(text: &str) -> Option<bool> {
    const TRUE: [&str; 5] = ["true", "yes", "y", "t", "1"];
    const FALSE: [&str; 5] = ["false", "no", "n", "f", "0"];

    let is_among = |words: [&str; 5]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_among(TRUE) { Some(true) } else { is_among(FALSE).then_some(false) }
}

#[cfg(test)]
mod tests;
