//! Who gets a request that came in through the one port.
//!
//! Why: SDKs are pointed at a single URL for SageMaker, its runtime, S3 and STS; what they send tells them apart.
//! The order is design.md's: what a signature claims decides before anything that a name could collide with.
//! Invariants: pure, looks at the head alone, and trusts nothing: the room that gets the request verifies it.

use std::borrow::Cow;

use http::request::Parts;
use memchr::{memchr, memrchr};
use percent_encoding::percent_decode_str;

use crate::{AbsentService, Head};

const AMZ_TARGET: &str = "x-amz-target";

/// The room that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrontKind {
    /// `/healthz`.
    Health,
    /// `/metrics`.
    Metrics,
    /// `/_hostler/…`, the admin API.
    Admin,
    /// `/console…`.
    Console,
    /// A browser's `GET /`.
    Welcome,
    /// SageMaker's control plane.
    Control,
    /// SageMaker's data plane.
    Gateway,
    /// The embedded STS.
    Sts,
    /// The embedded S3.
    S3,
    /// A service that is not here, and says so in its own way.
    Absent(AbsentService),
}

/// First segments of paths that are ours to read, so that no bucket can bear these names.
pub const RESERVED_NAMES: [&str; 3] = ["console", "healthz", "metrics"];

/// Finds the room by the request's head.
pub fn classify(parts: &Parts) -> FrontKind {
    classify_head(&Head::of(parts))
}

/// The same of a head where it stands.
pub fn classify_head(head: &Head<'_>) -> FrontKind {
    if let Some(ours) = ours(head) {
        return ours;
    }
    match claimed_service(head).as_deref() {
        Some(b"s3") => return FrontKind::S3,
        Some(b"iam") if is_form(head) => return FrontKind::Absent(AbsentService::Iam),
        Some(b"logs") if is_target(head, "Logs_20140328.") => {
            return FrontKind::Absent(AbsentService::Logs);
        }
        _ => {}
    }
    if head.find(AMZ_TARGET).is_some() {
        return FrontKind::Control;
    }
    if is_bearer(head) || head.path.starts_with("/endpoints/") {
        return FrontKind::Gateway;
    }
    if is_form(head) {
        return FrontKind::Sts;
    }
    FrontKind::S3
}

fn ours(head: &Head<'_>) -> Option<FrontKind> {
    let path = head.path;
    // Nearly every request.
    if path.starts_with("/endpoints/") {
        return None;
    }
    let is_under =
        |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_read = matches!(head.method, "GET" | "HEAD");
    match path {
        _ if is_under("/_hostler") => Some(FrontKind::Admin),
        "/healthz" if is_read => Some(FrontKind::Health),
        "/metrics" if is_read => Some(FrontKind::Metrics),
        _ if is_read && is_under("/console") => Some(FrontKind::Console),
        "/" if is_browser(head) => Some(FrontKind::Welcome),
        _ => None,
    }
}

/// A plain page view: no SDK asks for HTML.
fn is_browser(head: &Head<'_>) -> bool {
    matches!(head.method, "GET" | "HEAD")
        && head.query.is_none_or(str::is_empty)
        && head.find("authorization").is_none()
        && head.text("accept").is_some_and(|accept| accept.contains("text/html"))
}

/// The service in the scope that the signature claims, in the header or in a presigned query.
fn claimed_service<'a>(head: &Head<'a>) -> Option<Cow<'a, [u8]>> {
    if let Some(value) = head.find("authorization").filter(|value| value.is_ascii()) {
        let mut fields = value.trim_ascii_start().strip_prefix(b"AWS4-HMAC-SHA256")?;
        loop {
            let (field, rest) = match memchr(b',', fields) {
                Some(comma) => (&fields[..comma], Some(&fields[comma + 1..])),
                None => (fields, None),
            };
            if let Some(credential) = field.trim_ascii().strip_prefix(b"Credential=") {
                return service_of(credential.trim_ascii()).map(Cow::Borrowed);
            }
            fields = rest?;
        }
    }
    match percent_decode_str(query_value(head, "X-Amz-Credential")?).decode_utf8().ok()? {
        Cow::Borrowed(credential) => service_of(credential.as_bytes()).map(Cow::Borrowed),
        Cow::Owned(credential) => {
            service_of(credential.as_bytes()).map(|service| Cow::Owned(service.to_owned()))
        }
    }
}

/// Read from the end: an access key id may hold a slash, the rest of a scope cannot.
fn service_of(credential: &[u8]) -> Option<&[u8]> {
    let before = &credential[..memrchr(b'/', credential)?];
    Some(memrchr(b'/', before).map_or(before, |slash| &before[slash + 1..]))
}

fn is_bearer(head: &Head<'_>) -> bool {
    head.text("authorization")
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
}

fn is_target(head: &Head<'_>, prefix: &str) -> bool {
    head.text(AMZ_TARGET).is_some_and(|target| target.starts_with(prefix))
}

fn is_form(head: &Head<'_>) -> bool {
    let is_action = query_value(head, "Action").is_some();
    let is_posted_form = head.method == "POST"
        && head
            .text("content-type")
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    head.path == "/" && (is_action || is_posted_form)
}

fn query_value<'a>(head: &Head<'a>, name: &str) -> Option<&'a str> {
    let pairs = head.query?.split('&');
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(key, _)| *key == name)
        .map(|found| found.1)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const S3_AUTH: (&str, &str) = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00",
    );
    const SAGEMAKER_AUTH: (&str, &str) = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/sagemaker/aws4_request,SignedHeaders=host,Signature=00",
    );
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    const TARGET: (&str, &str) = ("x-amz-target", "SageMaker.ListModels");
    const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

    fn check(line: &str, headers: &[(&str, &str)], expected: FrontKind) {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(classify(&parts), expected, "{line} {headers:?}");
    }

    #[test]
    fn our_own_paths_come_first() {
        check("GET /healthz", &[], FrontKind::Health);
        check("GET /healthz", &[S3_AUTH], FrontKind::Health);
        check("GET /metrics", &[BROWSER], FrontKind::Metrics);
        check("POST /_hostler/v1/plan", &[SAGEMAKER_AUTH], FrontKind::Admin);
        check("GET /_hostler", &[], FrontKind::Admin);
        check("GET /console", &[BROWSER], FrontKind::Console);
        check("GET /console/app.js", &[], FrontKind::Console);
        check("GET /", &[BROWSER], FrontKind::Welcome);
        check("HEAD /", &[BROWSER], FrontKind::Welcome);
    }

    #[test]
    fn names_that_only_begin_like_ours_are_not_ours() {
        check("GET /consoles/key", &[], FrontKind::S3);
        check("GET /healthz/x", &[], FrontKind::S3);
        check("GET /_hostlerx", &[], FrontKind::S3);
        check("PUT /healthz", &[S3_AUTH], FrontKind::S3);
        check("PUT /console/key", &[S3_AUTH], FrontKind::S3);
        check("GET /", &[("accept", "*/*")], FrontKind::S3);
        check("GET /", &[BROWSER, S3_AUTH], FrontKind::S3);
        check("GET /?list-type=2", &[BROWSER], FrontKind::S3);
    }

    #[test]
    fn a_signature_for_s3_decides_before_names_can_collide() {
        check("GET /", &[S3_AUTH], FrontKind::S3);
        check("PUT /endpoints/a/invocations", &[S3_AUTH], FrontKind::S3);
        check("POST /", &[S3_AUTH, FORM], FrontKind::S3);
        check("POST /", &[S3_AUTH, TARGET], FrontKind::S3);
        check(
            "GET /endpoints/x?X-Amz-Credential=A%2F20260101%2Fus-east-1%2Fs3%2Faws4_request",
            &[],
            FrontKind::S3,
        );
        check("GET /?Action=x&X-Amz-Credential=A/20260101/us-east-1/s3/aws4_request", &[], FrontKind::S3);
    }

    #[test]
    fn each_aws_service_is_found() {
        check("POST /", &[TARGET, SAGEMAKER_AUTH], FrontKind::Control);
        check("POST /", &[TARGET], FrontKind::Control);
        check("POST /", &[TARGET, FORM], FrontKind::Control);
        check("POST /endpoints/a/invocations", &[SAGEMAKER_AUTH], FrontKind::Gateway);
        check("POST /endpoints/a/invocations", &[], FrontKind::Gateway);
        check("POST /anything", &[("authorization", "Bearer sagemaker-api-key-eA")], FrontKind::Gateway);
        check("POST /", &[FORM, SAGEMAKER_AUTH], FrontKind::Sts);
        check("POST /", &[FORM], FrontKind::Sts);
        check("GET /?Action=GetCallerIdentity&Version=2011-06-15", &[], FrontKind::Sts);
    }

    #[test]
    fn services_that_are_not_here_are_known_by_signature_and_form() {
        let iam = (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/iam/aws4_request,SignedHeaders=host,Signature=00",
        );
        let logs = (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/logs/aws4_request,SignedHeaders=host,Signature=00",
        );
        let filter = ("x-amz-target", "Logs_20140328.FilterLogEvents");
        check("POST /", &[iam, FORM], FrontKind::Absent(AbsentService::Iam));
        check("POST /", &[logs, filter], FrontKind::Absent(AbsentService::Logs));
        check("POST /", &[logs, TARGET], FrontKind::Control);
        check("POST /", &[SAGEMAKER_AUTH, filter], FrontKind::Control);
        check("POST /", &[iam, TARGET], FrontKind::Control);
    }

    #[test]
    fn anything_else_is_s3() {
        check("GET /bucket/key", &[], FrontKind::S3);
        check("POST /bucket", &[FORM], FrontKind::S3);
        check("POST /", &[("content-type", "multipart/form-data; boundary=x")], FrontKind::S3);
        check("GET /bucket?AWSAccessKeyId=x&Signature=y&Expires=1", &[], FrontKind::S3);
        check("GET /endpoints", &[], FrontKind::S3);
        check("GET /", &[("authorization", "nonsense")], FrontKind::S3);
        check("GET /", &[("authorization", "AWS4-HMAC-SHA256 Credential=s3")], FrontKind::S3);
    }
}
