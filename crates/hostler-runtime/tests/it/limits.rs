//! The server's limits, with engines that wait and fail on command.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_runtime::engine::ExecutionParameters;
use hostler_runtime::server::{self, Served, Settings};
use hostler_runtime::{Answer, Engine, EngineError, InvokeInput, ZeroRow};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::client::{Client, invocation};

/// Answers with the body's length; `panic` panics, and `wait` says it began and waits for a release.
struct TestEngine {
    began: Mutex<Sender<()>>,
    release: Mutex<Receiver<()>>,
}

impl Engine for TestEngine {
    fn describe(&self) -> String {
        "test".to_owned()
    }

    fn execution_parameters(&self) -> ExecutionParameters {
        ExecutionParameters { batch_strategy: "SINGLE_RECORD" }
    }

    fn memory_bytes(&self) -> u64 {
        0
    }

    fn may_take_long(&self, input: &InvokeInput<'_>) -> bool {
        input.body.starts_with(b"wait") || input.body.ends_with(b"long")
    }

    fn zero_row(&self) -> ZeroRow {
        ZeroRow { content_type: "text/plain", body: "0".to_owned() }
    }

    fn invoke(&self, input: &InvokeInput<'_>) -> Result<Answer, EngineError> {
        assert!(!input.body.starts_with(b"panic"), "as the test asked");
        if input.body.starts_with(b"wait") {
            self.began.lock().unwrap().send(()).unwrap();
            self.release.lock().unwrap().recv().unwrap();
        }
        Ok(Answer { content_type: "text/plain", body: input.body.len().to_string().into() })
    }
}

struct TestServer {
    address: SocketAddr,
    began: Receiver<()>,
    release: Sender<()>,
    _stop: oneshot::Sender<()>,
    runtime: tokio::runtime::Runtime,
}

fn serve(settings: Settings) -> TestServer {
    let (says_began, began) = channel();
    let (release, waits) = channel();
    let engine = Arc::new(TestEngine { began: Mutex::new(says_began), release: Mutex::new(waits) });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(server::serve(listener, Served::One(engine), settings, async {
        let _ = stopped.await;
    }));
    TestServer { address, began, release, _stop: stop, runtime }
}

impl TestServer {
    /// For tests that end with work still waiting.
    fn abandon(self) {
        drop(self.release);
        self.runtime.shutdown_background();
    }
}

#[test]
fn pings_are_answered_while_every_worker_has_long_work() {
    let server = serve(Settings::default());
    let mut waiting = Client::connect(server.address);
    waiting.send(&invocation("", "wait"));
    server.began.recv().unwrap();
    assert_eq!(Client::connect(server.address).get("/ping").status, 200);
    assert_eq!(Client::connect(server.address).invoke("", "short").body, "5");
    server.release.send(()).unwrap();
    assert_eq!(waiting.reply(true).body, "4");
}

#[test]
fn an_engine_that_panics_answers_500_and_serves_on() {
    let server = serve(Settings::default());
    let mut client = Client::connect(server.address);
    for body in ["panic", "panic long"] {
        let reply = client.invoke("", body);
        assert_eq!(reply.status, 500);
        assert_eq!(reply.body, "the model failed on this request; the log of the instance says more");
        assert_eq!(client.invoke("", "short").body, "5");
    }
}

#[test]
fn a_body_at_the_limit_is_taken_and_one_byte_more_is_refused() {
    let server = serve(Settings { payload_bytes_max: 100_000, ..Settings::default() });
    let connect = || Client::connect(server.address);
    let whole = "x".repeat(100_000);
    let chunk = |body: &str| format!("{:x}\r\n{body}\r\n", body.len());
    let chunked = |chunks: &[&str]| {
        let chunks: String = chunks.iter().map(|body| chunk(body)).collect();
        format!(
            "POST /invocations HTTP/1.1\r\nHost: model\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
        )
    };

    assert_eq!(connect().invoke("", &whole).body, "100000");
    let mut client = connect();
    client.send(&chunked(&[&whole[..60_000], &whole[60_000..]]));
    assert_eq!(client.reply(true).body, "100000");

    let refused = connect().invoke("", &format!("{whole}x"));
    assert_eq!(refused.status, 413);
    let mut client = connect();
    client.send(&chunked(&[&whole, "x"]));
    let refused_chunks = client.reply(true);
    assert_eq!(refused_chunks.status, 413);
    assert_eq!(refused_chunks.body, "the request body is larger than the 100000 bytes this model takes");
}

#[test]
fn a_client_that_asks_before_it_sends_too_much_is_refused_at_once() {
    let server = serve(Settings::default());
    let mut client = Client::connect(server.address);
    client.send("POST /invocations HTTP/1.1\r\nHost: model\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.reply(true).status, 413);
}

#[test]
fn large_requests_beyond_the_limit_get_503_while_small_ones_are_served() {
    let server = serve(Settings {
        large_requests_max: 1,
        large_wait: Duration::from_millis(20),
        ..Settings::default()
    });
    let large = "wait".to_owned() + &"x".repeat(100_000);
    let mut first = Client::connect(server.address);
    first.send(&invocation("", &large));
    server.began.recv().unwrap();
    let second = Client::connect(server.address).invoke("", &large);
    assert_eq!(second.status, 503);
    assert_eq!(second.body, "the model is busy with other large requests");
    assert_eq!(Client::connect(server.address).invoke("", "small").body, "5");
    server.release.send(()).unwrap();
    assert_eq!(first.reply(true).body, "100004");
    // The first one's permit is free again.
    let third = "x".repeat(100_000);
    assert_eq!(Client::connect(server.address).invoke("", &third).body, "100000");
}

#[test]
fn a_body_that_never_arrives_gets_408() {
    let server = serve(Settings { body_timeout: Duration::from_millis(20), ..Settings::default() });
    let mut client = Client::connect(server.address);
    client.send("POST /invocations HTTP/1.1\r\nHost: model\r\nContent-Length: 10\r\n\r\nabc");
    let reply = client.reply(true);
    assert_eq!(reply.status, 408);
    assert_eq!(reply.body, "the request body did not arrive within 0.02 s");
}

#[test]
fn a_body_that_breaks_off_gets_400() {
    let server = serve(Settings::default());
    let mut client = Client::connect(server.address);
    client.send("POST /invocations HTTP/1.1\r\nHost: model\r\nContent-Length: 10\r\n\r\nabc");
    client.finish_sending();
    let reply = client.reply(true);
    assert_eq!(reply.status, 400);
    assert_eq!(reply.body, "the request body broke off before its end");
}

#[test]
fn connections_beyond_the_limit_get_503() {
    let server = serve(Settings { connections_max: 1, ..Settings::default() });
    let mut first = Client::connect(server.address);
    assert_eq!(first.get("/ping").status, 200);
    let refused = Client::connect(server.address).reply(true);
    assert_eq!(refused.status, 503);
    assert_eq!(refused.body, "the model server holds too many open connections");
    assert_eq!(first.get("/ping").status, 200);
}

#[test]
fn a_client_that_goes_away_does_not_hurt_the_others() {
    let server = serve(Settings::default());
    let mut gone = Client::connect(server.address);
    gone.send(&invocation("", "wait"));
    server.began.recv().unwrap();
    drop(gone);
    assert_eq!(Client::connect(server.address).invoke("", "short").body, "5");
    server.abandon();
}
