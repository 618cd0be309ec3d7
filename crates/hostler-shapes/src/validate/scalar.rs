//! What is demanded of a string or a number, in AWS's words.
//!
//! Why: the same words serve a member of its own, the elements of a list and the entries of a map.
//! Invariants: a value that breaks nothing allocates nothing; upper bounds come before lower ones,
//! lengths before patterns.

use std::fmt;

use serde_json::Value;

use crate::printed_patterns::printed_pattern;
use crate::shape::{Kind, Shape, Text};

pub(super) fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. })
}

/// Everything that is demanded. A least length of zero cannot be broken and is left out.
pub(super) fn demands(shape: &Shape) -> Vec<String> {
    let mut list = Vec::new();
    match &shape.kind {
        Kind::String(constraints) => {
            list.extend(constraints.max.map(max_length));
            list.extend(constraints.min.filter(|min| *min > 0).map(min_length));
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

/// What a value breaks of it.
pub(super) fn broken(shape: &Shape, value: &Value) -> Vec<String> {
    let mut list = Vec::new();
    match (&shape.kind, value) {
        (_, Value::String(text)) => list = broken_by_text(shape, text),
        (Kind::Integer { min, max } | Kind::Long { min, max }, Value::Number(number)) => {
            if let Some(number) = number.as_i64() {
                list.extend(max.filter(|max| number > *max).map(max_value));
                list.extend(min.filter(|min| number < *min).map(min_value));
            }
        }
        (Kind::Float { min, max } | Kind::Double { min, max }, Value::Number(number)) => {
            if let Some(number) = number.as_f64() {
                list.extend(max.filter(|max| number > *max).map(max_value));
                list.extend(min.filter(|min| number < *min).map(min_value));
            }
        }
        _ => {}
    }
    list
}

/// The same for a string that is not in JSON.
pub(super) fn broken_by_text(shape: &Shape, text: &str) -> Vec<String> {
    let mut list = Vec::new();
    let Kind::String(constraints) = &shape.kind else {
        return list;
    };
    let length = text.chars().count();
    list.extend(constraints.max.filter(|max| length > *max as usize).map(max_length));
    list.extend(constraints.min.filter(|min| length < *min as usize).map(min_length));
    if !constraints.values.is_empty() && !constraints.values.contains(&text) {
        list.push(value_set(constraints));
    }
    if constraints.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
        list.extend(pattern(shape, constraints));
    }
    list
}

pub(super) fn max_length(max: u32) -> String {
    format!("Member must have length less than or equal to {max}")
}

pub(super) fn min_length(min: u32) -> String {
    format!("Member must have length greater than or equal to {min}")
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
