//! A container that is played: it writes down what it is asked, and a function says what it answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// One request as the container had it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    head: String,
    pub(super) body: Vec<u8>,
}

#[derive(Default)]
struct Seen {
    asked: Vec<Asked>,
    closed: usize,
}

type Answers = dyn Fn(&Asked) -> Option<Vec<u8>> + Send + Sync;

/// The container.
pub(super) struct Played {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// An answer with this body.
pub(super) fn answer(status: u16, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Played {
    /// One that answers so; none closes the connection.
    pub(super) async fn start(answers: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let played = Self::gone().await;
        played.serve(answers).await;
        played
    }

    /// One that is there and says nothing.
    pub(super) async fn silent() -> Self {
        Self::start(|_| Some(Vec::new())).await
    }

    /// One that nobody finds, though it has an address.
    pub(super) async fn gone() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self { address: listener.local_addr().unwrap(), seen: Arc::default() }
    }

    /// From now on it is there.
    pub(super) async fn serve(&self, answers: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let (seen, answers): (_, Arc<Answers>) = (self.seen.clone(), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answers) = (seen.clone(), answers.clone());
                tokio::spawn(async move {
                    // A client that goes away is what some tests are about.
                    let _ = perform(stream, &seen, &*answers).await;
                    lock(&seen).closed += 1;
                });
            }
        });
    }

    pub(super) fn all(&self) -> Vec<Asked> {
        lock(&self.seen).asked.clone()
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.seen).asked.len()
    }

    /// What it was asked, once.
    pub(super) fn only(&self) -> Asked {
        let mut all = self.all();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    pub(super) async fn until_asked(&self) {
        self.until(|seen| !seen.asked.is_empty()).await;
    }

    pub(super) async fn until_closed(&self) {
        self.until(|seen| seen.closed > 0).await;
    }

    async fn until(&self, holds: impl Fn(&Seen) -> bool) {
        let waiting = async {
            while !holds(&lock(&self.seen)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("it happens in time");
    }
}

async fn perform(mut stream: TcpStream, seen: &Mutex<Seen>, answers: &Answers) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let mut asked = Asked { head: String::from_utf8(head).unwrap(), body: Vec::new() };
        if asked.head.starts_with("GET /ping ") {
            stream.write_all(&answer(200, "text/plain", b"")).await?;
            continue;
        }
        let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
        asked.body = vec![0; length];
        stream.read_exact(&mut asked.body).await?;
        lock(seen).asked.push(asked.clone());
        let Some(answer) = answers(&asked) else { return Ok(()) };
        stream.write_all(&answer).await?;
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
