//! Every way in which a signature can be bad, and the code, text and status that each protocol gives it.

use http::HeaderValue;
use http::request::Parts;

use hostler_aws::sigv4::{AuthError, Rules, payload_hash};
use hostler_types::Millis;

use crate::wire::{Case, NOW, verifier_at};

/// `(code, status, text)` of the control plane, the data plane, STS and S3, in this order.
pub(crate) type Expected = [(&'static str, u16, &'static str); 4];

pub(crate) const BASES: [&str; 4] =
    ["control-describe", "runtime-invoke", "sts-get-caller-identity", "s3-put"];

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
                        AWS Secret Access Key and signing method. Consult the service documentation for details.";
const S3_MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
                           key and signing method.";
const MISMATCHES: Expected = [
    ("InvalidSignatureException", 400, MISMATCH),
    ("InvalidSignatureException", 403, MISMATCH),
    ("SignatureDoesNotMatch", 403, MISMATCH),
    ("SignatureDoesNotMatch", 403, S3_MISMATCH),
];
const UNKNOWN: &str = "The security token included in the request is invalid.";
const OVER: &str = "The security token included in the request is expired";

pub(crate) fn verify(case: &Case, rules: &Rules, now: Millis) -> Result<(), AuthError> {
    let claim = verifier_at(now).check(&case.parts, rules)?;
    claim.verify_payload(&payload_hash(&case.body)).map(|_| ())
}

/// Spoils each protocol's good request and compares what the client would be told.
pub(crate) fn check(now: Millis, spoil: impl Fn(&mut Case), expected: Expected) {
    for (name, expected) in BASES.into_iter().zip(expected) {
        let mut case = Case::load(name);
        spoil(&mut case);
        let rules = case.rules();
        let error = verify(&case, &rules, now).expect_err(name).to_api_error(rules.protocol);
        let found = (error.code(), error.status().as_u16(), error.message().unwrap());
        assert_eq!(found, expected, "{name}");
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.headers[name].to_str().unwrap()
}

pub(crate) fn set(parts: &mut Parts, name: &'static str, value: &str) {
    parts.headers.insert(name, HeaderValue::from_str(value).unwrap());
}

pub(crate) fn edit_authorization(case: &mut Case, edit: impl Fn(&str) -> String) {
    let edited = edit(header(&case.parts, "authorization"));
    set(&mut case.parts, "authorization", &edited);
}

#[test]
fn the_good_requests_are_good() {
    for name in BASES {
        let case = Case::load(name);
        verify(&case, &case.rules(), NOW).expect(name);
    }
}

#[test]
fn a_missing_signature() {
    check(
        NOW,
        |case| drop(case.parts.headers.remove("authorization")),
        [
            ("MissingAuthenticationTokenException", 400, "Missing Authentication Token"),
            ("MissingAuthenticationTokenException", 403, "Missing Authentication Token"),
            ("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
            ("AccessDenied", 403, "Access Denied"),
        ],
    );
}

#[test]
fn an_unknown_key() {
    check(
        NOW,
        |case| edit_authorization(case, |text| text.replace("AKIDEXAMPLE", "AKIDSTRANGER")),
        [
            ("UnrecognizedClientException", 400, UNKNOWN),
            ("UnrecognizedClientException", 403, UNKNOWN),
            ("InvalidClientTokenId", 403, UNKNOWN),
            ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
        ],
    );
}

/// Session tokens are signed headers; the key is looked up first, so that the answer names the token.
fn with_token(case: &mut Case, token: &str) {
    set(&mut case.parts, "x-amz-security-token", token);
    edit_authorization(case, |text| {
        let note = text.replace(";x-amz-meta-note", ";x-amz-meta-note;x-amz-security-token");
        if note == text { text.replace(";x-amz-date", ";x-amz-date;x-amz-security-token") } else { note }
    });
}

#[test]
fn a_foreign_session_token() {
    check(
        NOW,
        |case| with_token(case, "foreign"),
        [
            ("UnrecognizedClientException", 400, UNKNOWN),
            ("UnrecognizedClientException", 403, UNKNOWN),
            ("InvalidClientTokenId", 403, UNKNOWN),
            ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
        ],
    );
}

#[test]
fn an_expired_session_token() {
    check(
        NOW,
        |case| with_token(case, "over"),
        [
            ("ExpiredTokenException", 400, OVER),
            ("ExpiredTokenException", 403, OVER),
            ("ExpiredToken", 403, OVER),
            ("ExpiredToken", 400, "The provided token has expired."),
        ],
    );
}

#[test]
fn a_wrong_signature() {
    check(NOW, |case| edit_authorization(case, flip_last_digit), MISMATCHES);
    check(NOW, |case| edit_authorization(case, |text| text[..text.len() - 2].to_owned()), MISMATCHES);
}

fn flip_last_digit(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn a_tampered_header_query_path_or_method() {
    let spoils: [fn(&mut Case); 6] = [
        |case| set(&mut case.parts, "host", "elsewhere.example"),
        |case| case.parts.method = http::Method::DELETE,
        |case| case.parts.uri = format!("{}?x=1", case.parts.uri.path()).parse().unwrap(),
        |case| case.parts.uri = format!("{}x", case.parts.uri.path()).parse().unwrap(),
        |case| assert!(case.parts.headers.append("x-amz-date", HeaderValue::from_static("20260102T030405Z"))),
        |case| drop(case.parts.headers.remove("host")),
    ];
    for spoil in spoils {
        check(NOW, spoil, MISMATCHES);
    }
}

#[test]
fn a_header_that_was_signed_and_is_gone() {
    for (name, header) in
        [("control-describe", "content-type"), ("runtime-invoke", "accept"), ("s3-put", "x-amz-meta-note")]
    {
        let mut case = Case::load(name);
        case.parts.headers.remove(header);
        let error = verify(&case, &case.rules(), NOW).unwrap_err();
        assert!(matches!(error, AuthError::Mismatch { .. }), "{name}: {error}");
    }
}

#[test]
fn a_tampered_body() {
    let mut expected = MISMATCHES;
    expected[3] = (
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
    check(NOW, |case| case.body.push(b' '), expected);
}

#[test]
fn a_declared_hash_binds_the_data_plane_too() {
    let mut case = Case::load("runtime-declared-hash");
    case.body.push(b'x');
    let error = verify(&case, &Rules::GATEWAY, NOW).unwrap_err();
    assert!(matches!(error, AuthError::PayloadMismatch), "{error}");
    let error = error.to_api_error(Rules::GATEWAY.protocol);
    assert_eq!((error.code(), error.status().as_u16()), ("InvalidSignatureException", 403));
}

#[test]
fn a_signature_older_than_the_skew() {
    let coral = "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030906Z - 5 min.)";
    let sts = ("SignatureDoesNotMatch", 403, coral);
    let s3 = (
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    );
    let json = |status| ("InvalidSignatureException", status, coral);
    for (name, now, expected) in [
        (BASES[0], NOW.plus(301_000), json(400)),
        (BASES[1], NOW.plus(301_000), json(403)),
        (BASES[2], NOW.plus(301_000), sts),
        (BASES[3], NOW.plus(901_000), s3),
    ] {
        let case = Case::load(name);
        let rules = case.rules();
        let error = verify(&case, &rules, now).expect_err(name).to_api_error(rules.protocol);
        assert_eq!((error.code(), error.status().as_u16(), error.message().unwrap()), expected, "{name}");
    }
}

#[test]
fn the_skew_itself_is_still_good_both_ways() {
    for (name, skew_ms) in
        [(BASES[0], 300_000), (BASES[1], 300_000), (BASES[2], 300_000), (BASES[3], 900_000)]
    {
        let case = Case::load(name);
        for now in [NOW.plus(skew_ms), NOW.plus(-skew_ms)] {
            verify(&case, &case.rules(), now).expect(name);
        }
        for now in [NOW.plus(skew_ms + 1000), NOW.plus(-skew_ms - 1000)] {
            verify(&case, &case.rules(), now).expect_err(name);
        }
    }
}

#[test]
fn a_signature_from_the_future() {
    let now = NOW.plus(-3_600_000);
    let coral = "Signature not yet current: 20260102T030405Z is still later than 20260102T020905Z (20260102T020405Z + 5 min.)";
    check(
        now,
        |_| {},
        [
            ("InvalidSignatureException", 400, coral),
            ("InvalidSignatureException", 403, coral),
            ("SignatureDoesNotMatch", 403, coral),
            (
                "RequestTimeTooSkewed",
                403,
                "The difference between the request time and the current time is too large.",
            ),
        ],
    );
}

#[test]
fn another_operation_cannot_be_slipped_in() {
    let mut case = Case::load("control-describe");
    set(&mut case.parts, "x-amz-target", "SageMaker.DeleteEndpoint");
    let error = verify(&case, &Rules::CONTROL, NOW).unwrap_err();
    assert!(matches!(error, AuthError::Mismatch { .. }), "{error}");
}

#[test]
fn a_head_over_the_limit_is_refused_before_any_signature_work() {
    let mut case = Case::load("control-describe");
    set(&mut case.parts, "x-amzn-note", &"x".repeat(64 * 1024));
    let error = verify(&case, &Rules::CONTROL, NOW).unwrap_err();
    assert!(matches!(error, AuthError::TooLarge { what: "bytes", .. }), "{error}");

    let mut case = Case::load("control-describe");
    for _ in 0..257 {
        case.parts.headers.append("x-note", HeaderValue::from_static("x"));
    }
    let error = verify(&case, &Rules::CONTROL, NOW).unwrap_err();
    assert!(matches!(error, AuthError::TooLarge { what: "header lines", .. }), "{error}");
    let error = error.to_api_error(Rules::CONTROL.protocol);
    assert_eq!((error.code(), error.status().as_u16()), ("RequestHeaderSectionTooLarge", 400));
}

#[test]
fn s3_wants_the_payload_declared_in_one_of_its_ways() {
    let code = |spoil: fn(&mut Case), name: &str| {
        let mut case = Case::load(name);
        spoil(&mut case);
        let error = verify(&case, &Rules::S3, NOW).unwrap_err().to_api_error(Rules::S3.protocol);
        (error.code().to_owned(), error.status().as_u16())
    };
    let undeclared: fn(&mut Case) = |case| drop(case.parts.headers.remove("x-amz-content-sha256"));
    assert_eq!(code(undeclared, "s3-put"), ("InvalidRequest".to_owned(), 400));
    let nonsense: fn(&mut Case) = |case| set(&mut case.parts, "x-amz-content-sha256", "STREAMING-NONSENSE");
    assert_eq!(code(nonsense, "s3-put"), ("InvalidArgument".to_owned(), 400));
    let lengthless: fn(&mut Case) = |case| drop(case.parts.headers.remove("x-amz-decoded-content-length"));
    assert_eq!(code(lengthless, "chunked-signed"), ("MissingContentLength".to_owned(), 411));
}

#[test]
fn an_unsigned_payload_is_s3s_privilege() {
    // The vector is signed for s3 over UNSIGNED-PAYLOAD; the same declaration buys nothing elsewhere.
    let mut case = Case::load("runtime-declared-hash");
    set(&mut case.parts, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let claim = verifier_at(NOW).check(&case.parts, &Rules::GATEWAY).unwrap();
    assert!(claim.caller().is_none());
    assert!(claim.verify_payload(&payload_hash(&case.body)).is_err());
}

#[test]
fn what_the_log_gets_is_not_what_the_client_gets() {
    let mut case = Case::load("control-describe");
    case.body.push(b' ');
    let error = verify(&case, &Rules::CONTROL, NOW).unwrap_err().to_api_error(Rules::CONTROL.protocol);
    assert!(error.internal_text().unwrap().contains("canonical request:\nPOST\n/\n"));
    assert_eq!(error.message(), Some(MISMATCH));
}
