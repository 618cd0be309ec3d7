//! What a client gets, whatever its connection is told meanwhile.

use std::net::Ipv4Addr;
use std::task::{Context, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::*;

/// More than the sockets of both sides hold.
const LARGE: usize = 16 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(60);
const ASKED: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Answers with so many bytes.
#[derive(Clone)]
struct Bytewise(usize);

impl Door for Bytewise {
    async fn answer(&self, _request: Request<RequestBody>) -> Response<AnswerBody> {
        Response::new(AnswerBody::whole(pattern(self.0)))
    }

    fn gateway(&self) -> Option<&Gateway> {
        None
    }
}

/// Bytes of which a missing or a doubled one is seen.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from(at % 251).expect("below 251")).collect()
}

/// A connection that is served, and its client's end.
async fn connect(door: Bytewise, transport: Transport) -> (TcpStream, Arc<Pulse>, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let pulse = Arc::<Pulse>::default();
    let connection = Connection { peer, door, pulse: pulse.clone() };
    let serving = tokio::spawn(async move { connection.open(stream, transport).await });
    (client, pulse, AbortOnDropHandle::new(serving))
}

/// Waits until it holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Waits until the order was looked at.
async fn tell(pulse: &Pulse, order: Order) {
    pulse.tell(order);
    let context = Context::from_waker(Waker::noop());
    until("an order is done with", || pulse.order(&context) == Order::Nothing).await;
}

async fn ask(client: &mut (impl AsyncWrite + Unpin)) {
    client.write_all(ASKED).await.unwrap();
    client.flush().await.unwrap();
}

/// Reads one answer with this length.
async fn answer(client: &mut (impl AsyncRead + Unpin), length: usize) -> Vec<u8> {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.expect("the head goes on"));
        }
        let head = String::from_utf8(head).expect("a head is text");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {length}\r\n")), "{head}");
        let mut body = vec![0; length];
        client.read_exact(&mut body).await.expect("the body goes on");
        body
    };
    timeout(DEADLINE, reading).await.expect("an answer in time")
}

#[tokio::test]
async fn a_client_that_pauses_in_the_middle_of_an_answer_gets_all_of_it_and_the_next_one() {
    for order in [Order::Rest, Order::CloseIdle] {
        let (mut client, pulse, _serving) = connect(Bytewise(LARGE), Transport::Plain).await;
        ask(&mut client).await;
        until("the client takes nothing", || pulse.is_write_blocked()).await;
        assert_eq!(pulse.activity(), Activity::Busy);
        tell(&pulse, order).await;
        assert!(answer(&mut client, LARGE).await == pattern(LARGE), "{order:?}");
        ask(&mut client).await;
        assert!(answer(&mut client, LARGE).await == pattern(LARGE), "{order:?}");
    }
}

#[tokio::test]
async fn a_connection_rests_between_requests_and_goes_on() {
    let (mut client, pulse, _serving) = connect(Bytewise(1000), Transport::Plain).await;
    for _ in 0..3 {
        ask(&mut client).await;
        assert_eq!(answer(&mut client, 1000).await, pattern(1000));
        until("nothing is under way", || pulse.activity() == Activity::Idle).await;
        tell(&pulse, Order::Rest).await;
        until("it rests", || pulse.is_resting()).await;
    }
}
