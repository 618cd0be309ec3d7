//! Readers: threads with a connection each.
//!
//! Why: SQLite's calls block; threads of our own bound how many run, and keep their prepared statements.
//! Invariants: a bounded queue; a caller that goes away costs one finished read.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use hostler_store::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{OpenError, failed, schema};

/// Reads at once; each takes microseconds from the page cache.
const THREADS: usize = 2;
/// Reads that wait for a thread; further callers wait for a place.
const QUEUE_MAX: usize = 1024;

type Job = Box<dyn FnOnce(&Connection) + Send>;

#[derive(Debug)]
pub(super) struct Readers {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
}

impl Readers {
    pub(super) fn start(file: &Path) -> Result<Self, OpenError> {
        let (jobs, queue) = mpsc::channel::<Job>(QUEUE_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for index in 0..THREADS {
            let connection = schema::open_for_reading(file)?;
            let queue = queue.clone();
            let work = move || {
                loop {
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                    match job {
                        Some(job) => job(&connection),
                        None => return,
                    }
                }
            };
            let named = thread::Builder::new().name(format!("hostler-read-{index}"));
            named.spawn(work).map_err(OpenError::Threads)?;
        }
        Ok(Self { jobs: Mutex::new(Some(jobs)) })
    }

    pub(super) async fn run<T, F>(&self, action: &'static str, read: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more: nothing is lost.
            let _ = answer.send(read(connection));
        });
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let jobs = jobs.ok_or(StoreError::Closed)?;
        jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?.map_err(failed(action))
    }

    pub(super) fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
