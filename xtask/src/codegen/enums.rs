//! Renders the enums.
//!
//! Why: an enum in Rust makes a match over statuses exhaustive.
//! Invariants: the order of values is the model's; two values never share a Rust name.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use super::closure::Closure;
use super::names;
use super::output::header;

pub(crate) fn render(closure: &Closure<'_>) -> Result<String> {
    let mut text = header("The enums of the implemented operations.");
    text.push_str("use crate::string_enum::string_enum;\n");
    for (name, shape) in &closure.shapes {
        if shape.values.is_empty() {
            continue;
        }
        let mut seen = BTreeSet::new();
        write!(text, "\nstring_enum! {{\n    {name} {{\n")?;
        for value in &shape.values {
            let variant = names::variant(value).with_context(|| format!("enum `{name}`"))?;
            ensure!(seen.insert(variant.clone()), "enum `{name}` has `{variant}` twice");
            writeln!(text, "        {variant} => {value:?},")?;
        }
        text.push_str("    }\n}\n");
    }
    Ok(text)
}
