//! The connections of one worker: HTTP/1.1 with keep-alive, each a task on the worker's own thread.
//!
//! Why: hyper does the protocol; this is where its limits are set.
//! Invariants: a connection that sends nothing is closed in the end; a request in flight survives a stop.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::site::Site;

/// Also the longest time a kept connection may be idle: longer than the 90 s for which pooling clients keep
/// theirs, so that they never send into a connection that is being closed.
const HEADER_TIMEOUT: Duration = Duration::from_mins(2);

pub(super) struct Connections {
    site: Arc<Site>,
    http: http1::Builder,
    graceful: GracefulShutdown,
}

impl Connections {
    pub(super) fn new(site: Arc<Site>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        Self { site, http, graceful: GracefulShutdown::new() }
    }

    pub(super) fn spawn(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let site = Arc::clone(&self.site);
        let service = service_fn(move |request| {
            let site = Arc::clone(&site);
            async move { Ok::<_, Infallible>(site.answer(request).await) }
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let connection = self.graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }

    /// Waits until every request in flight is answered, but not for ever.
    pub(super) async fn finish(self, grace: Duration) {
        if tokio::time::timeout(grace, self.graceful.shutdown()).await.is_err() {
            tracing::warn!(?grace, "requests in flight were cut");
        }
    }
}
