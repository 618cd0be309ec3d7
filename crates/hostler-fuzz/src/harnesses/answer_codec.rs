//! The bytes of a container's answer, without a connection.
//!
//! Why: `model_answer` goes through the gateway and a socket, some hundred times slower, and cannot say where the bytes
//! are cut.
//! Held against: the same bytes cut otherwise, with their data going through the reader and past it, and a reader that has them all at once, takes the head from httparse and
//! knows only the three plain forms of a body.

use hostler_gateway::door::{read_answer, read_flowing_answer};

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

pub(crate) const HARNESS: Harness = Harness {
    name: "answer_codec",
    about: "a container's answer, the same wherever it is cut, and as a plain reader has it",
    run,
    generate,
    words: &[
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"\r\n\r\n",
        b"5\r\nhello\r\n",
        b"5;a=b\r\nhello\r\n",
        b"0\r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"\n",
    ],
};

fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else { return };
    let whole = within(times(8, data), || read_answer([bytes].into_iter()));
    let pieces = within(times(8, data), || read_answer(bytes.chunks(usize::from(size).max(1))));
    // One that is cut has no end to be judged by before the connection's.
    assert_eq!(pieces, whole, "pieces of {size} bytes");
    // Byte by byte costs most, so long inputs come in larger pieces.
    let least = bytes.len().div_ceil(4000).max(1);
    assert_eq!(read_answer(bytes.chunks(least)), whole, "pieces of {least} bytes");
    let flowing = within(times(8, data), || read_flowing_answer(bytes.chunks(usize::from(size).max(1))));
    assert_eq!(flowing, whole, "pieces of {size} bytes that flow");
    assert_eq!(read_flowing_answer(bytes.chunks(least)), whole, "pieces of {least} bytes that flow");
    if let Some(expected) = plainly(bytes) {
        assert_eq!(whole.map(|read| (read.status, read.data, read.is_whole)), Some(expected));
    }
}

/// Status, data, and whether that is all of it. None when the answer is not one of the plain forms.
fn plainly(bytes: &[u8]) -> Option<(u16, Vec<u8>, bool)> {
    if !bytes.starts_with(b"H") {
        return None;
    }
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(end) = head.parse(bytes).ok()? else { return None };
    let (status, body) = (head.code?, &bytes[end..]);
    if status < 200 || end > 64 * 1024 {
        return None;
    }
    let values = |name: &str| -> Vec<&[u8]> {
        head.headers
            .iter()
            .filter(|line| line.name.eq_ignore_ascii_case(name))
            .map(|line| line.value)
            .collect()
    };
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        _ if status == 204 || status == 304 => None,
        ([], []) => Some((status, body.to_vec(), true)),
        ([length], []) => {
            let text = std::str::from_utf8(length).ok()?;
            let length: usize =
                text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??;
            let data = body.get(..length).unwrap_or(body);
            Some((status, data.to_vec(), data.len() == length))
        }
        ([], [b"chunked"]) if head.version == Some(1) => {
            let data = chunks(body)?;
            Some((status, data, true))
        }
        _ => None,
    }
}

/// Chunks without extensions, and without trailers, to their end.
fn chunks(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line = body.windows(2).position(|pair| pair == b"\r\n")?;
        let text = std::str::from_utf8(&body[..line]).ok()?;
        let is_plain =
            !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(text, 16).ok().filter(|_| is_plain)?;
        let chunk = body.get(line + 2..line + 2 + size)?;
        body = body[line + 2 + size..].strip_prefix(b"\r\n")?;
        data.extend_from_slice(chunk);
        if size == 0 {
            return Some(data);
        }
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    let mut input = vec![source.pick(&[1, 2, 3, 7, 64, 255])];
    if source.one_in(6) {
        input.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    }
    let status = source.pick(&["200 OK", "200 OK", "200", "500 Oh", "204 No Content", "304 Same", "999 X"]);
    input.extend_from_slice(format!("HTTP/1.{} {status}\r\n", source.below(2)).as_bytes());
    for _ in 0..source.size(4) {
        let line = source.pick(&[
            "Content-Type: text/csv\r\n",
            "X-Amzn-SageMaker-Custom-Attributes: a=\u{e9}\r\n",
            "Connection: close\r\n",
            "Connection: keep-alive\r\n",
            "Server: x\r\n",
        ]);
        input.extend_from_slice(line.as_bytes());
    }
    let length = source.size(2000);
    let body = source.bytes(length);
    match source.below(4) {
        0 | 1 => {
            input.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            let size = 1 + source.size(300);
            for piece in body.chunks(size) {
                let extension = source.pick(&["", "", ";a=\"b\"", " "]);
                input.extend_from_slice(format!("{:x}{extension}\r\n", piece.len()).as_bytes());
                input.extend_from_slice(piece);
                input.extend_from_slice(b"\r\n");
            }
            input.extend_from_slice(source.pick(&["0\r\n\r\n", "0\r\n\r\n", "0\r\nX: y\r\n\r\n"]).as_bytes());
        }
        2 => {
            input.extend_from_slice(b"\r\n");
            input.extend_from_slice(&body);
        }
        _ => {
            input.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            input.extend_from_slice(&body);
        }
    }
    if source.one_in(2) { source.mutated(&input, &[], HARNESS.words) } else { input }
}
