//! The way to the containers: pooled HTTP/1.1 connections.
//!
//! Why: a new connection per request would cost more than most small models; hyper-util's pool is enough until a
//! profile says otherwise.
//! Invariants: an error says whether the request may have reached the container: only one that surely did not may be
//! sent to another instance.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// A container must take a connection within 250 ms; a busy machine gets some more.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle connections are closed before common servers close them (gunicorn: 2 s, many others 5 s).
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Idle connections kept per instance.
const IDLE_PER_INSTANCE_MAX: usize = 256;

pub(crate) struct Upstream {
    client: Client<HttpConnector, Full<Bytes>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum UpstreamError {
    /// The request was not written: another instance may get it.
    NotSent(hyper_util::client::legacy::Error),
    /// It may have been: nobody else may get it.
    Lost(hyper_util::client::legacy::Error),
}

impl Upstream {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_INSTANCE_MAX)
            .build(connector);
        Self { client }
    }

    /// `POST` to an instance's [`invocations_uri`].
    pub(crate) async fn invoke(
        &self,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::USER_AGENT, header::HeaderValue::from_static("hostler"));
        self.client.request(request).await.map_err(|error| {
            if error.is_connect() { UpstreamError::NotSent(error) } else { UpstreamError::Lost(error) }
        })
    }
}

/// Where an instance takes invocations.
pub(crate) fn invocations_uri(address: SocketAddr) -> Uri {
    Uri::builder()
        .scheme("http")
        .authority(address.to_string())
        .path_and_query("/invocations")
        .build()
        .expect("a socket address is an authority")
}
