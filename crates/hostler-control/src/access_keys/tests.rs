//! Keys over a store in memory, as this process and as another.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use hostler_aws::{KeyError, Keys as _, LAST_USE_STEP_MS, TokenSealer};
use hostler_store::{Change, EventPage, EventQuery, Lease, MemoryStore, Page};
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;

const CLUSTER_KEY: [u8; 32] = [7; 32];
const START: i64 = 1_767_323_045_000;

/// A clock of its own, since nothing here waits for it.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// One process' view of a store: it may hear nothing of changes, fail, or stand still in a read.
struct View {
    inner: Arc<MemoryStore>,
    is_deaf: bool,
    fails: AtomicBool,
    commits: AtomicUsize,
    holds_reads: AtomicBool,
    held: Notify,
    go_on: Notify,
}

impl View {
    fn over(inner: &Arc<MemoryStore>, is_deaf: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: inner.clone(),
            is_deaf,
            fails: AtomicBool::new(false),
            commits: AtomicUsize::new(0),
            holds_reads: AtomicBool::new(false),
            held: Notify::new(),
            go_on: Notify::new(),
        })
    }

    fn check(&self) -> StoreResult<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Failed { action: "answer", source: "broken".into() });
        }
        Ok(())
    }
}

#[async_trait]
impl Store for View {
    async fn get(&self, key: &Key) -> StoreResult<Option<Document>> {
        self.check()?;
        if self.holds_reads.load(Ordering::SeqCst) {
            self.held.notify_one();
            self.go_on.notified().await;
        }
        self.inner.get(key).await
    }

    async fn commit(&self, transaction: Transaction) -> StoreResult<Vec<u64>> {
        self.check()?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.inner.commit(transaction).await
    }

    async fn list(&self, query: &ListQuery) -> StoreResult<Page> {
        self.check()?;
        self.inner.list(query).await
    }

    async fn keys(&self, kind: Kind) -> StoreResult<Vec<Key>> {
        self.check()?;
        self.inner.keys(kind).await
    }

    async fn holdings(&self, scope: &Scope) -> StoreResult<BTreeMap<String, u64>> {
        self.inner.holdings(scope).await
    }

    async fn events(&self, query: &EventQuery) -> StoreResult<EventPage> {
        self.inner.events(query).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Millis, ttl: i64) -> StoreResult<Option<Lease>> {
        self.inner.lease(name, holder, now, ttl).await
    }

    async fn release(&self, name: &str, holder: &str) -> StoreResult<()> {
        self.inner.release(name, holder).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        if !self.is_deaf {
            return self.inner.changes();
        }
        let (sender, receiver) = broadcast::channel(1);
        // Silent and not closed, for as long as the test runs.
        std::mem::forget(sender);
        receiver
    }
}

/// A process: its view of the store, and the room that follows it.
struct Process {
    view: Arc<View>,
    ring: Arc<KeyRing>,
    clock: Arc<HandClock>,
    keys: Arc<AccessKeys>,
    _stop: tokio_util::sync::DropGuard,
}

impl Process {
    async fn start(store: &Arc<MemoryStore>, is_deaf: bool) -> Self {
        Self::start_with(store, is_deaf, CLUSTER_KEY).await
    }

    async fn start_with(store: &Arc<MemoryStore>, is_deaf: bool, cluster_key: [u8; 32]) -> Self {
        let view = View::over(store, is_deaf);
        let ring = Arc::new(KeyRing::new(TokenSealer::new(cluster_key)));
        let clock = Arc::new(HandClock(AtomicI64::new(START)));
        let keys = AccessKeys::open(AccessKeysParts {
            store: view.clone(),
            ring: ring.clone(),
            sealer: SecretSealer::new(cluster_key),
            clock: clock.clone(),
            own: LongLivedKey::of_account("AKIAOWN", Secret::new("own"), &AccountId::new("000000000000")),
        })
        .await
        .unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(keys.clone().follow(stop.clone()));
        Self { view, ring, clock, keys, _stop: stop.drop_guard() }
    }

    async fn create(&self) -> LongLivedKey {
        let made = self.keys.create(AccountId::new("111111111111"), Some("ci".to_owned())).await;
        made.unwrap().0
    }

    fn find(&self, id: &str) -> Result<String, KeyError> {
        self.ring.find(id, None, Millis(START)).map(|owner| owner.identity.arn.clone())
    }

    /// How long it takes until this process finds, or no longer finds, the key.
    async fn until(&self, id: &str, is_found: bool) -> Duration {
        let began = Instant::now();
        while self.find(id).is_ok() != is_found {
            assert!(began.elapsed() < Duration::from_secs(10), "{id} never became {is_found}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        began.elapsed()
    }
}

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new())
}

#[tokio::test(start_paused = true)]
async fn a_key_is_good_when_its_creation_returned_and_refused_when_its_revocation_did() {
    let process = Process::start(&store(), false).await;
    let key = process.create().await;
    assert_eq!(process.find(&key.access_key_id).unwrap(), "arn:aws:iam::111111111111:user/ci");
    assert_eq!(process.find("AKIAOWN").unwrap(), "arn:aws:iam::000000000000:root");
    assert!(process.keys.revoke(&key.access_key_id).await.unwrap());
    assert_eq!(process.find(&key.access_key_id), Err(KeyError::Unknown));
    assert!(!process.keys.revoke(&key.access_key_id).await.unwrap());
    assert!(process.find("AKIAOWN").is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_outlive_the_process_and_the_store_alone_reveals_no_secret() {
    let store = store();
    let key = Process::start(&store, false).await.create().await;
    let document = store.get(&AccessKeyRecord::key_of(&key.access_key_id)).await.unwrap().unwrap();
    assert!(!format!("{document:?}").contains(key.secret_access_key.expose()));
    let next = Process::start(&store, false).await;
    let found = next.ring.find(&key.access_key_id, None, Millis(START)).unwrap();
    assert_eq!(found.secret, key.secret_access_key);
    assert_eq!(found.identity.arn, key.arn());
}

#[tokio::test(start_paused = true)]
async fn another_process_that_hears_of_no_change_learns_of_it_within_a_second() {
    let store = store();
    let (here, there) = (Process::start(&store, true).await, Process::start(&store, true).await);
    let key = here.create().await;
    assert!(there.until(&key.access_key_id, true).await < Duration::from_secs(1));
    here.keys.revoke(&key.access_key_id).await.unwrap();
    assert!(there.until(&key.access_key_id, false).await < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_told_is_followed_before_the_next_sweep() {
    let store = store();
    let (here, there) = (Process::start(&store, false).await, Process::start(&store, false).await);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let key = here.create().await;
    assert!(there.until(&key.access_key_id, true).await < SWEEP_EVERY / 4);
    here.keys.revoke(&key.access_key_id).await.unwrap();
    assert!(there.until(&key.access_key_id, false).await < SWEEP_EVERY / 4);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_began_before_a_revocation_does_not_bring_the_key_back() {
    let store = store();
    let process = Process::start(&store, true).await;
    let key = process.create().await;
    // A key of another process is being read when the revocation comes.
    let other = Process::start(&store, true).await.create().await;
    process.view.holds_reads.store(true, Ordering::SeqCst);
    process.view.held.notified().await;
    let (keys, id) = (process.keys.clone(), key.access_key_id.clone());
    let revoking = tokio::spawn(async move { keys.revoke(&id).await });
    let is_gone =
        async || process.view.inner.get(&AccessKeyRecord::key_of(&key.access_key_id)).await.unwrap();
    while is_gone().await.is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    process.view.holds_reads.store(false, Ordering::SeqCst);
    process.view.go_on.notify_one();
    assert!(revoking.await.unwrap().unwrap());
    assert_eq!(process.find(&key.access_key_id), Err(KeyError::Unknown));
    assert!(process.find(&other.access_key_id).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_given_to_another_account_in_the_database_is_not_good() {
    let store = store();
    let key = Process::start(&store, false).await.create().await;
    let document = store.get(&AccessKeyRecord::key_of(&key.access_key_id)).await.unwrap().unwrap();
    let record = AccessKeyRecord::from_body(&document.body).unwrap();
    let forged = [
        AccessKeyRecord { account: AccountId::new("000000000000"), ..record.clone() },
        AccessKeyRecord { user: None, ..record.clone() },
        AccessKeyRecord { access_key_id: "AKIAFORGED".to_owned(), ..record },
    ];
    for record in forged {
        let body = record.to_body();
        let written = Write::Put(Document { body, ..document.clone() });
        let transaction = Transaction { writes: vec![written], ..Transaction::default() };
        store.commit(transaction).await.unwrap();
        let process = Process::start(&store, false).await;
        for id in [key.access_key_id.as_str(), "AKIAFORGED"] {
            assert_eq!(process.find(id), Err(KeyError::Unknown), "{record:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_of_another_cluster_key_are_not_good_and_can_be_listed_and_revoked() {
    let store = store();
    let key = Process::start(&store, false).await.create().await;
    let stranger = Process::start_with(&store, false, [9; 32]).await;
    assert_eq!(stranger.find(&key.access_key_id), Err(KeyError::Unknown));
    let listed = stranger.keys.list().await.unwrap();
    let ids: Vec<&str> = listed.iter().map(|listed| listed.key.access_key_id.as_str()).collect();
    assert_eq!(ids, ["AKIAOWN", &key.access_key_id]);
    assert!(stranger.keys.revoke(&key.access_key_id).await.unwrap());
    assert_eq!(stranger.keys.list().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_what_was_known_stays_good_and_what_goes_is_learned_after() {
    let store = store();
    let (process, other) = (Process::start(&store, true).await, Process::start(&store, true).await);
    let key = process.create().await;
    other.until(&key.access_key_id, true).await;
    other.view.fails.store(true, Ordering::SeqCst);
    process.keys.revoke(&key.access_key_id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(other.find(&key.access_key_id).is_ok());
    assert!(other.keys.revoke(&key.access_key_id).await.is_err());
    other.view.fails.store(false, Ordering::SeqCst);
    assert!(other.until(&key.access_key_id, false).await < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_last_use_is_written_once_in_ten_minutes_however_often_a_key_is_used() {
    let store = store();
    let process = Process::start(&store, false).await;
    let key = process.create().await;
    let used = |at: i64| {
        process.clock.0.store(at, Ordering::SeqCst);
        let owner = process.ring.find(&key.access_key_id, None, Millis(at)).unwrap();
        owner.last_use.as_ref().unwrap().note(Millis(at));
    };
    let before = process.view.commits.load(Ordering::SeqCst);
    for step in 0..3 {
        for second in 0..100 {
            used(START + step * LAST_USE_STEP_MS + second * 1000);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    assert_eq!(process.view.commits.load(Ordering::SeqCst) - before, 3);
    let next = Process::start(&store, false).await;
    let listed = next.keys.list().await.unwrap();
    let last = listed[1].last_used_at.unwrap();
    let now = Millis(START + 2 * LAST_USE_STEP_MS);
    assert!((0..LAST_USE_STEP_MS).contains(&now.since(last)), "{last} at {now}");
    assert!(process.find(&key.access_key_id).is_ok(), "a use that is written down is no revocation");
}

#[tokio::test(start_paused = true)]
async fn a_server_holds_so_many_keys_and_a_revoked_one_makes_room() {
    let process = Process::start(&store(), false).await;
    let mut last = None;
    for _ in 0..KEYS_MAX {
        last = Some(process.create().await);
    }
    let full = process.keys.create(AccountId::new("222222222222"), None).await;
    assert!(matches!(full, Err(StoreError::QuotaExceeded { used: KEYS_MAX, .. })));
    assert_eq!(process.keys.list().await.unwrap().len() as u64, KEYS_MAX + 1);
    process.keys.revoke(&last.unwrap().access_key_id).await.unwrap();
    assert!(process.keys.create(AccountId::new("222222222222"), None).await.is_ok());
}
