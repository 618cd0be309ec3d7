//! A payload is given out as it came, from memory and disk, and what it takes up is bounded, shared and given back.

mod clients;
mod room;

use std::convert::Infallible;
use std::fs;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::pool::Share;
use super::*;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A body whose pieces come when the client says so, and end when it is dropped.
struct FromClient(mpsc::UnboundedReceiver<Bytes>);

type Client = mpsc::UnboundedSender<Bytes>;

fn client() -> (Client, FromClient) {
    let (client, body) = mpsc::unbounded_channel();
    (client, FromClient(body))
}

/// All of it sent at once, in pieces of this many bytes.
fn sent(bytes: &[u8], piece_bytes: usize) -> FromClient {
    let (client, body) = client();
    for piece in bytes.chunks(piece_bytes) {
        client.send(Bytes::copy_from_slice(piece)).unwrap();
    }
    body
}

impl Body for FromClient {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_closed() && self.0.is_empty()
    }
}

/// Bytes of which no two neighbours look alike.
fn bytes(length: u64) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + index / 251) as u8).collect()
}

fn budget(memory_bytes: u64) -> Arc<BodyBudget> {
    BodyBudget::in_memory(BodyLimits { memory_bytes, ..BodyLimits::default() })
}

/// A budget with room on disk.
struct Disk {
    budget: Arc<BodyBudget>,
    dir: TempDir,
}

fn with_disk(memory_bytes: u64, disk_bytes: u64) -> Disk {
    let dir = TempDir::new().unwrap();
    let limits = BodyLimits { memory_bytes, disk_bytes, ..BodyLimits::default() };
    Disk { budget: BodyBudget::with_spool(limits, dir.path()).unwrap(), dir }
}

impl Disk {
    fn names(&self) -> usize {
        fs::read_dir(self.dir.path()).unwrap().count()
    }
}

const PACE: PaceLimits = PaceLimits { whole: Duration::from_secs(60), window: Duration::from_secs(10) };

/// Collects for an endpoint of its own.
async fn collected(budget: &Arc<BodyBudget>, body: FromClient) -> Result<Payload, CollectError> {
    collected_for(budget, body, &Arc::default()).await
}

async fn collected_for(
    budget: &Arc<BodyBudget>,
    body: FromClient,
    share: &Arc<Share>,
) -> Result<Payload, CollectError> {
    let terms = Terms { budget, bytes_max: 25 * MIB, announced: None, pace: PACE, is_signed: true };
    collect(body, terms, || share.clone()).await.map(|(payload, _)| payload)
}

async fn read(payload: &Payload) -> Vec<u8> {
    let mut reader = payload.reader();
    let announced = reader.left();
    let mut all = Vec::new();
    while let Some(piece) = poll_fn(|context| reader.poll_piece(context)).await {
        all.extend_from_slice(&piece.unwrap());
    }
    assert_eq!((announced, reader.left()), (all.len() as u64, 0));
    all
}

#[tokio::test]
async fn it_can_be_sent_as_often_as_need_be_wherever_it_waits() {
    let disk = with_disk(2 * MIB, 64 * MIB);
    for (length, is_on_disk) in [(1, false), (64 * KIB, false), (600 * KIB, false), (9 * MIB + 7, true)] {
        let sent_bytes = bytes(length);
        let payload = collected(&disk.budget, sent(&sent_bytes, 60_000)).await.unwrap();
        assert_eq!(disk.budget.taken().1 > 0, is_on_disk, "{length}");
        for _ in 0..2 {
            assert!(read(&payload).await == sent_bytes, "{length}");
        }
    }
}

#[tokio::test]
async fn its_hash_is_that_of_all_its_bytes() {
    // By sha256sum.
    let of_a_million_times_a = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (body, expected) in [(vec![b'a'; 1_000_000], of_a_million_times_a), (Vec::new(), of_nothing)] {
        let budget = budget(64 * MIB);
        let terms = Terms { budget: &budget, bytes_max: MIB, announced: None, pace: PACE, is_signed: true };
        let (_, hash) = collect(sent(&body, 999), terms, Arc::default).await.unwrap();
        let expected: Vec<u8> =
            (0..64).step_by(2).map(|at| u8::from_str_radix(&expected[at..at + 2], 16).unwrap()).collect();
        assert_eq!(hash.to_vec(), expected);
    }
}

#[tokio::test]
async fn an_empty_one_has_ended_before_it_begins() {
    let payload = collected(&budget(MIB), sent(b"", 1)).await.unwrap();
    assert_eq!(payload.reader().left(), 0);
    assert_eq!(read(&payload).await, b"");
}

#[tokio::test]
async fn what_is_let_go_of_is_given_back_and_leaves_nothing() {
    let disk = with_disk(2 * MIB, 64 * MIB);
    for length in [1, 64 * KIB, 600 * KIB, 9 * MIB] {
        let mut payload = collected(&disk.budget, sent(&bytes(length), 60_000)).await.unwrap();
        let (memory, on_disk) = disk.budget.taken();
        assert!(memory + on_disk >= length, "{length} bytes count as {memory} and {on_disk}");
        assert!(memory <= 2 * MIB && memory + on_disk <= 2 * length + 16 * KIB);
        assert_eq!(disk.names(), 0, "a file has a name that would outlive the server");
        payload.let_go();
        assert_eq!(disk.budget.taken(), (0, 0));
    }
}

#[tokio::test]
async fn what_an_earlier_server_left_is_removed() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("body-7"), "left").unwrap();
    BodyBudget::with_spool(BodyLimits::default(), dir.path()).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_cut_off_there() {
    let budget = budget(64 * MIB);
    for (length, is_taken) in [(25 * MIB, true), (25 * MIB + 1, false)] {
        let collected = collected(&budget, sent(&bytes(length), 64 * 1024)).await;
        assert_eq!(collected.is_ok(), is_taken);
        assert!(is_taken || matches!(collected, Err(CollectError::TooLarge)));
    }
    assert_eq!(budget.taken(), (0, 0));
}
