//! Whatever is sent, verification answers and never panics.

use http::{HeaderValue, Request};
use proptest::prelude::*;

use hostler_aws::sigv4::{Rules, payload_hash};
use hostler_aws::{Form, Protocol, classify};

use crate::wire::{Case, NOW, verifier_at};

const RULES: [Rules; 5] = [Rules::CONTROL, Rules::GATEWAY, Rules::STS, Rules::S3, Rules::HOSTLER];
const PROTOCOLS: [Protocol; 4] = [Protocol::AwsJson, Protocol::RestJson, Protocol::Query, Protocol::S3];

/// Text that is often close to a real signature.
fn authorization() -> impl Strategy<Value = Vec<u8>> {
    let near = "(AWS4-HMAC-SHA256|AWS|Bearer|)[ ,]{0,2}(Credential=[A-Z/0-9a-z]{0,40}|Credential=A/20260102/eu-central-1/s3/aws4_request)?\
                [, ]{0,2}(SignedHeaders=[a-z;-]{0,20})?[, ]{0,2}(Signature=[0-9a-f]{0,70})?";
    prop_oneof![near.prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..80)]
}

proptest! {
    #[test]
    fn arbitrary_headers_never_panic(
        authorization in proptest::option::of(authorization()),
        date in proptest::option::of("[0-9TZ]{0,18}|20260102T030405Z|.{0,20}"),
        hash in proptest::option::of("[0-9a-f]{0,66}|STREAMING-[A-Z0-9-]{0,40}|UNSIGNED-PAYLOAD"),
        which in 0_usize..5,
    ) {
        let mut request = Request::builder().method("PUT").uri("/b/k?x=%zz&=&&a");
        let headers = [
            ("authorization", authorization),
            ("x-amz-date", date.map(String::into_bytes)),
            ("x-amz-content-sha256", hash.map(String::into_bytes)),
        ];
        for (name, value) in headers {
            if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(&value).ok()) {
                request = request.header(name, value);
            }
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        classify(&parts);
        match verifier_at(NOW).check(&parts, &RULES[which]) {
            Ok(claim) => prop_assert!(claim.verify_payload(&[0; 32]).is_err()),
            Err(error) => for protocol in PROTOCOLS {
                prop_assert!(error.to_api_error(protocol).status().is_client_error());
            }
        }
    }

    #[test]
    fn arbitrary_queries_never_panic(
        query in "((X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Security-Token)=([A-Za-z0-9/%;-]{0,40}|AWS4-HMAC-SHA256|20260102T030405Z))?&?){0,8}",
        which in 0_usize..5,
    ) {
        let uri = format!("/b/k?{query}");
        if let Ok(uri) = uri.parse::<http::Uri>() {
            let (parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
            classify(&parts);
            if let Ok(claim) = verifier_at(NOW).check(&parts, &RULES[which]) {
                prop_assert!(claim.verify_payload(&[0; 32]).is_err());
            }
        }
    }

    #[test]
    fn any_path_and_query_can_be_told(path in "/[!-~ü]{0,60}") {
        if let Ok(uri) = path.parse::<http::Uri>() {
            let mut case = Case::load("s3-get");
            case.parts.uri = uri;
            let _ = verifier_at(NOW).check(&case.parts, &Rules::S3);
            let _ = verifier_at(NOW).check(&case.parts, &Rules::CONTROL);
        }
    }

    #[test]
    fn another_body_never_passes(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let case = Case::load("control-describe");
        prop_assume!(body != case.body);
        let claim = verifier_at(NOW).check(&case.parts, &Rules::CONTROL).unwrap();
        prop_assert!(claim.verify_payload(&payload_hash(&body)).is_err());
    }

    #[test]
    fn arbitrary_forms_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Form::parse(&body);
    }
}
