//! Texts marked `seen` in the facts, and each kind of constraint at its border.

use serde_json::{Value, json};

use super::*;
use crate::operation::{operation, runtime_operation};

/// The whole message for a request, or `None` if it is accepted.
fn message(name: &str, input: &Value) -> Option<String> {
    validate(operation(name).unwrap().input, input).err().map(|list| validation_message(&list))
}

#[track_caller]
fn check(name: &str, input: Value, expected: Option<&str>) {
    assert_eq!(message(name, &input).as_deref(), expected);
}

/// The clauses of the violations at one path.
fn clauses(name: &str, input: &Value, path: &str) -> Vec<String> {
    let violations = validate(operation(name).unwrap().input, input).err().unwrap_or_default();
    violations.into_iter().filter(|v| v.path == path).map(|v| v.constraint).collect()
}

fn config(variant: Value) -> Value {
    json!({ "EndpointConfigName": "c", "ProductionVariants": [variant] })
}

#[test]
fn a_wrong_model_name_in_a_variant_prints_the_text_that_aws_printed() {
    // Seen: amazon-sagemaker-examples 2236.
    check(
        "CreateEndpointConfig",
        config(json!({ "VariantName": "v", "ModelName": "ENTER MODEL NAME" })),
        Some(
            "1 validation error detected: Value 'ENTER MODEL NAME' at \
             'productionVariants.1.member.modelName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*",
        ),
    );
}

#[test]
fn two_violations_on_one_member_print_the_text_that_aws_printed() {
    // Seen: sagemaker-ml-workflow-with-apache-airflow 3.
    let name = "{{ ti.xcom_pull(task_ids='model_training')['Training']['TrainingJobName'] }}";
    let expected = format!(
        "2 validation errors detected: Value '{name}' at 'modelName' failed to satisfy constraint: \
         Member must have length less than or equal to 63; Value '{name}' at 'modelName' failed to \
         satisfy constraint: Member must satisfy regular expression pattern: \
         ^[a-zA-Z0-9](-*[a-zA-Z0-9])*"
    );
    check("CreateModel", json!({ "ModelName": name }), Some(&expected));
}

#[test]
fn absent_and_null_members_that_are_required_are_named() {
    let expected = "1 validation error detected: Value null at 'endpointName' failed to satisfy \
                    constraint: Member must not be null";
    check("DescribeEndpoint", json!({}), Some(expected));
    check("DescribeEndpoint", json!({ "EndpointName": null }), Some(expected));
    check(
        "CreateEndpoint",
        json!({}),
        Some(
            "2 validation errors detected: Value null at 'endpointName' failed to satisfy \
             constraint: Member must not be null; Value null at 'endpointConfigName' failed to \
             satisfy constraint: Member must not be null",
        ),
    );
}

#[test]
fn an_empty_name_is_refused_by_its_pattern_since_its_least_length_is_zero_now() {
    check(
        "DescribeEndpoint",
        json!({ "EndpointName": "" }),
        Some(
            "1 validation error detected: Value '' at 'endpointName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*",
        ),
    );
}

#[test]
fn names_end_at_63_characters_and_with_a_letter_or_digit() {
    let pattern = "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*".to_owned();
    let length = "Member must have length less than or equal to 63".to_owned();
    for (name, expected) in [
        ("a".repeat(63), vec![]),
        ("a".repeat(64), vec![length, pattern.clone()]),
        ("a--b-9".to_owned(), vec![]),
        ("-a".to_owned(), vec![pattern.clone()]),
        ("a-".to_owned(), vec![pattern.clone()]),
        ("a_b".to_owned(), vec![pattern.clone()]),
        ("ä".to_owned(), vec![pattern.clone()]),
        ("a\n".to_owned(), vec![pattern.clone()]),
        (" a".to_owned(), vec![pattern]),
    ] {
        let input = json!({ "EndpointName": name });
        assert_eq!(clauses("DescribeEndpoint", &input, "endpointName"), expected, "{name:?}");
    }
}

#[test]
fn lengths_count_code_points() {
    let tag = |value: String| json!({ "ResourceArn": ARN, "Tags": [{ "Key": "k", "Value": value }] });
    // U+1D11E lies beyond the basic plane: one code point, two units of UTF-16, four bytes. It is no
    // letter, so the pattern refuses it, but the length does not.
    let path = "tags.1.member.value";
    let too_long = "Member must have length less than or equal to 256";
    assert!(message("AddTags", &tag("ä".repeat(256))).is_none());
    assert_eq!(clauses("AddTags", &tag("ä".repeat(257)), path), [too_long]);
    assert_eq!(clauses("AddTags", &tag("\u{1D11E}".repeat(256)), path).len(), 1);
    assert_eq!(clauses("AddTags", &tag("\u{1D11E}".repeat(257)), path)[0], too_long);
}

const ARN: &str = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e";

#[test]
fn numbers_are_held_to_their_bounds() {
    for (number, expected) in [
        (0, Some("greater than or equal to 1")),
        (1, None),
        (100, None),
        (101, Some("less than or equal to 100")),
    ] {
        let expected = expected.map(|bound| {
            format!(
                "1 validation error detected: Value '{number}' at 'maxResults' failed to satisfy \
                 constraint: Member must have value {bound}"
            )
        });
        check("ListEndpoints", json!({ "MaxResults": number }), expected.as_deref());
    }
    // ListTags alone starts at 50 and has no upper bound (facts 1).
    assert!(message("ListTags", &json!({ "ResourceArn": ARN, "MaxResults": 49 })).is_some());
    assert!(message("ListTags", &json!({ "ResourceArn": ARN, "MaxResults": 50_000 })).is_none());
}

#[test]
fn weights_are_held_to_their_bound_and_print_as_floats() {
    check(
        "CreateEndpointConfig",
        config(json!({ "VariantName": "v", "InitialVariantWeight": -1 })),
        Some(
            "1 validation error detected: Value '-1.0' at \
             'productionVariants.1.member.initialVariantWeight' failed to satisfy constraint: \
             Member must have value greater than or equal to 0",
        ),
    );
    let zero = config(json!({ "VariantName": "v", "InitialVariantWeight": 0.0 }));
    assert!(message("CreateEndpointConfig", &zero).is_none());
}

#[test]
fn an_unknown_enum_value_names_the_whole_set() {
    let input = json!({ "StatusEquals": "Bogus" });
    let found = message("ListEndpoints", &input).unwrap();
    let set = found
        .strip_prefix(
            "1 validation error detected: Value 'Bogus' at 'statusEquals' failed to satisfy \
             constraint: Member must satisfy enum value set: [",
        )
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap();
    let mut values: Vec<_> = set.split(", ").collect();
    values.sort_unstable();
    // Facts 7.
    let expected = [
        "Creating",
        "Deleting",
        "Failed",
        "InService",
        "OutOfService",
        "RollingBack",
        "SystemUpdating",
        "UpdateRollbackFailed",
        "Updating",
    ];
    assert_eq!(values, expected);
    assert!(message("ListEndpoints", &json!({ "StatusEquals": "inservice" })).is_some());
}

#[test]
fn lists_are_held_to_their_sizes_and_elements_count_from_one() {
    let tags = |count: usize| -> Value {
        let list: Vec<_> = (0..count).map(|i| json!({ "Key": format!("k{i}"), "Value": "" })).collect();
        json!({ "ResourceArn": ARN, "Tags": list })
    };
    assert!(message("AddTags", &tags(0)).is_none());
    assert!(message("AddTags", &tags(50)).is_none());
    let too_many = message("AddTags", &tags(51)).unwrap();
    assert!(
        too_many
            .starts_with("1 validation error detected: Value '[Tag(key=k0, value=), Tag(key=k1, value=), ")
    );
    assert!(too_many.ends_with(
        "' at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"
    ));

    check(
        "CreateEndpointConfig",
        json!({ "EndpointConfigName": "c", "ProductionVariants": [] }),
        Some(
            "1 validation error detected: Value '[]' at 'productionVariants' failed to satisfy \
             constraint: Member must have length greater than or equal to 1",
        ),
    );
    check(
        "AddTags",
        json!({ "ResourceArn": ARN, "Tags": [{ "Key": "a", "Value": "b" }, { "Key": "c" }] }),
        Some(
            "1 validation error detected: Value null at 'tags.2.member.value' failed to satisfy \
             constraint: Member must not be null",
        ),
    );
}

#[test]
fn a_list_of_strings_gives_one_clause_with_everything_that_is_demanded() {
    check(
        "DeleteTags",
        json!({ "ResourceArn": ARN, "TagKeys": ["good", "", "bad!", "worse!"] }),
        Some(
            "1 validation error detected: Value '[good, , bad!, worse!]' at 'tagKeys' failed to \
             satisfy constraint: Member must satisfy constraint: [Member must have length less than \
             or equal to 128, Member must have length greater than or equal to 1, Member must \
             satisfy regular expression pattern: ^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$]",
        ),
    );
}

#[test]
fn a_map_gives_one_clause_for_its_keys_and_one_for_its_values() {
    let long = "v".repeat(1025);
    let expected = format!(
        "2 validation errors detected: Value '{{1A=x, B={long}}}' at \
         'primaryContainer.environment' failed to satisfy constraint: Map keys must satisfy \
         constraint: [Member must have length less than or equal to 1024, Member must satisfy \
         regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]; Value '{{1A=x, B={long}}}' at \
         'primaryContainer.environment' failed to satisfy constraint: Map value must satisfy \
         constraint: [Member must have length less than or equal to 1024, Member must satisfy \
         regular expression pattern: [\\S\\s]*]"
    );
    check(
        "CreateModel",
        json!({ "ModelName": "m", "PrimaryContainer": { "Environment": { "1A": "x", "B": long } } }),
        Some(&expected),
    );
}

#[test]
fn null_elements_are_refused_and_null_entries_too() {
    let list = json!({ "ResourceArn": ARN, "Tags": [null] });
    let expected = "1 validation error detected: Value null at 'tags.1.member' failed to satisfy \
                    constraint: Member must not be null";
    check("AddTags", list, Some(expected));
    let keys = json!({ "ResourceArn": ARN, "TagKeys": [null] });
    assert!(message("DeleteTags", &keys).unwrap().ends_with(", Member must not be null]"));
    let map = json!({ "ModelName": "m", "PrimaryContainer": { "Environment": { "A": null } } });
    assert!(message("CreateModel", &map).unwrap().ends_with(", Member must not be null]"));
}

#[test]
fn role_arns_print_without_anchors() {
    // Seen: facts 2.5.
    let input = json!({ "ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::1:role/not-a-role" });
    check(
        "CreateModel",
        input,
        Some(
            "1 validation error detected: Value 'arn:aws:iam::1:role/not-a-role' at \
             'executionRoleArn' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: arn:aws[a-z\\-]*:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
        ),
    );
    // Java's \d is ASCII only.
    let digits = json!({ "ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::٠٠٠٠٠٠٠٠٠٠٠٠:role/r" });
    assert!(message("CreateModel", &digits).is_some());
}

#[test]
fn thousands_of_wrong_elements_do_not_grow_the_answer_without_limit() {
    let list: Vec<_> = (0..5000).map(|_| json!({})).collect();
    let input = json!({ "EndpointName": "e", "DesiredWeightsAndCapacities": list });
    let shape = operation("UpdateEndpointWeightsAndCapacities").unwrap().input;
    assert_eq!(validate(shape, &input).unwrap_err().len(), VIOLATIONS_MAX);
}

#[test]
fn headers_are_held_to_their_constraints_and_secrets_are_not_shown() {
    let invoke = runtime_operation("InvokeEndpoint").unwrap();
    let check = |endpoint: &str, header: &str, value: &str| {
        validate_headers(invoke, endpoint, |name| (name == header).then_some(value))
    };
    assert_eq!(check("e", "X-Amzn-SageMaker-Target-Variant", "v1"), Ok(()));
    let failure = check("e", "X-Amzn-SageMaker-Target-Variant", "v_1").unwrap_err().to_string();
    assert_eq!(
        failure,
        "1 validation error detected: Value 'v_1' at 'targetVariant' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*"
    );
    let failure = check("e", "X-Amzn-SageMaker-Custom-Attributes", &"x".repeat(1025)).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "1 validation error detected: Value at 'customAttributes' failed to satisfy constraint: \
         Member must have length less than or equal to 1024"
    );
    assert!(check("bad_name", "", "").is_err());
    assert!(check("e", "X-Amzn-SageMaker-Inference-Id", "two words ~").is_ok());
    assert!(check("e", "X-Amzn-SageMaker-Inference-Id", " x").is_err());
    assert!(check("e", "X-Amzn-SageMaker-Inference-Id", "xé").is_err());
    assert!(check("e", "X-Amzn-SageMaker-Session-Id", "NEW_SESSION").is_ok());
    assert!(check("e", "X-Amzn-SageMaker-Session-Id", "NEW_SESSIONS").is_err());
}

#[test]
fn numbers_in_headers_are_read_and_bounded() {
    let invoke = runtime_operation("InvokeEndpointAsync").unwrap();
    let check = |value: &str| {
        validate_headers(invoke, "e", |name| (name == "X-Amzn-SageMaker-RequestTTLSeconds").then_some(value))
    };
    assert_eq!(check("60"), Ok(()));
    assert!(matches!(check("59"), Err(DecodeError::Validation(_))));
    assert!(matches!(check("soon"), Err(DecodeError::Serialization(_))));
}

#[test]
fn every_pattern_of_every_shape_compiles() {
    fn visit(shape: &Shape, count: &mut usize) {
        match &shape.kind {
            Kind::Structure(members) => {
                members.iter().for_each(|member| visit(member.shape, count));
            }
            Kind::List { member, .. } => visit(member, count),
            Kind::Map { key, value, .. } => {
                visit(key, count);
                visit(value, count);
            }
            Kind::String(Text { pattern: Some(pattern), .. }) => {
                assert!(pattern.compiles(), "{}: {pattern:?}", shape.name);
                *count += 1;
            }
            _ => {}
        }
    }

    let mut count = 0;
    for operation in &crate::OPERATIONS {
        visit(operation.input, &mut count);
        operation.output.iter().for_each(|output| visit(output, &mut count));
    }
    for operation in &crate::RUNTIME_OPERATIONS {
        visit(operation.input, &mut count);
    }
    assert!(count > 46, "only {count} patterns were reached");
}
