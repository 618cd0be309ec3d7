//! A server without a listener: requests go in signed, answers come out read.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use hostler_aws::sigv4::{
    AmzDate, PathStyle, SigningKey, UNSIGNED_PAYLOAD, Verifier, canonical_request, payload_hash,
    string_to_sign,
};
use hostler_aws::{KeyRing, LongLivedKey, TokenSealer};
use hostler_localaws::{
    LocalAws, LocalAwsConfig, LocalAwsPorts, RolePolicies, RoleRule, S3Limits, UndeclaredRoles,
};
use hostler_types::{AccountId, Clock, Credentials, Millis, Region, Secret};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};

/// Fri, 02 Jan 2026 03:04:05 GMT.
pub(crate) const NOW: Millis = Millis(1_767_323_045_000);
pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const READER: &str = "arn:aws:iam::000000000000:role/Reader";

/// A clock that stands still until a test moves it.
pub(crate) struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(NOW.0))
    }
}

impl TestClock {
    pub(crate) fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// What a test decides about a world.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) limits: S3Limits,
    pub(crate) undeclared: UndeclaredRoles,
    pub(crate) inactive_regions: &'static [&'static str],
    pub(crate) s3_elsewhere: Option<String>,
}

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) local: Arc<LocalAws>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) clock: Arc<TestClock>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The text of the first element of that name.
    pub(crate) fn element(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let Some(start) = self.text().find(&open) else { return "" };
        let rest = &self.text()[start + open.len()..];
        &rest[..rest.find(&close).unwrap()]
    }

    /// Status and code of an error.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.element("Code"))
    }
}

pub(crate) fn key(id: &str) -> Credentials {
    Credentials {
        access_key_id: id.to_owned(),
        secret_access_key: Secret::new(format!("secret of {id}")),
        session_token: None,
        expires_at: None,
    }
}

fn long_lived(id: &str, account: &str) -> LongLivedKey {
    LongLivedKey::of_account(id, key(id).secret_access_key, &AccountId::new(account))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(S3Limits::default(), UndeclaredRoles::Allow)
    }

    pub(crate) fn with(limits: S3Limits, undeclared: UndeclaredRoles) -> Self {
        Self::of(Plan { limits, undeclared, ..Plan::default() })
    }

    pub(crate) fn of(plan: Plan) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::default());
        let (local, keys) = open_with(dir.path(), plan, Arc::clone(&clock) as _);
        Self { dir, local, keys, clock }
    }

    /// A request of the first account.
    pub(crate) async fn s3(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.s3_as(&key("AKIDEXAMPLE"), line, headers, body).await
    }

    pub(crate) async fn s3_as(
        &self,
        credentials: &Credentials,
        line: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let payload = hex::encode(payload_hash(body));
        let signature =
            Signature { now: self.clock.now(), region: "us-east-1", service: "s3", payload: &payload };
        let request = signature.sign(credentials, line, headers);
        self.send(request.map(|()| Full::new(Bytes::copy_from_slice(body)))).await
    }

    pub(crate) async fn send<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        read(self.local.s3(request).await).await
    }

    pub(crate) async fn sts_as(&self, credentials: &Credentials, form: &str) -> Answer {
        self.sts_in("us-east-1", credentials, form).await
    }

    pub(crate) async fn sts_in(&self, region: &str, credentials: &Credentials, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let payload = hex::encode(payload_hash(form.as_bytes()));
        let signature = Signature { now: self.clock.now(), region, service: "sts", payload: &payload };
        let request = signature.sign(credentials, "POST /", &headers);
        read(self.local.sts(request.map(|()| Full::new(Bytes::copy_from_slice(form.as_bytes())))).await).await
    }

    /// Files that are being written.
    pub(crate) fn unfinished(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("tmp")).unwrap().count()
    }

    /// Credentials of a role of the first account.
    pub(crate) fn session(&self, role: &str) -> Credentials {
        self.keys.sealer().issue(role, "test", &AccountId::new(ACCOUNT), NOW.plus(900_000))
    }
}

pub(crate) fn open(
    dir: &Path,
    limits: S3Limits,
    undeclared: UndeclaredRoles,
) -> (Arc<LocalAws>, Arc<KeyRing>) {
    let plan = Plan { limits, undeclared, ..Plan::default() };
    open_with(dir, plan, Arc::new(TestClock::default()))
}

fn open_with(dir: &Path, plan: Plan, clock: Arc<dyn Clock>) -> (Arc<LocalAws>, Arc<KeyRing>) {
    let keys = Arc::new(KeyRing::new(TokenSealer::new([7; 32])));
    keys.replace([&long_lived("AKIDEXAMPLE", ACCOUNT), &long_lived("AKIDOTHER", "111111111111")]);
    let reader = RoleRule { arn: READER.to_owned(), allow: vec!["s3://models/public/*".to_owned()] };
    let config = LocalAwsConfig {
        dir: dir.to_owned(),
        limits: plan.limits,
        roles: RolePolicies::new(vec![reader], plan.undeclared).unwrap(),
        inactive_regions: plan.inactive_regions.iter().map(|&region| Region::new(region)).collect(),
        s3_elsewhere: plan.s3_elsewhere,
    };
    let verifier = Arc::new(Verifier::new(keys.clone(), Arc::clone(&clock)));
    let ports = LocalAwsPorts { verifier, keys: Arc::clone(&keys), clock };
    (Arc::new(LocalAws::open(config, ports).unwrap()), keys)
}

async fn read(response: http::Response<hostler_localaws::Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if let Some(length) = parts.headers.get("content-length")
        && !body.is_empty()
    {
        assert_eq!(length.to_str().unwrap(), body.len().to_string());
    }
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A signed head; `payload` is what the signature says about the body.
pub(crate) fn signed(
    credentials: &Credentials,
    (service, payload): (&str, &str),
    line: &str,
    headers: &[(&str, &str)],
) -> Request<()> {
    Signature { now: NOW, region: "us-east-1", service, payload }.sign(credentials, line, headers)
}

/// What a signature is made of besides the request.
pub(crate) struct Signature<'a> {
    pub(crate) now: Millis,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) payload: &'a str,
}

impl Signature<'_> {
    pub(crate) fn sign(
        &self,
        credentials: &Credentials,
        line: &str,
        headers: &[(&str, &str)],
    ) -> Request<()> {
        let Self { now, region, service, payload } = *self;
        let (method, uri) = line.split_once(' ').unwrap();
        let date = AmzDate::from_millis(now);
        let mut builder = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "127.0.0.1:7070")
            .header("x-amz-date", date.as_str());
        if service == "s3" {
            builder = builder.header("x-amz-content-sha256", payload);
        }
        if let Some(token) = &credentials.session_token {
            builder = builder.header("x-amz-security-token", token.expose());
        }
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let (mut parts, ()) = builder.body(()).unwrap().into_parts();
        let mut names: Vec<&str> = parts.headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        let names = names.join(";");
        let style = if service == "s3" { PathStyle::S3 } else { PathStyle::Standard };
        let canonical = canonical_request(&parts, &names, style, payload);
        let scope = format!("{}/{region}/{service}/aws4_request", date.day());
        let text = string_to_sign(date.as_str(), &scope, &canonical);
        let signature =
            SigningKey::derive(&credentials.secret_access_key, date.day(), region, service).sign(&text);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            credentials.access_key_id,
            hex::encode(signature)
        );
        parts.headers.insert("authorization", authorization.parse().unwrap());
        Request::from_parts(parts, ())
    }
}

/// A put whose body is not covered by the signature.
pub(crate) fn unsigned_put(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    signed(&key("AKIDEXAMPLE"), ("s3", UNSIGNED_PAYLOAD), &format!("PUT {uri}"), headers)
}

/// Frames, one by one.
pub(crate) fn frames(
    frames: Vec<Result<&'static [u8], &'static str>>,
) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Send + 'static {
    let frames = frames.into_iter().map(|frame| match frame {
        Ok(bytes) => Ok(http_body::Frame::data(Bytes::from_static(bytes))),
        Err(text) => Err(std::io::Error::other(text)),
    });
    http_body_util::StreamBody::new(futures_util::stream::iter(frames))
}

/// A body that never says anything.
pub(crate) fn silence() -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static {
    http_body_util::StreamBody::new(futures_util::stream::pending())
}
