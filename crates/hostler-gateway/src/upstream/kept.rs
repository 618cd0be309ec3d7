//! The connections of one instance that wait for their next request.
//!
//! Why: a new connection per request would cost more than most small models. The newest is used first, so that those
//! which are not needed any more grow old.
//! Invariants: bounded; what waited too long is closed, by a task that runs only while something waits. A connection
//! is used in the runtime that opened it: elsewhere its news would come through another thread.
//! Failure: a container may close a connection at any moment: whoever takes one out must expect that.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::HeaderValue;
use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;
use super::request::beginning;

/// Connections are closed before common servers close them (gunicorn: 2 s, many others 5 s).
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Connections kept per instance.
pub(super) const KEPT_MAX: usize = 256;

/// Where an instance is, and its waiting connections.
pub(crate) struct Kept {
    address: SocketAddr,
    /// How every invocation begins, made once for all.
    beginning: Box<[u8]>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    shelves: Vec<Shelf>,
    is_swept: bool,
}

/// The connections of one runtime.
struct Shelf {
    runtime: Id,
    /// The oldest first.
    connections: VecDeque<(Instant, Connection)>,
}

fn host(address: SocketAddr) -> HeaderValue {
    HeaderValue::try_from(address.to_string()).expect("a socket address is a header's value")
}

impl Kept {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            beginning: beginning("POST", "/invocations", &host(address)),
            waiting: Mutex::default(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How a request that is no invocation begins; the path is one that may stand in a request.
    pub(crate) fn beginning_of(&self, method: &str, path: &str) -> Box<[u8]> {
        beginning(method, path, &host(self.address))
    }

    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// The connection that waits for the shortest time.
    pub(super) fn take(&self) -> Option<Connection> {
        let runtime = Handle::current().id();
        let mut waiting = self.lock();
        let shelf = waiting.shelves.iter_mut().find(|shelf| shelf.runtime == runtime)?;
        let (since, connection) = shelf.connections.pop_back()?;
        drop(waiting);
        // Its time may be over before the sweep gets to it.
        (since.elapsed() < IDLE_TIMEOUT).then_some(connection)
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(self: &Arc<Self>, connection: Connection) {
        // Without a runtime nobody would close it: at the end of a program.
        let Ok(runtime) = Handle::try_current() else { return };
        let mut waiting = self.lock();
        let surplus = waiting.put(runtime.id(), connection);
        let must_start = !std::mem::replace(&mut waiting.is_swept, true);
        drop(waiting);
        drop(surplus);
        if must_start {
            runtime.spawn(sweep(Arc::downgrade(self), Instant::now() + IDLE_TIMEOUT));
        }
    }

    /// Closes every connection that waits.
    pub(crate) fn close(&self) {
        let closed = std::mem::take(&mut self.lock().shelves);
        drop(closed);
    }

    /// Closes what waited too long. When the next one will have; none when nothing waits, and the sweep is over.
    fn close_old(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut waiting = self.lock();
        let mut closed = Vec::new();
        for shelf in &mut waiting.shelves {
            let old = shelf.connections.partition_point(|(since, _)| *since + IDLE_TIMEOUT <= now);
            closed.extend(shelf.connections.drain(..old));
        }
        let oldest =
            waiting.shelves.iter().filter_map(|shelf| shelf.connections.front()).map(|oldest| oldest.0);
        let next = oldest.min().map(|since| since + IDLE_TIMEOUT);
        waiting.is_swept = next.is_some();
        drop(waiting);
        drop(closed);
        next
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.connections.len()).sum()
    }

    /// What had to go so that there are not too many is given back, to be closed when nobody waits for the lock.
    fn put(&mut self, runtime: Id, connection: Connection) -> Option<Connection> {
        let is_full = self.len() >= KEPT_MAX;
        let known = self.shelves.iter().position(|shelf| shelf.runtime == runtime);
        let index = known.unwrap_or_else(|| {
            self.shelves.push(Shelf { runtime, connections: VecDeque::new() });
            self.shelves.len() - 1
        });
        let shelf = &mut self.shelves[index];
        shelf.connections.push_back((Instant::now(), connection));
        // Another runtime's are not taken away: this one closes its oldest, at the worst the one it brings.
        if is_full { shelf.connections.pop_front().map(|(_, oldest)| oldest) } else { None }
    }
}

/// Looks for the first time when the first one is old: until then connections come and go without another sweep.
async fn sweep(kept: Weak<Kept>, first: Instant) {
    sleep_until(first).await;
    while let Some(next) = kept.upgrade().and_then(|kept| kept.close_old()) {
        sleep_until(next).await;
    }
}
