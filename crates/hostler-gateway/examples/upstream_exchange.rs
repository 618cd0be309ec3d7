//! What one exchange with a container costs, to be run under callgrind or `perf stat`.
//!
//! Why: the gateway's way to a container is code of our own because of what it costs; this is how that is measured.
//! Two runs that differ only in COUNT, and the difference divided: what starting costs is not in it.
//!
//!     cargo build --release -p hostler-gateway --example upstream_exchange
//!     upstream_exchange serve 127.0.0.1:7777 ANSWER_BYTES &
//!     valgrind --tool=callgrind upstream_exchange ask 127.0.0.1:7777 COUNT BODY_BYTES
#![expect(clippy::print_stdout, reason = "it is a program that tells what it did")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use bytes::Bytes;
use hostler_aws::Field;
use hostler_gateway::door::Container;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<usize>().ok());
    let address = arguments.get(1).and_then(|text| text.parse::<SocketAddr>().ok());
    match (arguments.first().map(String::as_str), address, number(2), number(3)) {
        (Some("serve"), Some(address), Some(answer_bytes), None) => serve(address, answer_bytes),
        (Some("ask"), Some(address), Some(count), Some(body_bytes)) => ask(address, count, body_bytes),
        _ => println!("upstream_exchange serve ADDRESS ANSWER_BYTES | ask ADDRESS COUNT BODY_BYTES"),
    }
}

/// The headers of an ordinary call.
fn headers() -> Vec<Field<'static>> {
    vec![Field { name: "content-type", value: b"text/csv" }, Field { name: "accept", value: b"*/*" }]
}

fn ask(address: SocketAddr, count: usize, body_bytes: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread can be built");
    let container = Container::at(address);
    let body = Bytes::from(vec![b'1'; body_bytes]);
    // In a task, as in the server.
    let asking = runtime.spawn(async move {
        let mut read = 0;
        for _ in 0..count {
            let answer = container.exchange(headers(), body.clone()).await.expect("the container answers");
            read += answer.1.len();
        }
        read
    });
    let read = runtime.block_on(asking).expect("it came to its end");
    println!("{count} exchanges, {read} bytes");
}

/// A container that answers every call with the same bytes.
fn serve(address: SocketAddr, answer_bytes: usize) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Mon, 30 Nov 2026 21:00:00 GMT\r\nConnection: keep-alive\r\n\
         Content-Type: text/csv\r\nContent-Length: {answer_bytes}\r\n\r\n"
    );
    let answer = [head.into_bytes(), vec![b'2'; answer_bytes]].concat();
    let listener = TcpListener::bind(address).expect("the address is free");
    for stream in listener.incoming().flatten() {
        let answer = answer.clone();
        std::thread::spawn(move || serve_connection(stream, &answer));
    }
}

fn serve_connection(mut stream: TcpStream, answer: &[u8]) -> Option<()> {
    let mut seen = Vec::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        let end = loop {
            if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            more(&mut stream, &mut piece, &mut seen)?;
        };
        let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let whole = end + length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
        while seen.len() < whole {
            more(&mut stream, &mut piece, &mut seen)?;
        }
        seen.drain(..whole);
        stream.write_all(answer).ok()?;
    }
}

fn more(stream: &mut TcpStream, piece: &mut [u8], seen: &mut Vec<u8>) -> Option<()> {
    let read = stream.read(piece).ok().filter(|read| *read > 0)?;
    seen.extend_from_slice(&piece[..read]);
    Some(())
}
