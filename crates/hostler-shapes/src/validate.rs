//! Checks a request against the constraints of its shape, in AWS's own words.
//!
//! Why: tools match on these texts, so they are made in one place. The texts follow facts 2.6; what
//! was never sighted there follows other services of AWS built with the same framework.
//! Invariants: types were checked before (`check_types`), so a value of a wrong type is passed over
//! here; every violated constraint gives one clause, members in the model's order, at most
//! `VIOLATIONS_MAX` of them.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::deserialize::{DecodeError, SerializationProblem};
use crate::operation::{Binding, RuntimeOperation};
use crate::shape::{Kind, Shape, Text};

mod java_text;
mod path;
mod scalar;

use self::path::Path;

/// Clauses that one answer may hold: a list of thousands of wrong elements must not grow an answer
/// that is many times the request.
const VIOLATIONS_MAX: usize = 1000;

const NOT_NULL: &str = "Member must not be null";

/// One violated constraint of one member. Its `Display` is the clause of AWS's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, for instance `productionVariants.1.member.modelName`.
    pub path: String,
    /// What stood there.
    pub value: Found,
    /// What is demanded, for instance `Member must not be null`.
    pub constraint: String,
}

/// A refused value as a message shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The member is absent.
    Null,
    /// The member is sensitive, so its value is not shown.
    Hidden,
    /// The value as Java would print it.
    Shown(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Found::Null => out.write_str("Value null")?,
            Found::Hidden => out.write_str("Value")?,
            Found::Shown(value) => write!(out, "Value '{value}'")?,
        }
        write!(out, " at '{}' failed to satisfy constraint: {}", self.path, self.constraint)
    }
}

/// All violated constraints of a value, in AWS's order as far as it is known.
pub fn validate(shape: &Shape, value: &Value) -> Result<(), Vec<Violation>> {
    let mut violations = Violations(Vec::new());
    violations.visit(shape, value, &Path::Root);
    violations.into_result()
}

/// The same for a data-plane request, whose members stand in the path and in headers. The payload is
/// not looked at: its limit is a setting of the gateway.
pub fn validate_headers<'a, T: Into<Cow<'a, str>>>(
    operation: &RuntimeOperation,
    endpoint_name: &'a str,
    header: impl Fn(&str) -> Option<T>,
) -> Result<(), DecodeError> {
    let Kind::Structure(members) = &operation.input.kind else {
        return Ok(());
    };
    let mut violations = Violations(Vec::new());
    // Mostly in the order of the members, so that the next one is the one that is looked for.
    let mut next = operation.request.iter();
    for member in *members {
        let is_its = |binding: &&Binding| binding.member == member.name;
        let binding = match next.as_slice().first().filter(is_its) {
            Some(_) => next.next(),
            None => operation.request.iter().find(is_its),
        };
        let text: Option<Cow<'_, str>> = match binding {
            Some(binding) => header(binding.header).map(Into::into),
            None if member.name == "EndpointName" => Some(endpoint_name.into()),
            None => continue,
        };
        let path = Path::Member(&Path::Root, member.name);
        match (text, &member.shape.kind) {
            (None, _) if member.required => violations.add(&path, Found::Null, NOT_NULL.to_owned()),
            (Some(text), Kind::String(_)) => violations.text(member.shape, &text, &path),
            (Some(text), Kind::Integer { .. }) => {
                let number: i32 = text.trim().parse().map_err(|_| {
                    SerializationProblem::text("STRING_VALUE can not be converted to an Integer")
                })?;
                violations.visit(member.shape, &Value::from(number), &path);
            }
            _ => {}
        }
    }
    violations.into_result().map_err(DecodeError::Validation)
}

/// AWS's sentence over all clauses.
pub fn validation_message(violations: &[Violation]) -> String {
    use fmt::Write as _;

    let errors = if violations.len() == 1 { "error" } else { "errors" };
    let mut message = format!("{} validation {errors} detected: ", violations.len());
    for (index, violation) in violations.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(message, "{separator}{violation}");
    }
    message
}

struct Violations(Vec<Violation>);

impl Violations {
    fn into_result(self) -> Result<(), Vec<Violation>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }

    fn add(&mut self, path: &Path<'_>, value: Found, constraint: String) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(Violation { path: path.to_string(), value, constraint });
        }
    }

    fn visit(&mut self, shape: &Shape, value: &Value, path: &Path<'_>) {
        if self.0.len() >= VIOLATIONS_MAX {
            return;
        }
        match (&shape.kind, value) {
            (Kind::Structure(members), Value::Object(fields)) => {
                for member in *members {
                    let path = Path::Member(path, member.name);
                    match fields.get(member.name) {
                        None | Some(Value::Null) if member.required => {
                            self.add(&path, Found::Null, NOT_NULL.to_owned());
                        }
                        None | Some(Value::Null) => {}
                        Some(value) => self.visit(member.shape, value, &path),
                    }
                }
            }
            (Kind::List { min, max, member }, Value::Array(elements)) => {
                self.length(shape, value, elements.len(), (*min, *max), path);
                self.elements(shape, member, elements, path, value);
            }
            (Kind::Map { min, max, key, value: element }, Value::Object(entries)) => {
                self.length(shape, value, entries.len(), (*min, *max), path);
                if entries.keys().any(|name| !scalar::broken_by_text(key, name).is_empty()) {
                    let list = scalar::demands(key).join(", ");
                    let constraint = format!("Map keys must satisfy constraint: [{list}]");
                    self.add(path, shown(shape, value), constraint);
                }
                if scalar::is_scalar(element) {
                    let words = "Map value must satisfy constraint";
                    self.together(shape, element, entries.values(), path, (value, words));
                } else {
                    for (name, found) in entries {
                        self.element(element, found, &Path::Entry(path, name));
                    }
                }
            }
            (_, Value::String(text)) => self.text(shape, text, path),
            _ => {
                for constraint in scalar::broken(shape, value) {
                    self.add(path, shown(shape, value), constraint);
                }
            }
        }
    }

    /// Elements of a list: structures each under their own path, scalars in one clause for the list.
    fn elements(
        &mut self,
        list: &Shape,
        element: &Shape,
        elements: &[Value],
        path: &Path<'_>,
        whole: &Value,
    ) {
        if scalar::is_scalar(element) {
            let words = "Member must satisfy constraint";
            self.together(list, element, elements.iter(), path, (whole, words));
        } else {
            for (index, found) in elements.iter().enumerate() {
                self.element(element, found, &Path::Element(path, index));
            }
        }
    }

    fn element(&mut self, shape: &Shape, value: &Value, path: &Path<'_>) {
        if value.is_null() {
            self.add(path, Found::Null, NOT_NULL.to_owned());
        } else {
            self.visit(shape, value, path);
        }
    }

    /// One clause that states everything demanded of the elements, if any of them breaks any of it.
    fn together<'v>(
        &mut self,
        collection: &Shape,
        element: &Shape,
        found: impl Iterator<Item = &'v Value>,
        path: &Path<'_>,
        (whole, words): (&Value, &str),
    ) {
        let (mut has_null, mut has_broken) = (false, false);
        for value in found {
            has_null |= value.is_null();
            has_broken |= !scalar::broken(element, value).is_empty();
        }
        if has_null || has_broken {
            let mut list = scalar::demands(element);
            if has_null {
                list.push(NOT_NULL.to_owned());
            }
            let constraint = format!("{words}: [{}]", list.join(", "));
            self.add(path, shown(collection, whole), constraint);
        }
    }

    fn length(
        &mut self,
        shape: &Shape,
        value: &Value,
        length: usize,
        (min, max): (Option<u32>, Option<u32>),
        path: &Path<'_>,
    ) {
        if let Some(max) = max.filter(|max| length > *max as usize) {
            self.add(path, shown(shape, value), scalar::max_length(max));
        }
        if let Some(min) = min.filter(|min| length < *min as usize) {
            self.add(path, shown(shape, value), scalar::min_length(min));
        }
    }

    fn text(&mut self, shape: &Shape, text: &str, path: &Path<'_>) {
        let is_sensitive = matches!(&shape.kind, Kind::String(Text { sensitive: true, .. }));
        for constraint in scalar::broken_by_text(shape, text) {
            let found = if is_sensitive { Found::Hidden } else { Found::Shown(text.to_owned()) };
            self.add(path, found, constraint);
        }
    }
}

fn shown(shape: &Shape, value: &Value) -> Found {
    match java_text::of(shape, value) {
        Some(text) => Found::Shown(text),
        None => Found::Hidden,
    }
}

#[cfg(test)]
mod tests;
