//! Renders the list of all operations and the table of the implemented ones.
//!
//! Why: an unknown operation and one that Hostler does not implement get different answers.
//! Invariants: both tables are sorted by name, since lookups are binary searches.

use std::fmt::Write as _;

use anyhow::Result;

use super::closure::Closure;
use super::model::Service;
use super::names;
use super::output::header;

pub(crate) fn render(service: &Service, closure: &Closure<'_>) -> Result<String> {
    let mut text = header("The operations of the control plane.");
    text.push_str("use super::constraints;\nuse crate::operation::Operation;\n\n");
    writeln!(
        text,
        "/// Every operation of the service, implemented or not, sorted.\n\
         pub static OPERATION_NAMES: [&str; {}] = [",
        service.operations.len(),
    )?;
    for name in service.operations.keys() {
        writeln!(text, "    {name:?},")?;
    }
    writeln!(
        text,
        "];\n\n/// The operations whose shapes are here, sorted by name.\n\
         pub static OPERATIONS: [Operation; {}] = [",
        closure.operations.len(),
    )?;
    for (name, input, output) in &closure.operations {
        let output = match output {
            Some(output) => format!("Some(&constraints::{})", names::constant_case(output)),
            None => "None".to_owned(),
        };
        writeln!(
            text,
            "Operation {{ name: {name:?}, input: &constraints::{}, output: {output} }},",
            names::constant_case(input),
        )?;
    }
    text.push_str("];\n");
    Ok(text)
}
