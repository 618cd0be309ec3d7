//! The one thread that writes, and its group commit.
//!
//! Why: SQLite has one writer at a time anyway; one thread that owns it needs no lock, and all transactions that wait
//! while a sync is going on share the next one. Each runs in a savepoint, so that one that is refused leaves the
//! others alone.
//! Invariants: nothing is answered before `COMMIT` has returned, and changes are told before that answer, in the
//! order of the commits. No call waits in a queue that is longer than [`WAITING_MAX`].
//! Failure: when the transaction as a whole is lost (disk full, a failed sync), every call in it is answered with
//! that failure; the next batch begins afresh. Commands that were taken before the store was closed are carried out.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hostler_store::{Change, EventBounds, Lease, StoreError, StoreResult, Transaction};
use hostler_types::{Key, Millis};
use rusqlite::Connection;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::commit::{self, Committed, Refusal};
use super::fault::{DatabaseFault, OpenError, of_database, overloaded};
use super::leases;

/// Calls that may wait for the writer: about ten batches, which take well under a second on a slow disk.
pub(super) const WAITING_MAX: usize = 2048;

/// Transactions that share one sync: more would only make the first of them wait longer.
const BATCH_MAX: usize = 256;

type Reply<T> = oneshot::Sender<StoreResult<T>>;

/// An answer that is ready but for the batch's commit; given its failure if it failed.
type Held = Box<dyn FnOnce(Option<&DatabaseFault>)>;

/// A call on its way to the writer.
pub(super) enum Command {
    Commit { transaction: Transaction, reply: Reply<Vec<u64>> },
    Lease { name: String, holder: String, now: Millis, ttl_ms: i64, reply: Reply<Option<Lease>> },
    Release { name: String, holder: String, reply: Reply<()> },
    Close { reply: Reply<()> },
}

/// The writer's door. Dropping it waits until what was taken is carried out.
#[derive(Debug)]
pub(super) struct Writer {
    commands: Option<mpsc::Sender<Command>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread, which owns `connection` from now on.
    pub(super) fn start(
        connection: Connection,
        file: Arc<Path>,
        changes: broadcast::Sender<Change>,
        bounds: EventBounds,
    ) -> Result<Self, OpenError> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || Thread { connection, file, changes, bounds }.run(receiver))
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self { commands: Some(sender), thread: Mutex::new(Some(thread)) })
    }

    /// Sends the command that `make` builds around the reply, and waits for the answer.
    pub(super) async fn call<T>(
        &self,
        action: &'static str,
        make: impl FnOnce(Reply<T>) -> Command,
    ) -> StoreResult<T> {
        let (reply, answer) = oneshot::channel();
        let commands = self.commands.as_ref().ok_or(StoreError::Closed)?;
        commands.try_send(make(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(action, WAITING_MAX),
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Carries out what waits, moves the log into the database and ends the thread. Closing twice is fine.
    pub(super) async fn close(&self) -> StoreResult<()> {
        let Some(commands) = &self.commands else {
            return Ok(());
        };
        let (reply, answer) = oneshot::channel();
        if commands.send(Command::Close { reply }).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the store panicked");
        }
    }
}

struct Thread {
    connection: Connection,
    file: Arc<Path>,
    changes: broadcast::Sender<Change>,
    bounds: EventBounds,
}

impl Thread {
    fn run(self, mut commands: mpsc::Receiver<Command>) {
        let mut closing = Vec::new();
        while let Some(first) = commands.blocking_recv() {
            let mut batch = Vec::new();
            let mut next = Some(first);
            while let Some(command) = next {
                match command {
                    Command::Close { reply } => {
                        // Those that sent before are served; those after are told that the store is closed.
                        commands.close();
                        closing.push(reply);
                    }
                    command => batch.push(command),
                }
                next = if batch.len() < BATCH_MAX { commands.try_recv().ok() } else { None };
            }
            if !batch.is_empty() {
                self.run_batch(batch);
            }
        }
        let result = self.finish();
        if let Err(error) = &result {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "did not empty the store's log, which the next start reads");
        }
        // One closer hears of a failure; the others know at least that all is over.
        let mut result = Some(result);
        for reply in closing {
            let _ = reply.send(result.take().unwrap_or(Ok(())));
        }
    }

    fn run_batch(&self, batch: Vec<Command>) {
        let mut fault = self.execute("BEGIN IMMEDIATE").err().map(|error| self.fault(error));
        let mut held = Vec::with_capacity(batch.len());
        let mut changed = Vec::new();
        for command in batch {
            held.push(self.run_one(command, &mut changed, &mut fault));
        }
        if fault.is_none() {
            fault = self.execute("COMMIT").err().map(|error| self.fault(error));
        }
        if let Some(fault) = &fault {
            tracing::error!(error = %fault.source, calls = held.len(), "the store's transaction failed");
            if !self.connection.is_autocommit()
                && let Err(error) = self.execute("ROLLBACK")
            {
                tracing::error!(%error, "the store's transaction was not taken back");
            }
        } else {
            for key in changed {
                // It is no mistake that nobody listens.
                let _ = self.changes.send(Change { key });
            }
        }
        for answer in held {
            answer(fault.as_ref());
        }
    }

    fn run_one(&self, command: Command, changed: &mut Vec<Key>, fault: &mut Option<DatabaseFault>) -> Held {
        match command {
            Command::Commit { transaction, reply } => {
                let committed = self.in_savepoint("commit", fault, |connection| {
                    commit::apply(connection, transaction, self.bounds)
                });
                let result = committed.map(|Committed { versions, changed: keys }| {
                    changed.extend(keys);
                    versions
                });
                hold("commit", reply, result)
            }
            Command::Lease { name, holder, now, ttl_ms, reply } => {
                let result = self.in_savepoint("take a lease", fault, |connection| {
                    Ok(leases::take(connection, &name, &holder, now, ttl_ms)?)
                });
                hold("take a lease", reply, result)
            }
            Command::Release { name, holder, reply } => {
                let result = self.in_savepoint("release a lease", fault, |connection| {
                    Ok(leases::release(connection, &name, &holder)?)
                });
                hold("release a lease", reply, result)
            }
            Command::Close { reply } => hold("close", reply, Ok(())),
        }
    }

    /// Runs `work` so that its failure takes back nothing but itself. Sets `fault` when the whole transaction is lost;
    /// once it is, no work runs, because it would run outside of any transaction.
    fn in_savepoint<T>(
        &self,
        action: &'static str,
        fault: &mut Option<DatabaseFault>,
        work: impl FnOnce(&Connection) -> Result<T, Refusal>,
    ) -> StoreResult<T> {
        if let Some(fault) = fault {
            return Err(of_database(action, fault.clone()));
        }
        let result = self
            .execute("SAVEPOINT call")
            .map_err(Refusal::Database)
            .and_then(|()| work(&self.connection))
            .and_then(|value| self.execute("RELEASE call").map(|()| value).map_err(Refusal::Database));
        let refusal = match result {
            Ok(value) => return Ok(value),
            Err(refusal) => refusal,
        };
        let taken_back = self.execute("ROLLBACK TO call").and_then(|()| self.execute("RELEASE call"));
        match refusal {
            Refusal::Store(error) => {
                *fault = taken_back.err().map(|error| self.fault(error));
                Err(error)
            }
            Refusal::Database(error) => {
                let cause = self.fault(error);
                // SQLite gives up the whole transaction on its own after some errors; the first one is the cause.
                if taken_back.is_err() || self.connection.is_autocommit() {
                    *fault = Some(cause.clone());
                }
                Err(of_database(action, cause))
            }
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute(())?;
        Ok(())
    }

    fn fault(&self, error: rusqlite::Error) -> DatabaseFault {
        DatabaseFault { file: self.file.clone(), source: Arc::new(error) }
    }

    fn finish(self) -> StoreResult<()> {
        let fault = |source| DatabaseFault { file: self.file.clone(), source: Arc::new(source) };
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
            .map_err(|error| of_database("empty the log", fault(error)))?;
        self.connection.close().map_err(|(_, error)| of_database("close", fault(error)))
    }
}

fn hold<T: 'static>(action: &'static str, reply: Reply<T>, result: StoreResult<T>) -> Held {
    Box::new(move |fault| {
        let result = match fault {
            Some(fault) => Err(of_database(action, fault.clone())),
            None => result,
        };
        // A caller that went away does not need the answer.
        let _ = reply.send(result);
    })
}
