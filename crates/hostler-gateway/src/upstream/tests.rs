//! When a connection is used again, replaced or closed, against a container that writes its bytes itself.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::time::{Duration, advance, pause};

use super::kept::KEPT_MAX;
use super::*;

mod answers;
pub(crate) mod container;
mod early;
mod endings;
mod flow;

use container::{Container, Play, answer};

/// An answer read to its end.
async fn ask(container: &Container, body: &str) -> Result<String, UpstreamError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let answer = invoke(&container.kept, Vec::new(), body).await?;
    let bytes = answer.body.collect().await.expect("a whole body").to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn one_connection_serves_request_after_request() {
    let container = Container::start(|_, _| Play::Answer(answer("yes"))).await;
    for _ in 0..3 {
        assert_eq!(ask(&container, "?").await.unwrap(), "yes");
        assert_eq!(container.kept.len(), 1);
    }
    assert_eq!((container.connections(), container.calls()), (1, 3));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_without_an_error() {
    let container = Container::start(|_, _| Play::AnswerAndClose(answer("yes"))).await;
    assert_eq!(ask(&container, "?").await.unwrap(), "yes");
    container.until_closed(1).await;
    assert_eq!(ask(&container, "?").await.unwrap(), "yes");
    assert_eq!((container.connections(), container.calls()), (2, 2));
}

#[tokio::test]
async fn a_request_that_was_written_is_never_sent_again() {
    let container = Container::start(|_, call| match call {
        0 => Play::Answer(answer("yes")),
        _ => Play::Close,
    })
    .await;
    assert_eq!(ask(&container, "?").await.unwrap(), "yes");
    let error = ask(&container, "?").await.unwrap_err();
    assert!(!error.is_unsent(), "{error:?}");
    assert!(error.to_string().contains("gave no answer"), "{error}");
    assert_eq!((container.connections(), container.calls()), (1, 2));
}

#[tokio::test]
async fn an_instance_that_takes_no_connection_leaves_the_request_to_another() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let kept = Arc::new(Kept::new(address));
    let Err(error) = invoke(&kept, Vec::new(), Bytes::new()).await else {
        panic!("somebody listened on {address}");
    };
    assert!(error.is_unsent());
    assert_eq!(error.to_string(), format!("connecting to {address} failed"));
}

#[tokio::test]
async fn what_comes_after_an_answer_is_nobodys_answer() {
    for later in [false, true] {
        let container = Container::start(move |connection, _| match connection {
            0 if later => Play::AnswerThenJunk(answer("yes"), answer("junk")),
            0 => Play::Answer([answer("yes"), answer("junk")].concat()),
            _ => Play::Answer(answer("own")),
        })
        .await;
        assert_eq!(ask(&container, "?").await.unwrap(), "yes");
        container.until_played(1).await;
        assert_eq!(ask(&container, "?").await.unwrap(), "own", "junk later: {later}");
        assert_eq!(container.connections(), 2);
    }
}

#[tokio::test]
async fn a_container_that_says_close_is_believed() {
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let body = if head.contains("chunked") { "3\r\nyes\r\n0\r\n\r\n" } else { "yes" };
        let bytes = format!("{head}\r\n{body}").into_bytes();
        let container = Container::start(move |_, _| Play::Answer(bytes.clone())).await;
        for round in 1..=2 {
            assert_eq!(ask(&container, "?").await.unwrap(), "yes", "{head}");
            assert_eq!(container.kept.len(), 0, "{head}");
            assert_eq!(container.connections(), round, "{head}");
        }
        container.until_closed(2).await;
    }
}

#[tokio::test]
async fn http_1_0_that_says_keep_alive_is_kept() {
    let bytes = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nyes".to_vec();
    let container = Container::start(move |_, _| Play::Answer(bytes.clone())).await;
    for _ in 0..2 {
        assert_eq!(ask(&container, "?").await.unwrap(), "yes");
    }
    assert_eq!(container.connections(), 1);
}

#[tokio::test]
async fn only_so_many_connections_wait() {
    let container = Container::start(|_, _| Play::AnswerWhenAllAreThere(KEPT_MAX + 1, answer("yes"))).await;
    let mut asking = Vec::new();
    for number in 0..=KEPT_MAX {
        let kept = container.kept.clone();
        asking.push(tokio::spawn(async move {
            let answer = invoke(&kept, Vec::new(), Bytes::new()).await.unwrap();
            answer.body.collect().await.unwrap();
        }));
        // More at once than the listener's queue holds would be refused.
        if number % 64 == 0 {
            container.until_called(asking.len()).await;
        }
    }
    for task in asking {
        task.await.unwrap();
    }
    assert_eq!(container.kept.len(), KEPT_MAX);
    container.until_closed(1).await;
}

#[tokio::test]
async fn a_connection_that_waited_too_long_is_closed() {
    let container = Container::start(|_, _| Play::Answer(answer("yes"))).await;
    ask(&container, "?").await.unwrap();
    // The sweep must be waiting before the time goes on.
    tokio::task::yield_now().await;
    pause();
    advance(Duration::from_secs(1)).await;
    tokio::task::yield_now().await;
    assert_eq!(container.kept.len(), 1);
    advance(Duration::from_secs(1)).await;
    container.until_closed(1).await;
    assert_eq!(container.kept.len(), 0);
    // And the sweep begins again with the next one.
    tokio::time::resume();
    ask(&container, "?").await.unwrap();
    tokio::task::yield_now().await;
    pause();
    advance(Duration::from_secs(2)).await;
    container.until_closed(2).await;
}
