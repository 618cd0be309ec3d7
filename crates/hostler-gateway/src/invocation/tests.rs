//! A header that is there is checked, whatever its bytes are.

use bytes::Bytes;
use hostler_shapes::runtime_operation;
use hostler_types::{AccountId, Region};

use super::*;

/// Not UTF-8, UTF-8, and one in the middle of what would do.
const NOT_ASCII: [&[u8]; 3] = [b"\xff", "\u{e9}".as_bytes(), b"v\xe91"];

/// What becomes of a call of that operation with this header; its message where it is refused.
fn check(operation: &str, name: &str, value: &[u8]) -> Result<(), ApiError> {
    let operation = runtime_operation(operation).unwrap();
    let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
    let head = Head { fields: vec![Field { name, value }], ..Head::default() };
    let form = Form::of(operation).unwrap();
    let body = Payload::in_memory(Bytes::new());
    Invocation::check(&RequestId::random(), (operation, form), &scope, "demo", &head, body).map(drop)
}

#[test]
fn a_header_of_the_model_that_is_not_ascii_is_not_taken_for_absent() {
    for operation in ["InvokeEndpoint", "InvokeEndpointWithResponseStream"] {
        let bindings = runtime_operation(operation).unwrap().request;
        assert!(bindings.len() >= 7, "{operation} has {} headers", bindings.len());
        for binding in bindings {
            for value in NOT_ASCII {
                let error = check(operation, binding.header, value).unwrap_err();
                let told = format!("{operation} {} {value:x?}: {error:?}", binding.header);
                assert_eq!(error.code(), "ValidationError", "{told}");
            }
        }
    }
}

#[test]
fn it_is_refused_in_awss_words() {
    let error = check("InvokeEndpoint", "X-Amzn-SageMaker-Target-Variant", "v\u{e9}".as_bytes()).unwrap_err();
    assert_eq!(
        error.message(),
        Some(
            "1 validation error detected: Value 'v\u{e9}' at 'targetVariant' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*"
        )
    );
    let error = check("InvokeEndpoint", "X-Amzn-SageMaker-Custom-Attributes", &[0xff; 1025]).unwrap_err();
    let told = error.message().unwrap();
    assert!(
        told.contains("at 'customAttributes'") && told.contains("length less than or equal to 1024"),
        "{told}"
    );
    assert!(!told.contains('\u{fffd}'), "a secret is shown: {told}");
    check("InvokeEndpoint", "X-Amzn-SageMaker-Custom-Attributes", b"a=1").unwrap();
}
