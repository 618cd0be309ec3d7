//! Renders the constraint tables: one static per shape, naming the statics it is made of.
//!
//! Why: validation walks data, so that one small function serves every operation.
//! Invariants: tables hold the model's names and bounds and nothing else; a pattern is written twice,
//! as the model spells it and as the regex crate must see it, or with the name of its hand-written
//! matcher.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::closure::Closure;
use super::model::{Kind, Number, Reference, Shape};
use super::names;
use super::output::header;
use super::patterns;

pub(crate) fn render(closure: &Closure<'_>) -> Result<String> {
    let mut text = header("The constraints of every shape of the implemented operations.");
    let mut body = String::new();
    for (name, shape) in &closure.shapes {
        let kind = kind(name, shape).with_context(|| format!("constraints of `{name}`"))?;
        write!(
            body,
            "\npub(super) static {}: Shape = Shape {{ name: {name:?}, kind: {kind} }};\n",
            names::constant_case(name),
        )?;
    }
    text.push_str("use crate::shape::{Kind, Member, Shape, Text};\n");
    text.push_str("use crate::pattern::Pattern;\n");
    if body.contains("by_hand::") {
        text.push_str("use crate::pattern::by_hand;\n");
    }
    if body.contains("enums::") {
        text.push_str("use super::enums;\n");
    }
    Ok(text + &body)
}

/// The `Kind` of a shape as Rust source. Also used for the shapes of the data plane.
pub(crate) fn kind(name: &str, shape: &Shape) -> Result<String> {
    Ok(match shape.kind {
        Kind::Structure => {
            let mut members = String::new();
            for (member, reference) in &shape.members {
                write!(
                    members,
                    "Member {{ name: {member:?}, required: {}, shape: &{} }},",
                    shape.required.contains(member),
                    names::constant_case(&reference.shape),
                )?;
            }
            format!("Kind::Structure(&[{members}])")
        }
        Kind::List => format!(
            "Kind::List {{ min: {}, max: {}, member: &{} }}",
            length(shape.min)?,
            length(shape.max)?,
            part(shape.member.as_ref())?,
        ),
        Kind::Map => format!(
            "Kind::Map {{ min: {}, max: {}, key: &{}, value: &{} }}",
            length(shape.min)?,
            length(shape.max)?,
            part(shape.key.as_ref())?,
            part(shape.value.as_ref())?,
        ),
        Kind::String => text(name, shape)?,
        Kind::Integer | Kind::Long => format!(
            "Kind::{:?} {{ min: {}, max: {} }}",
            shape.kind,
            option(shape.min.map(Number::whole).transpose()?),
            option(shape.max.map(Number::whole).transpose()?),
        ),
        Kind::Float | Kind::Double => format!(
            "Kind::{:?} {{ min: {}, max: {} }}",
            shape.kind,
            option(shape.min.map(Number::fraction)),
            option(shape.max.map(Number::fraction)),
        ),
        Kind::Boolean => "Kind::Boolean".to_owned(),
        Kind::Timestamp => "Kind::Timestamp".to_owned(),
        Kind::Blob => format!("Kind::Blob {{ max: {} }}", length(shape.max)?),
    })
}

fn text(name: &str, shape: &Shape) -> Result<String> {
    let pattern = match &shape.pattern {
        Some(pattern) => format!("Some({})", patterns::render(pattern)?),
        None => "None".to_owned(),
    };
    let values = if shape.values.is_empty() { "&[]".to_owned() } else { format!("enums::{name}::VALUES") };
    Ok(format!(
        "Kind::String(Text {{ min: {}, max: {}, pattern: {pattern}, values: {values}, sensitive: {} }})",
        length(shape.min)?,
        length(shape.max)?,
        shape.sensitive,
    ))
}

fn part(reference: Option<&Reference>) -> Result<String> {
    let reference = reference.context("a list or map lacks its element")?;
    Ok(names::constant_case(&reference.shape))
}

fn length(bound: Option<Number>) -> Result<String> {
    let bound = bound.map(Number::whole).transpose()?;
    let bound = bound.map(u32::try_from).transpose().context("a length out of range")?;
    Ok(option(bound))
}

fn option(value: Option<impl std::fmt::Debug>) -> String {
    match value {
        Some(value) => format!("Some({value:?})"),
        None => "None".to_owned(),
    }
}
