//! Where the bytes are cut changes nothing, nor whether their data goes through the reader or past it.

use std::ops::RangeInclusive;

use proptest::strategy::ValueTree as _;

use super::*;

fn some(parts: &'static [&'static [u8]], count: RangeInclusive<usize>) -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        30 => proptest::sample::select(parts).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(part, count).prop_map(|parts| parts.concat())
}

/// Answers, right and wrong, made of what answers are made of.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let start = some(
        &[
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 500 No\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 204 No Content\r\n",
        ],
        1..=1,
    );
    let lines = some(
        &[
            b"Content-Length: 5\r\n",
            b"Content-Length: 10\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: close\r\n",
            b"Connection: keep-alive\r\n",
            b"Content-Type: text/csv\r\n",
        ],
        0..=2,
    );
    let end = some(&[b"\r\n", b"\n"], 1..=1);
    let body = some(
        &[
            b"hello",
            b"5\r\nhello\r\n",
            b"5;x=y\r\nhello\r\n",
            b"0\r\n\r\n",
            b"0\r\nX: y\r\n\r\n",
            b"f\r\n",
            b"\r",
        ],
        0..=4,
    );
    (start, lines, end, body).prop_map(|(start, lines, end, body)| [start, lines, end, body].concat())
}

fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in cuts {
        pieces.push(&bytes[from..to]);
        from = to;
    }
    pieces.push(&bytes[from..]);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn an_answer_is_the_same_however_it_is_cut(
        bytes in bytes(),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        // How a head is refused depends on how much of it was there; that it is does not.
        let whole = read([&bytes[..]]).ok();
        prop_assert_eq!(&read(cut(&bytes, &cuts)).ok(), &whole);
        prop_assert_eq!(&read(bytes.chunks(1)).ok(), &whole);
        prop_assert_eq!(&read_flowing(cut(&bytes, &cuts)).ok(), &whole, "as it flows");
        prop_assert_eq!(&read_flowing(bytes.chunks(1)).ok(), &whole, "byte by byte as it flows");
    }
}

#[test]
fn what_is_made_up_reaches_every_end() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut kept, mut closed, mut broken, mut refused) = (0, 0, 0, 0);
    for _ in 0..2000 {
        let bytes = bytes().new_tree(&mut runner).unwrap().current();
        match read([&bytes[..]]).map(|read| read.end) {
            Ok(End::Kept) => kept += 1,
            Ok(End::Closed) => closed += 1,
            Ok(End::Broken) => broken += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        [kept, closed, broken, refused].iter().all(|count| *count > 50),
        "{kept} {closed} {broken} {refused}"
    );
}
