//! Whole requests to the embedded S3: heads with ranges, conditions and copy sources, queries, documents, bodies.
//!
//! Why: what a key, an upload's id or a copy source may do is decided by the folder behind them, so the requests are
//! signed and answered for real.
//! Held against: what must hold of any answer. It is never the server's fault, XML is XML, a part is the bytes that its
//! `Content-Range` says, and nothing outside the folder is touched.
//! Invariants: every input has a folder of its own, with one bucket, one object and one open upload.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hostler_aws::sigv4::{Payload, Signer, Verifier, payload_hash};
use hostler_localaws::{LocalAws, LocalAwsConfig, LocalAwsPorts, RolePolicies, S3Limits, UndeclaredRoles};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;

use super::head::{NOW, REGION, StandingClock, credentials, key_ring, split};
use crate::bounds::within;
use crate::generate::Source;
use crate::harness::Harness;

const OBJECT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const REQUESTS_MAX: usize = 6;
/// Buffers of the folder and of hashing, for a handful of requests.
const MEMORY_MAX: usize = 8 << 20;
/// What a generated request stands in for the id of the open upload.
const UPLOAD: &str = "UPLOADID";

pub(crate) const HARNESS: Harness = Harness {
    name: "s3_request",
    about: "requests to the embedded S3 (separated by a line ---), signed; parts are parts, nothing outside the folder",
    run,
    generate,
    words: &[
        b"\n---\n", b"GET /bucket/key\n", b"PUT /bucket/key", b"?uploadId=UPLOADID", b"&partNumber=1", b"?uploads", b"?delete",
        b"?list-type=2&prefix=", b"&delimiter=%2F", b"&max-keys=", b"&continuation-token=", b"&start-after=", b"range: bytes=",
        b"if-match: *", b"if-none-match: ", b"if-modified-since: Fri, 02 Jan 2026 03:04:05 GMT", b"x-amz-copy-source: /bucket/key",
        b"x-amz-copy-source-range: bytes=0-3", b"..%2F..%2F", b"/../", b"%00", b"x-amz-meta-a: b", b"content-md5: ",
        b"x-amz-checksum-crc32: AAAAAA==", b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>",
        b"<Delete><Object><Key>key</Key></Object></Delete>", b"partNumber=", b"response-content-type=a%0Ab", b"versionId=null",
    ],
};

thread_local! {
    static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime of one thread can be built");
}

fn run(data: &[u8]) {
    RUNTIME.with(|runtime| within(MEMORY_MAX + 64 * data.len(), || runtime.block_on(answer_all(data))));
}

async fn answer_all(data: &[u8]) {
    let outer = directory();
    let folder = outer.path().join("s3");
    let local = open(&folder);
    let upload = prepare(&local).await;
    let text = String::from_utf8_lossy(&upload).into_owned();
    let data = replaced(data, text.as_bytes());
    for request in pieces(&data).into_iter().take(REQUESTS_MAX) {
        let Some((parts, body)) = split(request) else { continue };
        one(&local, parts, body).await;
    }
    let names: BTreeSet<_> = fs::read_dir(outer.path())
        .expect("it is there")
        .map(|entry| entry.expect("it is there").file_name())
        .collect();
    assert_eq!(names.len(), 1, "something was made outside: {names:?}");
}

async fn one(local: &LocalAws, parts: Parts, body: &[u8]) {
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let Some(response) = sent(local, parts, body).await else { return };
    let (head, body) = response.into_parts();
    let is_ours = head.status.is_server_error() && head.status != StatusCode::NOT_IMPLEMENTED;
    assert!(!is_ours, "{method} {uri}: {} {}", head.status, String::from_utf8_lossy(&body));
    let of = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    if of("content-type") == Some("application/xml") && !body.is_empty() && head.headers.get("etag").is_none()
    {
        let text = std::str::from_utf8(&body).expect("documents are text");
        assert!(roxmltree::Document::parse(text).is_ok(), "{method} {uri}: {text}");
    }
    if method == http::Method::GET && head.status == StatusCode::PARTIAL_CONTENT {
        let (start, end) = range(of("content-range").expect("a part says which"));
        assert_eq!(body.len(), end - start + 1);
        assert_eq!(of("content-length").and_then(|text| text.parse().ok()), Some(body.len()));
    }
}

/// `bytes 2-5/10`.
fn range(text: &str) -> (usize, usize) {
    let spec = text.strip_prefix("bytes ").and_then(|rest| rest.split_once('/')).expect("it is a range");
    let (start, end) = spec.0.split_once('-').expect("it is a range");
    let (start, end) = (start.parse().expect("a number"), end.parse().expect("a number"));
    let size: usize = spec.1.parse().expect("a number");
    assert!(start <= end && end < size, "{text}");
    (start, end)
}

/// The answer to a request that is signed here; none when no client could sign it.
async fn sent(local: &LocalAws, mut parts: Parts, body: &[u8]) -> Option<Response<Bytes>> {
    if parts
        .headers
        .get("x-amz-content-sha256")
        .is_none_or(|value| !value.as_bytes().starts_with(b"STREAMING"))
    {
        let credentials = credentials();
        let signer = Signer { credentials: &credentials, region: REGION, service: "s3", now: NOW };
        parts.headers.entry("host").or_insert(http::HeaderValue::from_static("localhost"));
        signer.sign_headers(&mut parts, &Payload::DeclaredHash(payload_hash(body))).ok()?;
    }
    let body = Full::new(Bytes::copy_from_slice(body)).map_err(|never: Infallible| match never {});
    let response = local.s3(Request::from_parts(parts, body)).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("what is on the disk can be read").to_bytes();
    Some(Response::from_parts(head, body))
}

fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new();
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.expect("a directory for temporary files can be made in")
}

fn open(folder: &Path) -> LocalAws {
    let (keys, clock) = (Arc::new(key_ring()), Arc::new(StandingClock));
    let verifier = Arc::new(Verifier::new(keys.clone(), clock.clone()));
    let config = LocalAwsConfig {
        dir: folder.to_owned(),
        limits: S3Limits { part_bytes_min: 1, uploads_max: 4, ..S3Limits::default() },
        roles: RolePolicies::new(Vec::new(), UndeclaredRoles::Allow).expect("no rule is wrong"),
        inactive_regions: BTreeSet::new(),
        s3_elsewhere: None,
    };
    LocalAws::open(config, LocalAwsPorts { verifier, keys, clock }).expect("the folder is new")
}

/// Makes the bucket, the object and the upload; its id.
async fn prepare(local: &LocalAws) -> Vec<u8> {
    let mut last = Bytes::new();
    for (line, body) in
        [("PUT /bucket", &b""[..]), ("PUT /bucket/key", OBJECT), ("POST /bucket/key?uploads", b"")]
    {
        let (parts, _) = split(line.as_bytes()).expect("it is a head");
        let response = sent(local, parts, body).await.expect("it can be signed");
        assert_eq!(response.status(), StatusCode::OK, "{line}");
        last = response.into_body();
    }
    let text = String::from_utf8_lossy(&last).into_owned();
    let id = text.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>"));
    id.expect("an upload has an id").0.as_bytes().to_vec()
}

fn replaced(data: &[u8], id: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some(at) = rest.windows(UPLOAD.len()).position(|window| window == UPLOAD.as_bytes()) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(id);
        rest = &rest[at + UPLOAD.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn pieces(data: &[u8]) -> Vec<&[u8]> {
    const BETWEEN: &[u8] = b"\n---\n";
    let mut pieces = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        pieces.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    pieces.push(rest);
    pieces
}

fn generate(source: &mut Source) -> Vec<u8> {
    let requests: Vec<String> = (0..=source.size(4)).map(|_| request(source)).collect();
    let input = requests.join("\n---\n").into_bytes();
    if source.one_in(2) { source.mutated(&input, &[], HARNESS.words) } else { input }
}

fn request(source: &mut Source) -> String {
    let key = source.pick(&["key", "key", "a/b", "..%2F..%2Fx", "a//b", "%C3%A9", ".", "%00", "a%2Fb"]);
    let mut headers = String::new();
    for _ in 0..source.size(3) {
        headers.push('\n');
        headers.push_str(source.pick(&[
            "range: bytes=2-5",
            "range: bytes=-3",
            "range: bytes=30-99",
            "range: bytes=36-",
            "if-match: *",
            "if-none-match: \"x\"",
            "if-modified-since: Fri, 02 Jan 2026 03:04:05 GMT",
            "x-amz-meta-a: b",
            "content-type: a/b",
            "content-md5: AAAA",
            "x-amz-checksum-crc32: AAAAAA==",
            "x-amz-checksum-algorithm: CRC32",
            "x-amz-checksum-mode: ENABLED",
            "x-amz-metadata-directive: REPLACE",
            "x-amz-acl: private",
            "x-amz-server-side-encryption: AES256",
        ]));
    }
    match source.below(14) {
        0 => format!("GET /bucket/{key}{headers}"),
        1 => format!("PUT /bucket/{key}{headers}\n\nsome content"),
        2 => format!("PUT /bucket/copy\nx-amz-copy-source: /bucket/{key}{headers}"),
        3 => format!("PUT /bucket/key?partNumber=1&uploadId=UPLOADID{headers}\n\npart"),
        4 => "PUT /bucket/key?partNumber=2&uploadId=UPLOADID\nx-amz-copy-source: bucket/key\nx-amz-copy-source-range: bytes=0-3".to_owned(),
        5 => "POST /bucket/key?uploadId=UPLOADID\n\n<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>              &quot;b4a7fbeb2ea64ae95a80bb9f0fa1ab72&quot;</ETag></Part></CompleteMultipartUpload>".to_owned(),
        6 => format!("POST /bucket?delete\n\n<Delete><Object><Key>{key}</Key></Object></Delete>"),
        7 => format!("GET /bucket?list-type=2&prefix={}&delimiter=%2F&max-keys={}", source.pick(&["", "a", "%2F"]), source.below(3)),
        8 => format!("GET /bucket?prefix={key}&encoding-type=url&marker={key}"),
        9 => format!("GET /bucket/key?uploadId={}", source.pick(&["UPLOADID", "..%2F..", "x", "%00"])),
        10 => format!("GET /bucket/key?partNumber={}&response-content-type={key}", source.below(4)),
        11 => format!("DELETE /bucket/{key}{headers}"),
        12 => format!("HEAD /bucket/{key}{headers}"),
        _ => format!("GET /bucket?uploads&max-uploads={}&key-marker={key}", source.below(3)),
    }
}
