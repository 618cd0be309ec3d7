//! A refused value as the service, which is written in Java, prints it.
//!
//! Why: messages quote values; strings stand as they are, collections in Java's forms (inferred from
//! other services of AWS: `[a, b]`, `{key=value}`, `Tag(key=a, value=b)`).
//! Invariants: a value that holds anything sensitive has no text.

use serde_json::Value;

use super::path::lower_first;
use crate::shape::{Kind, Shape};

/// The text, or `None` if the value must not be shown.
pub(super) fn of(shape: &Shape, value: &Value) -> Option<String> {
    Some(match (&shape.kind, value) {
        (_, Value::Null) => "null".to_owned(),
        (Kind::String(constraints), _) if constraints.sensitive => return None,
        (Kind::Structure(members), Value::Object(fields)) => {
            let mut parts = Vec::new();
            for member in *members {
                if let Some(value) = fields.get(member.name) {
                    parts.push(format!("{}={}", lower_first(member.name), of(member.shape, value)?));
                }
            }
            format!("{}({})", shape.name, parts.join(", "))
        }
        (Kind::List { member, .. }, Value::Array(elements)) => {
            let parts: Option<Vec<_>> = elements.iter().map(|value| of(member, value)).collect();
            format!("[{}]", parts?.join(", "))
        }
        (Kind::Map { value: element, .. }, Value::Object(entries)) => {
            let mut parts = Vec::new();
            for (key, value) in entries {
                parts.push(format!("{key}={}", of(element, value)?));
            }
            format!("{{{}}}", parts.join(", "))
        }
        (Kind::Float { .. }, Value::Number(number)) => {
            format!("{:?}", number.as_f64().unwrap_or(f64::NAN) as f32)
        }
        (Kind::Double { .. }, Value::Number(number)) => {
            format!("{:?}", number.as_f64().unwrap_or(f64::NAN))
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    })
}
