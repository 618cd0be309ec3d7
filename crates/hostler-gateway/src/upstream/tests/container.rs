//! A container for tests: a listener that reads calls itself and answers each with the bytes of a play.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Duration, timeout};

use super::super::Kept;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What happens when a call has been read.
pub(crate) enum Play {
    /// These bytes; the connection stays open.
    Answer(Vec<u8>),
    /// These bytes, then the end of the connection, which the answer did not announce.
    AnswerAndClose(Vec<u8>),
    /// These bytes, and when the client has read them those.
    AnswerThenJunk(Vec<u8>, Vec<u8>),
    /// These bytes, one piece whenever a test says [`Container::go_on`].
    InPieces(Vec<Vec<u8>>),
    /// These bytes, when so many calls are waiting.
    AnswerWhenAllAreThere(usize, Vec<u8>),
    /// The body that the call had.
    Echo,
    /// The end of the connection.
    Close,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    connections: usize,
    calls: usize,
    played: usize,
    closed: usize,
    pieces: usize,
    pieces_written: usize,
}

pub(crate) struct Container {
    pub(crate) kept: Arc<Kept>,
    seen: watch::Sender<Seen>,
    allowed: watch::Sender<usize>,
}

impl Container {
    /// `play` is told the number of the connection and that of the call on it.
    pub(crate) async fn start(play: impl Fn(usize, usize) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let kept = Arc::new(Kept::new(listener.local_addr().unwrap()));
        let (seen, allowed) = (watch::Sender::new(Seen::default()), watch::Sender::new(0));
        let stage = Arc::new(Stage { play: Box::new(play), seen: seen.clone(), allowed: allowed.clone() });
        let next = AtomicUsize::new(0);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = next.fetch_add(1, Ordering::Relaxed);
                stage.seen.send_modify(|seen| seen.connections += 1);
                let stage = stage.clone();
                tokio::spawn(async move {
                    // A client that goes away is what some tests are about.
                    let _ = stage.perform(stream, number).await;
                    stage.seen.send_modify(|seen| seen.closed += 1);
                });
            }
        });
        Self { kept, seen, allowed }
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.borrow().calls
    }

    /// Lets one more piece go.
    pub(crate) fn go_on(&self) {
        self.allowed.send_modify(|allowed| *allowed += 1);
    }

    pub(crate) async fn until_called(&self, count: usize) {
        self.until(|seen| seen.calls >= count).await;
    }

    pub(crate) async fn until_played(&self, count: usize) {
        self.until(|seen| seen.played >= count).await;
    }

    /// Lets one more piece go, until the client's side of the connection has it.
    pub(crate) async fn gives_a_piece(&self) {
        let written = self.seen.borrow().pieces_written;
        self.go_on();
        self.until(|seen| seen.pieces_written > written).await;
    }

    /// Until so many connections have ended, from either side.
    pub(crate) async fn until_closed(&self, count: usize) {
        self.until(|seen| seen.closed >= count).await;
    }

    async fn until(&self, holds: impl Fn(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        let waited = timeout(PATIENCE, seen.wait_for(|seen| holds(seen))).await.map(drop);
        assert!(waited.is_ok(), "it did not happen: {:?}", *self.seen.borrow());
        round_trip().await;
    }
}

/// What the kernel knew before, this program's runtime has been told when a byte has gone round.
async fn round_trip() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    server.write_all(b"!").await.unwrap();
    client.read_u8().await.unwrap();
}

struct Stage {
    play: Box<dyn Fn(usize, usize) -> Play + Send + Sync>,
    seen: watch::Sender<Seen>,
    allowed: watch::Sender<usize>,
}

impl Stage {
    async fn perform(&self, mut stream: TcpStream, connection: usize) -> std::io::Result<()> {
        for call in 0.. {
            let body = read_call(&mut stream).await?;
            self.seen.send_modify(|seen| seen.calls += 1);
            match (self.play)(connection, call) {
                Play::Answer(bytes) => stream.write_all(&bytes).await?,
                Play::AnswerAndClose(bytes) => return stream.write_all(&bytes).await,
                Play::AnswerThenJunk(bytes, junk) => {
                    stream.write_all(&bytes).await?;
                    round_trip().await;
                    stream.write_all(&junk).await?;
                }
                Play::InPieces(pieces) => {
                    for piece in pieces {
                        self.wait_for_leave(&mut stream).await?;
                        stream.write_all(&piece).await?;
                        self.seen.send_modify(|seen| seen.pieces_written += 1);
                    }
                }
                Play::AnswerWhenAllAreThere(count, bytes) => {
                    self.seen.subscribe().wait_for(|seen| seen.calls >= count).await.unwrap();
                    stream.write_all(&bytes).await?;
                }
                Play::Echo => {
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    stream.write_all(&[head.as_bytes(), &body].concat()).await?;
                }
                Play::Close => return Ok(()),
            }
            self.seen.send_modify(|seen| seen.played += 1);
        }
        Ok(())
    }

    /// Until the next piece may go, or the client has gone.
    async fn wait_for_leave(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let piece = self.seen.borrow().pieces;
        let mut allowed = self.allowed.subscribe();
        tokio::select! {
            _ = allowed.wait_for(|allowed| *allowed > piece) => {}
            _ = stream.read_u8() => return Err(std::io::ErrorKind::ConnectionReset.into()),
        }
        self.seen.send_modify(|seen| seen.pieces += 1);
        Ok(())
    }
}

/// Reads one call; its body. Pings are answered on the way.
async fn read_call(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = read_head(stream).await?;
    while head.starts_with("GET /ping HTTP/1.1") {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
        head = read_head(stream).await?;
    }
    assert!(head.starts_with("POST /invocations HTTP/1.") && head.contains("\r\nhost: 127.0.0.1:"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head).unwrap())
}

/// An answer with that body.
pub(crate) fn answer(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
