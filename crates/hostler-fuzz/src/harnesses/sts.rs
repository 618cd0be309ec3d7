//! The two sides of STS: the parameters of AssumeRole, and what a service answers.
//!
//! Held against: what must be true of any role that is accepted, and the answers that our own STS writes.

use bytes::Bytes;
use hostler_aws::{Form, RequestId, sts_response};
use hostler_localaws::door::{read_assume_role, read_sts_answer};
use hostler_types::Millis;
use http::{Response, StatusCode};

use super::head::NOW;
use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const FORM_WORDS: &[&[u8]] = &[
    b"RoleArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2Fr",
    b"&RoleSessionName=",
    b"&DurationSeconds=",
    b"900",
    b"43201",
    b"-1",
    b"&Policy=%7B%7D",
    b"&PolicyArns.member.1.arn=x",
    b"&SerialNumber=",
    b"%00",
    b"%F0%9F%98%80",
    b"99999999999999999999",
];
const ANSWER_WORDS: &[&[u8]] = &[
    b"<AssumeRoleResponse>",
    b"<AssumeRoleResult>",
    b"<Credentials>",
    b"<Expiration>",
    b"2026-01-02T03:04:05Z",
    b"<Error>",
    b"<Code>",
    b"<Message>",
    b"</",
    b">",
    b"&lt;",
    b"<Errors>",
    b"<AccessKeyId>",
    b"+99999999-12-31T00:00:00Z",
];
/// Characters of a service's message that are passed on, and the words around them.
const TOLD_BYTES_MAX: usize = 4 * 500 + 1000;

pub(crate) const PARAMETERS: Harness = Harness {
    name: "sts_assume_role",
    about: "the form of AssumeRole; what is accepted keeps AWS's constraints",
    run: parameters,
    generate: |source| {
        let mut text = String::from("RoleArn=");
        text.push_str(&source.text(&["arn:aws:iam::000000000000:role/", "r", "/", "%2F", "x", ":"], 400));
        text.push_str("&RoleSessionName=");
        text.push_str(&source.text(&["a", "-", "=", "@", "+", "%20", "é"], 30));
        text.push_str(source.pick(&["", "&DurationSeconds=900", "&DurationSeconds=43201", "&Policy=x"]));
        if source.one_in(3) { source.mutated(text.as_bytes(), &[], FORM_WORDS) } else { text.into_bytes() }
    },
    words: FORM_WORDS,
};

pub(crate) const ANSWER: Harness = Harness {
    name: "sts_answer",
    about: "answers of an STS (the first two bytes are the status); credentials as our own STS would write them",
    run: answer,
    generate: generate_answer,
    words: ANSWER_WORDS,
};

fn parameters(data: &[u8]) {
    let Ok(form) = Form::parse(data) else { return };
    for is_chained in [false, true] {
        match within(times(24, data), || read_assume_role(&form, is_chained)) {
            Ok((role_arn, session_name, duration_s)) => {
                assert!((20..=2048).contains(&role_arn.chars().count()));
                assert!((2..=64).contains(&session_name.len()));
                assert!((900..=43_200).contains(&duration_s) && (!is_chained || duration_s <= 3600));
                let parts: Vec<&str> = role_arn.splitn(6, ':').collect();
                assert!(
                    parts.len() == 6
                        && parts[0] == "arn"
                        && parts[2] == "iam"
                        && parts[5].starts_with("role/")
                );
                assert_eq!(form.get("RoleArn"), Some(role_arn.as_str()));
            }
            Err(error) => {
                assert!(error.status().is_client_error() || error.status() == StatusCode::NOT_IMPLEMENTED);
                let length = error.message().map_or(0, str::len);
                assert!(length <= 1000 + 4 * data.len(), "a message of {length} bytes");
            }
        }
    }
}

fn answer(data: &[u8]) {
    let Some((status, body)) = data.split_first_chunk::<2>() else { return };
    let status = [200, 400, 403, 500, 503, 302][usize::from(status[0]) % 6];
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("it is one of ours");
    if let Some(line) = body.split(|byte| *byte == b'\n').next()
        && let Ok(date) = http::HeaderValue::from_bytes(line)
    {
        response.headers_mut().insert("date", date);
    }
    match within(times(80, data), || read_sts_answer(&response, NOW)) {
        Ok(credentials) => {
            assert_eq!(status, 200);
            let expires_at = credentials.expires_at.expect("credentials without an end are none");
            let again =
                written(&credentials.access_key_id, credentials.secret_access_key.expose(), expires_at.0);
            let mut response = Response::new(again);
            *response.status_mut() = StatusCode::OK;
            let again = read_sts_answer(&response, NOW).expect("what our own STS writes is read");
            assert_eq!(again.access_key_id, credentials.access_key_id);
            assert_eq!(again.secret_access_key, credentials.secret_access_key);
            assert_eq!(again.expires_at.map(Millis::as_secs), Some(expires_at.as_secs()));
        }
        Err(text) => assert!(text.len() <= TOLD_BYTES_MAX, "a text of {} bytes", text.len()),
    }
}

/// An answer as our own STS writes it.
fn written(id: &str, secret: &str, expires_ms: i64) -> Bytes {
    let end = jiff::Timestamp::from_millisecond(expires_ms).expect("it was read");
    let mut result = String::from("<Credentials>");
    for (name, text) in [
        ("AccessKeyId", id),
        ("SecretAccessKey", secret),
        ("SessionToken", "t"),
        ("Expiration", &end.to_string()),
    ] {
        hostler_aws::push_element(&mut result, name, text);
    }
    result.push_str("</Credentials>");
    sts_response("AssumeRole", &result, &RequestId::from_bytes([9; 16]), NOW).into_body()
}

fn generate_answer(source: &mut Source) -> Vec<u8> {
    let mut input = vec![source.below(6) as u8, 0];
    let text = match source.below(3) {
        0 => {
            let date = source.pick(&[
                "2026-01-02T03:04:05Z",
                "2026-01-02T03:04:05.123+01:00",
                "yesterday",
                "9999-12-31T23:59:59Z",
            ]);
            format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s\n&amp;\
                 </SecretAccessKey><SessionToken>t</SessionToken><Expiration>{date}</Expiration></Credentials>\
                 </AssumeRoleResult></AssumeRoleResponse>"
            )
        }
        1 => {
            let code =
                source.pick(&["AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch", "Throttling"]);
            let message = "m".repeat(source.size(5000));
            format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            )
        }
        _ => "Fri, 02 Jan 2026 09:04:05 GMT\n<html>".to_owned(),
    };
    input.extend_from_slice(text.as_bytes());
    if source.one_in(2) { source.mutated(&input, &[], ANSWER_WORDS) } else { input }
}
