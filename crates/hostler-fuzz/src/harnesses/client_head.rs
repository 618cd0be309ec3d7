//! What a client sends: the heads of invocations, one after the other, wherever the bytes are cut.
//!
//! Why: the gateway reads the plain shape of a request itself and leaves the rest to hyper. Were a head one thing to the
//! one and another to the other, a request could be smuggled past whoever stands before us.
//! Held against: hyper, for the meaning of every head that is taken; a walk over all the bytes at once, for what a
//! connection answers and hands on when they come in pieces.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hostler_aws::sigv4::{Payload, Signer, Verifier, payload_hash};
use hostler_aws::{Field, FrontKind, Head, classify_head};
use hostler_gateway::door::{ReadHead, RequestHead, read_request_head};
use hostler_gateway::{After, ClientConnection, Gateway, GatewaySettings, News, RoutingTable, Watcher};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::runtime::Runtime;

use super::head::{NOW, REGION, StandingClock, credentials, key_ring};
use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

/// The connection's buffer: a head that does not fit is handed on.
const BUFFER_BYTES: usize = 16 * 1024;

pub(crate) const HARNESS: Harness = Harness {
    name: "client_head",
    about: "heads of invocations mean the same to hyper, and a connection answers the same wherever it is cut",
    run,
    generate,
    words: &[
        b"POST /endpoints/e/invocations HTTP/1.1\r\n",
        b"POST /endpoints/e/invocations?a=b HTTP/1.0\r\n",
        b"Host: h\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 03\r\n",
        b"Content-Length: +3\r\n",
        b"Content-Length : 3\r\n",
        b"Content-Length: 3, 3\r\n",
        b"Content-Length: 18446744073709551616\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding:\tchunked\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Connection: content-length\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: h2c\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\r\n ",
        b"\r",
        b"\0",
        b"%00",
        b"//",
        b"#",
    ],
};

thread_local! {
    static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("one thread is had");
    static GATEWAY: Gateway = {
        let clock = Arc::new(StandingClock);
        let verifier = Arc::new(Verifier::new(Arc::new(key_ring()), clock.clone()));
        Gateway::new(Arc::new(RoutingTable::new()), verifier, clock, GatewaySettings::default())
    };
}

fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else { return };
    let whole = within(times(16, data), || read_request_head(bytes));
    match &whole {
        ReadHead::Taken(head) => {
            assert_eq!(read_request_head(&bytes[..head.length]), whole, "what comes after it matters");
            assert_eq!(read_request_head(&bytes[..head.length - 1]), ReadHead::GoesOn, "it ended before");
            by_hyper(bytes, head);
        }
        ReadHead::GoesOn => {}
        ReadHead::Foreign => {
            // Whoever reads the rest makes it no invocation.
            assert!(!matches!(read_request_head(&[bytes, b"\r\n\r\n"].concat()), ReadHead::Taken(_)));
        }
    }
    // Byte by byte costs most, so long inputs come in larger pieces.
    let least = bytes.len().div_ceil(2000).max(1);
    for size in [usize::from(size).max(1), least, bytes.len().max(1)] {
        connect(bytes, size);
    }
}

/// hyper reads the same request.
fn by_hyper(bytes: &[u8], head: &RequestHead) {
    // It wants the body whole, and one that is not here is no matter of its head.
    let given: Bytes =
        match bytes.get(head.length..).and_then(|rest| rest.get(..usize::try_from(head.body_bytes).ok()?)) {
            Some(body) => [&bytes[..head.length], body].concat().into(),
            None => return,
        };
    let seen = RefCell::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let seen = &seen;
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.expect("the body is whole").to_bytes();
            let before = seen.replace(Some((parts, body)));
            assert!(before.is_none(), "it read two requests");
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        }
    });
    let answer = RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (server, mut client) = tokio::io::duplex(given.len() + 1024);
            client.write_all(&given).await.expect("there is room");
            client.shutdown().await.expect("it can be closed");
            let serving =
                http1::Builder::new().half_close(true).serve_connection(TokioIo::new(server), service);
            let mut answer = Vec::new();
            let _ = tokio::join!(serving, client.read_to_end(&mut answer));
            answer
        })
    });
    let (parts, body) = seen.take().expect("hyper takes it too");
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let query = head.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
    assert_eq!(target, format!("{}{query}", head.path));
    assert_eq!(parts.method, "POST");
    assert_eq!(&given[head.length..], body);
    let mut theirs: Vec<_> =
        parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let mut ours: Vec<_> =
        head.fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    // Fields of one name keep their order; a map forgets that of names.
    theirs.sort_by(|one, other| one.0.cmp(&other.0));
    ours.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(ours, theirs);
    let says_close = answer.windows(17).any(|text| text.eq_ignore_ascii_case(b"connection: close"));
    assert_eq!(says_close, head.closes, "{}", String::from_utf8_lossy(&answer));
}

/// How a connection came to its end.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Ended,
    Closed,
    /// Handed on, with what was read and not used.
    Foreign(Bytes),
}

/// A connection on which the bytes come in pieces of this size.
fn connect(bytes: &[u8], size: usize) {
    let mut connection = ClientConnection::new(Pieces { rest: bytes, size, written: Vec::new() });
    let end =
        RUNTIME.with(|runtime| GATEWAY.with(|gateway| runtime.block_on(serve(&mut connection, gateway))));
    let (stream, unused) = connection.into_parts();
    let end = if end == End::Foreign(Bytes::new()) { End::Foreign(unused) } else { end };
    let answers = answers(&stream.written);
    let mut at = 0;
    for number in 1..=answers {
        let ReadHead::Taken(head) = read_request_head(&bytes[at..]) else {
            panic!("answer {number} is to no request: {:?}", String::from_utf8_lossy(&bytes[at..]))
        };
        assert!(is_invocation(&head), "another room's request was answered");
        let next = usize::try_from(head.body_bytes).unwrap_or(usize::MAX).saturating_add(at + head.length);
        assert!(!head.closes || number == answers, "a request after the last one was answered");
        if next > bytes.len() || head.closes {
            assert_eq!(end, End::Closed, "after a body that broke off");
            return;
        }
        at = next;
    }
    match end {
        End::Closed => assert!(answers > 0, "closed without an answer"),
        End::Ended => {
            // A head that nobody takes is looked at when its end comes, and not before.
            let left = &bytes[at..];
            let has_end =
                left.windows(2).any(|end| end == b"\n\n") || left.windows(3).any(|end| end == b"\n\r\n");
            assert!(stream.rest.is_empty() && (!has_end || read_request_head(left) == ReadHead::GoesOn));
        }
        End::Foreign(unused) => {
            assert_eq!(
                [&unused, stream.rest].concat(),
                &bytes[at..],
                "what is handed on is not what is left"
            );
            let is_foreign = match read_request_head(&bytes[at..]) {
                ReadHead::Foreign => true,
                ReadHead::GoesOn => unused.len() >= BUFFER_BYTES,
                ReadHead::Taken(head) => !is_invocation(&head) || head.length >= BUFFER_BYTES,
            };
            assert!(is_foreign, "an invocation was handed on");
        }
    }
}

async fn serve(connection: &mut ClientConnection<Pieces<'_>>, gateway: &Gateway) -> End {
    loop {
        match poll_fn(|context| connection.poll_news(context)).await {
            News::Ended => return End::Ended,
            News::Foreign => return End::Foreign(Bytes::new()),
            News::Request => {}
        }
        match connection.answer(gateway, &Nobody).await {
            After::Wait => {}
            After::Foreign => return End::Foreign(Bytes::new()),
            After::Close => return End::Closed,
            After::Gone => panic!("a client that is there is not gone"),
        }
    }
}

fn is_invocation(head: &RequestHead) -> bool {
    let fields = head.fields.iter().map(|(name, value)| Field { name, value }).collect();
    let (path, query) = (head.path.as_str(), head.query.as_deref());
    classify_head(&Head { method: "POST", path, query, authority: None, fields }) == FrontKind::Gateway
}

/// How many answers these are; each is whole.
fn answers(mut written: &[u8]) -> usize {
    let mut count = 0;
    while !written.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(length)) = head.parse(written) else { panic!("no answer's head") };
        let is_length = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("content-length");
        let body = head.headers.iter().find(is_length).expect("an error has a length").value;
        let body: usize = std::str::from_utf8(body).expect("digits").parse().expect("a number");
        assert!((400..600).contains(&head.code.expect("a status")), "there is no endpoint");
        written = &written[length + body..];
        count += 1;
    }
    count
}

struct Nobody;

impl Watcher for Nobody {
    type UnderWay = ();

    fn request_begins(&self) {}

    fn is_last(&self) -> bool {
        false
    }
}

/// What a client sends, in pieces, and what it is answered.
struct Pieces<'a> {
    rest: &'a [u8],
    size: usize,
    written: Vec<u8>,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.size.min(buffer.remaining()).min(self.rest.len());
        let (now, later) = self.rest.split_at(length);
        buffer.put_slice(now);
        self.rest = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    let mut input = vec![source.pick(&[1, 2, 3, 7, 64, 255])];
    for _ in 0..=source.size(3) {
        request(source, &mut input);
    }
    if source.one_in(2) { source.mutated(&input, &[], HARNESS.words) } else { input }
}

fn request(source: &mut Source, out: &mut Vec<u8>) {
    let target = source.pick(&[
        "/endpoints/e/invocations",
        "/endpoints/e/invocations",
        "/endpoints/e/invocations-response-stream",
        "/endpoints/e%2f/invocations?a=b&c",
        "/endpoints/e",
    ]);
    let length = source.size(3000);
    let body = source.bytes(length);
    let mut lines = vec![format!("POST {target} HTTP/1.1"), format!("Content-Length: {length}")];
    if source.one_in(2) {
        lines.extend(signed(target, &body));
    } else {
        lines.push("Host: localhost".to_owned());
    }
    for _ in 0..source.size(4) {
        let line = source.pick(&[
            "Content-Type: text/csv",
            "Connection: keep-alive",
            "Connection: close",
            "Expect: 100-continue",
            "Transfer-Encoding: chunked",
            "X-A:",
            "x-a:\t b ",
        ]);
        let at = 1 + source.below(lines.len());
        lines.insert(at, line.to_owned());
    }
    let end = source.pick(&["\r\n", "\r\n", "\r\n", "\n"]);
    for line in lines {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(end.as_bytes());
    }
    out.extend_from_slice(end.as_bytes());
    out.extend_from_slice(&body);
}

/// The fields of a signature that is right.
fn signed(target: &str, body: &[u8]) -> Vec<String> {
    let request = Request::builder().method("POST").uri(target).header("host", "localhost");
    let (mut parts, ()) = request.body(()).expect("it is a request").into_parts();
    let credentials = credentials();
    let signer = Signer { credentials: &credentials, region: REGION, service: "sagemaker", now: NOW };
    signer.sign_headers(&mut parts, &Payload::Hash(payload_hash(body))).expect("it can be signed");
    let fields = parts.headers.iter();
    fields.map(|(name, value)| format!("{name}: {}", value.to_str().expect("it is text"))).collect()
}
