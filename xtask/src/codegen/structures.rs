//! Renders the structures, one file per resource and one for what several resources share.
//!
//! Why: typed members keep the operations honest; serde's derive keeps them short.
//! Invariants: members stand in the model's order; required members are plain, others `Option`;
//! wire names are the model's. `Default` is derived only where no required member would need an
//! invented value (an enum or a time).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::closure::Closure;
use super::model::{Kind, Shape};
use super::names;
use super::output::header;

/// The files by module name.
pub(crate) fn render(closure: &Closure<'_>) -> Result<BTreeMap<&'static str, String>> {
    let mut bodies: BTreeMap<&'static str, String> = BTreeMap::new();
    for (name, module) in &closure.modules {
        let body = bodies.entry(module).or_default();
        structure(closure, name, body).with_context(|| format!("structure `{name}`"))?;
    }
    let mut files = BTreeMap::new();
    for (module, body) in bodies {
        let what = match module {
            "shared" => "The structures that several resources share.".to_owned(),
            _ => format!("The structures that only the operations on `{module}` use."),
        };
        let imports = imports(closure, module)?;
        files.insert(module, format!("{}{imports}{body}", header(&what)));
    }
    Ok(files)
}

fn structure(closure: &Closure<'_>, name: &str, text: &mut String) -> Result<()> {
    let shape = shape(closure, name)?;
    let default = if has_default(closure, name)? { ", Default" } else { "" };
    write!(
        text,
        "\n#[derive(Clone, Debug, PartialEq{default}, Serialize, Deserialize)]\n\
         #[serde(rename_all = \"PascalCase\")]\npub struct {name} {{\n",
    )?;
    for (member, reference) in &shape.members {
        let field = names::field(member);
        let plain = names::snake_case(member);
        let mut attributes = Vec::new();
        if names::serde_pascal_case(&plain) != *member {
            attributes.push(format!("rename = {member:?}"));
        }
        let mut rust = rust_type(closure, &reference.shape)?;
        if !shape.required.contains(member) {
            rust = format!("Option<{rust}>");
            attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
        }
        if !attributes.is_empty() {
            writeln!(text, "    #[serde({})]", attributes.join(", "))?;
        }
        writeln!(text, "    pub {field}: {rust},")?;
    }
    text.push_str("}\n");
    Ok(())
}

fn rust_type(closure: &Closure<'_>, name: &str) -> Result<String> {
    let shape = shape(closure, name)?;
    Ok(match shape.kind {
        Kind::String if shape.values.is_empty() => "String".to_owned(),
        Kind::Structure | Kind::String => name.to_owned(),
        Kind::Integer => "i32".to_owned(),
        Kind::Long => "i64".to_owned(),
        Kind::Float | Kind::Double => "f64".to_owned(),
        Kind::Boolean => "bool".to_owned(),
        Kind::Timestamp => "Timestamp".to_owned(),
        Kind::List => format!("Vec<{}>", rust_type(closure, element(shape.member.as_ref())?)?),
        Kind::Map => format!(
            "BTreeMap<{}, {}>",
            rust_type(closure, element(shape.key.as_ref())?)?,
            rust_type(closure, element(shape.value.as_ref())?)?,
        ),
        Kind::Blob => anyhow::bail!("blobs have no Rust type here"),
    })
}

/// The `use` lines of a module: what its structures name and do not define.
fn imports(closure: &Closure<'_>, module: &str) -> Result<String> {
    let mut names_by_module: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let (mut needs_map, mut needs_time) = (false, false);
    for (structure, _) in closure.modules.iter().filter(|(_, home)| **home == module) {
        for (_, reference) in &shape(closure, structure)?.members {
            let mut pending = vec![reference.shape.as_str()];
            while let Some(name) = pending.pop() {
                let shape = shape(closure, name)?;
                match shape.kind {
                    Kind::Structure => {
                        let home = closure.modules[name];
                        if home != module {
                            names_by_module.entry(home).or_default().insert(name);
                        }
                    }
                    Kind::String if !shape.values.is_empty() => {
                        names_by_module.entry("enums").or_default().insert(name);
                    }
                    Kind::Timestamp => needs_time = true,
                    Kind::Map => needs_map = true,
                    _ => {}
                }
                if matches!(shape.kind, Kind::List | Kind::Map) {
                    for part in [&shape.member, &shape.key, &shape.value].into_iter().flatten() {
                        pending.push(&part.shape);
                    }
                }
            }
        }
    }
    let mut text = String::new();
    if needs_map {
        text.push_str("use std::collections::BTreeMap;\n\n");
    }
    text.push_str("use serde::{Deserialize, Serialize};\n\n");
    if needs_time {
        text.push_str("use crate::timestamp::Timestamp;\n");
    }
    for (home, names) in names_by_module {
        let list = names.into_iter().collect::<Vec<_>>().join(", ");
        writeln!(text, "use super::{home}::{{{list}}};")?;
    }
    Ok(text)
}

fn has_default(closure: &Closure<'_>, name: &str) -> Result<bool> {
    let shape = shape(closure, name)?;
    for (member, reference) in &shape.members {
        if shape.required.contains(member) && !member_has_default(closure, &reference.shape)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn member_has_default(closure: &Closure<'_>, name: &str) -> Result<bool> {
    let shape = shape(closure, name)?;
    Ok(match shape.kind {
        Kind::Structure => has_default(closure, name)?,
        Kind::String => shape.values.is_empty(),
        Kind::Timestamp | Kind::Blob => false,
        _ => true,
    })
}

fn shape<'a>(closure: &Closure<'a>, name: &str) -> Result<&'a Shape> {
    closure.shapes.get(name).copied().with_context(|| format!("no shape `{name}` was reached"))
}

fn element(reference: Option<&super::model::Reference>) -> Result<&str> {
    reference.map(|reference| reference.shape.as_str()).context("a list or map lacks its element")
}
