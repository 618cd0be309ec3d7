//! Answers without an object in them.
//!
//! Why: most answers are a status, a few headers and at most one small document.
//! Invariants: a document's length is always told; knows nothing of operations.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::body::{self, Body};
use crate::xml::XmlWriter;

/// A status and headers alone.
pub(crate) fn empty(status: StatusCode, headers: HeaderMap) -> Response<Body> {
    build(status, headers, body::empty())
}

/// An XML document.
pub(crate) fn xml(document: XmlWriter) -> Response<Body> {
    let bytes = Bytes::from(document.finish());
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    build(StatusCode::OK, headers, body::full(bytes))
}

pub(crate) fn build(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
