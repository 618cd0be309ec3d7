//! The headers of an invocation against the service model.
//!
//! Held against: what the model says of each header that is accepted, told once more here for the two most used.

use hostler_shapes::{DecodeError, RUNTIME_OPERATIONS, validate_headers, validation_message};

use super::head::split;
use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

pub(crate) const HARNESS: Harness = Harness {
    name: "invocation",
    about: "the headers of invocations (the first byte chooses the operation) against the service model",
    run,
    generate,
    words: &[
        b"x-amzn-sagemaker-target-variant: ",
        b"x-amzn-sagemaker-custom-attributes: ",
        b"x-amzn-sagemaker-inference-id: ",
        b"x-amzn-sagemaker-target-model: ",
        b"x-amzn-sagemaker-invocationtimeoutseconds: ",
        b"x-amzn-sagemaker-requestttlseconds: ",
        b"x-amzn-sagemaker-inputlocation: s3://b/k",
        b"accept: ",
        b"content-type: ",
        b"-1",
        b"99999999999",
        b"a-b_c",
    ],
};

fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let operation = &RUNTIME_OPERATIONS[usize::from(*which) % RUNTIME_OPERATIONS.len()];
    let Some((parts, _)) = split(rest) else { return };
    let name = parts.uri.path().trim_start_matches('/');
    let header = |name: &str| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let bound = times(64, data);
    match within(bound, || validate_headers(operation, name, header)) {
        Ok(()) => {
            let is_name = |text: &str| {
                let is_character = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                !text.is_empty() && text.len() <= 63 && text.bytes().all(is_character)
            };
            assert!(is_name(name), "`{name}`");
            // Of a header that the operation does not have nothing is said.
            let bound = |name: &str| {
                let is_bound =
                    operation.request.iter().any(|binding| binding.header.eq_ignore_ascii_case(name));
                header(name).filter(|_| is_bound)
            };
            assert!(bound("x-amzn-sagemaker-target-variant").is_none_or(|text| is_name(&text)), "{parts:?}");
            let attributes = bound("x-amzn-sagemaker-custom-attributes");
            assert!(attributes.is_none_or(|text| text.len() <= 1024), "{parts:?}");
        }
        Err(DecodeError::Validation(violations)) => {
            assert!(!violations.is_empty() && validation_message(&violations).len() <= bound);
        }
        Err(DecodeError::Serialization(_)) => {}
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    let mut input = vec![source.below(4) as u8];
    let name = source.text(&["a", "endpoint", "-", "_", "%20"], 8);
    input.extend_from_slice(format!("POST /{name}\n").as_bytes());
    for binding in RUNTIME_OPERATIONS[usize::from(input[0]) % RUNTIME_OPERATIONS.len()].request {
        if source.one_in(3) {
            let value = source.text(&["a", "1", "-", "s3://bucket/key", " ", "variant", "3600"], 200);
            input.extend_from_slice(format!("{}: {value}\n", binding.header).as_bytes());
        }
    }
    if source.one_in(3) { source.mutated(&input, &[], HARNESS.words) } else { input }
}
