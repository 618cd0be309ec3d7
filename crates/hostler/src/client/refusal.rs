//! The server's own words when it says no.
//!
//! Why: hints and exit codes go by the code, so it must survive as data and not only as text.
//! Invariants: reads JSON and S3's XML; a body that is neither is shown as it is, up to a limit.

use http::StatusCode;
use serde_json::Value;

use super::Answer;

/// Characters of an unknown body that are shown.
const BODY_CHARS_MAX: usize = 300;

/// An answer that is an error.
#[derive(Debug, thiserror::Error)]
#[error("{code} ({}): {message}", status.as_u16())]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn read(answer: &Answer) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        let document: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let json =
            |names: &[&str]| names.iter().find_map(|name| document.get(name)?.as_str().map(str::to_owned));
        let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let code = header.map(str::to_owned).or_else(|| json(&["__type"])).or_else(|| xml(&text, "Code"));
        let message = json(&["message", "Message"]).or_else(|| xml(&text, "Message"));
        Self {
            status: answer.status,
            code: code.unwrap_or_else(|| answer.status.canonical_reason().unwrap_or("Unknown").to_owned()),
            message: message.unwrap_or_else(|| text.chars().take(BODY_CHARS_MAX).collect()),
        }
    }

    /// Too many requests: the same one may pass later.
    pub(crate) fn is_throttled(&self) -> bool {
        self.code == "ThrottlingException"
    }

    /// No endpoint has the name that was asked for.
    pub(crate) fn is_unknown_endpoint(&self) -> bool {
        self.code.starts_with("Validation")
            && (self.message.starts_with("Could not find endpoint \"") || self.message.contains("not found."))
    }
}

/// The text of the first element of this name.
pub(super) fn xml(text: &str, element: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{element}>"))?;
    let (inner, _) = rest.split_once(&format!("</{element}>"))?;
    let plain = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    Some(plain)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn read(body: &'static str) -> Refusal {
        let answer = Answer {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        Refusal::read(&answer)
    }

    #[test]
    fn json_xml_and_anything_else_are_read() {
        let json = read(r#"{"__type":"ValidationException","message":"Could not find endpoint \"arn\"."}"#);
        assert_eq!(json.to_string(), "ValidationException (400): Could not find endpoint \"arn\".");
        assert!(json.is_unknown_endpoint());
        let xml = read(
            "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>a &amp; b</Message></Error>",
        );
        assert_eq!((xml.code.as_str(), xml.message.as_str()), ("NoSuchBucket", "a & b"));
        let other = read("the console is not there yet");
        assert_eq!(other.to_string(), "Bad Request (400): the console is not there yet");
    }
}
