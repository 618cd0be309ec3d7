//! Presigned requests: their life, their parts and their errors.

use http::Uri;

use hostler_aws::sigv4::{AuthError, Payload, PayloadForm, Rules, Signer, payload_hash};
use hostler_types::Millis;

use crate::wire::{Case, NOW, REGION, credentials, verifier_at};

fn check(name: &str, now: Millis, edit: impl Fn(String) -> String, expected: (&str, u16, &str)) {
    let mut case = Case::load(name);
    let uri: Uri = edit(case.parts.uri.to_string()).parse().unwrap();
    case.parts.uri = uri;
    let rules = case.rules();
    let error = verifier_at(now)
        .check(&case.parts, &rules)
        .and_then(|claim| claim.verify_payload(&payload_hash(&case.body)))
        .unwrap_err()
        .to_api_error(rules.protocol);
    assert_eq!((error.code(), error.status().as_u16(), error.message().unwrap()), expected, "{name}");
}

fn same(uri: String) -> String {
    uri
}

#[test]
fn a_presigned_request_lives_exactly_as_long_as_it_says() {
    let case = Case::load("s3-presigned-get");
    for (ms, is_good) in
        [(0, true), (3_600_000, true), (3_601_000, false), (-900_000, true), (-901_000, false)]
    {
        assert_eq!(verifier_at(NOW.plus(ms)).check(&case.parts, &Rules::S3).is_ok(), is_good, "{ms}");
    }
}

#[test]
fn an_expired_or_early_one_is_told_as_s3_tells_it() {
    let expired = ("AccessDenied", 403, "Request has expired");
    check("s3-presigned-get", NOW.plus(3_601_000), same, expired);
    let early = ("AccessDenied", 403, "Request is not valid yet");
    check("s3-presigned-get", NOW.plus(-901_000), same, early);
    let sts = "Signature expired: 20260102T030505Z is now earlier than 20260102T030506Z";
    check("sts-presigned", NOW.plus(61_000), same, ("SignatureDoesNotMatch", 403, sts));
}

#[test]
fn every_part_must_be_there_and_sound() {
    const ERROR: &str = "AuthorizationQueryParametersError";
    let missing = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
    for part in ["Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires"] {
        let (from, to) = (format!("X-Amz-{part}="), format!("X-Other-{part}="));
        check("s3-presigned-get", NOW, |uri| uri.replace(&from, &to), (ERROR, 400, missing));
    }
    let expires = |to: &'static str| move |uri: String| uri.replace("Expires=3600", &format!("Expires={to}"));
    check("s3-presigned-get", NOW, expires("x"), (ERROR, 400, "X-Amz-Expires should be a number"));
    check("s3-presigned-get", NOW, expires("-1"), (ERROR, 400, "X-Amz-Expires must be non-negative"));
    let week = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds";
    check("s3-presigned-get", NOW, expires("604801"), (ERROR, 400, week));
    let date = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"";
    check("s3-presigned-get", NOW, |uri| uri.replace("20260102T030405Z", "now"), (ERROR, 400, date));
    let service = "Error parsing the X-Amz-Credential parameter; incorrect service \"ec2\". This endpoint belongs to \"s3\".";
    check("s3-presigned-get", NOW, |uri| uri.replace("%2Fs3%2F", "%2Fec2%2F"), (ERROR, 400, service));
}

#[test]
fn a_longer_life_cannot_be_written_in() {
    let text = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    let expected = ("SignatureDoesNotMatch", 403, text);
    check("s3-presigned-get", NOW, |uri| uri.replace("Expires=3600", "Expires=36000"), expected);
    check("s3-presigned-get", NOW, |uri| uri.replace("/bucket/key", "/bucket/other"), expected);
    check("s3-presigned-get", NOW, |uri| format!("{uri}&versionId=x"), expected);
}

#[test]
fn both_forms_at_once_are_refused() {
    let mut case = Case::load("s3-presigned-get");
    let signed = Case::load("s3-get");
    case.parts.headers.insert("authorization", signed.parts.headers["authorization"].clone());
    let error = verifier_at(NOW).check(&case.parts, &Rules::S3).unwrap_err().to_api_error(Rules::S3.protocol);
    assert_eq!((error.code(), error.status().as_u16()), ("InvalidArgument", 400));
}

#[test]
fn the_body_of_a_presigned_put_is_not_covered() {
    let case = Case::load("s3-presigned-put");
    let claim = verifier_at(NOW).check(&case.parts, &Rules::S3).unwrap();
    assert!(matches!(claim.payload(), PayloadForm::Unsigned));
    assert!(claim.verify_payload(&payload_hash(b"anything")).is_ok());
}

#[test]
fn the_body_of_a_presigned_request_to_another_service_is_covered() {
    let case = Case::load("runtime-presigned");
    let claim = verifier_at(NOW).check(&case.parts, &Rules::GATEWAY).unwrap();
    assert!(matches!(claim.payload(), PayloadForm::Undeclared));
    let error = claim.verify_payload(&payload_hash(b"more")).unwrap_err();
    assert!(matches!(error, AuthError::Mismatch { .. }), "{error}");
}

#[test]
fn what_we_presign_we_accept() {
    let credentials = credentials(None);
    let signer = Signer { credentials: &credentials, region: REGION, service: "hostler", now: NOW };
    let request = http::Request::builder().uri("http://127.0.0.1:7070/_hostler/v1/x?b=2&a");
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    signer.presign(&mut parts, &Payload::Hash(payload_hash(b"")), 60).unwrap();
    let claim = verifier_at(NOW).check(&parts, &Rules::HOSTLER).unwrap();
    assert!(claim.verify_payload(&payload_hash(b"")).is_ok());
}
