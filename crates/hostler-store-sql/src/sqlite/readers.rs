//! A few threads that read, each with a connection of its own.
//!
//! Why: in WAL mode a reader never waits for the writer or its syncs, but it blocks its thread on the disk; so reads
//! have threads of their own, and not the runtime's.
//! Invariants: connections are read-only. Every read is one statement or one transaction, which sees all that was
//! acknowledged before it began. No call waits in a queue that is longer than [`WAITING_MAX`].
//! Failure: a read that fails changes nothing; the connection is used again.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hostler_store::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::{DatabaseFault, OpenError, of_database, overloaded};
use super::schema;

/// Enough that a long listing does not hold up single reads; more would only share the same cores.
const THREADS: usize = 3;

/// Calls that may wait for a reader: a burst that three threads work off in a fraction of a second.
pub(super) const WAITING_MAX: usize = 4096;

enum Job {
    Read(Box<dyn FnOnce(&Connection) + Send>),
    /// No further reads; those that wait are carried out.
    Close,
}

/// The readers' door. Dropping it waits until what was taken is carried out.
#[derive(Debug)]
pub(super) struct Readers {
    file: Arc<Path>,
    jobs: Option<mpsc::Sender<Job>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub(super) fn start(file: Arc<Path>) -> Result<Self, OpenError> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let readers = Self { file: file.clone(), jobs: Some(sender), threads: Mutex::default() };
        for number in 1..=THREADS {
            let connection = schema::open_reader(&file)?;
            let receiver = receiver.clone();
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || run(&connection, &receiver))
                .map_err(|source| OpenError::Thread { source })?;
            readers.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(readers)
    }

    /// Runs `work` on a connection that is free, and waits for what it gives.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Read(Box::new(move |connection| {
            // A caller that went away does not need the answer.
            let _ = reply.send(work(connection));
        }));
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(action, WAITING_MAX),
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.map_err(|_| StoreError::Closed)?.map_err(|source| {
            of_database(action, DatabaseFault { file: self.file.clone(), source: Arc::new(source) })
        })
    }

    /// Carries out what waits and ends the threads. Closing twice is fine.
    pub(super) async fn close(&self) {
        if let Some(jobs) = &self.jobs {
            // An error means that it is closed already.
            let _ = jobs.send(Job::Close).await;
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // Joining blocks for as long as the reads that wait take.
        let _ = tokio::task::spawn_blocking(move || join(threads)).await;
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        join(std::mem::take(self.threads.get_mut().unwrap_or_else(PoisonError::into_inner)));
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread that reads the store panicked");
        }
    }
}

fn run(connection: &Connection, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // One thread waits for the next job with the lock in its hand; the others wait for the lock.
        let job = {
            let mut jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
            let job = jobs.blocking_recv();
            if matches!(job, Some(Job::Close)) {
                jobs.close();
            }
            job
        };
        match job {
            Some(Job::Read(read)) => read(connection),
            Some(Job::Close) => {}
            None => return,
        }
    }
}
