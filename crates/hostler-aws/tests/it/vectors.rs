//! Every step of every vector, both ways.

use http::HeaderName;
use http::request::Parts;

use hostler_aws::sigv4::{
    AuthForm, PathStyle, Payload, PayloadForm, Presented, Rules, Signer, SigningKey, canonical_request,
    payload_hash, string_to_sign,
};
use hostler_types::Secret;

use crate::wire::{Case, NOW, REGION, SECRET, TOKEN, credentials, identity, verifier_at};

/// Vectors that our signer would not make, and why.
const NOT_SIGNED_BY_US: [(&str, &str); 2] = [
    ("control-date-header", "our signer always sends x-amz-date"),
    ("control-signed-sdk-headers", "our signer leaves the SDKs' retry headers unsigned, as botocore does"),
];

#[test]
fn there_are_at_least_25_vectors() {
    assert!(Case::all().len() >= 25);
}

#[test]
fn every_step_of_every_vector_is_botocores() {
    for case in Case::all() {
        let name = &case.name;
        let presented = Presented::read(&case.parts).unwrap_or_else(|error| panic!("{name}: {error}"));
        let style = if presented.scope.service == "s3" { PathStyle::S3 } else { PathStyle::Standard };
        // The last line is the vector's own: what stands there depends on the kind of payload.
        let last = case.canonical.rsplit(|byte| *byte == b'\n').next().unwrap();
        let last = std::str::from_utf8(last).unwrap();
        let canonical = canonical_request(&case.parts, &presented.signed_headers, style, last);
        assert_eq!(
            String::from_utf8_lossy(&canonical),
            String::from_utf8_lossy(&case.canonical),
            "canonical request of {name}"
        );
        let scope = &presented.scope;
        let text = string_to_sign(presented.date.as_str(), &scope.to_string(), &canonical);
        assert_eq!(text, case.string_to_sign, "string to sign of {name}");
        let key = SigningKey::derive(&Secret::new(SECRET), &scope.day, &scope.region, &scope.service);
        assert_eq!(hex::encode(key.sign(&text)), case.signature, "signature of {name}");
        assert_eq!(presented.signature.map(hex::encode).as_ref(), Some(&case.signature), "{name}");
    }
}

#[test]
fn every_vector_is_verified() {
    for case in Case::all() {
        let name = &case.name;
        let claim = verifier_at(NOW)
            .check(&case.parts, &case.rules())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let is_undeclared = matches!(claim.payload(), PayloadForm::Undeclared);
        assert_eq!(claim.caller().is_none(), is_undeclared, "{name}");
        let caller =
            claim.verify_payload(&payload_hash(&case.body)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(*caller.identity, identity(), "{name}");
        assert_eq!(caller.region.as_str(), REGION, "{name}");
    }
}

#[test]
fn the_same_signature_is_accepted_twice_and_the_second_time_from_the_cache() {
    let case = Case::load("control-describe");
    let verifier = verifier_at(NOW);
    for _ in 0..2 {
        let claim = verifier.check(&case.parts, &Rules::CONTROL).unwrap();
        claim.verify_payload(&payload_hash(&case.body)).unwrap();
    }
}

#[test]
fn our_signer_makes_botocores_signatures() {
    let mut made = 0;
    for case in Case::all() {
        let name = case.name.as_str();
        let is_ours = NOT_SIGNED_BY_US.iter().all(|(other, _)| *other != name);
        if !is_ours || name.starts_with("chunked-") {
            continue;
        }
        let presented = Presented::read(&case.parts).unwrap();
        let (service, token) = (presented.scope.service.as_ref(), presented.session_token.map(|_| TOKEN));
        let credentials = credentials(token);
        let signer = Signer { credentials: &credentials, region: REGION, service, now: NOW };
        let hash = payload_hash(&case.body);
        let payload = match presented.declared_payload.as_deref() {
            Some("UNSIGNED-PAYLOAD") => Payload::Unsigned,
            None if presented.form == AuthForm::Query && service == "s3" => Payload::Unsigned,
            Some(_) => Payload::DeclaredHash(hash),
            None => Payload::Hash(hash),
        };
        let mut parts = unsigned(&case.parts);
        match presented.form {
            AuthForm::Header => signer.sign_headers(&mut parts, &payload).unwrap(),
            AuthForm::Query => signer.presign(&mut parts, &payload, presented.expires_s.unwrap()).unwrap(),
        }
        let signature = Presented::read(&parts).unwrap().signature.map(hex::encode);
        assert_eq!(signature.as_ref(), Some(&case.signature), "{name}");
        made += 1;
    }
    assert!(made >= 35, "only {made}");
}

/// The request as it was before it was signed.
fn unsigned(parts: &Parts) -> Parts {
    let mut parts = parts.clone();
    for name in ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"] {
        parts.headers.remove(HeaderName::from_static(name));
    }
    let query: Vec<&str> =
        parts.uri.query().unwrap_or("").split('&').filter(|pair| !pair.starts_with("X-Amz-")).collect();
    let path = parts.uri.path();
    let uri = if query == [""] || query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", query.join("&"))
    };
    parts.uri = uri.parse().unwrap();
    parts
}

#[test]
fn a_path_that_is_sent_raw_and_signed_encoded_is_verified() {
    // The signatures are over the encoded spelling; the client on the wire does not encode what HTTP allows.
    for (name, path) in [
        ("s3-key-with-plus", "/bucket/a+b=c&d"),
        ("s3-key-with-plus", "/bucket/a%2bb%3dc%26d"),
        ("s3-key-unicode", "/bucket/grüße/世界"),
    ] {
        let mut case = Case::load(name);
        case.parts.uri = path.parse().unwrap();
        let claim = verifier_at(NOW).check(&case.parts, &Rules::S3);
        assert!(claim.is_ok_and(|claim| claim.caller().is_some()), "{path}");
    }
}

#[test]
fn a_host_in_the_uri_alone_is_verified() {
    // HTTP/2 has `:authority` in place of the header.
    let mut case = Case::load("s3-get");
    let host = case.parts.headers.remove("host").unwrap();
    case.parts.uri = format!("https://{}/bucket/model.tar.gz", host.to_str().unwrap()).parse().unwrap();
    assert!(verifier_at(NOW).check(&case.parts, &Rules::S3).is_ok());
}
