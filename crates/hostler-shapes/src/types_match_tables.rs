//! Holds the generated types against the generated tables: a full value of every input and output
//! must read into its type and write back unchanged.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Kind, OPERATIONS, Shape, operation};

/// A value with every member of a shape; `turn` picks among enum values and kinds of times.
fn full(shape: &Shape, turn: usize) -> Value {
    match &shape.kind {
        Kind::Structure(members) => {
            let pairs = members.iter().map(|member| (member.name.to_owned(), full(member.shape, turn)));
            Value::Object(pairs.collect())
        }
        Kind::List { member, .. } => json!([full(member, turn), full(member, turn + 1)]),
        Kind::Map { value, .. } => {
            let pairs = ["a", "b"].map(|key| (key.to_owned(), full(value, turn)));
            Value::Object(Map::from_iter(pairs))
        }
        Kind::String(text) if !text.values.is_empty() => json!(text.values[turn % text.values.len()]),
        Kind::String(_) => json!("text"),
        Kind::Integer { .. } => json!(i32::MAX),
        Kind::Long { .. } => json!(i64::MAX),
        Kind::Float { .. } | Kind::Double { .. } => json!(0.1),
        Kind::Boolean => json!(turn.is_multiple_of(2)),
        Kind::Timestamp if turn.is_multiple_of(2) => json!(1_529_870_804),
        Kind::Timestamp => json!(1_529_870_369.986),
        Kind::Blob { .. } => unreachable!("JSON bodies hold no blobs"),
    }
}

/// The same without the members that may be absent.
fn least(shape: &Shape) -> Value {
    match &shape.kind {
        Kind::Structure(members) => {
            let required = members.iter().filter(|member| member.required);
            let pairs = required.map(|member| (member.name.to_owned(), least(member.shape)));
            Value::Object(pairs.collect())
        }
        Kind::List { .. } => json!([]),
        Kind::Map { .. } => json!({}),
        _ => full(shape, 0),
    }
}

fn check<T: DeserializeOwned + Serialize>(name: &str, shape: &Shape) {
    let turns = (0..300).map(|turn| full(shape, turn));
    for value in turns.chain([least(shape)]) {
        let typed: T =
            serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_value(&typed).unwrap(), value, "{name}");
    }
}

macro_rules! check_all {
    ($($name:literal: $input:ident $(=> $output:ident)?;)+) => {{
        let mut checked = Vec::new();
        $(
            let found = operation($name).unwrap();
            check::<crate::$input>($name, found.input);
            $(check::<crate::$output>($name, found.output.unwrap());)?
            checked.push($name);
        )+
        checked
    }};
}

#[test]
fn every_input_and_output_reads_into_its_type_and_back() {
    let checked = check_all! {
        "AddTags": AddTagsInput => AddTagsOutput;
        "CreateEndpoint": CreateEndpointInput => CreateEndpointOutput;
        "CreateEndpointConfig": CreateEndpointConfigInput => CreateEndpointConfigOutput;
        "CreateModel": CreateModelInput => CreateModelOutput;
        "DeleteEndpoint": DeleteEndpointInput;
        "DeleteEndpointConfig": DeleteEndpointConfigInput;
        "DeleteModel": DeleteModelInput;
        "DeleteTags": DeleteTagsInput => DeleteTagsOutput;
        "DescribeEndpoint": DescribeEndpointInput => DescribeEndpointOutput;
        "DescribeEndpointConfig": DescribeEndpointConfigInput => DescribeEndpointConfigOutput;
        "DescribeModel": DescribeModelInput => DescribeModelOutput;
        "ListEndpointConfigs": ListEndpointConfigsInput => ListEndpointConfigsOutput;
        "ListEndpoints": ListEndpointsInput => ListEndpointsOutput;
        "ListModels": ListModelsInput => ListModelsOutput;
        "ListTags": ListTagsInput => ListTagsOutput;
        "UpdateEndpoint": UpdateEndpointInput => UpdateEndpointOutput;
        "UpdateEndpointWeightsAndCapacities":
            UpdateEndpointWeightsAndCapacitiesInput => UpdateEndpointWeightsAndCapacitiesOutput;
    };
    let known: Vec<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
    assert_eq!(checked, known);
}
