//! The decoder beside hyper, which reads what it leaves: what is taken here means the same there.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A request as a reader understands it: target, fields in lower case, body.
type Understood = (String, Vec<(String, Vec<u8>)>, Vec<u8>);

/// What hyper makes of the bytes and the end after them; none when it refuses.
fn by_hyper(bytes: &[u8]) -> Option<Understood> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let seen = Arc::new(Mutex::new(None));
        let (server, mut client) = tokio::io::duplex(1 << 20);
        let heard = Arc::clone(&seen);
        let service = service_fn(move |request: http::Request<Incoming>| {
            let heard = Arc::clone(&heard);
            async move {
                let (parts, body) = request.into_parts();
                let fields = parts.headers.iter();
                let fields =
                    fields.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
                let target = parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
                let fields = fields.collect();
                if let Ok(body) = body.collect().await {
                    let mut heard = heard.lock().unwrap();
                    // Only the first: what follows is another request.
                    heard.get_or_insert((target, fields, body.to_bytes().to_vec()));
                }
                Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::new())))
            }
        });
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let serving = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(server), service);
        let mut answer = Vec::new();
        let (_, _) = tokio::join!(serving, client.read_to_end(&mut answer));
        seen.lock().unwrap().take()
    })
}

/// The same as this decoder has it; none of what it leaves to hyper.
fn by_us(bytes: &[u8]) -> Option<Understood> {
    let decoded = decode(bytes).ok()??;
    let body = bytes[decoded.length..].get(..usize::try_from(decoded.body_bytes).ok()?)?;
    let target = match decoded.head.query {
        Some(query) => format!("{}?{query}", decoded.head.path),
        None => decoded.head.path.to_owned(),
    };
    let fields =
        decoded.head.fields.iter().map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec()));
    Some((target, sorted(fields.collect()), body.to_vec()))
}

/// Fields of one name keep their order; a map forgets that of names.
fn sorted(mut fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "/endpoints/[a-zA-Z0-9-]{1,12}/invocations",
        1 => "/endpoints/[a-z%0-9._~]{1,12}/invocations(\\?[a-z=&%]{0,8})?",
        1 => "/endpoints/[ -~]{0,12}",
    ]
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[A-Za-z][A-Za-z0-9-]{0,14}: [ -~]{0,20}",
        1 => "Connection: (close|keep-alive|close, keep-alive|upgrade|x)",
        1 => "Transfer-Encoding: (chunked|identity|gzip)",
        1 => "Content-Length: (3|03|\\+3|3, 3|-3|0x3|| 3 )",
        1 => "(Expect: 100-continue|Upgrade: h2c)",
        1 => "[A-Za-z ]{0,5}[:\t ]{0,3}[ -~]{0,8}",
    ]
}

/// Heads that are nearly right, with a body and something after it.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![6 => Just("\r\n"), 1 => Just("\n")];
    let line = prop_oneof![8 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0"), 1 => Just("HTTP/2.0")];
    let length = prop_oneof![6 => Just("Content-Length: 3"), 1 => Just("X: y")];
    (target(), line, prop::collection::vec(field(), 0..5), length, end, "[a-z]{3}", "[ -~]{0,6}").prop_map(
        |(target, version, mut fields, length, end, body, after)| {
            fields.push(length.to_owned());
            let head = format!("POST {target} {version}{end}{}{end}{end}", fields.join(end));
            format!("{head}{body}{after}").into_bytes()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_taken_means_the_same_to_hyper(bytes in request()) {
        if let Some((target, fields, body)) = by_us(&bytes) {
            let hyper = by_hyper(&bytes);
            let hyper = hyper.map(|(target, fields, body)| (target, sorted(fields), body));
            prop_assert_eq!(Some((target, fields, body)), hyper);
        }
    }

    #[test]
    fn wherever_the_bytes_are_cut_the_same_head_is_read_at_its_end_and_never_before(bytes in request()) {
        let whole = decode(&bytes).ok().flatten().map(|decoded| (decoded.length, decoded.body_bytes, decoded.closes));
        for cut in 0..bytes.len() {
            match decode(&bytes[..cut]) {
                // A prefix may be foreign only if the whole is.
                Err(Foreign) => prop_assert_eq!(whole, None),
                Ok(None) => prop_assert!(whole.is_none_or(|(length, ..)| cut < length)),
                Ok(Some(decoded)) => {
                    prop_assert_eq!(Some((decoded.length, decoded.body_bytes, decoded.closes)), whole);
                }
            }
        }
    }
}

#[test]
fn plain_invocations_are_taken_at_all() {
    let bytes = b"POST /endpoints/demo/invocations HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    let (target, _, body) = by_us(bytes).unwrap();
    assert_eq!((target.as_str(), body.as_slice()), ("/endpoints/demo/invocations", &b"abc"[..]));
    assert!(by_hyper(bytes).is_some());
}
