//! Which room a request is for.
//!
//! Held against: what design.md's order says of the first and the strongest signs, told once more here.

use hostler_aws::{FrontKind, classify};

use super::head::split;
use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

pub(crate) const HARNESS: Harness = Harness {
    name: "classify",
    about: "which room a request's head is for; the order of the signs holds",
    run,
    generate,
    words: &[
        b"Authorization: AWS4-HMAC-SHA256 Credential=A/20260102/eu-central-1/s3/aws4_request",
        b"Authorization: Bearer x",
        b"X-Amz-Target: SageMaker.ListModels",
        b"X-Amz-Credential=A%2F20260102%2Fr%2Fs3%2Faws4_request",
        b"/_hostler/",
        b"/healthz",
        b"/metrics",
        b"/console",
        b"/endpoints/e/invocations",
        b"Action=AssumeRole",
        b"Accept: text/html",
        b"Content-Type: application/x-www-form-urlencoded",
        b"GET ",
        b"POST ",
    ],
};

fn run(data: &[u8]) {
    let Some((parts, _)) = split(data) else { return };
    let room = within(times(16, data), || classify(&parts));
    let path = parts.uri.path();
    if path == "/_hostler" || path.starts_with("/_hostler/") {
        assert_eq!(room, FrontKind::Admin);
        return;
    }
    assert_ne!(room, FrontKind::Admin);
    if matches!(room, FrontKind::Health | FrontKind::Metrics | FrontKind::Console | FrontKind::Welcome) {
        assert!(matches!(parts.method.as_str(), "GET" | "HEAD"), "{parts:?}");
        return;
    }
    let signature = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let scope =
        signature.and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256 Credential=A/d/r/s3/aws4_request"));
    let is_s3 = scope.is_some_and(|rest| rest.is_empty() || rest.starts_with(','));
    if is_s3 || room == FrontKind::S3 {
        assert_eq!(room, FrontKind::S3, "{parts:?}");
    } else if parts.headers.contains_key("x-amz-target") {
        assert_eq!(room, FrontKind::Control);
    }
    if room == FrontKind::Sts {
        assert_eq!(path, "/");
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    let method = source.pick(&["GET", "HEAD", "POST", "PUT"]);
    let path = source.pick(&[
        "/",
        "/_hostler/x",
        "/healthz",
        "/metrics",
        "/console/a",
        "/endpoints/e/invocations",
        "/b/k",
    ]);
    let query =
        source.pick(&["", "?Action=x", "?X-Amz-Credential=A/d/r/s3/aws4_request", "?list-type=2", "?"]);
    let mut text = format!("{method} {path}{query}\n");
    for _ in 0..source.size(4) {
        text.push_str(source.pick(&[
            "authorization: AWS4-HMAC-SHA256 Credential=A/d/r/s3/aws4_request\n",
            "authorization: AWS4-HMAC-SHA256 Credential=A/d/r/sagemaker/aws4_request, SignedHeaders=host\n",
            "authorization: Bearer x\n",
            "x-amz-target: SageMaker.ListModels\n",
            "content-type: application/x-www-form-urlencoded\n",
            "accept: text/html\n",
        ]));
    }
    if source.one_in(3) { source.mutated(text.as_bytes(), &[], HARNESS.words) } else { text.into_bytes() }
}
