//! aws-chunked bodies.
//!
//! Held against: the same bytes pushed in otherwise: whole, one by one, and split where the input says. And a body that
//! is encoded here comes out as it went in.

use bytes::Bytes;
use hostler_aws::sigv4::{
    ChunkError, ChunkSigning, ChunkedDecoder, ChunkedPayload, SigningKey, payload_hash,
};
use hostler_types::Secret;

use super::head::{REGION, SECRET};
use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const DATE: &str = "20260102T030405Z";
const SCOPE: &str = "20260102/eu-central-1/s3/aws4_request";
/// Of an input this much is encoded: each chunk costs a signature.
const ENCODED_BYTES_MAX: usize = 200;
const TRAILERS: [&str; 6] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-md5",
];

pub(crate) const HARNESS: Harness = Harness {
    name: "sigv4_chunked",
    about: "aws-chunked bodies; the same however they are split, and what is encoded comes out again",
    run,
    generate,
    words: &[
        b"\r\n",
        b"0\r\n",
        b";chunk-signature=",
        b"x-amz-checksum-crc32:",
        b"x-amz-trailer-signature:",
        b"ffffffffffffffff\r\n",
        b"1\r\na\r\n",
        b"AAAAAA==",
    ],
};

/// What the first bytes of an input choose.
struct Setting {
    payload: ChunkedPayload,
    split: usize,
}

fn setting(choices: [u8; 4]) -> Setting {
    let [flags, trailers, length, split] = choices;
    let named = TRAILERS.iter().enumerate().filter(|(bit, _)| trailers & 1 << bit != 0);
    let payload = ChunkedPayload {
        signing: (flags & 1 != 0).then(signing),
        has_trailer: flags & 2 != 0,
        trailer_names: named.map(|(_, name)| (*name).to_owned()).collect(),
        decoded_length: if flags & 4 == 0 { u64::from(length) } else { u64::from(length) << 56 },
    };
    Setting { payload, split: usize::from(split).max(1) }
}

fn signing() -> ChunkSigning {
    ChunkSigning {
        key: SigningKey::derive(&Secret::new(SECRET), "20260102", REGION, "s3"),
        date: DATE.to_owned(),
        scope: SCOPE.to_owned(),
        seed: [3; 32],
    }
}

fn run(data: &[u8]) {
    let Some((choices, body)) = data.split_first_chunk::<4>() else { return };
    let Setting { payload, split } = setting(*choices);
    // A chunk of one byte is six bytes of the body, and a slice of what was pushed in is a few words.
    let whole = within(times(24, data), || decode(payload.clone(), body, body.len().max(1)));
    // Byte by byte costs most, so long bodies come in larger pieces.
    let least = body.len().div_ceil(2000).max(1);
    assert_eq!(decode(payload.clone(), body, least), whole);
    assert_eq!(decode(payload.clone(), body, split), whole);
    if let Ok((decoded, trailers)) = &whole {
        assert!(decoded.len() as u64 == payload.decoded_length && decoded.len() <= body.len());
        assert!(trailers.iter().all(|(name, _)| payload.trailer_names.contains(name)));
    }
    encoded(&body[..body.len().min(ENCODED_BYTES_MAX)], split);
}

type Decoded = Result<(Vec<u8>, Vec<(String, String)>), ChunkError>;

fn decode(payload: ChunkedPayload, body: &[u8], at_once: usize) -> Decoded {
    let body = Bytes::copy_from_slice(body);
    let mut decoder = ChunkedDecoder::new(payload);
    let mut decoded = Vec::new();
    for from in (0..body.len()).step_by(at_once) {
        let piece = body.slice(from..(from + at_once).min(body.len()));
        for data in decoder.feed(piece)? {
            decoded.extend_from_slice(&data);
        }
    }
    Ok((decoded, decoder.finish()?))
}

/// Encodes the bytes in signed chunks and in unsigned ones.
fn encoded(data: &[u8], chunk: usize) {
    for is_signed in [false, true] {
        let payload = ChunkedPayload {
            signing: is_signed.then(signing),
            has_trailer: false,
            trailer_names: Vec::new(),
            decoded_length: data.len() as u64,
        };
        let body = encode(data, chunk, is_signed);
        assert_eq!(decode(payload, &body, 1000), Ok((data.to_vec(), Vec::new())));
    }
}

/// As AWS documents it: every signature is over the one before it.
fn encode(data: &[u8], chunk: usize, is_signed: bool) -> Vec<u8> {
    let ChunkSigning { key, date, scope, seed } = signing();
    let mut previous = hex::encode(seed);
    let mut body = Vec::new();
    for piece in data.chunks(chunk).chain([&[][..]]) {
        body.extend_from_slice(format!("{:x}", piece.len()).as_bytes());
        if is_signed {
            let (empty, hash) = (hex::encode(payload_hash(b"")), hex::encode(payload_hash(piece)));
            let text = format!("AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{empty}\n{hash}");
            previous = hex::encode(key.sign(&text));
            body.extend_from_slice(format!(";chunk-signature={previous}").as_bytes());
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body
}

fn generate(source: &mut Source) -> Vec<u8> {
    let length = source.size(255);
    let data = source.bytes(length);
    let is_signed = source.one_in(2);
    let chunk = source.size(64).max(1);
    let mut body = encode(&data, chunk, is_signed);
    let mut flags = u8::from(is_signed);
    if source.one_in(2) {
        flags |= 2;
        body.truncate(body.len() - 2);
        body.extend_from_slice(b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n");
    }
    let mut input = vec![flags, flags >> 1, length as u8, source.below(256) as u8];
    input.extend_from_slice(&body);
    if source.one_in(2) { source.mutated(&input, &[], HARNESS.words) } else { input }
}
