//! A server that plays one S3 bucket: it notes every request and answers from a script, or with its object.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hostler_types::{
    AccountId, Clock, CredentialError, CredentialSource, Credentials, Millis, Region, Secret,
};
use http::{HeaderMap, Method, Response, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

type Body = BoxBody<Bytes, std::io::Error>;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What to answer instead of the object.
#[derive(Clone)]
pub(crate) enum Reply {
    /// The object, as without a script.
    Object,
    /// A status and an error document, which a HEAD goes without.
    Status(u16, &'static str),
    /// A status, the bucket's own region in a header, and an error document, which a HEAD goes without.
    OtherRegion(u16, &'static str, &'static str),
    /// The object, but the connection breaks after so many bytes.
    Broken(usize),
    /// Headers and the first bytes, then nothing more.
    Stalled(usize),
    /// Nothing at all.
    Silence,
}

pub(crate) struct S3 {
    pub(crate) url: String,
    seen: Mutex<Vec<Seen>>,
    script: Mutex<VecDeque<Reply>>,
    object: Mutex<(Bytes, &'static str, Option<&'static str>)>,
}

impl S3 {
    pub(crate) async fn start(object: &'static [u8], etag: &'static str) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let s3 = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            seen: Mutex::default(),
            script: Mutex::default(),
            object: Mutex::new((Bytes::from_static(object), etag, None)),
        });
        let server = Arc::clone(&s3);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let server = Arc::clone(&server);
                let service = service_fn(move |request| {
                    let server = Arc::clone(&server);
                    async move { Ok::<_, Infallible>(server.answer(&request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
            }
        });
        s3
    }

    pub(crate) fn put(&self, object: &'static [u8], etag: &'static str, version: Option<&'static str>) {
        *self.object.lock().unwrap() = (Bytes::from_static(object), etag, version);
    }

    pub(crate) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().extend(replies);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    async fn answer(&self, request: &http::Request<Incoming>) -> Response<Body> {
        self.seen.lock().unwrap().push(Seen {
            method: request.method().clone(),
            target: request.uri().to_string(),
            headers: request.headers().clone(),
        });
        let reply = self.script.lock().unwrap().pop_front();
        match reply {
            None | Some(Reply::Object) => self.object_for(request, None),
            Some(Reply::Status(status, body)) => {
                let body = if request.method() == Method::HEAD { "" } else { body };
                Response::builder().status(status).body(whole(body.into())).unwrap()
            }
            Some(Reply::OtherRegion(status, region, body)) => {
                let body = if request.method() == Method::HEAD { "" } else { body };
                let response = Response::builder().status(status).header("x-amz-bucket-region", region);
                response.body(whole(body.into())).unwrap()
            }
            Some(Reply::Broken(bytes)) => self.object_for(request, Some((bytes, false))),
            Some(Reply::Stalled(bytes)) => self.object_for(request, Some((bytes, true))),
            Some(Reply::Silence) => std::future::pending().await,
        }
    }

    fn object_for(&self, request: &http::Request<Incoming>, stop: Option<(usize, bool)>) -> Response<Body> {
        let (object, etag, version) = self.object.lock().unwrap().clone();
        let etag = format!("\"{etag}\"");
        let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap());
        if header(header::IF_MATCH).is_some_and(|wanted| wanted != etag) {
            return Response::builder().status(412).body(whole(Bytes::new())).unwrap();
        }
        let mut response = Response::builder().header(header::ETAG, etag);
        if let Some(version) = version {
            response = response.header("x-amz-version-id", version);
        }
        let mut part = object.clone();
        if let Some(range) = header(header::RANGE) {
            let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let from: usize = from.parse().unwrap();
            let to = if to.is_empty() { object.len() - 1 } else { to.parse().unwrap() };
            part = object.slice(from..=to);
            let range = format!("bytes {from}-{to}/{}", object.len());
            response = response.status(206).header(header::CONTENT_RANGE, range);
        }
        response = response.header(header::CONTENT_LENGTH, part.len());
        if request.method() == Method::HEAD {
            return response.body(whole(Bytes::new())).unwrap();
        }
        let body = match stop {
            None => whole(part),
            Some((bytes, is_silent)) => {
                let first = stream::iter([Ok(Frame::data(part.slice(..bytes)))]);
                // Pending once, so that hyper sends what it has before it learns of the break.
                let broken = stream::once(async {
                    tokio::task::yield_now().await;
                    Err(std::io::Error::other("the test breaks off"))
                });
                let rest = if is_silent { stream::pending().boxed() } else { broken.boxed() };
                BodyExt::boxed(SyncBody(Mutex::new(Box::pin(StreamBody::new(first.chain(rest))))))
            }
        };
        response.body(body).unwrap()
    }
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// A stream's body that may be shared between threads, as the box wants it.
struct SyncBody<B>(Mutex<std::pin::Pin<Box<B>>>);

impl<B: hyper::body::Body> hyper::body::Body for SyncBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.0.lock().unwrap().as_mut().poll_frame(context)
    }
}

/// Hands out numbered keys and counts.
#[derive(Default)]
pub(crate) struct Sts {
    pub(crate) assumed: AtomicUsize,
    pub(crate) refusal: Mutex<Option<CredentialError>>,
    pub(crate) expires_at: Option<Millis>,
    /// Taken by a test, it lets nobody through.
    pub(crate) gate: tokio::sync::Mutex<()>,
    pub(crate) asked: Mutex<Vec<(String, String, String, String)>>,
}

#[async_trait]
impl CredentialSource for Sts {
    async fn assume(
        &self,
        account: &AccountId,
        region: &Region,
        role_arn: &str,
        session: &str,
    ) -> Result<Credentials, CredentialError> {
        let number = self.assumed.fetch_add(1, Ordering::SeqCst) + 1;
        self.asked.lock().unwrap().push((
            account.to_string(),
            region.to_string(),
            role_arn.into(),
            session.into(),
        ));
        drop(self.gate.lock().await);
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        Ok(Credentials {
            access_key_id: format!("ASIA{number}"),
            secret_access_key: Secret::new("secret"),
            session_token: Some(Secret::new(format!("token-{number}"))),
            expires_at: self.expires_at,
        })
    }
}

/// A clock that stands where it is put.
#[derive(Default)]
pub(crate) struct StoppedClock(pub(crate) Mutex<Millis>);

impl Clock for StoppedClock {
    fn now(&self) -> Millis {
        *self.0.lock().unwrap()
    }
}
