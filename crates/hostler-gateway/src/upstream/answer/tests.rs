//! What answers mean, however their bytes are cut; hyper's client is the second opinion.

use http::StatusCode;
use proptest::prelude::*;

use super::*;

mod cuts;
mod flaws;
mod second_opinion;

/// What became of some bytes and the end of the connection after them.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    status: StatusCode,
    headers: Vec<(String, String)>,
    data: Vec<u8>,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Another request could follow.
    Kept,
    /// The answer was whole, its connection is done.
    Closed,
    Broken,
}

/// Reads bytes that come in these pieces.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Read, Flaw> {
    read_pieces(pieces, false)
}

/// Reads bytes that come in these pieces; all data of which the reader knows before it is there goes past it.
fn read_flowing<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Read, Flaw> {
    read_pieces(pieces, true)
}

fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, flows: bool) -> Result<Read, Flaw> {
    let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
    let mut reader = Reader::new();
    let (head, first) = loop {
        let Some(piece) = pieces.next() else {
            return Err(reader.close().expect_err("an answer without a head"));
        };
        if let Some(answer) = reader.read_head(piece)? {
            break answer;
        }
    };
    let mut data = first.to_vec();
    let end = match read_on(&mut reader, &mut data, &mut pieces, flows) {
        Ok([]) if pieces.next().is_none() && reader.may_keep() => End::Kept,
        Ok(_) => End::Closed,
        Err(_) => End::Broken,
    };
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Ok(Read { status: head.status, headers, data, end })
}

/// What it left of the last piece that it took.
fn read_on<'a>(
    reader: &mut Reader,
    data: &mut Vec<u8>,
    pieces: &mut impl Iterator<Item = &'a [u8]>,
    flows: bool,
) -> Result<&'a [u8], Flaw> {
    let mut left: &[u8] = &[];
    loop {
        while reader.has_rest() {
            data.extend(reader.read_data(&[])?.unwrap_or_default());
        }
        if reader.has_ended() {
            return Ok(left);
        }
        let piece =
            if left.is_empty() { pieces.next().unwrap_or_default() } else { std::mem::take(&mut left) };
        let ahead = usize::try_from(reader.data_ahead()).unwrap_or(usize::MAX).min(piece.len());
        if piece.is_empty() {
            reader.close()?;
        } else if flows && ahead > 0 {
            reader.skip_data(ahead);
            data.extend_from_slice(&piece[..ahead]);
            left = &piece[ahead..];
        } else {
            data.extend(reader.read_data(piece)?.unwrap_or_default());
        }
    }
}

/// A head with these lines, and that body.
fn answer(lines: &[&str], body: &str) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

#[test]
fn what_came_with_the_head_is_the_first_data() {
    let mut reader = Reader::new();
    let bytes = answer(&["Content-Length: 6"], "one");
    let (head, data) = reader.read_head(&bytes).unwrap().unwrap();
    assert_eq!((head.status, &data[..], reader.data_left()), (StatusCode::OK, &b"one"[..], Some(3)));
    assert_eq!(reader.read_data(b"two").unwrap().unwrap(), "two");
    assert!(reader.may_keep());
}

#[test]
fn every_chunk_of_one_read_is_given_out_by_itself() {
    let bytes = answer(&["Transfer-Encoding: chunked"], "3\r\none\r\n3\r\ntwo\r\n5\r\nth");
    let mut reader = Reader::new();
    let (_, first) = reader.read_head(&bytes).unwrap().unwrap();
    let second = reader.read_data(&[]).unwrap().unwrap();
    let third = reader.read_data(&[]).unwrap().unwrap();
    assert_eq!((&first[..], &second[..], &third[..]), (&b"one"[..], &b"two"[..], &b"th"[..]));
    assert!(!reader.has_rest());
    assert_eq!(reader.data_ahead(), 3);
    assert_eq!(reader.read_data(b"ree\r\n0\r\n\r\n").unwrap().unwrap(), "ree");
    assert!(reader.may_keep(), "the end came with the last data");
}

#[test]
fn data_that_was_read_elsewhere_counts() {
    let mut reader = Reader::new();
    reader.read_head(&answer(&["Transfer-Encoding: chunked"], "8\r\n")).unwrap().unwrap();
    reader.skip_data(8);
    assert_eq!(reader.data_ahead(), 0);
    assert_eq!(reader.read_data(b"\r\n0\r\n\r\n").unwrap(), None);
    assert!(reader.may_keep());
    let mut reader = Reader::new();
    reader.read_head(&answer(&["Content-Length: 8"], "")).unwrap().unwrap();
    reader.skip_data(5);
    assert_eq!((reader.has_ended(), reader.data_ahead()), (false, 3));
    reader.skip_data(3);
    assert!(reader.may_keep());
}

#[test]
fn a_size_that_is_still_being_read_is_no_data() {
    let line = "5 ;x=y\r\n";
    for cut in 0..line.len() {
        let mut reader = Reader::new();
        reader.read_head(&answer(&["Transfer-Encoding: chunked"], &line[..cut])).unwrap().unwrap();
        assert_eq!(reader.data_ahead(), 0, "after {:?}", &line[..cut]);
        reader.read_data(&line.as_bytes()[cut..]).unwrap();
        assert_eq!(reader.data_ahead(), 5, "after the rest of {line:?}");
    }
}

#[test]
fn headers_that_nobody_asks_for_end_here() {
    let bytes = answer(
        &[
            "Server: x",
            "content-TYPE: text/csv",
            "X-Amzn-SageMaker-Custom-Attributes: a=\u{e9}",
            "Content-Length: 0",
        ],
        "",
    );
    let read = read([&bytes[..]]).unwrap();
    let headers: Vec<_> = read.headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(headers, [("content-type", "text/csv"), ("x-amzn-sagemaker-custom-attributes", "a=\u{e9}")]);
}

#[test]
fn an_answer_that_ends_with_its_connection_is_the_last_of_it() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"] {
        let read = read([format!("{head}yes").as_bytes()]).unwrap();
        assert_eq!((read.data, read.end), (b"yes".to_vec(), End::Closed), "{head}");
    }
}

#[test]
fn what_comes_after_the_end_is_seen() {
    for (lines, body) in
        [(&["Content-Length: 3"][..], "yes"), (&["Transfer-Encoding: chunked"], "3\r\nyes\r\n0\r\n\r\n")]
    {
        let clean = answer(lines, body);
        assert_eq!(read([&clean[..]]).unwrap().end, End::Kept, "{lines:?}");
        let more = answer(lines, &format!("{body}\r\n"));
        let read = read([&more[..]]).unwrap();
        assert_eq!((read.end, read.data), (End::Closed, b"yes".to_vec()), "{lines:?}");
        let more = answer(&["Content-Length: 0"], body);
        assert_eq!(self::read([&more[..]]).unwrap().end, End::Closed, "{lines:?}");
    }
}

#[test]
fn an_answer_that_has_no_body_and_announces_one_is_the_last_of_its_connection() {
    for (status, lines, end) in [
        ("204 No Content", "", End::Kept),
        ("204 No Content", "Content-Length: 0\r\n", End::Kept),
        ("204 No Content", "Content-Length: 3\r\n", End::Closed),
        ("204 No Content", "Transfer-Encoding: chunked\r\n", End::Closed),
        ("304 Not Modified", "", End::Kept),
        ("101 Switching Protocols", "Upgrade: h2c\r\n", End::Closed),
    ] {
        let bytes = format!("HTTP/1.1 {status}\r\n{lines}\r\n");
        let read = read([bytes.as_bytes()]).unwrap();
        assert_eq!((read.data, read.end), (vec![], end), "{bytes}");
    }
}
