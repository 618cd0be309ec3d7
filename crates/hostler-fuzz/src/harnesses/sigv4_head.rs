//! The signature of a request's head: in the Authorization header and in a presigned query.
//!
//! Held against: our own signer, whose signatures are those of botocore (`hostler-aws/tests/sigv4`). Whatever the head,
//! once signed it verifies, and with another path it no longer does.

use hostler_aws::Protocol;
use hostler_aws::sigv4::{AuthError, Payload, PayloadForm, Rules, Signer, Verifier, payload_hash};
use http::Uri;
use http::request::Parts;

use super::head::{NOW, REGION, credentials, split, with_verifier};
use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const RULES: [Rules; 5] = [Rules::CONTROL, Rules::GATEWAY, Rules::STS, Rules::S3, Rules::HOSTLER];
const PROTOCOLS: [Protocol; 4] = [Protocol::AwsJson, Protocol::RestJson, Protocol::Query, Protocol::S3];

pub(crate) const HARNESS: Harness = Harness {
    name: "sigv4_head",
    about: "SigV4 headers and presigned queries; what our signer signs verifies, and changed no longer does",
    run,
    generate,
    words: &[
        b"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=",
        b"X-Amz-Date: 20260102T030405Z\n", b"Date: Fri, 02 Jan 2026 03:04:05 GMT", b"X-Amz-Expires=", b"&X-Amz-Signature=",
        b"X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\n", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"x-amz-trailer: ", b"%2F", b"%",
        b"x-amz-decoded-content-length: ", b"X-Amz-Security-Token", b";", b"/../", b"//", b"Host: ", b"=", b"&",
    ],
};

fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let rules = RULES[usize::from(*which & 0x0f) % RULES.len()];
    let Some((parts, body)) = split(rest) else { return };
    with_verifier(|verifier| {
        as_it_is(verifier, &parts, body, &rules, data);
        if *which & 0x10 == 0 {
            signed_by_us(verifier, parts, body, &rules, *which & 0x20 != 0);
        }
    });
}

fn as_it_is(verifier: &Verifier, parts: &Parts, body: &[u8], rules: &Rules, data: &[u8]) {
    // The canonical request is made up to twice, and a percent sign becomes three characters.
    match within(times(48, data), || verifier.check(parts, rules)) {
        Ok(claim) => {
            let _ = claim.verify_payload(&payload_hash(body));
        }
        Err(error) => {
            for protocol in PROTOCOLS {
                let error = error.to_api_error(protocol);
                assert!(error.status().is_client_error());
                let length = error.message().map_or(0, str::len);
                assert!(length <= 4096 + 8 * data.len(), "a message of {length} bytes");
            }
        }
    }
}

fn signed_by_us(verifier: &Verifier, mut parts: Parts, body: &[u8], rules: &Rules, is_query: bool) {
    for name in ["x-amz-content-sha256", "authorization", "x-amz-trailer", "x-amz-decoded-content-length"] {
        parts.headers.remove(name);
    }
    if parts.uri.query().is_some_and(|query| query.contains("X-Amz-")) {
        return;
    }
    let credentials = credentials();
    let signer = Signer { credentials: &credentials, region: REGION, service: rules.service, now: NOW };
    let hash = payload_hash(body);
    let is_s3 = rules.service == "s3";
    let signed = if is_query {
        let payload = if is_s3 { Payload::Unsigned } else { Payload::Hash(hash) };
        signer.presign(&mut parts, &payload, 60)
    } else {
        let payload = if is_s3 { Payload::DeclaredHash(hash) } else { Payload::Hash(hash) };
        signer.sign_headers(&mut parts, &payload)
    };
    if signed.is_err() {
        return;
    }
    let check = || match verifier.check(&parts, rules) {
        Ok(claim) => Some(claim),
        Err(AuthError::TooLarge { .. }) => None,
        Err(error) => panic!("what we signed ourselves is refused: {error:?} {parts:?}"),
    };
    let (Some(claim), Some(again)) = (check(), check()) else { return };
    let is_unsigned = matches!(claim.payload(), PayloadForm::Unsigned);
    assert!(is_unsigned || again.verify_payload(&[1; 32]).is_err(), "another body is accepted");
    assert!(is_unsigned || claim.verify_payload(&hash).is_ok(), "our own body is refused: {parts:?}");
    if !parts.uri.path().starts_with('/') {
        return;
    }
    // At the end, where no dot segment can take it away again.
    let query = parts.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let path = format!("{}x{query}", parts.uri.path());
    if let Ok(uri) = path.parse::<Uri>() {
        parts.uri = uri;
        let is_refused =
            verifier.check(&parts, rules).map_or(true, |claim| claim.verify_payload(&hash).is_err());
        assert!(is_refused, "another path is accepted: {parts:?}");
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    let mut input = vec![source.below(256) as u8];
    let path = source.text(&["/", "a", "..", "%2f", "%", "é", "+", " ", "bucket", "//", "."], 12);
    let query = source.text(&["&", "=", "a", "%20", "+", "X-Amz-Date", "b=c", "prefix", "%"], 12);
    let method = source.pick(&["GET", "PUT", "POST", "HEAD"]);
    input.extend_from_slice(format!("{method} /{path}?{query}\nhost: example.localhost\n").as_bytes());
    for _ in 0..source.size(30) {
        let name = source.pick(&[
            "x-amz-meta-a",
            "x-amz-meta-b",
            "content-type",
            "accept",
            "x-amz-target",
            "te",
            "date",
        ]);
        let value = source.text(&["a", " ", "  ", ",", "\t", "é", "\"", "=", "20260102T030405Z"], 9);
        input.extend_from_slice(format!("{name}: {value}\n").as_bytes());
    }
    let length = source.size(100);
    input.push(b'\n');
    input.extend(source.bytes(length));
    if source.one_in(3) { source.mutated(&input, &[], HARNESS.words) } else { input }
}
