//! What a container answers: to an invocation through the gateway, and to the prober's ping.
//!
//! Why: a model server is somebody else's program. Its bytes go through a real connection on this machine's loopback, as
//! they do in the server.
//! Held against: the `httparse` crate reading the head, for answers whose body has a plain length. Whatever else comes,
//! the client gets an answer of AWS's form.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hostler_aws::sigv4::{Payload, Signer, Verifier, payload_hash};
use hostler_control::{HttpPing, Ping as _, PingTrouble};
use hostler_gateway::{Gateway, GatewaySettings, RoutingTable};
use hostler_types::{
    AccountId, EndpointRoute, EndpointUid, InstanceId, InstanceRoute, InvocationLimits, Key, Kind, Region,
    RouteTable as _, Scope, VariantName, VariantRoute,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::head::{NOW, REGION, StandingClock, credentials, key_ring};
use crate::bounds::within;
use crate::generate::Source;
use crate::harness::Harness;

/// A connection's buffers, for reading a head of any length that hyper takes, and an answer that is kept whole.
const MEMORY_MAX: usize = 4 << 20;
/// Nothing here waits: the container closes its side when it has answered.
const END: Duration = Duration::from_secs(20);

pub(crate) const HARNESS: Harness = Harness {
    name: "model_answer",
    about: "what a container answers, through the gateway and to a ping; plain answers as httparse reads them",
    run,
    generate,
    words: &[
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"Content-Length: ",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Type: text/csv\r\n",
        b"Connection: close\r\n",
        b"\r\n\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"X-Amzn-SageMaker-Custom-Attributes: ",
        b"Upgrade: h2c\r\n",
        b"HTTP/1.1 500 \r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"\x80",
        b"\n",
    ],
};

thread_local! {
    static RUNTIME: RefCell<Option<(Runtime, TcpListener)>> = const { RefCell::new(None) };
}

fn run(data: &[u8]) {
    RUNTIME.with_borrow_mut(|kept| {
        let (runtime, listener) = kept.get_or_insert_with(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime of one thread can be built");
            let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
            (runtime, listener.expect("there is a free port"))
        });
        within(MEMORY_MAX + 16 * data.len(), || runtime.block_on(exchange(listener, data)));
    });
}

async fn exchange(listener: &TcpListener, data: &[u8]) {
    let address = listener.local_addr().expect("it listens");
    let asked = async {
        let ping = HttpPing.ping(address).await;
        (ping, invoke(address).await)
    };
    let (ping, answer) = tokio::select! {
        asked = timeout(END, asked) => asked.expect("an exchange comes to its end"),
        () = serve(listener, data) => unreachable!("it serves for ever"),
    };
    let (head, body) = answer.into_parts();
    assert!(head.headers.contains_key("x-amzn-requestid"));
    match head.status {
        StatusCode::OK => {}
        StatusCode::FAILED_DEPENDENCY => {
            let document: serde_json::Value = serde_json::from_slice(&body).expect("an error is JSON");
            assert_eq!(document["__type"], "ModelError");
        }
        other => panic!("an answer of a model became {other}: {}", String::from_utf8_lossy(&body)),
    }
    let allowed = [
        "content-type",
        "x-amzn-sagemaker-custom-attributes",
        "x-amzn-invoked-production-variant",
        "x-amzn-requestid",
    ];
    if head.status == StatusCode::OK {
        assert!(head.headers.keys().all(|name| allowed.contains(&name.as_str())), "{:?}", head.headers);
    }
    compare(data, &ping, head.status, &body);
}

fn compare(data: &[u8], ping: &Result<(), PingTrouble>, status: StatusCode, body: &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut head = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(end)) = head.parse(data) else {
        // Not a head, or not the whole of one.
        assert!(ping.is_err() && status != StatusCode::OK);
        return;
    };
    let code = head.code.expect("a whole head has a status");
    if (100..200).contains(&code) {
        return;
    }
    let is =
        |name: &'static str| head.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    let lengths: Vec<_> = is("content-length").collect();
    if is("transfer-encoding").count() > 0 || lengths.len() != 1 || is("upgrade").count() > 0 {
        return;
    }
    let length = std::str::from_utf8(lengths[0].value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(length) = length.and_then(|text| text.parse::<usize>().ok()) else { return };
    assert_eq!(ping.is_ok(), code == 200, "{ping:?}");
    match data[end..].get(..length) {
        Some(expected) if code == 200 => assert_eq!((status, body), (StatusCode::OK, expected)),
        _ if (200..300).contains(&code) => {}
        _ => assert_eq!(status, StatusCode::FAILED_DEPENDENCY),
    }
}

/// Answers every request with the same bytes and closes.
async fn serve(listener: &TcpListener, data: &[u8]) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // Whoever asked may be gone before everything is written.
            let _ = answer(stream, data).await;
        }
    }
}

async fn answer(mut stream: TcpStream, data: &[u8]) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        let is_whole = request
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .is_some_and(|end| request.starts_with(b"GET /ping") || request.len() > end + 4);
        if is_whole || stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    stream.write_all(data).await?;
    stream.shutdown().await
}

/// One invocation through a gateway that knows one instance.
async fn invoke(address: SocketAddr) -> Response<Bytes> {
    let scope = Scope::new(&AccountId::new("123456789012"), &Region::new(REGION));
    let (endpoint, variant) = (EndpointUid::new("u"), VariantName::new("v"));
    let id = InstanceId {
        endpoint: endpoint.clone(),
        generation: 1,
        variant: variant.clone(),
        ordinal: 0,
        attempt: 1,
    };
    let instances = vec![InstanceRoute { id, address, further: Vec::new(), draining: false }];
    let table = Arc::new(RoutingTable::new());
    table.publish(Arc::new(EndpointRoute {
        key: Key::new(&scope, Kind::Endpoint, "demo"),
        name: "demo".into(),
        uid: endpoint,
        retries_lost: false,
        limits: InvocationLimits::default(),
        variants: vec![VariantRoute {
            name: variant,
            weight: 1.0,
            share: 1.0,
            instance_type: None,
            routing: None,
            pipeline: None,
            multi_model: None,
            instances,
        }],
    }));
    let clock = Arc::new(StandingClock);
    let verifier = Arc::new(Verifier::new(Arc::new(key_ring()), clock.clone()));
    let gateway = Gateway::new(table, verifier, clock, GatewaySettings::default());
    let request =
        Request::builder().method("POST").uri("/endpoints/demo/invocations").header("host", "localhost");
    let (mut parts, ()) = request.body(()).expect("it is a request").into_parts();
    let credentials = credentials();
    let signer = Signer { credentials: &credentials, region: REGION, service: "sagemaker", now: NOW };
    signer.sign_headers(&mut parts, &Payload::Hash(payload_hash(b"?"))).expect("it can be signed");
    let response = gateway.handle(Request::from_parts(parts, Full::new(Bytes::from_static(b"?")))).await;
    let (head, body) = response.into_parts();
    // A long answer that breaks off half-way breaks off for the client too.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Response::from_parts(head, body)
}

fn generate(source: &mut Source) -> Vec<u8> {
    let status =
        source.pick(&["200 OK", "200 OK", "200", "500 Oh", "404 No", "204 No Content", "301 Moved", "999 X"]);
    let mut input = format!("HTTP/1.{} {status}\r\n", source.below(2)).into_bytes();
    let length = source.size(3000);
    let body = source.bytes(length);
    for _ in 0..source.size(6) {
        let line = source.pick(&[
            "Content-Type: text/csv\r\n",
            "X-A: b\r\n",
            "Connection: close\r\n",
            "Connection: keep-alive\r\n",
            "X-Amzn-SageMaker-Custom-Attributes: a=\u{e9}\r\n",
            "Set-Cookie: a\r\n",
            "Content-Type: \r\n",
        ]);
        input.extend_from_slice(line.as_bytes());
    }
    match source.below(4) {
        0 => {
            input.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for piece in body.chunks(100) {
                input.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                input.extend_from_slice(piece);
                input.extend_from_slice(b"\r\n");
            }
            input.extend_from_slice(b"0\r\n\r\n");
        }
        1 => {
            input.extend_from_slice(b"\r\n");
            input.extend_from_slice(&body);
        }
        _ => {
            input.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            input.extend_from_slice(&body);
        }
    }
    if source.one_in(2) { source.mutated(&input, &[], HARNESS.words) } else { input }
}
