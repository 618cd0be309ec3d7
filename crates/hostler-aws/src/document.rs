//! Answers as bytes: the one place where an [`ApiError`] becomes a document of a protocol.
//!
//! Why: SDKs find an error's code in different places (header, `__type`, XML), and each AWS front end spells codes,
//! member names and statuses its own way; those differences are tables here and nothing elsewhere.
//! Invariants: every answer carries the request id, a date and a content type; what is internal never gets in.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use hostler_types::Millis;

use crate::sigv4::AmzDate;
use crate::xml::push_element;
use crate::{ApiError, RequestId};

/// Name space of STS's documents.
pub const STS_XMLNS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Errors that the control plane's service model declares: their text's member is `Message`.
const CONTROL_MODELLED: [&str; 4] =
    ["ResourceLimitExceeded", "ResourceInUse", "ResourceNotFound", "ConflictException"];

/// Errors that a front end sends before the data plane's service sees the request: `message` in lower case.
const FRONT_END: [&str; 7] = [
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "AccessDeniedException",
    "RequestHeaderSectionTooLarge",
];

/// The four ways of AWS to write an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// awsJson1.1: SageMaker's control plane and Hostler's own admin API.
    AwsJson,
    /// restJson1: SageMaker's data plane.
    RestJson,
    /// query: STS.
    Query,
    /// S3's own XML.
    S3,
}

/// What a document shows besides the error.
#[derive(Clone, Copy, Debug)]
pub struct DocumentContext<'a> {
    /// For the `Date` header, by which SDKs correct their clocks.
    pub now: Millis,
    /// The path that S3's document repeats.
    pub resource: &'a str,
    /// The answer to a HEAD has no body.
    pub is_head: bool,
}

/// The answer that `error` is in `protocol`.
pub fn error_response(
    protocol: Protocol,
    error: &ApiError,
    request_id: &RequestId,
    context: &DocumentContext<'_>,
) -> Response<Bytes> {
    let code = spelled(protocol, error.code());
    let message = shown_message(error, request_id);
    let body = match protocol {
        Protocol::AwsJson => control_body(code, message.as_deref()),
        Protocol::RestJson => runtime_body(error, message.as_deref()),
        Protocol::Query => sts_body(error, code, message.as_deref(), request_id),
        Protocol::S3 => s3_body(code, message.as_deref(), request_id, context.resource),
    };
    let content_type = match protocol {
        Protocol::RestJson if error.code() == "UnknownOperationException" => "application/xml",
        protocol => content_type(protocol),
    };
    let mut headers = base_headers(protocol, content_type, request_id, context.now);
    if matches!(protocol, Protocol::AwsJson | Protocol::RestJson)
        && let Ok(value) = HeaderValue::from_str(code)
    {
        headers.insert("x-amzn-errortype", value);
    }
    let body = if context.is_head { Bytes::new() } else { Bytes::from(body) };
    finish(status(protocol, error), headers, body)
}

/// A successful awsJson answer; an operation without output has an empty body.
pub fn aws_json_response(body: Bytes, request_id: &RequestId, now: Millis) -> Response<Bytes> {
    let headers = base_headers(Protocol::AwsJson, content_type(Protocol::AwsJson), request_id, now);
    finish(StatusCode::OK, headers, body)
}

/// A successful STS answer: `result` is the XML inside `<ActionResult>`.
pub fn sts_response(action: &str, result: &str, request_id: &RequestId, now: Millis) -> Response<Bytes> {
    let headers = base_headers(Protocol::Query, content_type(Protocol::Query), request_id, now);
    let body = format!(
        "<{action}Response xmlns=\"{STS_XMLNS}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    );
    finish(StatusCode::OK, headers, Bytes::from(body))
}

/// The status that `protocol` gives `error`, where it is not the natural one.
fn status(protocol: Protocol, error: &ApiError) -> StatusCode {
    match (protocol, error.code()) {
        (Protocol::AwsJson, "AccessDeniedException") => StatusCode::BAD_REQUEST,
        (Protocol::RestJson, "UnknownOperationException") => StatusCode::NOT_FOUND,
        (Protocol::S3, "ThrottlingException") => StatusCode::SERVICE_UNAVAILABLE,
        _ => error.status(),
    }
}

/// The code as `protocol` spells it.
fn spelled(protocol: Protocol, code: &str) -> &str {
    match (protocol, code) {
        (Protocol::Query | Protocol::S3, "AccessDeniedException") => "AccessDenied",
        (Protocol::Query, "ThrottlingException") => "Throttling",
        (Protocol::Query | Protocol::RestJson, "ValidationException") => "ValidationError",
        (Protocol::AwsJson, "ValidationError") => "ValidationException",
        (Protocol::S3, "ThrottlingException") => "SlowDown",
        (Protocol::S3, "InternalFailure") => "InternalError",
        (Protocol::S3, "413") => "EntityTooLarge",
        (_, code) => code,
    }
}

/// AWS sends no text with an internal failure; ours says where the cause is written.
fn shown_message(error: &ApiError, request_id: &RequestId) -> Option<String> {
    match error.message() {
        None if error.code() == "InternalFailure" => {
            Some(format!("Hostler failed inside. Its log has the cause under request id {request_id}."))
        }
        message => message.map(str::to_owned),
    }
}

fn control_body(code: &str, message: Option<&str>) -> String {
    let mut body = Map::new();
    body.insert("__type".into(), code.into());
    if let Some(message) = message {
        let key = if CONTROL_MODELLED.contains(&code) { "Message" } else { "message" };
        body.insert(key.into(), message.into());
    }
    Value::Object(body).to_string()
}

fn runtime_body(error: &ApiError, message: Option<&str>) -> String {
    let code = spelled(Protocol::RestJson, error.code());
    if code == "UnknownOperationException" {
        return "<UnknownOperationException/>\n".to_owned();
    }
    if code == "ThrottlingException" {
        // As seen of AWS's runtime: the code is in the header alone.
        return json!({ "message": null }).to_string();
    }
    let mut body = Map::new();
    body.insert("__type".into(), code.into());
    if let Some(error_code) = error.error_code() {
        body.insert("ErrorCode".into(), error_code.into());
    }
    if let Some(fault) = error.fault() {
        body.insert("LogStreamArn".into(), fault.log_stream_arn.as_str().into());
        body.insert("OriginalMessage".into(), fault.original_message.as_str().into());
        body.insert("OriginalStatusCode".into(), fault.original_status_code.into());
    }
    let key = if FRONT_END.contains(&code) { "message" } else { "Message" };
    body.insert(key.into(), message.map_or(Value::Null, Value::from));
    Value::Object(body).to_string()
}

fn sts_body(error: &ApiError, code: &str, message: Option<&str>, request_id: &RequestId) -> String {
    let kind = if error.status().is_server_error() { "Receiver" } else { "Sender" };
    let mut body = format!("<ErrorResponse xmlns=\"{STS_XMLNS}\"><Error>");
    push_element(&mut body, "Type", kind);
    push_element(&mut body, "Code", code);
    push_element(&mut body, "Message", message.unwrap_or_default());
    body.push_str("</Error>");
    push_element(&mut body, "RequestId", request_id.as_str());
    body.push_str("</ErrorResponse>");
    body
}

fn s3_body(code: &str, message: Option<&str>, request_id: &RequestId, resource: &str) -> String {
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    push_element(&mut body, "Code", code);
    push_element(&mut body, "Message", message.unwrap_or_default());
    push_element(&mut body, "Resource", resource);
    push_element(&mut body, "RequestId", request_id.as_str());
    body.push_str("</Error>");
    body
}

fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::AwsJson => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        Protocol::Query => "text/xml",
        Protocol::S3 => "application/xml",
    }
}

fn base_headers(protocol: Protocol, content_type: &'static str, id: &RequestId, now: Millis) -> HeaderMap {
    let id_name = match protocol {
        Protocol::S3 => HeaderName::from_static("x-amz-request-id"),
        _ => HeaderName::from_static("x-amzn-requestid"),
    };
    let mut headers = HeaderMap::with_capacity(5);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, text) in [(id_name, id.as_str()), (DATE, &AmzDate::from_millis(now).http_date())] {
        let value = HeaderValue::from_str(text).expect("ids and dates are plain ASCII");
        headers.insert(name, value);
    }
    headers
}

fn finish(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests;
