//! aws-chunked bodies: botocore's and AWS's documented ones, whole, split and spoiled.

use bytes::Bytes;
use proptest::prelude::*;

use hostler_aws::sigv4::{
    ChunkError, ChunkSigning, ChunkedDecoder, ChunkedPayload, PayloadForm, Rules, SigningKey,
};
use hostler_types::Secret;

use crate::wire::{Case, NOW, verifier_at};

fn payload(case: &Case) -> ChunkedPayload {
    let claim = verifier_at(NOW).check(&case.parts, &Rules::S3).unwrap();
    assert!(claim.caller().is_some());
    match claim.payload() {
        PayloadForm::Chunked(payload) => payload.as_ref().clone(),
        other => panic!("{}: {other:?}", case.name),
    }
}

type Decoded = (Vec<u8>, Vec<(String, String)>);

/// The decoded body and the trailer, with the input cut at the given places.
fn decode(payload: ChunkedPayload, body: &[u8], cuts: &[usize]) -> Result<Decoded, ChunkError> {
    let mut decoder = ChunkedDecoder::new(payload);
    let mut data = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([body.len()]) {
        for piece in decoder.feed(Bytes::copy_from_slice(&body[from..to]))? {
            data.extend_from_slice(&piece);
        }
        from = to;
    }
    Ok((data, decoder.finish()?))
}

fn chunked_cases() -> Vec<Case> {
    Case::all().into_iter().filter(|case| case.name.starts_with("chunked-")).collect()
}

#[test]
fn every_chunked_vector_decodes_to_its_body() {
    let cases = chunked_cases();
    assert!(cases.len() >= 8);
    for case in cases {
        let (data, trailers) =
            decode(payload(&case), &case.body, &[]).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(Some(&data), case.decoded.as_ref(), "{}", case.name);
        assert_eq!(trailers.len(), usize::from(case.name.contains("trailer")), "{}", case.name);
    }
}

#[test]
fn one_byte_at_a_time_makes_no_difference() {
    for case in chunked_cases() {
        let cuts: Vec<usize> = (1..case.body.len()).collect();
        let (data, _) = decode(payload(&case), &case.body, &cuts).unwrap();
        assert_eq!(Some(&data), case.decoded.as_ref(), "{}", case.name);
    }
}

proptest! {
    #[test]
    fn any_split_makes_no_difference(
        which in 0_usize..8,
        flip in proptest::option::of(any::<proptest::sample::Index>()),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let mut case = chunked_cases().swap_remove(which);
        if let Some(index) = flip {
            let at = index.index(case.body.len());
            case.body[at] ^= 1;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(case.body.len())).collect();
        cuts.sort_unstable();
        let whole = decode(payload(&case), &case.body, &[]);
        let split = decode(payload(&case), &case.body, &cuts);
        // Where something is wrong, the data before it may differ; the verdict may not.
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), signed: bool) {
        let name = if signed { "chunked-signed-trailer-crc32" } else { "chunked-unsigned-trailer" };
        let _ = decode(payload(&Case::load(name)), &bytes, &[]);
    }

    #[test]
    fn a_flipped_bit_in_a_signed_body_is_never_accepted_as_the_same_bytes(
        index in any::<proptest::sample::Index>(), bit in 0_u8..8
    ) {
        let mut case = Case::load("chunked-signed-trailer-sha256");
        let at = index.index(case.body.len());
        case.body[at] ^= 1 << bit;
        if let Ok((data, _)) = decode(payload(&case), &case.body, &[]) {
            // What is not covered: letter case of hexadecimal digits and names, and white space at line ends.
            prop_assert_eq!(Some(&data), case.decoded.as_ref());
        }
    }
}

fn spoiled(name: &str, spoil: impl FnOnce(&mut ChunkedPayload, &mut Vec<u8>)) -> ChunkError {
    let mut case = Case::load(name);
    let mut payload = payload(&case);
    spoil(&mut payload, &mut case.body);
    decode(payload, &case.body, &[]).unwrap_err()
}

/// Replaces the first occurrence, or says that there is none.
fn replace(body: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    let at = body.windows(from.len()).position(|window| window == from).expect("the vector has it");
    body.splice(at..at + from.len(), to.iter().copied());
}

#[test]
fn a_changed_byte_breaks_its_chunks_signature() {
    let error = spoiled("chunked-signed", |_, body| body[1500] ^= 1);
    assert_eq!(error, ChunkError::Signature { what: "chunk", offset: 2048 });
    let api = error.to_api_error();
    assert_eq!((api.code(), api.status().as_u16()), ("SignatureDoesNotMatch", 403));
}

#[test]
fn a_wrong_trailer_is_told_apart_from_a_wrong_checksum() {
    let error = spoiled("chunked-signed-trailer-crc32", |_, body| {
        replace(body, b"x-amz-checksum-crc32:", b"x-amz-checksum-crc32:A");
    });
    assert_eq!(error, ChunkError::Signature { what: "trailer", offset: 3000 });

    let error = spoiled("chunked-unsigned-trailer", |_, body| body[500] ^= 1);
    assert!(matches!(error, ChunkError::Checksum { .. }), "{error}");
    let api = error.to_api_error();
    assert_eq!((api.code(), api.status().as_u16()), ("BadDigest", 400));
    assert_eq!(api.message(), Some("The CRC32 you specified did not match the calculated checksum."));
}

#[test]
fn a_trailer_must_be_the_announced_one() {
    let is_trailer = |error: &ChunkError| matches!(error, ChunkError::Trailer(_));
    let error = spoiled("chunked-unsigned-trailer", |payload, _| payload.trailer_names.clear());
    assert!(is_trailer(&error), "{error}");
    let error = spoiled("chunked-unsigned-trailer", |payload, _| {
        payload.trailer_names.push("x-amz-checksum-sha1".to_owned());
    });
    assert!(is_trailer(&error), "{error}");
    let error = spoiled("chunked-unsigned-trailer", |payload, _| payload.has_trailer = false);
    assert!(is_trailer(&error), "{error}");
    assert_eq!(error.to_api_error().code(), "MalformedTrailerError");
}

#[test]
fn a_signed_body_cannot_go_without_its_trailers_signature() {
    let error = spoiled("chunked-signed-trailer-crc32", |_, body| {
        let at = body.windows(9).rposition(|window| window == b"x-amz-tra").unwrap();
        body.truncate(at);
        body.extend_from_slice(b"\r\n");
    });
    assert_eq!(error, ChunkError::Truncated("trailer"));
    // Nor by turning it into the form without a trailer: that form is part of the signed head.
    let error = spoiled("chunked-signed-trailer-crc32", |payload, _| payload.signing = None);
    assert!(matches!(error, ChunkError::Trailer(_)), "{error}");
}

#[test]
fn lengths_must_add_up() {
    let error = spoiled("chunked-signed", |payload, _| payload.decoded_length = 2999);
    assert_eq!(error, ChunkError::Length { declared: 2999, found: 3000 });
    let error = spoiled("chunked-signed", |payload, _| payload.decoded_length = 3001);
    assert_eq!(error, ChunkError::Length { declared: 3001, found: 3000 });
    assert_eq!(error.to_api_error().code(), "IncompleteBody");
    // A huge size is refused by its header, before any of it is read.
    let error = spoiled("chunked-unsigned-trailer", |_, body| *body = b"ffffffffffffffff\r\n".to_vec());
    assert_eq!(error, ChunkError::Length { declared: 3000, found: u64::MAX });
}

#[test]
fn a_body_that_ends_early_or_late_is_refused() {
    for length in 0..Case::load("chunked-signed").body.len() {
        let error = spoiled("chunked-signed", |_, body| body.truncate(length));
        assert!(matches!(error, ChunkError::Truncated(_)), "{length}: {error}");
    }
    let error = spoiled("chunked-signed", |_, body| body.extend_from_slice(b"more"));
    assert_eq!(error, ChunkError::Excess);
}

#[test]
fn lines_without_end_are_refused_at_their_limit() {
    let error = spoiled("chunked-signed", |_, body| *body = vec![b'0'; 100_000]);
    assert_eq!(error, ChunkError::TooLong { what: "chunk header", max: 512 });
    let error = spoiled("chunked-unsigned-trailer", |_, body| {
        replace(body, b"x-amz-checksum-crc32:", &vec![b'x'; 10_000]);
    });
    assert_eq!(error, ChunkError::TooLong { what: "trailer", max: 8192 });
}

#[test]
fn a_header_that_is_not_a_size_and_a_signature_is_refused() {
    for header in
        ["", ";", "g", "-1", "+1", "00000000000000001", "1;chunk-signature=", "1;chunk-signature=00"]
    {
        let error = spoiled("chunked-signed", |_, body| *body = format!("{header}\r\n").into_bytes());
        assert_eq!(error, ChunkError::Header { offset: 0 }, "{header}");
    }
    let error = spoiled("chunked-unsigned-trailer", |_, body| replace(body, b"\r\n3e8\r\n", b"xx3e8\r\n"));
    assert!(matches!(error, ChunkError::TooLong { .. } | ChunkError::Header { .. }), "{error}");
}

#[test]
fn after_an_error_every_call_is_that_error() {
    let case = Case::load("chunked-signed");
    let mut decoder = ChunkedDecoder::new(payload(&case));
    let first = decoder.feed(Bytes::from_static(b"nonsense\r\n")).unwrap_err();
    assert_eq!(decoder.feed(Bytes::copy_from_slice(&case.body)).unwrap_err(), first);
    assert_eq!(decoder.finish().unwrap_err(), first);
}

/// AWS's documentation, "Signature calculations for the Authorization header: transferring payload in multiple
/// chunks", and its sibling with a trailer: 65 KiB of `a` in two chunks, the example keys, 24 May 2013.
fn documented(seed: &str, trailer: Option<&str>) -> ChunkedPayload {
    let key = SigningKey::derive(
        &Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        "20130524",
        "us-east-1",
        "s3",
    );
    let mut bytes = [0; 32];
    hex::decode_to_slice(seed, &mut bytes).unwrap();
    ChunkedPayload {
        signing: Some(ChunkSigning {
            key,
            date: "20130524T000000Z".to_owned(),
            scope: "20130524/us-east-1/s3/aws4_request".to_owned(),
            seed: bytes,
        }),
        has_trailer: trailer.is_some(),
        trailer_names: trailer.map(str::to_owned).into_iter().collect(),
        decoded_length: 66_560,
    }
}

fn documented_body(signatures: [&str; 3], trailer: &str) -> Vec<u8> {
    let [first, second, last] = signatures;
    let (a, b) = ("a".repeat(65_536), "a".repeat(1024));
    format!(
        "10000;chunk-signature={first}\r\n{a}\r\n400;chunk-signature={second}\r\n{b}\r\n\
         0;chunk-signature={last}\r\n{trailer}\r\n"
    )
    .into_bytes()
}

#[test]
fn aws_documented_chunks_are_accepted() {
    let payload = documented("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", None);
    let signatures = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ];
    let (data, _) = decode(payload, &documented_body(signatures, ""), &[]).unwrap();
    assert_eq!(data.len(), 66_560);
}

#[test]
fn aws_documented_trailer_is_accepted() {
    let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    let payload = documented(seed, Some("x-amz-checksum-crc32c"));
    let signatures = [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ];
    let trailer = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:\
                   d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n";
    let (_, trailers) = decode(payload, &documented_body(signatures, trailer), &[]).unwrap();
    assert_eq!(trailers, [("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())]);
}
