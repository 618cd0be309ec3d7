//! Requests that are not, or not yet, with the container when it answers; what it is given.

use std::future::Future;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::upstream::connection::Connection;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// More than a connection's buffers hold.
const LONG: usize = 8 << 20;

/// A container that does this with each of its connections.
async fn container<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Arc<Kept>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let kept = Arc::new(Kept::new(listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    kept
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// A body of which no two parts are the same.
fn long() -> Bytes {
    (0..LONG as u64 / 8).flat_map(u64::to_be_bytes).collect()
}

async fn send(kept: &Arc<Kept>, body: Bytes) -> Result<(u16, Bytes), String> {
    let exchange = async {
        let answer = invoke(kept, Vec::new(), body).await.map_err(|error| error.to_string())?;
        let status = answer.status.as_u16();
        let body = answer.body.collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    };
    timeout(PATIENCE, exchange).await.expect("it comes to an end")
}

#[tokio::test]
async fn a_container_that_answers_early_and_goes_is_heard() {
    let long = long();
    for length in ["Content-Length: 3\r\n", ""] {
        let kept = container(move |mut stream| async move {
            read_head(&mut stream).await?;
            let answer = format!("HTTP/1.1 413 Content Too Large\r\n{length}\r\nbig");
            stream.write_all(answer.as_bytes()).await
        })
        .await;
        for _ in 0..20 {
            match send(&kept, long.clone()).await {
                Ok(answer) => assert_eq!(answer, (413, Bytes::from_static(b"big"))),
                // Without a length, a connection that is reset is no end.
                Err(error) => assert!(length.is_empty() && error == "reading its answer failed", "{error}"),
            }
            assert_eq!(kept.len(), 0);
        }
    }
}

#[tokio::test]
async fn a_container_that_answers_early_and_reads_no_more_loses_its_connection() {
    let (told, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let kept = container(move |mut stream| {
        let told = told.clone();
        async move {
            read_head(&mut stream).await?;
            stream.write_all(&answer("yes")).await?;
            stream.writable().await?;
            // Then it reads what there is until the end, or until the connection breaks.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            told.send(rest.len()).unwrap();
            Ok(())
        }
    })
    .await;
    assert_eq!(send(&kept, long()).await.unwrap(), (200, Bytes::from_static(b"yes")));
    assert_eq!(kept.len(), 0);
    let rest = timeout(PATIENCE, closed.recv()).await.expect("the connection is closed").unwrap();
    assert!(rest < LONG, "the whole request was sent after its answer had ended");
}

#[tokio::test]
async fn a_container_that_answers_while_it_reads_gets_the_whole_request() {
    let kept = container(|mut stream| async move {
        loop {
            read_head(&mut stream).await?;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let (mut reading, mut writing) = stream.split();
            tokio::io::copy(&mut (&mut reading).take(LONG as u64), &mut writing).await?;
        }
    })
    .await;
    let long = long();
    for _ in 0..2 {
        assert!(send(&kept, long.clone()).await.unwrap() == (200, long.clone()));
        assert_eq!(kept.len(), 1, "both ended, and the connection was not kept");
    }
}

#[tokio::test]
async fn long_answers_come_whole_in_every_form() {
    let long = long();
    let chunks: Vec<u8> = long
        .chunks(300_000)
        .enumerate()
        .flat_map(|(index, chunk)| {
            // Long ones, and between them short ones.
            let (short, rest) = chunk.split_at(index % 7 + 1);
            [
                format!("{:x}\r\n", short.len()).as_bytes(),
                short,
                format!("\r\n{:x}\r\n", rest.len()).as_bytes(),
                rest,
                b"\r\n",
            ]
            .concat()
        })
        .collect();
    let until_close = [b"HTTP/1.1 200 OK\r\n\r\n", &long[..]].concat();
    let chunked =
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &chunks[..], b"0\r\n\r\n"].concat();
    for bytes in [until_close, chunked] {
        let bytes = Arc::new(bytes);
        let kept = container(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                read_head(&mut stream).await?;
                stream.write_all(&bytes).await
            }
        })
        .await;
        assert!(send(&kept, Bytes::new()).await.unwrap() == (200, long.clone()));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_the_connections_end() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nyes!",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nyes",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nyes\r\n0\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
    ] {
        let container = Container::start(|connection, _| {
            Play::Answer(if connection == 0 { text.as_bytes().to_vec() } else { answer("own") })
        })
        .await;
        let outcome = match invoke(&container.kept, Vec::new(), Bytes::new()).await {
            Ok(answer) => answer.body.collect().await.map(drop).map_err(|error| error.to_string()),
            Err(error) => {
                assert!(!error.is_unsent(), "{text}");
                Err(error.to_string())
            }
        };
        assert!(outcome.is_err(), "{text}");
        container.until_closed(1).await;
        assert_eq!(ask(&container, "?").await.unwrap(), "own", "{text}");
        assert_eq!(container.connections(), 2, "{text}");
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_an_error() {
    let kept = container(|mut stream| async move {
        read_head(&mut stream).await?;
        loop {
            stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await?;
        }
    })
    .await;
    let error = send(&kept, Bytes::new()).await.unwrap_err();
    assert_eq!(error, format!("{} had the request and gave no answer", kept.address()));
}

#[tokio::test]
async fn a_connection_that_takes_nothing_leaves_the_request_to_another() {
    let container = Container::start(|_, _| Play::Answer(answer("yes"))).await;
    let stream = std::net::TcpStream::connect(container.kept.address()).unwrap();
    stream.set_nonblocking(true).unwrap();
    // Nothing has come from the container, and still nothing can be written.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    container.kept.keep(Connection::of(TcpStream::from_std(stream).unwrap()));
    assert_eq!(ask(&container, "?").await.unwrap(), "yes");
    assert_eq!(container.calls(), 1);
}

#[tokio::test]
async fn the_container_gets_what_was_forwarded_and_what_every_request_has() {
    let (told, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let kept = container(move |mut stream| {
        let told = told.clone();
        async move {
            told.send(read_head(&mut stream).await?).unwrap();
            stream.read_exact(&mut [0; 5]).await?;
            stream.write_all(&answer("yes")).await
        }
    })
    .await;
    let headers = vec![
        Field { name: "content-type", value: b"text/csv" },
        Field { name: "x-amzn-sagemaker-custom-attributes", value: b"a=\xc3\xa9\t" },
    ];
    invoke(&kept, headers, Bytes::from_static(b"1,2,3")).await.unwrap();
    let head = heads.recv().await.unwrap();
    let mut lines = [httparse::EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut lines);
    assert_eq!(request.parse(&head).unwrap(), httparse::Status::Complete(head.len()));
    assert_eq!(
        (request.method, request.path, request.version),
        (Some("POST"), Some("/invocations"), Some(1))
    );
    let mut got: Vec<_> = request.headers.iter().map(|line| (line.name, line.value)).collect();
    got.sort_unstable();
    let host = kept.address().to_string();
    let expected: [(&str, &[u8]); 5] = [
        ("content-length", b"5"),
        ("content-type", b"text/csv"),
        ("host", host.as_bytes()),
        ("user-agent", b"hostler"),
        ("x-amzn-sagemaker-custom-attributes", b"a=\xc3\xa9"),
    ];
    assert_eq!(got, expected);
}
