//! The HTTP server: one acceptor, a few single-threaded workers.
//!
//! Why: a one-row prediction costs less than waking another thread, so a connection stays on the worker it was
//! dealt to and nothing is stolen between threads, as a multi-threaded runtime would. Long work goes to the
//! blocking pool of the runtime that `serve` is called on, so that a worker always answers pings.
//! Invariants: at most `connections_max` connections and `large_requests_max` bodies of size at once; beyond
//! that clients get 503 with a reason. Knows no engine but through its trait.
//! Failure: accepting may fail for lack of file descriptors; it is tried again. On stop, requests in flight
//! are finished for up to `GRACE`, then their connections are cut.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::engine::Engine;
use crate::models::Models;
use site::Site;

mod body;
mod connection;
mod many;
mod site;

/// How long requests in flight may take to finish once the server was told to stop.
const GRACE: Duration = Duration::from_secs(30);

/// Time for file descriptors to come free after accepting failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that wait for a worker to look at them.
const HANDOVER_QUEUE: usize = 64;

const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 48\r\nConnection: close\r\n\r\n\
    the model server holds too many open connections";

/// The limits of one server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that answer requests; at least one is started.
    pub workers: usize,
    pub payload_bytes_max: usize,
    pub connections_max: usize,
    /// Bodies beyond a few pages that are read or worked on at once; others wait for `large_wait`.
    pub large_requests_max: usize,
    pub large_wait: Duration,
    /// The time a client has to send a whole body.
    pub body_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 1,
            payload_bytes_max: 25 * 1024 * 1024,
            connections_max: 1024,
            large_requests_max: 16,
            large_wait: Duration::from_secs(30),
            body_timeout: Duration::from_mins(1),
        }
    }
}

/// Why the server could not run.
#[derive(Debug, Error)]
pub enum ServerError {
    #[error("a worker thread could not be started")]
    Worker {
        #[source]
        source: io::Error,
    },
}

/// A connection and its share of `connections_max`.
type Accepted = (std::net::TcpStream, OwnedSemaphorePermit);

struct Worker {
    connections: mpsc::Sender<Accepted>,
    /// Resolves when the worker's last connection has ended.
    stopped: oneshot::Receiver<()>,
}

/// What a server serves.
pub enum Served {
    /// One model, by `POST /invocations`.
    One(Arc<dyn Engine>),
    /// Many, by SageMaker's `/models`.
    Many(Arc<Models>),
}

/// Serves it until `stop` resolves, then finishes the requests in flight.
pub async fn serve(
    listener: TcpListener,
    served: Served,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    let connection_permits = Arc::new(Semaphore::new(settings.connections_max));
    let worker_count = settings.workers.max(1);
    let site = Arc::new(Site::new(served, settings, runtime::Handle::current()));
    let mut workers = (0..worker_count)
        .map(|number| start_worker(number, &site))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| ServerError::Worker { source })?;

    let mut stop = pin!(stop);
    let mut next_worker = 0;
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let Ok(permit) = Arc::clone(&connection_permits).try_acquire_owned() else {
            tracing::warn!("a connection was refused because too many are open");
            // Best effort: the client may be gone already.
            let _ = stream.try_write(TOO_MANY_CONNECTIONS);
            continue;
        };
        next_worker = (next_worker + 1) % workers.len();
        hand_over(&workers[next_worker], stream, permit).await;
    }
    drop(listener);
    tracing::info!("stopping: no new connections, requests in flight are finished");
    let stopped: Vec<_> = workers.drain(..).map(|worker| worker.stopped).collect();
    for stopped in stopped {
        // A worker that is gone has stopped, too.
        let _ = stopped.await;
    }
    Ok(())
}

async fn hand_over(worker: &Worker, stream: TcpStream, permit: OwnedSemaphorePermit) {
    // The stream leaves this thread's runtime and enters that of the worker.
    let moved = stream.set_nodelay(true).and_then(|()| stream.into_std());
    match moved {
        // A worker stops only when this sender is dropped.
        Ok(stream) => drop(worker.connections.send((stream, permit)).await),
        Err(error) => tracing::debug!(%error, "a connection ended before it was served"),
    }
}

fn start_worker(number: usize, site: &Arc<Site>) -> io::Result<Worker> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (connections, accepted) = mpsc::channel(HANDOVER_QUEUE);
    let (says_stopped, stopped) = oneshot::channel();
    let site = Arc::clone(site);
    thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        work(runtime, accepted, site);
        // The server may have been dropped without waiting.
        let _ = says_stopped.send(());
    })?;
    Ok(Worker { connections, stopped })
}

fn work(runtime: Runtime, mut accepted: mpsc::Receiver<Accepted>, site: Arc<Site>) {
    runtime.block_on(async {
        let connections = connection::Connections::new(site);
        while let Some((stream, permit)) = accepted.recv().await {
            match TcpStream::from_std(stream) {
                Ok(stream) => connections.spawn(stream, permit),
                Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
            }
        }
        connections.finish(GRACE).await;
    });
    // Dropping the runtime cuts what did not finish in time.
}
