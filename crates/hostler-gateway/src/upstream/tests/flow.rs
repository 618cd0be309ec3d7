//! Answers that are long enough to be read past the reader come back byte by byte as they were sent.

use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tokio::time::timeout;

use super::*;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Two chunks of 32 KiB, and the connection's pause somewhere in the line with the second one's size.
async fn check_cut(cut: usize) {
    let (line, one, two) = (b"8000;x=y\r\n", vec![b'a'; 0x8000], vec![b'b'; 0x8000]);
    let before = [&line[..], &one, b"\r\n", &line[..cut]].concat();
    let after = [&line[cut..], &two, b"\r\n0\r\n\r\n"].concat();
    let pieces = vec![HEAD.to_vec(), before, after];
    let container = Container::start(move |_, _| Play::InPieces(pieces.clone())).await;
    container.go_on();
    let mut body = invoke(&container.kept, Vec::new(), Bytes::new()).await.unwrap().body;
    container.gives_a_piece().await;
    let mut data = Vec::new();
    while data.len() < one.len() {
        data.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    container.gives_a_piece().await;
    let rest = timeout(Duration::from_secs(20), body.collect()).await.expect("an end");
    data.extend(rest.expect("a whole body").to_bytes());
    assert!(data == [one, two].concat(), "cut after {:?}", str::from_utf8(&line[..cut]));
    assert_eq!(container.kept.len(), 1);
}

#[tokio::test]
async fn a_long_answer_that_pauses_in_a_chunks_size_is_not_changed() {
    for cut in 0..=b"8000;x=y\r\n".len() {
        check_cut(cut).await;
    }
}

#[tokio::test]
async fn a_long_answer_in_chunks_of_about_what_flows_is_not_changed() {
    const BYTES: usize = 25 << 20;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let sending = sent.clone();
    let container = Container::start(move |_, call| {
        let mut random = StdRng::seed_from_u64(call as u64);
        let mut block = vec![0; 1 << 20];
        random.fill_bytes(&mut block);
        let data = block.repeat(BYTES >> 20);
        let mut answer = HEAD.to_vec();
        let mut left = &data[..];
        while !left.is_empty() {
            let (chunk, later) = left.split_at(random.random_range(16_000..17_000).min(left.len()));
            // The longer the line is, the more often a read ends in it.
            answer.extend_from_slice(format!("{:x};signature={:064x}\r\n", chunk.len(), 7).as_bytes());
            answer.extend_from_slice(chunk);
            answer.extend_from_slice(b"\r\n");
            left = later;
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        *sending.lock().unwrap() = data;
        Play::Answer(answer)
    })
    .await;
    for round in 0..4 {
        let answer = invoke(&container.kept, Vec::new(), Bytes::new()).await.unwrap();
        let data = answer.body.collect().await.expect("a whole body").to_bytes();
        assert!(data == sent.lock().unwrap()[..], "round {round}: other {} bytes came", data.len());
    }
    assert_eq!(container.connections(), 1);
}
