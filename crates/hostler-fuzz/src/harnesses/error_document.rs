//! Error documents of the four protocols, with any text in them.
//!
//! Why: what a document shows came from outside (a name, a key, a model's answer); a client must still be able to read
//! it. This is the one harness of a writer.
//! Held against: `serde_json` and `roxmltree` reading what was written.

use hostler_aws::{ApiError, DocumentContext, ModelFault, Protocol, RequestId, error_response};
use serde_json::Value;

use super::head::NOW;
use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const PROTOCOLS: [Protocol; 4] = [Protocol::AwsJson, Protocol::RestJson, Protocol::Query, Protocol::S3];

pub(crate) const HARNESS: Harness = Harness {
    name: "error_document",
    about: "error documents with any text in them; clients' readers find the text again",
    run,
    generate: |source: &mut Source| {
        source
            .text(
                &["a", "<", "&", "]]>", "\"", "\\", "\0", "\u{1f}", "\r\n", "é", "\u{fffe}", "\u{2028}", "'"],
                400,
            )
            .into_bytes()
    },
    words: &[b"<", b"&", b"\0", b"\xef\xbf\xbe", b"]]>", b"\"", b"\\"],
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let fault = ModelFault {
        error_code: "CLIENT_ERROR_FROM_MODEL",
        original_status_code: 400,
        original_message: text.to_string(),
        log_stream_arn: "arn".to_owned(),
    };
    let errors = [
        ApiError::validation(text.as_ref()),
        ApiError::resource_not_found(text.as_ref()),
        ApiError::model_error(text.as_ref(), fault),
    ];
    for error in &errors {
        for protocol in PROTOCOLS {
            let context = DocumentContext { now: NOW, resource: &text, is_head: false };
            let id = RequestId::from_bytes([9; 16]);
            let response = within(times(40, data), || error_response(protocol, error, &id, &context));
            let shown = error.message().unwrap_or_default();
            assert_eq!(read(protocol, response.body()), legible(protocol, shown), "{protocol:?}");
        }
    }
}

/// The text that a client finds.
fn read(protocol: Protocol, body: &[u8]) -> String {
    match protocol {
        Protocol::AwsJson | Protocol::RestJson => {
            let document: Value = serde_json::from_slice(body).expect("it is JSON");
            let text = document.get("message").or_else(|| document.get("Message"));
            text.and_then(Value::as_str).expect("it has a text").to_owned()
        }
        Protocol::Query | Protocol::S3 => {
            let text = std::str::from_utf8(body).expect("it is text");
            let document =
                roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
            let message = document
                .descendants()
                .find(|node| node.has_tag_name("Message") || node.tag_name().name() == "Message");
            message.expect("it has a text").text().unwrap_or_default().to_owned()
        }
    }
}

/// What XML cannot hold is shown as the replacement character.
fn legible(protocol: Protocol, text: &str) -> String {
    if matches!(protocol, Protocol::AwsJson | Protocol::RestJson) {
        return text.to_owned();
    }
    let is_held = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_held(c) { c } else { '\u{fffd}' }).collect()
}
