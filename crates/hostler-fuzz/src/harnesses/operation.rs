//! The JSON of every operation of the control plane.
//!
//! Held against: itself. What was decoded is written as JSON, which must decode again and be the same.

use std::fmt::Debug;

use hostler_shapes::{
    AddTagsInput, CreateEndpointConfigInput, CreateEndpointInput, CreateModelInput, DecodeError,
    DeleteEndpointConfigInput, DeleteEndpointInput, DeleteModelInput, DeleteTagsInput,
    DescribeEndpointConfigInput, DescribeEndpointInput, DescribeModelInput, Kind, ListEndpointConfigsInput,
    ListEndpointsInput, ListModelsInput, ListTagsInput, OPERATIONS, Operation, Shape, UpdateEndpointInput,
    UpdateEndpointWeightsAndCapacitiesInput, decode, operation, validation_message,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::bounds::within;
use crate::generate::Source;
use crate::harness::Harness;

/// A thousand clauses, each with the names of all instance types; and 50,000 values of 72 bytes, in lists that grow by
/// doubling.
const MESSAGE_BYTES_MAX: usize = 24 << 20;
/// Texts are copied from the body to the tree to the structure, and into a clause and a message.
const TIMES: usize = 16;

pub(crate) const HARNESS: Harness = Harness {
    name: "operation",
    about: "the JSON of every control operation (the first byte chooses); decoded, written and decoded again",
    run,
    generate,
    words: &[
        b"null",
        b"\"\"",
        b"[",
        b"{",
        b"]",
        b"}",
        b",",
        b":",
        b"1e999",
        b"-1",
        b"1.0",
        b"\\ud800",
        b"\"VariantName\":",
        b"\"ProductionVariants\":",
        b"\"Environment\":",
        b"\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]",
        b"true",
    ],
};

type Check = fn(&'static Operation, &[u8]);

const CHECKS: [(&str, Check); 17] = [
    ("AddTags", check::<AddTagsInput>),
    ("CreateEndpoint", check::<CreateEndpointInput>),
    ("CreateEndpointConfig", check::<CreateEndpointConfigInput>),
    ("CreateModel", check::<CreateModelInput>),
    ("DeleteEndpoint", check::<DeleteEndpointInput>),
    ("DeleteEndpointConfig", check::<DeleteEndpointConfigInput>),
    ("DeleteModel", check::<DeleteModelInput>),
    ("DeleteTags", check::<DeleteTagsInput>),
    ("DescribeEndpoint", check::<DescribeEndpointInput>),
    ("DescribeEndpointConfig", check::<DescribeEndpointConfigInput>),
    ("DescribeModel", check::<DescribeModelInput>),
    ("ListEndpointConfigs", check::<ListEndpointConfigsInput>),
    ("ListEndpoints", check::<ListEndpointsInput>),
    ("ListModels", check::<ListModelsInput>),
    ("ListTags", check::<ListTagsInput>),
    ("UpdateEndpoint", check::<UpdateEndpointInput>),
    ("UpdateEndpointWeightsAndCapacities", check::<UpdateEndpointWeightsAndCapacitiesInput>),
];

fn run(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    let (name, check) = CHECKS[usize::from(*which) % CHECKS.len()];
    check(operation(name).expect("every operation has its shapes"), body);
}

fn check<T: DeserializeOwned + Serialize + PartialEq + Debug>(operation: &'static Operation, body: &[u8]) {
    let bound = MESSAGE_BYTES_MAX + TIMES * body.len();
    match within(bound, || decode::<T>(operation, body)) {
        Ok(decoded) => {
            let written = serde_json::to_vec(&decoded).expect("a structure is JSON");
            let again = decode::<T>(operation, &written);
            assert_eq!(again.as_ref(), Ok(&decoded), "{}", operation.name);
        }
        Err(DecodeError::Validation(violations)) => {
            assert!(!violations.is_empty());
            let message = validation_message(&violations);
            assert!(message.len() <= bound, "a message of {} bytes", message.len());
        }
        Err(DecodeError::Serialization(problem)) => {
            assert!(problem.message.is_none_or(|message| message.len() < 200));
        }
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    if source.one_in(1000) {
        // Found by hand at the body's limit of 4 MiB: every two bytes became a value of 72.
        let piece = source.pick(&["1,", "[],", "{},"]);
        return format!("\0{{\"x\":[{}1]}}", piece.repeat((1 << 20) / piece.len())).into_bytes();
    }
    let which = source.below(CHECKS.len());
    let name = CHECKS[which].0;
    let operation = OPERATIONS.iter().find(|operation| operation.name == name);
    let body = operation.map_or_else(Value::default, |operation| value(source, operation.input, 0));
    let mut input = vec![which as u8];
    input.extend_from_slice(body.to_string().as_bytes());
    if source.one_in(3) { source.mutated(&input, &[], HARNESS.words) } else { input }
}

/// A value that is nearly one of this shape.
fn value(source: &mut Source, shape: &Shape, depth: usize) -> Value {
    if source.one_in(40) {
        return source.pick_value();
    }
    match &shape.kind {
        Kind::Structure(members) => {
            let mut fields = Map::new();
            for member in *members {
                if member.required || source.one_in(2 + depth) {
                    fields.insert(member.name.to_owned(), value(source, member.shape, depth + 1));
                }
            }
            Value::Object(fields)
        }
        Kind::List { min, member, .. } => {
            let count = source.size(12).max(min.unwrap_or(0) as usize);
            (0..count).map(|_| value(source, member, depth + 1)).collect()
        }
        Kind::Map { key, value: element, .. } => {
            let mut entries = Map::new();
            for _ in 0..source.size(6) {
                let key = text(source, key);
                entries.insert(key, value(source, element, depth + 1));
            }
            Value::Object(entries)
        }
        Kind::String(_) | Kind::Blob { .. } => Value::String(text(source, shape)),
        Kind::Integer { min, max } | Kind::Long { min, max } => {
            json!(source.pick(&[min.unwrap_or(0), max.unwrap_or(1), 1, 2, -1, i64::MAX]))
        }
        Kind::Float { .. } | Kind::Double { .. } => json!(source.pick(&[0.0, 0.5, 1.0, -0.0, 1e300, 3.4e38])),
        Kind::Boolean => source.pick(&[json!(true), json!("yes"), json!("maybe")].each_ref()).clone(),
        Kind::Timestamp => source.pick(&[json!(0), json!(1.5e9), json!(1e300)].each_ref()).clone(),
    }
}

fn text(source: &mut Source, shape: &Shape) -> String {
    let Kind::String(text) = &shape.kind else { return String::new() };
    if !text.values.is_empty() && !source.one_in(10) {
        return source.pick(text.values).to_owned();
    }
    let length = source.pick(&[text.min.unwrap_or(1), text.max.unwrap_or(9).min(300), 8]) as usize;
    match source.below(6) {
        0 => "\u{1F600}".repeat(length),
        1 => "arn:aws:iam::000000000000:role/service-role/Model".to_owned(),
        2 => "s3://bucket/prefix/model.tar.gz".to_owned(),
        _ => "a".repeat(length.max(1)),
    }
}

impl Source {
    /// A value of any type.
    fn pick_value(&mut self) -> Value {
        match self.below(7) {
            0 => Value::Null,
            1 => json!([]),
            2 => json!({}),
            3 => json!("text"),
            4 => json!(1.5),
            5 => json!(u64::MAX),
            _ => json!([[[[{}]]]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_among_those_that_are_tried() {
        let names: Vec<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!(CHECKS.map(|(name, _)| name).to_vec(), names);
    }
}
