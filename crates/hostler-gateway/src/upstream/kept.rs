//! The connections of one instance that wait for their next request.
//!
//! Why: a new connection per request would cost more than most small models. The newest is used first, so that those
//! which are not needed any more grow old.
//! Invariants: bounded; what waited too long is closed, by a task that runs only while something waits.
//! Failure: a container may close a connection at any moment: whoever takes one out must expect that.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;

/// Connections are closed before common servers close them (gunicorn: 2 s, many others 5 s).
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Connections kept per instance.
pub(super) const KEPT_MAX: usize = 256;

/// Where an instance is, and its waiting connections.
pub(crate) struct Kept {
    address: SocketAddr,
    /// `Host`, made once for all requests.
    host: HeaderValue,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// The oldest first.
    connections: VecDeque<(Instant, Connection)>,
    is_swept: bool,
}

impl Kept {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let host = HeaderValue::try_from(address.to_string()).expect("a socket address is a header's value");
        Self { address, host, waiting: Mutex::default() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The connection that waits for the shortest time.
    pub(super) fn take(&self) -> Option<Connection> {
        let (since, connection) = self.lock().connections.pop_back()?;
        // Its time may be over before the sweep gets to it.
        (since.elapsed() < IDLE_TIMEOUT).then_some(connection)
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(self: &Arc<Self>, connection: Connection) {
        // Without a runtime nobody would close it: at the end of a program.
        let Ok(runtime) = Handle::try_current() else { return };
        let mut waiting = self.lock();
        let surplus =
            if waiting.connections.len() < KEPT_MAX { None } else { waiting.connections.pop_front() };
        waiting.connections.push_back((Instant::now(), connection));
        let must_start = !std::mem::replace(&mut waiting.is_swept, true);
        drop(waiting);
        drop(surplus);
        if must_start {
            runtime.spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes every connection that waits.
    pub(crate) fn close(&self) {
        let closed = std::mem::take(&mut self.lock().connections);
        drop(closed);
    }

    /// Closes what waited too long. When the next one will have; none when nothing waits, and the sweep is over.
    fn close_old(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut waiting = self.lock();
        let old = waiting.connections.partition_point(|(since, _)| *since + IDLE_TIMEOUT <= now);
        let closed: Vec<_> = waiting.connections.drain(..old).collect();
        let next = waiting.connections.front().map(|(since, _)| *since + IDLE_TIMEOUT);
        waiting.is_swept = next.is_some();
        drop(waiting);
        drop(closed);
        next
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().connections.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(kept: Weak<Kept>) {
    while let Some(next) = kept.upgrade().and_then(|kept| kept.close_old()) {
        sleep_until(next).await;
    }
}
