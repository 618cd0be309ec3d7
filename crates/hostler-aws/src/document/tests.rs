use super::*;
use crate::ModelFault;

const NOW: Millis = Millis(1_767_323_045_000);

fn id() -> RequestId {
    RequestId::from_bytes([0; 16])
}

fn check(protocol: Protocol, error: &ApiError, status: u16, header: Option<&str>, body: &str) {
    let context = DocumentContext { now: NOW, resource: "/b/<k>", is_head: false };
    let response = error_response(protocol, error, &id(), &context);
    assert_eq!(response.status().as_u16(), status, "{protocol:?} {error}");
    let found = response.headers().get("x-amzn-errortype").map(|value| value.to_str().unwrap());
    assert_eq!(found, header, "{protocol:?} {error}");
    assert_eq!(response.headers()["date"], "Fri, 02 Jan 2026 03:04:05 GMT");
    assert_eq!(std::str::from_utf8(response.body()).unwrap(), body);
}

#[test]
fn a_request_too_many_is_told_as_each_service_tells_it() {
    let error = ApiError::throttling();
    let json = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    check(Protocol::AwsJson, &error, 400, Some("ThrottlingException"), json);
    // opensearch-project/ml-commons#2429 and #2438: status, header and body of AWS's runtime.
    check(Protocol::RestJson, &error, 400, Some("ThrottlingException"), r#"{"message":null}"#);
}

#[test]
fn the_control_plane_writes_type_and_message() {
    let check = |error: &ApiError, status, code, body: &str| {
        check(Protocol::AwsJson, error, status, Some(code), body);
    };
    check(
        &ApiError::validation("Could not find endpoint \"x\"."),
        400,
        "ValidationException",
        r#"{"__type":"ValidationException","message":"Could not find endpoint \"x\"."}"#,
    );
    check(
        &ApiError::resource_limit_exceeded("Too many."),
        400,
        "ResourceLimitExceeded",
        r#"{"__type":"ResourceLimitExceeded","Message":"Too many."}"#,
    );
    check(
        &ApiError::unknown_operation(),
        400,
        "UnknownOperationException",
        r#"{"__type":"UnknownOperationException"}"#,
    );
    check(
        &ApiError::access_denied("no"),
        400,
        "AccessDeniedException",
        r#"{"__type":"AccessDeniedException","message":"no"}"#,
    );
    check(
        &ApiError::not_implemented("CreateTrainingJob"),
        400,
        "NotImplementedByHostler",
        r#"{"__type":"NotImplementedByHostler","message":"The operation CreateTrainingJob is not implemented by Hostler."}"#,
    );
}

#[test]
fn an_internal_failure_names_the_request_id_and_hides_the_rest() {
    check(
        Protocol::AwsJson,
        &ApiError::internal("disk full at /var"),
        500,
        Some("InternalFailure"),
        r#"{"__type":"InternalFailure","message":"Hostler failed inside. Its log has the cause under request id 00000000-0000-4000-8000-000000000000."}"#,
    );
}

#[test]
fn the_data_plane_writes_the_header_and_message() {
    let check = |error: &ApiError, status, code, body: &str| {
        check(Protocol::RestJson, error, status, Some(code), body);
    };
    check(
        &ApiError::validation_error("Endpoint x is not a multi-model endpoint.")
            .with_error_code("TARGET_MODEL_HEADER_NOT_SUPPORTED"),
        400,
        "ValidationError",
        r#"{"__type":"ValidationError","ErrorCode":"TARGET_MODEL_HEADER_NOT_SUPPORTED","Message":"Endpoint x is not a multi-model endpoint."}"#,
    );
    let fault = ModelFault {
        error_code: "INTERNAL_FAILURE_FROM_MODEL",
        original_status_code: 502,
        original_message: "bad".to_owned(),
        log_stream_arn: "arn:aws:logs:R:A:log-group:/aws/sagemaker/Endpoints/e".to_owned(),
    };
    check(
        &ApiError::model_error("Received server error (502)", fault),
        424,
        "ModelError",
        r#"{"__type":"ModelError","ErrorCode":"INTERNAL_FAILURE_FROM_MODEL","LogStreamArn":"arn:aws:logs:R:A:log-group:/aws/sagemaker/Endpoints/e","OriginalMessage":"bad","OriginalStatusCode":502,"Message":"Received server error (502)"}"#,
    );
    check(
        &ApiError::access_denied("no"),
        403,
        "AccessDeniedException",
        r#"{"__type":"AccessDeniedException","message":"no"}"#,
    );
    check(&ApiError::unknown_operation(), 404, "UnknownOperationException", "<UnknownOperationException/>\n");
    check(
        &ApiError::model_not_ready("wait"),
        429,
        "ModelNotReadyException",
        r#"{"__type":"ModelNotReadyException","Message":"wait"}"#,
    );
    check(
        &ApiError::internal_dependency("s3"),
        530,
        "InternalDependencyException",
        r#"{"__type":"InternalDependencyException","Message":"s3"}"#,
    );
    check(
        &ApiError::payload_too_large(5),
        413,
        "413",
        r#"{"__type":"413","Message":"HTTP content length exceeded 5 bytes."}"#,
    );
}

#[test]
fn sts_writes_its_error_response() {
    check(
        Protocol::Query,
        &ApiError::access_denied("User: <u> is not authorized"),
        403,
        None,
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>AccessDenied</Code><Message>User: &lt;u&gt; is not authorized</Message></Error>\
         <RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>",
    );
}

#[test]
fn s3_writes_its_own_document_and_nothing_to_head() {
    let error = ApiError::access_denied("Access Denied");
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
                <Message>Access Denied</Message><Resource>/b/&lt;k&gt;</Resource>\
                <RequestId>00000000-0000-4000-8000-000000000000</RequestId></Error>";
    check(Protocol::S3, &error, 403, None, body);
    let context = DocumentContext { now: NOW, resource: "/b", is_head: true };
    let response = error_response(Protocol::S3, &error, &id(), &context);
    assert!(response.body().is_empty());
    assert_eq!(response.headers()["x-amz-request-id"], id().as_str());
}

#[test]
fn successes_carry_the_request_id() {
    let response = aws_json_response(Bytes::new(), &id(), NOW);
    assert_eq!(response.headers()["x-amzn-requestid"], id().as_str());
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    assert!(response.body().is_empty());
    let response = sts_response("GetCallerIdentity", "<Account>1</Account>", &id(), NOW);
    let body = std::str::from_utf8(response.body()).unwrap();
    assert_eq!(
        body,
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult><ResponseMetadata>\
         <RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    );
}
