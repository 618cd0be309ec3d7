//! Renders the data plane: its operations, their header bindings and the constraints behind them.
//!
//! Why: the gateway reads headers, not a body, so it needs bindings more than structures.
//! Invariants: every input member is the endpoint's name in the path, a header, or the payload.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};

use super::constraints;
use super::model::{Kind, Service, Shape};
use super::names;
use super::output::header;

pub(crate) fn render(service: &Service) -> Result<String> {
    let mut shapes: BTreeMap<&str, &Shape> = BTreeMap::new();
    let mut operations = String::new();
    for (name, operation) in &service.operations {
        let input = service.shape(&operation.input.shape)?;
        let output = match &operation.output {
            Some(output) => service.shape(&output.shape)?,
            None => bail!("`{name}` should have an output"),
        };
        let context = || format!("operation `{name}`");
        let request = bindings(input, true).with_context(context)?;
        let response = bindings(output, false).with_context(context)?;
        for (_, reference) in &input.members {
            let shape = service.shape(&reference.shape)?;
            let simple = matches!(shape.kind, Kind::String | Kind::Integer | Kind::Blob);
            ensure!(simple && shape.values.is_empty(), "`{}` is no header text", reference.shape);
            shapes.insert(&reference.shape, shape);
        }
        shapes.insert(&operation.input.shape, input);
        writeln!(
            operations,
            "RuntimeOperation {{ name: {name:?}, method: {:?}, path: {:?}, status: {}, \
             input: &{}, request: &[{request}], response: &[{response}] }},",
            operation.http.method,
            operation.http.request_uri,
            operation.http.response_code.unwrap_or(200),
            names::constant_case(&operation.input.shape),
        )?;
    }
    let mut tables = String::new();
    for (name, shape) in &shapes {
        let kind = constraints::kind(name, shape).with_context(|| format!("shape `{name}`"))?;
        write!(
            tables,
            "\nstatic {}: Shape = Shape {{ name: {name:?}, kind: {kind} }};\n",
            names::constant_case(name),
        )?;
    }
    let mut text = header("The operations of the data plane and the constraints of their inputs.");
    text.push_str("use crate::operation::{Binding, RuntimeOperation};\n");
    text.push_str("use crate::pattern::{Pattern, by_hand};\n");
    text.push_str("use crate::shape::{Kind, Member, Shape, Text};\n\n");
    write!(
        text,
        "/// Every operation of the data plane, sorted by name.\n\
         pub static RUNTIME_OPERATIONS: [RuntimeOperation; {}] = [{operations}];\n{tables}",
        service.operations.len(),
    )?;
    Ok(text)
}

/// The header bindings of an input or output, checked for members that stand elsewhere.
fn bindings(shape: &Shape, is_input: bool) -> Result<String> {
    let mut text = String::new();
    for (member, reference) in &shape.members {
        match (reference.location.as_deref(), reference.location_name.as_deref()) {
            (Some("header"), Some(header)) => {
                write!(text, "Binding {{ member: {member:?}, header: {header:?} }},")?;
            }
            (Some("uri"), Some("EndpointName")) if is_input && member == "EndpointName" => {}
            (None, None) if shape.payload.as_deref() == Some(member) || !is_input => {}
            other => bail!("member `{member}` stands at an unknown place: {other:?}"),
        }
    }
    Ok(text)
}
