//! What is refused, and up to where it is not.

use super::*;

/// Whole in one read and byte by byte, also as it flows.
fn check(bytes: &[u8], expected: Result<&str, Flaw>) {
    for (size, flows) in [(bytes.len(), false), (1, false), (1, true)] {
        let mut reader = Reader::new();
        let mut data = Vec::new();
        let outcome = (|| {
            let mut pieces = bytes.chunks(size);
            for piece in &mut pieces {
                if let Some((_, first)) = reader.read_head(piece)? {
                    data.extend(first);
                    return read_on(&mut reader, &mut data, &mut pieces, flows).map(drop);
                }
            }
            reader.close()
        })();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
        assert_eq!(outcome.map(|()| String::from_utf8_lossy(&data)), expected.map(Into::into), "{shown}");
    }
}

#[test]
fn an_answer_that_can_be_read_in_two_ways_is_refused() {
    let length = |text: &str| answer(&[&format!("Content-Length: {text}")], "12345");
    check(&answer(&["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"), Err(Flaw::TwoFramings));
    check(&answer(&["Transfer-Encoding: chunked", "Content-Length: 5"], "0\r\n\r\n"), Err(Flaw::TwoFramings));
    check(&answer(&["Content-Length: 5", "Content-Length: 4"], "12345"), Err(Flaw::Length));
    check(&answer(&["Content-Length: 5", "Content-Length: 5"], "12345"), Ok("12345"));
    check(&length("5, 5"), Ok("12345"));
    for text in ["5, 4", "+5", "-5", "0x5", "5 5", "", "5,", "five", "99999999999999999999", "1e1"] {
        check(&length(text), Err(Flaw::Length));
    }
    for coding in ["gzip", "gzip, chunked", "chunked, gzip", "identity", "chunked, chunked", "xchunked", ""] {
        check(&answer(&[&format!("Transfer-Encoding: {coding}")], "0\r\n\r\n"), Err(Flaw::Coding));
    }
    check(
        &answer(&["Transfer-Encoding: chunked", "transfer-encoding: chunked"], "0\r\n\r\n"),
        Err(Flaw::Coding),
    );
    check(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Err(Flaw::Coding));
    check(&answer(&["Transfer-Encoding: CHUNKED"], "1\r\n!\r\n0\r\n\r\n"), Ok("!"));
}

#[test]
fn chunks_that_are_none_are_refused() {
    let chunks = |body: &str| answer(&["Transfer-Encoding: chunked"], body);
    check(&chunks("3\r\nyes\r\n0\r\n\r\n"), Ok("yes"));
    check(&chunks("0003 \t\r\nyes\r\n00\r\n\r\n"), Ok("yes"));
    check(&chunks("3;a=\"b\";c\r\nyes\r\n0;d\r\nX: y\r\nZ: \r\n\r\n"), Ok("yes"));
    check(&chunks("A\r\n0123456789\r\n0\r\n\r\n"), Ok("0123456789"));
    for size in ["", "x", "-3", "0x3", "3x", "+3", " 3", "3 3", ";a", "10000000000000000", "\u{e9}"] {
        check(&chunks(&format!("{size}\r\nyes\r\n0\r\n\r\n")), Err(Flaw::ChunkSize));
    }
    // A line that ends with LF alone is where two readers part.
    check(&chunks("3\nyes\r\n0\r\n\r\n"), Err(Flaw::ChunkSize));
    check(&chunks("3;a\nb\r\nyes\r\n0\r\n\r\n"), Err(Flaw::ChunkSize));
    check(&chunks("3\r\r\nyes\r\n0\r\n\r\n"), Err(Flaw::ChunkSize));
    check(&chunks("3\r\nyes!\r\n0\r\n\r\n"), Err(Flaw::ChunkEnd));
    check(&chunks("3\r\nyes\n0\r\n\r\n"), Err(Flaw::ChunkEnd));
    check(&chunks("3\r\nyes\r\n0\r\nX: y\nZ: z\r\n\r\n"), Err(Flaw::Trailers));
    check(&chunks("3\r\nyes\r\n0\r\n\0\r\n\r\n"), Err(Flaw::Trailers));
    check(&chunks("3\r\nyes\r\n0\r\n\r!"), Err(Flaw::Trailers));
    for cut in [
        "",
        "3",
        "3\r",
        "3\r\n",
        "3\r\nye",
        "3\r\nyes",
        "3\r\nyes\r\n",
        "3\r\nyes\r\n0\r\n",
        "3\r\nyes\r\n0\r\n\r",
    ] {
        check(&chunks(cut), Err(Flaw::BrokeOff));
    }
}

#[test]
fn what_surrounds_chunks_is_bounded() {
    let chunks = |body: &str| answer(&["Transfer-Encoding: chunked"], body);
    let line = |length: usize| chunks(&format!("1;{}\r\n!\r\n0\r\n\r\n", "x".repeat(length - 2)));
    check(&line(4096), Ok("!"));
    check(&line(4097), Err(Flaw::ChunkLineTooLong));
    check(&chunks(&format!("{}1\r\n!\r\n0\r\n\r\n", "0".repeat(5000))), Err(Flaw::ChunkLineTooLong));
    check(&chunks(&format!("1{}\r\n!\r\n0\r\n\r\n", " ".repeat(5000))), Err(Flaw::ChunkLineTooLong));
    let trailers = |count: usize| chunks(&format!("1\r\n!\r\n0\r\n{}\r\n", "X: 3456\r\n".repeat(count)));
    check(&trailers(1800), Ok("!"));
    check(&trailers(1900), Err(Flaw::TrailersTooLong));
    // Each chunk may have its extensions, however many there are.
    check(&chunks(&format!("{}0\r\n\r\n", "1;aaaaaaaaaa\r\n!\r\n".repeat(5000))), Ok(&"!".repeat(5000)));
}

#[test]
fn heads_are_bounded() {
    let lines: Vec<String> = (0..101).map(|number| format!("X-{number}: 1")).collect();
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines[0] = "Content-Length: 1";
    check(&answer(&lines[..100], "!"), Ok("!"));
    check(&answer(&lines, "!"), Err(Flaw::TooManyHeaders));
    let long = |length: usize| {
        let before = answer(&["Content-Length: 1", "X: "], "").len();
        answer(&["Content-Length: 1", &format!("X: {}", "x".repeat(length - before))], "!")
    };
    check(&long(HEAD_BYTES_MAX), Ok("!"));
    check(&long(HEAD_BYTES_MAX + 1), Err(Flaw::HeadTooLong));
    // One that never ends is given up before it does.
    let mut reader = Reader::new();
    let mut taken = 0;
    let flaw = loop {
        let piece = if taken == 0 { &b"HTTP/1.1 200 OK\r\nX: "[..] } else { &[b'x'; 1000] };
        taken += piece.len();
        match reader.read_head(piece) {
            Ok(None) => assert!(taken < HEAD_BYTES_MAX + 2000, "{taken} bytes of a head were kept"),
            outcome => break outcome.map(drop).unwrap_err(),
        }
    };
    assert_eq!(flaw, Flaw::HeadTooLong);
}

#[test]
fn interim_answers_are_passed_over_and_bounded() {
    let interim = |count: usize| {
        let mut bytes = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(count).into_bytes();
        bytes.extend(answer(&["Content-Length: 3"], "yes"));
        bytes
    };
    check(&interim(16), Ok("yes"));
    check(&interim(17), Err(Flaw::TooManyInterim));
    let long = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(30_000));
    let heads = [long.as_bytes(), long.as_bytes(), &answer(&["Content-Length: 3"], "yes")].concat();
    check(&heads, Ok("yes"));
    let heads = [long.as_bytes(), long.as_bytes(), long.as_bytes(), &answer(&["Content-Length: 3"], "yes")];
    check(&heads.concat(), Err(Flaw::HeadTooLong));
}

#[test]
fn what_is_no_head_is_refused() {
    for text in [
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "\nHTTP/1.1 200 OK\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : blank before the colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n folded: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: \x7f\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        check(text.as_bytes(), Err(Flaw::Head));
    }
    // What many servers of one's own making send.
    check(b"HTTP/1.1 200\nContent-Length: 3\n\nyes", Ok("yes"));
    check(b"HTTP/1.0 200 OK\r\n\r\nyes", Ok("yes"));
    check(b"HTTP/1.1 200 \r\ncontent-length:3\r\n\r\nyes", Ok("yes"));
}
