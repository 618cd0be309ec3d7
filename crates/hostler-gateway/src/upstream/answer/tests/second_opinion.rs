//! Well-formed answers, as hyper's client reads them.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Status, content type and data as hyper has them; nothing when it says that something is wrong.
async fn by_hyper(bytes: &[u8]) -> Option<(StatusCode, Option<Vec<u8>>, Vec<u8>)> {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    let driving = tokio::spawn(connection);
    let request = Request::post("/invocations").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
    let asking = async {
        let answer = sender.send_request(request).await.ok()?;
        let (head, body) = answer.into_parts();
        let data = body.collect().await.ok()?.to_bytes();
        let content_type = head.headers.get("content-type").map(|value| value.as_bytes().to_vec());
        Some((head.status, content_type, data.to_vec()))
    };
    let answering = async {
        let mut asked = [0; 1024];
        assert!(far.read(&mut asked).await.unwrap() > 0);
        // hyper may have seen enough before it has everything.
        let _ = far.write_all(bytes).await;
        drop(far);
    };
    let (answer, ()) = tokio::join!(asking, answering);
    drop(sender);
    driving.abort();
    answer
}

fn by_us(bytes: &[u8]) -> Option<(StatusCode, Option<Vec<u8>>, Vec<u8>)> {
    let read = read([bytes]).ok().filter(|read| read.end != End::Broken)?;
    let content_type = read.headers.into_iter().find(|(name, _)| name == "content-type");
    Some((read.status, content_type.map(|(_, value)| value.into_bytes()), read.data))
}

/// Well-formed, but perhaps cut short.
fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    let status =
        proptest::sample::select(vec!["200 OK", "200", "204 No", "304 Same", "400 Oh", "500 No", "599 "]);
    let lines = proptest::collection::vec(
        proptest::sample::select(vec![
            "Content-Type: text/csv",
            "content-type:application/json ",
            "Server: x",
            "Connection: close",
            "Connection: keep-alive",
            "X-Empty:",
            "X-Amzn-SageMaker-Custom-Attributes: a, b",
        ]),
        0..5,
    );
    let chunks = proptest::collection::vec(("[a-z\r\n]{1,40}", proptest::bool::ANY), 0..6);
    let interim = proptest::sample::select(vec!["", "", "HTTP/1.1 100 Continue\r\n\r\n"]);
    (interim, status, 0..=1u8, lines, chunks, 0..4u8, proptest::option::of(any::<u16>())).prop_map(
        |(interim, status, minor, lines, chunks, form, cut)| {
            let mut text = format!("{interim}HTTP/1.{minor} {status}\r\n");
            for line in lines {
                text += &format!("{line}\r\n");
            }
            let data: String = chunks.iter().map(|(data, _)| &data[..]).collect();
            let has_body = !status.starts_with("204") && !status.starts_with("304");
            match form {
                _ if !has_body => text += "\r\n",
                0 => text += &format!("\r\n{data}"),
                1 if minor == 1 => {
                    text += "Transfer-Encoding: chunked\r\n\r\n";
                    for (data, extended) in &chunks {
                        let extension = if *extended { ";name=\"value\"" } else { "" };
                        text += &format!("{:x}{extension}\r\n{data}\r\n", data.len());
                    }
                    text +=
                        if data.len().is_multiple_of(2) { "0\r\n\r\n" } else { "0\r\nX-Trailer: 1\r\n\r\n" };
                }
                _ => text += &format!("Content-Length: {}\r\n\r\n{data}", data.len()),
            }
            let mut bytes = text.into_bytes();
            if let Some(cut) = cut.filter(|cut| cut % 4 == 0) {
                bytes.truncate(usize::from(cut) % (bytes.len() + 1));
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn hyper_reads_the_same(bytes in well_formed()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let theirs = runtime.block_on(by_hyper(&bytes));
        prop_assert_eq!(by_us(&bytes), theirs, "{}", String::from_utf8_lossy(&bytes));
    }
}
