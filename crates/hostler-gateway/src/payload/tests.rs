//! A payload is given out whole, in order, and as often as somebody asks.

use http_body::Body;
use http_body_util::BodyExt;

use super::*;

async fn read(payload: &Payload) -> Bytes {
    let reader = payload.reader();
    assert_eq!(reader.size_hint().exact(), Some(payload.len()));
    reader.collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn it_can_be_sent_as_often_as_need_be() {
    for payload in [
        Payload::in_memory(Bytes::from_static(b"abcdef")),
        Payload::in_pieces(vec![Bytes::from_static(b"abc"), Bytes::from_static(b"def")]),
    ] {
        assert_eq!(payload.len(), 6);
        assert_eq!(read(&payload).await, "abcdef");
        assert_eq!(read(&payload).await, "abcdef");
    }
}

#[tokio::test]
async fn an_empty_one_has_ended_before_it_begins() {
    for payload in [Payload::in_memory(Bytes::new()), Payload::in_pieces(Vec::new())] {
        assert!(payload.reader().is_end_stream());
        assert_eq!(read(&payload).await, "");
    }
}

#[tokio::test]
async fn one_that_was_let_go_of_holds_nothing() {
    let piece = Bytes::from(vec![7; 100]);
    let mut payload = Payload::in_pieces(vec![piece.clone()]);
    assert!(!piece.is_unique());
    payload.let_go();
    assert!(piece.is_unique());
}
