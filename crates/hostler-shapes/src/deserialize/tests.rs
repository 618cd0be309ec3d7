//! The words of type errors, and that nothing makes `decode` panic.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::operation::operation;
use crate::{
    CreateEndpointConfigInput, CreateModelInput, DescribeEndpointInput, ListEndpointsInput, OPERATIONS,
};

fn list(body: &str) -> Result<ListEndpointsInput, DecodeError> {
    decode(operation("ListEndpoints").unwrap(), body.as_bytes())
}

fn model(body: &str) -> Result<CreateModelInput, DecodeError> {
    decode(operation("CreateModel").unwrap(), body.as_bytes())
}

#[track_caller]
fn serialization<T: fmt::Debug>(result: Result<T, DecodeError>, message: Option<&str>) {
    match result {
        Err(DecodeError::Serialization(problem)) => assert_eq!(problem.message.as_deref(), message),
        other => panic!("expected a serialization problem, got {other:?}"),
    }
}

#[test]
fn wrong_types_give_the_words_that_were_measured() {
    // Measured by others on Athena and SES v2 (same framework): one row per measured pair.
    for (body, message) in [
        (r#"{"MaxResults":"1"}"#, "STRING_VALUE can not be converted to an Integer"),
        (r#"{"MaxResults":true}"#, "TRUE_VALUE can not be converted to an Integer"),
        (r#"{"MaxResults":[1]}"#, "Start of list found where not expected"),
        (r#"{"MaxResults":{"a":1}}"#, "Start of structure or map found where not expected."),
        (r#"{"NextToken":1}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"NextToken":true}"#, "TRUE_VALUE can not be converted to a String"),
        (r#"{"NextToken":false}"#, "FALSE_VALUE can not be converted to a String"),
        (r#"{"NextToken":["x"]}"#, "Start of list found where not expected"),
        (r#"{"NextToken":{"a":1}}"#, "Start of structure or map found where not expected."),
        ("[]", "Start of list found where not expected"),
    ] {
        serialization(list(body), Some(message));
    }
    for (body, message) in [
        (r#"{"Containers":"x"}"#, "Expected list or null"),
        (r#"{"PrimaryContainer":"x"}"#, "Expected null"),
        (r#"{"PrimaryContainer":[]}"#, "Start of list found where not expected"),
        (r#"{"VpcConfig":{"Subnets":[1]}}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"EnableNetworkIsolation":"x"}"#, "STRING_VALUE can not be converted to an Boolean"),
        (r#"{"EnableNetworkIsolation":1}"#, "NUMBER_VALUE can not be converted to a Boolean"),
    ] {
        serialization(model(body), Some(message));
    }
}

#[test]
fn bodies_that_are_no_json_object_have_no_message() {
    for body in ["{", "null", "1", "\"x\"", "{\"a\":}", "{\"MaxResults\":1,}", "{} x", "\u{feff}{}"] {
        serialization(list(body), None);
    }
    let deep = format!(r#"{{"NextToken":{}"#, "[".repeat(10_000));
    serialization(list(&deep), None);
    let operation = operation("ListEndpoints").unwrap();
    serialization(decode::<ListEndpointsInput>(operation, b"{\"NextToken\":\"\xff\"}"), None);
}

#[test]
fn an_empty_body_is_an_empty_structure() {
    assert_eq!(list(""), Ok(ListEndpointsInput::default()));
    assert_eq!(list(" \n"), Ok(ListEndpointsInput::default()));
    let describe = operation("DescribeEndpoint").unwrap();
    assert!(matches!(
        decode::<DescribeEndpointInput>(describe, b""),
        Err(DecodeError::Validation(violations)) if violations.len() == 1
    ));
}

#[test]
fn unknown_members_and_nulls_are_ignored_at_every_depth() {
    let input = model(
        r#"{"ModelName":"m","Bogus":{"x":[1]},"VpcConfig":null,
            "PrimaryContainer":{"Image":"i","Mode":null,"New":1,"MultiModelConfig":{"Newer":2}}}"#,
    )
    .unwrap();
    let written = serde_json::to_value(&input).unwrap();
    let expected = json!({ "ModelName": "m", "PrimaryContainer": { "Image": "i", "MultiModelConfig": {} } });
    assert_eq!(written, expected);
}

#[test]
fn whole_numbers_may_have_a_fraction_of_zero_and_must_fit() {
    assert_eq!(list(r#"{"MaxResults":7.0}"#).unwrap().max_results, Some(7));
    assert_eq!(list(r#"{"MaxResults":1e2}"#).unwrap().max_results, Some(100));
    for body in [r#"{"MaxResults":1.5}"#, r#"{"MaxResults":2147483648}"#, r#"{"MaxResults":-3e9}"#] {
        serialization(list(body), None);
    }
    // It fits, so it is the constraint that refuses it.
    assert!(matches!(list(r#"{"MaxResults":2147483647}"#), Err(DecodeError::Validation(_))));
}

#[test]
fn times_are_numbers_only() {
    let input = list(r#"{"CreationTimeAfter":1767225600,"CreationTimeBefore":1767225600.5}"#).unwrap();
    assert_eq!(input.creation_time_after.unwrap().as_millis(), 1_767_225_600_000);
    assert_eq!(input.creation_time_before.unwrap().as_millis(), 1_767_225_600_500);
    serialization(
        list(r#"{"CreationTimeAfter":"2026-01-01T00:00:00Z"}"#),
        Some("STRING_VALUE can not be converted to milliseconds since epoch"),
    );
    serialization(list(r#"{"CreationTimeAfter":1e300}"#), None);
}

#[test]
fn words_that_aws_takes_for_booleans_are_booleans() {
    let read = |word: &str| {
        model(&format!(r#"{{"ModelName":"m","EnableNetworkIsolation":{word}}}"#))
            .unwrap()
            .enable_network_isolation
    };
    assert_eq!(read("true"), Some(true));
    assert_eq!(read("\"False\""), Some(false));
    assert_eq!(read("\"yes\""), Some(true));
    assert_eq!(read("null"), None);
}

#[test]
fn a_wrong_type_comes_before_a_wrong_value() {
    serialization(
        model(r#"{"ModelName":"bad_name","ExecutionRoleArn":1}"#),
        Some("NUMBER_VALUE can not be converted to a String"),
    );
}

#[test]
fn a_whole_config_reads_and_writes_back_as_it_came() {
    let body = json!({
        "EndpointConfigName": "c",
        "ProductionVariants": [{
            "VariantName": "v",
            "ModelName": "m",
            "InitialInstanceCount": 2,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": 0.1,
            "VolumeSizeInGB": 10,
            "EnableSSMAccess": true,
            "ServerlessConfig": { "MemorySizeInMB": 2048, "MaxConcurrency": 1 },
            "RoutingConfig": { "RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS" },
        }],
        "DataCaptureConfig": {
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://bucket/prefix",
            "CaptureOptions": [{ "CaptureMode": "Input" }],
        },
        "Tags": [{ "Key": "k", "Value": "" }],
    });
    let operation = operation("CreateEndpointConfig").unwrap();
    let input: CreateEndpointConfigInput = decode(operation, body.to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::to_value(&input).unwrap(), body);
}

/// JSON that often uses the names of the shape and often the right types.
fn near(shape: &'static Shape, depth: u32) -> BoxedStrategy<Value> {
    let wild = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
    ];
    let right: BoxedStrategy<Value> = match &shape.kind {
        _ if depth == 0 => Just(Value::Null).boxed(),
        Kind::Structure(members) => members
            .iter()
            .map(|member| prop::option::of(near(member.shape, depth - 1)))
            .collect::<Vec<_>>()
            .prop_map(move |values| {
                let present = members.iter().zip(values);
                let pairs = present.filter_map(|(member, value)| Some((member.name.to_owned(), value?)));
                Value::Object(pairs.collect())
            })
            .boxed(),
        Kind::List { member, .. } => {
            prop::collection::vec(near(member, depth - 1), 0..3).prop_map(Value::from).boxed()
        }
        Kind::Map { value, .. } => prop::collection::btree_map("[A-Z]?", near(value, depth - 1), 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
            .boxed(),
        Kind::String(text) if !text.values.is_empty() => {
            prop::sample::select(text.values).prop_map(Value::from).boxed()
        }
        Kind::String(_) | Kind::Blob { .. } => {
            prop_oneof!["[a-zA-Z0-9-]{1,20}", ".*"].prop_map(Value::from).boxed()
        }
        Kind::Integer { .. } | Kind::Long { .. } => (-1_i64..2000).prop_map(Value::from).boxed(),
        Kind::Float { .. } | Kind::Double { .. } | Kind::Timestamp => {
            prop_oneof![(0.0..10.0_f64), any::<f64>()].prop_map(Value::from).boxed()
        }
        Kind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
    };
    prop_oneof![9 => right, 1 => wild].boxed()
}

fn request() -> impl Strategy<Value = (&'static Operation, Value)> {
    prop::sample::select(OPERATIONS.iter().collect::<Vec<_>>())
        .prop_flat_map(|operation| (Just(operation), near(operation.input, 3)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decode_never_panics_and_what_it_refuses_has_a_message((operation, value) in request()) {
        match decode::<Value>(operation, value.to_string().as_bytes()) {
            Ok(_) | Err(DecodeError::Serialization(_)) => {}
            Err(DecodeError::Validation(violations)) => prop_assert!(!violations.is_empty()),
        }
    }

    #[test]
    fn what_passes_all_checks_has_a_typed_form(value in near(operation("CreateEndpointConfig").unwrap().input, 5)) {
        let operation = operation("CreateEndpointConfig").unwrap();
        let bytes = value.to_string();
        let checked = decode::<Value>(operation, bytes.as_bytes());
        let typed = decode::<CreateEndpointConfigInput>(operation, bytes.as_bytes());
        prop_assert_eq!(checked.err(), typed.err());
    }

    #[test]
    fn decode_never_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode::<Value>(operation("CreateModel").unwrap(), &bytes);
    }
}

#[test]
fn a_body_of_more_values_than_any_request_has_is_refused_before_it_becomes_a_tree() {
    let read = |unknown: &str| list(&format!("{{\"MaxResults\": 5, \"Unknown\": {unknown}}}"));
    // The object, its two members and the list are counted too.
    let numbers = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
    assert_eq!(read(&numbers(VALUES_MAX - 3)).unwrap().max_results, Some(5));
    serialization(read(&numbers(VALUES_MAX - 2)), None);
    // What stands in a string is one value, whatever it looks like.
    let text = format!("\"{}\\\"{}\"", ",".repeat(VALUES_MAX), "[{".repeat(VALUES_MAX));
    assert_eq!(read(&text).unwrap().max_results, Some(5));
}
