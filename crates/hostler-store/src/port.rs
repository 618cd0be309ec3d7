//! The port itself: documents, transactions, listings, events, leases and the change feed.
//!
//! Why: control reads what it needs, decides, and commits with the versions it read; if one of them moved, nothing
//! is written and control decides again. Optimistic concurrency is the one mechanism that works the same in memory,
//! in SQLite and across several controllers on PostgreSQL.
//! Invariants: a version is never used twice for a key, even after deletion and re-creation. A commit that returned
//! is durable. A listing's token survives inserts and deletions between pages. No store reads a clock: times come in
//! documents and lease calls. What a scope holds is the sum over its documents, in the same instant: it is no record
//! of its own that could differ from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;
use hostler_types::{Key, Kind, Millis, Scope};
use tokio::sync::broadcast;

use crate::{Event, EventPage, EventQuery};

/// Counted things by name, such as places under a quota. A name that is absent counts as 0.
pub type Holdings = BTreeMap<String, u32>;

/// What is stored under a key: the indexed columns and the body.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Where it is stored.
    pub key: Key,
    /// Set by the store at each write; what a [`Check`] compares. Ignored on writing.
    pub version: u64,
    /// The name with the case it was created with.
    pub name: String,
    /// When the resource was created.
    pub created_at: Millis,
    /// When it last changed in a way that users are shown.
    pub modified_at: Millis,
    /// The endpoint's status; none for other kinds.
    pub status: Option<String>,
    /// What it uses, all of it in its own scope; whether that is there is no matter.
    pub uses: BTreeSet<Key>,
    /// What it takes up of the things that are counted in its scope.
    pub holds: Holdings,
    /// Versioned JSON.
    pub body: String,
}

/// What must hold for a transaction to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Which document.
    pub key: Key,
    /// In which state.
    pub expect: Expect,
}

/// The expected state of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No such document.
    Absent,
    /// There, at just this version.
    Version(u64),
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Creates or replaces; the store sets a new version.
    Put(Document),
    /// Gives the document a new version and changes nothing else, so that a concurrent decision based on it fails.
    /// When there is no such document, the whole transaction is a [`StoreError::Conflict`].
    Touch(Key),
    /// Removes; absent is fine.
    Delete(Key),
}

impl Write {
    /// Panics on a document that no store can keep: one that uses something of another scope.
    pub fn assert_storable(&self) {
        if let Self::Put(Document { key, uses, .. }) = self {
            let is_own = uses.iter().all(|used| used.scope() == key.scope());
            assert!(is_own, "`{key}` uses what is in another scope: {uses:?}");
        }
    }
}

/// Checks and writes that happen together or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// All must hold before the first write; the first that does not is named in the conflict.
    pub checks: Vec<Check>,
    /// Must hold too, in the same instant: nothing uses that document.
    pub unused: Option<Unused>,
    /// Must hold after the writes; the first that does not is named.
    pub quotas: Vec<Quota>,
    /// Applied in order.
    pub writes: Vec<Write>,
    /// Appended in order. The feed of changes does not tell of them.
    pub events: Vec<Event>,
}

impl Transaction {
    /// Panics on what no store can keep.
    pub fn assert_storable(&self) {
        self.writes.iter().for_each(Write::assert_storable);
        self.events.iter().for_each(Event::assert_storable);
    }
}

/// No document of any kind that has the key in its `uses` is in these statuses. Else the transaction is a
/// [`StoreError::InUse`] that names the first such user by key, and nothing is written. It is judged after the checks
/// and before the first write, and its cost does not grow with the number of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// What must not be in use.
    pub key: Key,
    /// In which statuses of its users use counts.
    pub statuses: Statuses,
}

/// Which statuses count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statuses {
    /// Every one, and none at all.
    Any,
    /// These; a document without a status is in none of them.
    Of(Vec<String>),
}

/// The documents of a scope, of all kinds together, hold at most so much of one thing. A transaction that would raise
/// the sum above the limit is a [`StoreError::QuotaExceeded`] and nothing of it is written; one that leaves the sum
/// as it was, or lowers it, is never refused, so that a limit may be set below what is held. It is judged after
/// everything else that may refuse the transaction. Of two transactions for the last place one is refused, and its
/// cost does not grow with the number of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Where it is counted.
    pub scope: Scope,
    /// The name in [`Document::holds`].
    pub what: String,
    /// So many are held at most.
    pub limit: u64,
}

impl Quota {
    /// By how much a transaction raises the sum that may not be raised so far; none where it is no matter of this
    /// quota. Every store judges by it, and whoever wants to know beforehand.
    pub fn exceeded(&self, used: u64, after: u64) -> Option<u64> {
        (after > used && after > self.limit).then(|| after - used)
    }
}

/// The column a listing is ordered by; ties are broken by the lower-case name. No status sorts as an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "SageMaker's own words")]
pub enum SortBy {
    Name,
    CreationTime,
    Status,
}

/// The direction of a listing, of its ties too: one is the other read backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "SageMaker's own words")]
pub enum Order {
    Ascending,
    Descending,
}

/// Where the next page starts: the sort value and name of the last row that was returned. It is bound to every
/// member of the query but `limit`, which may change from page to page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(pub String);

/// A filtered, ordered, paged listing of one kind in one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    /// The namespace.
    pub scope: Scope,
    /// The kind.
    pub kind: Kind,
    /// Case-sensitive substring of the name.
    pub name_contains: Option<String>,
    /// At or after.
    pub created_from: Option<Millis>,
    /// Strictly before.
    pub created_before: Option<Millis>,
    /// At or after.
    pub modified_from: Option<Millis>,
    /// Strictly before.
    pub modified_before: Option<Millis>,
    /// Equal to the status column.
    pub status: Option<String>,
    /// Ordered by.
    pub sort_by: SortBy,
    /// In which direction.
    pub order: Order,
    /// Rows at most; 0 counts as 1.
    pub limit: usize,
    /// Continue after this row.
    pub after: Option<PageToken>,
}

impl ListQuery {
    /// Everything of a kind in a scope, by name, so many rows at a time.
    pub fn all(scope: Scope, kind: Kind, limit: usize) -> Self {
        Self {
            scope,
            kind,
            name_contains: None,
            created_from: None,
            created_before: None,
            modified_from: None,
            modified_before: None,
            status: None,
            sort_by: SortBy::Name,
            order: Order::Ascending,
            limit,
            after: None,
        }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The rows.
    pub documents: Vec<Document>,
    /// Present when more rows follow.
    pub next: Option<PageToken>,
}

/// The right to act alone on something, until it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Grows with each change of holder, and only then: an older holder can be told from a newer one. A released
    /// lease has no holder, so whoever takes it next begins a new term.
    pub term: u64,
    /// When it ends unless it is renewed.
    pub expires_at: Millis,
}

/// A document changed: only its key is told, so that a missed change and a seen one take the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which document.
    pub key: Key,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A check did not hold; nothing was written. Read again and decide again.
    #[error("`{key}` is not in the expected state")]
    Conflict {
        /// The document whose check failed.
        key: Key,
    },
    /// [`Transaction::unused`] did not hold; nothing was written.
    #[error("`{by}` is using it")]
    InUse {
        /// Who uses it.
        by: Key,
    },
    /// One of [`Transaction::quotas`] did not hold; nothing was written.
    #[error("{used} of {} `{}` are held and {delta} more were asked for", quota.limit, quota.what)]
    QuotaExceeded {
        /// Which.
        quota: Quota,
        /// What the scope holds without the transaction.
        used: u64,
        /// What the transaction would add to it.
        delta: u64,
    },
    /// The page token was not made by this store for this query.
    #[error("the page token is not one of this listing's")]
    BadToken,
    /// The database failed; nothing of this call was acknowledged.
    #[error("the store failed to {action}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// What came back.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The same, and it will go on until somebody mends what the database lives on.
    #[error("the store failed to {action}: {trouble}")]
    Trouble {
        /// What was tried.
        action: &'static str,
        /// What has to be mended.
        trouble: Trouble,
        /// What came back.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// What somebody has to mend before a call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No room to write.
    DiskFull,
    /// Writing is not allowed.
    ReadOnly,
    /// What is stored is not as it was written.
    Damaged,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DiskFull => "the disk is full",
            Self::ReadOnly => "writing is not allowed",
            Self::Damaged => "the database is damaged",
        })
    }
}

/// The result of every call.
pub type StoreResult<T> = Result<T, StoreError>;

/// Where acknowledged state lives.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads one document.
    async fn get(&self, key: &Key) -> StoreResult<Option<Document>>;

    /// Checks and writes atomically; when it returns `Ok`, the writes are durable. Returns the new version of each
    /// put or touched document in order.
    async fn commit(&self, transaction: Transaction) -> StoreResult<Vec<u64>>;

    /// One page of a listing.
    async fn list(&self, query: &ListQuery) -> StoreResult<Page>;

    /// The keys of every document of a kind in all scopes, in their order: for the sweep and for start-up.
    async fn keys(&self, kind: Kind) -> StoreResult<Vec<Key>>;

    /// A page of what happened to one key, its document there or not.
    async fn events(&self, query: &EventQuery) -> StoreResult<EventPage>;

    /// What the documents of a scope hold together; names of which nothing is held are left out.
    async fn holdings(&self, scope: &Scope) -> StoreResult<BTreeMap<String, u64>>;

    /// Takes or renews a lease until `now + ttl_ms`; `None` when another holder has it at `now`. It has ended once
    /// `now` reaches `expires_at`.
    async fn lease(&self, name: &str, holder: &str, now: Millis, ttl_ms: i64) -> StoreResult<Option<Lease>>;

    /// Gives a lease back, if `holder` has it.
    async fn release(&self, name: &str, holder: &str) -> StoreResult<()>;

    /// Changes committed from now on: each key that a commit wrote, once, in the order of the commits, and there by
    /// the time the commit returns. At most [`CHANGES_KEPT`](crate::CHANGES_KEPT) wait for a receiver; one that lags
    /// must sweep: it lost keys, not state.
    fn changes(&self) -> broadcast::Receiver<Change>;
}
