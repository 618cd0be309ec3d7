//! Signed InvokeEndpoint calls through the server side as it is, for callgrind to count.
//!
//! Why: what an invocation costs in instructions is the same on a busy machine, so a change shows. The thread `server`
//! does what a connection's thread of `hostler serve` does: from the bytes off the socket to the bytes onto it, by the
//! gateway's own reader, or by hyper's connection as everything else is read. Client and model are threads that callgrind counts apart (`--separate-threads=yes`).
//! Invariants: one request at a time on one connection, so that two runs do the same. The connection is driven as in
//! `hostler/src/listen/`, without its notes for the watch. bench/instructions/run.py runs it.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use hostler_aws::sigv4::{Payload, Signer, Verifier, payload_hash};
use hostler_aws::{FrontKind, KeyRing, LongLivedKey, TokenSealer, classify};
use hostler_gateway::{After, ClientConnection, Gateway, GatewaySettings, News, RoutingTable, Watcher};
use hostler_types::{
    AccountId, Clock, Credentials, EndpointRoute, EndpointUid, InstanceId, InstanceRoute, InvocationLimits,
    Key, Kind, Region, RouteTable, Scope, Secret, SystemClock, VariantName, VariantRoute,
};
use http::{HeaderName, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
const ENDPOINT: &str = "bench";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// As `hostler/src/listen/connection.rs` has it.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What the model answers: as long as the built-in runtime's answer to one row.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 79\r\n\r\n\
    {\"predictions\": [{\"closest_cluster\": 6.0, \"distance_to_cluster\": 12.12345678}]}";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next()?.parse::<usize>().ok();
    let (Some(requests), Some(body_bytes)) = (number(), number()) else {
        panic!("usage: instructions REQUESTS BODY_BYTES [hyper]");
    };
    let by_hyper = arguments.next().is_some();
    let model = listener();
    let model_address = model.local_addr().expect("it listens");
    thread::spawn(move || answer_all(&model));
    let server = listener();
    let server_address = server.local_addr().expect("it listens");
    thread::Builder::new()
        .name("server".to_owned())
        .spawn(move || serve(server, model_address, by_hyper))
        .expect("a thread can be started");
    let request = signed_request(server_address, &vec![b'7'; body_bytes]);
    let mut connection = TcpStream::connect(server_address).expect("the server listens");
    connection.set_nodelay(true).expect("it is a socket");
    for _ in 0..requests {
        connection.write_all(&request).expect("the server reads");
        let answer = Message::read(&mut connection).expect("the server answers");
        assert!(answer.0.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer.0));
    }
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port")
}

/// One connection, served as `hostler serve` serves it.
fn serve(listener: TcpListener, model: SocketAddr, by_hyper: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread can be built");
    runtime.block_on(async {
        let (stream, _) = listener.accept().expect("the client connects");
        stream.set_nonblocking(true).expect("it is a socket");
        stream.set_nodelay(true).expect("it is a socket");
        let stream = tokio::net::TcpStream::from_std(stream).expect("it is a socket");
        let gateway = Arc::new(gateway(model));
        if by_hyper { serve_by_hyper(gateway, stream).await } else { serve_by_us(&gateway, stream).await }
    });
}

struct NobodyWatches;

impl Watcher for NobodyWatches {
    type UnderWay = ();

    fn request_begins(&self) {}

    fn is_last(&self) -> bool {
        false
    }
}

async fn serve_by_us(gateway: &Gateway, stream: tokio::net::TcpStream) {
    let mut client = ClientConnection::new(stream);
    while poll_fn(|context| client.poll_news(context)).await == News::Request {
        assert_eq!(client.answer(gateway, &NobodyWatches).await, After::Wait);
        poll_fn(|context| client.poll_flush(context)).await.expect("the client reads");
    }
}

async fn serve_by_hyper(gateway: Arc<Gateway>, stream: tokio::net::TcpStream) {
    let service = service_fn(|request: Request<Incoming>| {
        let gateway = Arc::clone(&gateway);
        async move {
            let (parts, body) = request.into_parts();
            assert_eq!(classify(&parts), FrontKind::Gateway);
            Ok::<_, std::convert::Infallible>(gateway.handle(Request::from_parts(parts, body)).await)
        }
    });
    let connection =
        http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).serve_connection(TokioIo::new(stream), service);
    // The client goes away in the end.
    let _ = connection.await;
}

fn gateway(model: SocketAddr) -> Gateway {
    let account = AccountId::new(ACCOUNT);
    let scope = Scope::new(&account, &Region::new(REGION));
    let (endpoint, variant) = (EndpointUid::new("u"), VariantName::new("AllTraffic"));
    let id = InstanceId {
        endpoint: endpoint.clone(),
        generation: 1,
        variant: variant.clone(),
        ordinal: 0,
        attempt: 1,
    };
    let table = Arc::new(RoutingTable::new());
    table.publish(Arc::new(EndpointRoute {
        key: Key::new(&scope, Kind::Endpoint, ENDPOINT),
        name: ENDPOINT.to_owned(),
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
            instances: vec![InstanceRoute { id, address: model, further: Vec::new(), draining: false }],
        }],
    }));
    let keys = KeyRing::new(TokenSealer::new([7; 32]));
    keys.replace([&LongLivedKey::of_account(KEY_ID, Secret::new(SECRET), &account)]);
    let clock = Arc::new(SystemClock);
    let verifier = Arc::new(Verifier::new(Arc::new(keys), clock.clone()));
    Gateway::new(table, verifier, clock, GatewaySettings::default())
}

/// With the headers that boto3 sends.
fn signed_request(server: SocketAddr, body: &[u8]) -> Vec<u8> {
    let path = format!("/endpoints/{ENDPOINT}/invocations");
    let (mut parts, ()) =
        Request::post(&path).body(()).expect("method and path are well formed").into_parts();
    for (name, value) in [
        ("host", server.to_string().as_str()),
        ("content-type", "text/csv"),
        (
            "user-agent",
            "Boto3/1.43.0 md/Botocore#1.43.0 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.2",
        ),
        ("amz-sdk-invocation-id", "6a2f41a3-c54c-4ce8-8d9f-2f0c2a8f6d11"),
        ("amz-sdk-request", "attempt=1"),
    ] {
        parts.headers.insert(
            HeaderName::from_bytes(name.as_bytes()).expect("it is a name"),
            HeaderValue::from_str(value).expect("it is a value"),
        );
    }
    let credentials = Credentials {
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET),
        session_token: None,
        expires_at: None,
    };
    let signer =
        Signer { credentials: &credentials, region: REGION, service: "sagemaker", now: SystemClock.now() };
    signer.sign_headers(&mut parts, &Payload::Hash(payload_hash(body))).expect("it can be signed");
    let mut request = format!("POST {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in &parts.headers {
        request.extend_from_slice(name.as_str().as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    request
}

/// The model: every request gets the same answer.
fn answer_all(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("the gateway connects");
        stream.set_nodelay(true).expect("it is a socket");
        while Message::read(&mut stream).is_some() {
            stream.write_all(ANSWER).expect("the gateway reads");
        }
    }
}

/// A head and its body of the length that the head says.
struct Message(Vec<u8>);

impl Message {
    /// None at the connection's end.
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = std::str::from_utf8(&bytes[..end]).expect("a head is ASCII").to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
                let length: usize = length.map_or(0, |text| text.trim().parse().expect("it is a length"));
                if bytes.len() >= end + 4 + length {
                    return Some(Self(bytes));
                }
            }
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }
}
