//! Answers of every form come back whole, and their connections are kept.

use super::*;

/// Every answer is asked for twice over one connection.
async fn check(bytes: &str, expected: &str) {
    let bytes = bytes.as_bytes().to_vec();
    let container = Container::start(move |_, _| Play::Answer(bytes.clone())).await;
    for _ in 0..2 {
        assert_eq!(ask(&container, "?").await.unwrap(), expected);
    }
    assert_eq!(container.connections(), 1);
}

#[tokio::test]
async fn an_answer_in_chunks_comes_back_whole_and_its_connection_is_kept() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(&format!("{head}3\r\nyes\r\n4;name=x\r\n, no\r\n0\r\n\r\n"), "yes, no").await;
    check(&format!("{head}3\r\nyes\r\n0\r\nX-Trailer: 1\r\n\r\n"), "yes").await;
    check(&format!("{head}0\r\n\r\n"), "").await;
}

#[tokio::test]
async fn an_answer_without_a_body_ends_at_its_head() {
    check("HTTP/1.1 204 No Content\r\n\r\n", "").await;
    check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "").await;
}

#[tokio::test]
async fn an_interim_answer_is_not_the_answer() {
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
        "yes",
    )
    .await;
}

#[tokio::test]
async fn an_answer_without_a_length_ends_with_its_connection() {
    let bytes = b"HTTP/1.1 200 OK\r\n\r\nyes".to_vec();
    let container = Container::start(move |_, _| Play::AnswerAndClose(bytes.clone())).await;
    for round in 1..=2 {
        assert_eq!(ask(&container, "?").await.unwrap(), "yes");
        assert_eq!((container.connections(), container.kept.len()), (round, 0));
    }
}

#[tokio::test]
async fn a_streamed_answer_comes_as_it_is_written() {
    let pieces = [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "3\r\none\r\n",
        "3\r\ntwo\r\n",
        "0\r\n\r\n",
    ];
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    let container = Container::start(move |_, _| Play::InPieces(pieces.clone())).await;
    container.go_on();
    let mut body = invoke(&container.kept, Vec::new(), Bytes::new()).await.unwrap().body;
    for expected in ["one", "two"] {
        container.go_on();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), expected);
        assert_eq!(container.kept.len(), 0, "a connection was kept that still has an answer in it");
    }
    container.go_on();
    assert!(body.frame().await.is_none());
    assert_eq!(container.kept.len(), 1);
}

#[tokio::test]
async fn more_than_fits_into_a_socket_goes_through_both_ways() {
    let container = Container::start(|_, _| Play::Echo).await;
    let long = "0123456789abcdef".repeat(1 << 19);
    for _ in 0..2 {
        assert!(ask(&container, &long).await.unwrap() == long, "another body of 8 MiB came back");
    }
    assert_eq!(container.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_clients_on_many_threads_get_their_own_answers() {
    let container = Arc::new(Container::start(|_, _| Play::Echo).await);
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let container = container.clone();
            tokio::spawn(async move {
                for round in 0..200 {
                    let mine = format!("{client}:{round}:").repeat(1 + round * 10);
                    assert!(ask(&container, &mine).await.unwrap() == mine, "client {client}, round {round}");
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(container.calls(), 3200);
    assert!(container.connections() <= 16, "{} connections for 16 clients", container.connections());
}
