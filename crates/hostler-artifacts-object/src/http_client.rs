//! Carries `object_store`'s requests over our own hyper client.
//!
//! Why: its built-in client is reqwest, which would be a second HTTP stack. TLS is set up only where an encrypted endpoint
//! is used.
//! Invariants: every wait is bounded: for the connection, for the answer, between two pieces of a body. A refusal's body
//! is read up to a limit and noted in the request's [`Observer`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{self, Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector as StoreConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use tokio::time::Sleep;

use crate::answer::{Answer, Observer};
use crate::config::ReaderLimits;
use crate::tls::TlsRoots;

/// Bytes of a refusal that are read; S3's error documents have some hundred.
const REFUSAL_BYTES_MAX: usize = 64 << 10;
/// How long an unused connection is kept for the next deployment.
const POOL_IDLE: Duration = Duration::from_secs(30);

#[derive(Clone)]
enum Transport {
    Plain(Client<HttpConnector, HttpRequestBody>),
    Tls(Client<HttpsConnector<HttpConnector>, HttpRequestBody>),
}

/// The client; clones share its connections.
#[derive(Clone)]
pub(crate) struct HyperClient {
    transport: Transport,
    limits: ReaderLimits,
}

/// What went wrong below HTTP, with all its causes in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Trouble(String);

impl HyperClient {
    /// With TLS where there is somebody to trust.
    pub(crate) fn new(roots: Option<&TlsRoots>, limits: ReaderLimits) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(POOL_IDLE);
        let transport = if let Some(roots) = roots {
            Transport::Tls(builder.build(roots.connector(limits.connect)))
        } else {
            let mut connector = HttpConnector::new();
            connector.set_connect_timeout(Some(limits.connect));
            connector.set_nodelay(true);
            Transport::Plain(builder.build(connector))
        };
        Self { transport, limits }
    }
}

impl fmt::Debug for HyperClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HyperClient")
    }
}

impl StoreConnector for HyperClient {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for HyperClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let observer = request.extensions().get::<Observer>().cloned().unwrap_or_default();
        observer.note(None);
        let asked = async {
            match &self.transport {
                Transport::Plain(client) => client.request(request).await,
                Transport::Tls(client) => client.request(request).await,
            }
        };
        let response = tokio::time::timeout(self.limits.answer, asked)
            .await
            .map_err(|_| too_slow("no answer", self.limits.answer))?
            .map_err(|error| not_sent(&error))?;
        let (parts, body) = response.into_parts();
        let body = PatientBody { inner: body, idle: self.limits.idle, waiting: None };
        if parts.status.is_success() {
            return Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)));
        }
        // A longer or broken body says no more than its status.
        let refusal = Limited::new(body, REFUSAL_BYTES_MAX).collect().await;
        let refusal = refusal.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        observer.note(Some(Answer::read(parts.status, &parts.headers, &refusal)));
        Ok(HttpResponse::from_parts(parts, refusal.into()))
    }
}

fn too_slow(what: &str, limit: Duration) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, Trouble(format!("{what} within {} ms", limit.as_millis())))
}

fn not_sent(error: &legacy::Error) -> HttpError {
    let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
    HttpError::new(kind, Trouble(with_causes(error)))
}

/// An error and its causes in one line; hyper's own first line says little.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// A body that fails when nothing comes for too long.
struct PatientBody {
    inner: Incoming,
    idle: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let idle = self.idle;
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            self.waiting = None;
            return Poll::Ready(frame.map(|frame| {
                frame
                    .map_err(|error| HttpError::new(HttpErrorKind::Interrupted, Trouble(with_causes(&error))))
            }));
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => {
                self.waiting = None;
                Poll::Ready(Some(Err(too_slow("nothing more came", idle))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
