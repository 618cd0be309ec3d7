//! Checks a request against the constraints of its shape, in AWS's own words.
//!
//! Why: tools match on these texts, so they are made in one place. The texts follow facts 2.6; what
//! was never sighted there follows other services of AWS built with the same framework.
//! Invariants: types were checked before (`check_types`), so a value of a wrong type is passed over
//! here; every violated constraint gives one clause, members in the model's order, at most
//! `VIOLATIONS_MAX` of them.

use std::fmt;

use serde_json::Value;

use crate::deserialize::{DecodeError, SerializationProblem};
use crate::operation::RuntimeOperation;
use crate::printed_patterns::printed_pattern;
use crate::shape::{Kind, Shape, Text};

mod java_text;
mod path;

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
pub fn validate_headers<'a>(
    operation: &RuntimeOperation,
    endpoint_name: &'a str,
    header: impl Fn(&str) -> Option<&'a str>,
) -> Result<(), DecodeError> {
    let Kind::Structure(members) = &operation.input.kind else {
        return Ok(());
    };
    let mut violations = Violations(Vec::new());
    for member in *members {
        let binding = operation.request.iter().find(|binding| binding.member == member.name);
        let text = match binding {
            Some(binding) => header(binding.header),
            None if member.name == "EndpointName" => Some(endpoint_name),
            None => continue,
        };
        let path = Path::Member(&Path::Root, member.name);
        match (text, &member.shape.kind) {
            (None, _) if member.required => violations.add(&path, Found::Null, NOT_NULL.to_owned()),
            (Some(text), Kind::String(constraints)) => {
                violations.text(member.shape, constraints, text, &path);
            }
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
                if entries.keys().any(|name| violates_text(key, name)) {
                    let list = demands(key).join(", ");
                    let constraint = format!("Map keys must satisfy constraint: [{list}]");
                    self.add(path, shown(shape, value), constraint);
                }
                if is_scalar(element) {
                    let words = "Map value must satisfy constraint";
                    self.together(shape, element, entries.values(), path, (value, words));
                } else {
                    for (name, found) in entries {
                        self.element(element, found, &Path::Entry(path, name));
                    }
                }
            }
            (Kind::String(constraints), Value::String(text)) => {
                self.text(shape, constraints, text, path);
            }
            _ => {
                for constraint in broken_bounds(shape, value) {
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
        if is_scalar(element) {
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
            match value {
                Value::Null => has_null = true,
                Value::String(text) => has_broken |= violates_text(element, text),
                other => has_broken |= !broken_bounds(element, other).is_empty(),
            }
        }
        if has_null || has_broken {
            let mut list = demands(element);
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
        if max.is_some_and(|max| length > max as usize) {
            self.add(path, shown(shape, value), max_length(max));
        }
        if min.is_some_and(|min| length < min as usize) {
            self.add(path, shown(shape, value), min_length(min));
        }
    }

    fn text(&mut self, shape: &Shape, constraints: &Text, text: &str, path: &Path<'_>) {
        let broken = Broken::of(constraints, text);
        if broken.is_none() {
            return;
        }
        let found = || {
            if constraints.sensitive { Found::Hidden } else { Found::Shown(text.to_owned()) }
        };
        if broken.max {
            self.add(path, found(), max_length(constraints.max));
        }
        if broken.min {
            self.add(path, found(), min_length(constraints.min));
        }
        if broken.values {
            self.add(path, found(), value_set(constraints));
        }
        if broken.pattern
            && let Some(constraint) = pattern(shape, constraints)
        {
            self.add(path, found(), constraint);
        }
    }
}

/// Which constraints a string breaks.
struct Broken {
    max: bool,
    min: bool,
    values: bool,
    pattern: bool,
}

impl Broken {
    fn of(constraints: &Text, text: &str) -> Self {
        let length = text.chars().count();
        let is_value = constraints.values.is_empty() || constraints.values.contains(&text);
        Self {
            max: constraints.max.is_some_and(|max| length > max as usize),
            min: constraints.min.is_some_and(|min| length < min as usize),
            values: !is_value,
            pattern: constraints.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)),
        }
    }

    fn is_none(&self) -> bool {
        !(self.max || self.min || self.values || self.pattern)
    }
}

fn violates_text(shape: &Shape, text: &str) -> bool {
    match &shape.kind {
        Kind::String(constraints) => !Broken::of(constraints, text).is_none(),
        _ => false,
    }
}

fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. })
}

/// Everything that is demanded of a scalar. A least length of zero cannot be broken and is left out.
fn demands(shape: &Shape) -> Vec<String> {
    let mut list = Vec::new();
    match &shape.kind {
        Kind::String(constraints) => {
            list.extend(constraints.max.map(|max| max_length(Some(max))));
            let min = constraints.min.filter(|min| *min > 0);
            list.extend(min.map(|min| min_length(Some(min))));
            if !constraints.values.is_empty() {
                list.push(value_set(constraints));
            }
            list.extend(pattern(shape, constraints));
        }
        Kind::Integer { min, max } | Kind::Long { min, max } => {
            list.extend(max.map(max_value));
            list.extend(min.map(min_value));
        }
        Kind::Float { min, max } | Kind::Double { min, max } => {
            list.extend(max.map(max_value));
            list.extend(min.map(min_value));
        }
        _ => {}
    }
    list
}

/// The bounds that a number breaks.
fn broken_bounds(shape: &Shape, value: &Value) -> Vec<String> {
    let mut list = Vec::new();
    match &shape.kind {
        Kind::Integer { min, max } | Kind::Long { min, max } => {
            let Some(number) = value.as_i64() else {
                return list;
            };
            list.extend(max.filter(|max| number > *max).map(max_value));
            list.extend(min.filter(|min| number < *min).map(min_value));
        }
        Kind::Float { min, max } | Kind::Double { min, max } => {
            let Some(number) = value.as_f64() else {
                return list;
            };
            list.extend(max.filter(|max| number > *max).map(max_value));
            list.extend(min.filter(|min| number < *min).map(min_value));
        }
        _ => {}
    }
    list
}

fn shown(shape: &Shape, value: &Value) -> Found {
    match java_text::of(shape, value) {
        Some(text) => Found::Shown(text),
        None => Found::Hidden,
    }
}

fn max_length(max: Option<u32>) -> String {
    format!("Member must have length less than or equal to {}", max.unwrap_or(u32::MAX))
}

fn min_length(min: Option<u32>) -> String {
    format!("Member must have length greater than or equal to {}", min.unwrap_or(0))
}

fn max_value(max: impl fmt::Display) -> String {
    format!("Member must have value less than or equal to {max}")
}

fn min_value(min: impl fmt::Display) -> String {
    format!("Member must have value greater than or equal to {min}")
}

fn value_set(constraints: &Text) -> String {
    format!("Member must satisfy enum value set: [{}]", constraints.values.join(", "))
}

fn pattern(shape: &Shape, constraints: &Text) -> Option<String> {
    let printed = printed_pattern(shape.name, constraints.pattern.as_ref()?.model());
    Some(format!("Member must satisfy regular expression pattern: {printed}"))
}

#[cfg(test)]
mod tests;
