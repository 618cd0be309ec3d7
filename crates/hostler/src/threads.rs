//! Threads that serve connections: each has a runtime of its own, and a connection stays where it began.
//!
//! Why: a runtime that shares its tasks among threads wakes a second thread whenever requests arrive, to look whether
//! there is work for it; for answers of microseconds that costs a fifth of the processor time of an invocation
//! (bench/proxy/README.md). And what keeps the shared runtime busy does not hold up an invocation.
//! Invariants: a new connection goes to the thread that has the fewest. What may compute or block for long is not for
//! these threads: the front door hands it to the shared runtime.

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Bodies on disk are read and written beside the thread: by more at once no disk gets faster.
const BLOCKING_THREADS_MAX: usize = 8;

/// Shorter than any timeout of a request.
const TICK: Duration = Duration::from_secs(1);

/// Where connections are served.
pub(crate) struct Threads {
    threads: Vec<Thread>,
    /// The threads end when this is dropped, and what they still serve with them.
    _stop: DropGuard,
}

struct Thread {
    runtime: Handle,
    /// Cloned for each of its connections.
    connections: Arc<()>,
}

impl Threads {
    /// No threads of their own: connections are served by the runtime that accepts them.
    pub(crate) fn shared() -> Self {
        Self { threads: Vec::new(), _stop: CancellationToken::new().drop_guard() }
    }

    /// A thread for every two processors: the models need the others, and fewer threads that find more to do each time
    /// they wake cost less than many.
    pub(crate) fn start() -> io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::start_so_many(processors.div_ceil(2))
    }

    fn start_so_many(count: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let threads =
            (0..count).map(|number| Thread::start(number, stop.clone())).collect::<Result<_, _>>()?;
        Ok(Self { threads, _stop: stop.drop_guard() })
    }

    /// Serves a connection; `serve` is called where it will run, so that what it makes belongs there.
    pub(crate) fn spawn<F>(&self, serve: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(thread) = self.threads.iter().min_by_key(|thread| Arc::strong_count(&thread.connections))
        else {
            tokio::spawn(serve());
            return;
        };
        let connection = thread.connections.clone();
        thread.runtime.spawn(async move {
            serve().await;
            drop(connection);
        });
    }
}

impl Thread {
    fn start(number: usize, stop: CancellationToken) -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build()?;
        let handle = runtime.handle().clone();
        std::thread::Builder::new().name(format!("front-{number}")).spawn(move || {
            runtime.block_on(tick_until(stop));
            // What a file operation still waits for is nobody's any more.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, connections: Arc::new(()) })
    }
}

/// Waits for `stop`. A timer that is due before all others makes the runtime interrupt its own waiting, by two system
/// calls; where something is due soon at all times, the timeouts of requests, half a minute and more, never are.
async fn tick_until(stop: CancellationToken) {
    while tokio::time::timeout(TICK, stop.cancelled()).await.is_err() {}
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::thread::{ThreadId, current};

    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_evenly_and_stay_on_their_thread() {
        let count = 3;
        let threads = Threads::start_so_many(count).unwrap();
        let (told, mut tellings) = mpsc::unbounded_channel();
        let mut ends = Vec::new();
        for _ in 0..3 * count {
            let (end, ended) = oneshot::channel::<()>();
            ends.push(end);
            let told = told.clone();
            threads.spawn(move || async move {
                told.send(current().id()).unwrap();
                let _ = ended.await;
                told.send(current().id()).unwrap();
            });
        }
        let mut seen: HashMap<ThreadId, usize> = HashMap::new();
        for _ in 0..3 * count {
            *seen.entry(tellings.recv().await.unwrap()).or_default() += 1;
        }
        assert_eq!(seen.len(), count);
        assert!(seen.values().all(|connections| *connections == 3), "{seen:?}");
        drop(ends);
        for _ in 0..3 * count {
            *seen.get_mut(&tellings.recv().await.unwrap()).unwrap() -= 1;
        }
        assert!(seen.values().all(|connections| *connections == 0), "{seen:?}");
        assert!(!seen.contains_key(&current().id()));
    }

    #[tokio::test]
    async fn what_is_still_served_ends_with_the_threads() {
        struct Told(Mutex<Option<oneshot::Sender<()>>>);
        impl Drop for Told {
            fn drop(&mut self) {
                let told = self.0.lock().unwrap().take();
                let _ = told.unwrap().send(());
            }
        }
        let threads = Threads::start().unwrap();
        let (sender, dropped) = oneshot::channel();
        let told = Told(Mutex::new(Some(sender)));
        threads.spawn(move || async move {
            let _told = told;
            std::future::pending::<()>().await;
        });
        drop(threads);
        dropped.await.unwrap();
    }
}
