//! The access keys of all accounts: made, listed, revoked, and known to whoever checks signatures.
//!
//! Why: several accounts share a server and never see each other; what tells them apart is the key that signs. Keys are
//! documents of the store, so that they outlive the process and hold for every process over that store.
//! Invariants: the secret is written down sealed alone, and shown once. A key is good when its creation returned, and no
//! longer good when its revocation did; another process learns of either within [`SWEEP_EVERY`]. The server's own key is
//! not a document and never goes.
//! Failure: while the store cannot be read, what was known stays good; what was revoked here is gone all the same.

mod follow;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hostler_aws::{KeyRing, LastUse, LongLivedKey, SecretOwner, SecretSealer};
use hostler_store::{
    Check, Document, Expect, Holdings, ListQuery, Quota, Store, StoreError, StoreResult, Transaction, Write,
};
use hostler_types::{
    AccessKeyRecord, AccountId, Clock, Key, Kind, Millis, RECORD_SCHEMA, Record, RecordError, Scope, Secret,
};
use tokio::sync::Mutex;
use tracing::{info, warn};

/// All keys are looked at again this often, so that what another process revoked stops within a second.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// Keys of all accounts together; each is held in memory.
pub(crate) const KEYS_MAX: u64 = 1000;
/// What a key holds of the server's scope.
const HELD: &str = "access-keys";
/// Keys whose last use is written down at once.
const LAST_USES_MAX: usize = 50;
/// Keys of one page of a listing.
const PAGE_KEYS: usize = 200;

/// What the room is made of.
pub struct AccessKeysParts {
    /// Where keys live.
    pub store: Arc<dyn Store>,
    /// Who checks signatures.
    pub ring: Arc<KeyRing>,
    /// Opens and closes secrets.
    pub sealer: SecretSealer,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// The server's own key, which is always good.
    pub own: LongLivedKey,
}

/// The access keys of all accounts.
pub struct AccessKeys {
    parts: AccessKeysParts,
    /// Whoever reads the store to change it holds it meanwhile, so that nothing older is published over something newer.
    known: Mutex<BTreeMap<Key, Known>>,
}

/// A key that was read from the store.
struct Known {
    /// None: its secret cannot be opened.
    key: Option<LongLivedKey>,
    /// The last use that is written down.
    written: Option<Millis>,
}

/// A key as it is listed.
pub(crate) struct ListedKey {
    pub(crate) key: LongLivedKey,
    /// None: the server's own.
    pub(crate) created_at: Option<Millis>,
    pub(crate) last_used_at: Option<Millis>,
}

impl AccessKeys {
    /// Reads all keys and publishes them.
    pub async fn open(parts: AccessKeysParts) -> StoreResult<Arc<Self>> {
        let keys = Arc::new(Self { parts, known: Mutex::default() });
        keys.refresh().await?;
        Ok(keys)
    }

    /// The id of the server's own key.
    pub(crate) fn own_id(&self) -> &str {
        &self.parts.own.access_key_id
    }

    /// A new key, good when this returns.
    pub(crate) async fn create(
        &self,
        account: AccountId,
        user: Option<String>,
    ) -> StoreResult<(LongLivedKey, Millis)> {
        let (access_key_id, secret) = self.parts.sealer.new_key();
        let created_at = self.parts.clock.now();
        let owner = SecretOwner { access_key_id: &access_key_id, account: &account, user: user.as_deref() };
        let record = AccessKeyRecord {
            schema: RECORD_SCHEMA,
            sealed_secret: self.parts.sealer.close(owner, &secret),
            access_key_id,
            account,
            user,
            created_at,
            last_used_at: None,
        };
        let held = Quota { scope: Scope::of_server(), what: HELD.to_owned(), limit: KEYS_MAX };
        let transaction = Transaction {
            quotas: vec![held],
            writes: vec![Write::Put(document(&record))],
            ..Transaction::default()
        };
        self.parts.store.commit(transaction).await?;
        let key = LongLivedKey {
            access_key_id: record.access_key_id.clone(),
            secret_access_key: secret,
            account: record.account.clone(),
            user: record.user.clone(),
            last_use: Arc::default(),
        };
        let mut known = self.known.lock().await;
        known.insert(record.key(), Known { key: Some(key.clone()), written: None });
        self.publish(&known);
        info!(access_key_id = key.access_key_id, arn = key.arn(), "an access key was created");
        Ok((key, created_at))
    }

    /// Ends a key: it is refused from when this returns. False when there is none of that id.
    pub(crate) async fn revoke(&self, access_key_id: &str) -> StoreResult<bool> {
        let key = AccessKeyRecord::key_of(access_key_id);
        // Not `get`: one whose record is damaged must go too.
        let is_there = self.parts.store.keys(Kind::AccessKey).await?.contains(&key);
        if is_there {
            let writes = vec![Write::Delete(key.clone())];
            self.parts.store.commit(Transaction { writes, ..Transaction::default() }).await?;
        }
        let mut known = self.known.lock().await;
        known.remove(&key);
        self.publish(&known);
        if is_there {
            info!(access_key_id, "an access key was revoked");
        }
        Ok(is_there)
    }

    /// Every key, the server's own first, the others by id.
    pub(crate) async fn list(&self) -> StoreResult<Vec<ListedKey>> {
        let own = self.parts.own.clone();
        let last_used_at = own.last_use.at();
        let mut listed = vec![ListedKey { key: own, created_at: None, last_used_at }];
        let mut after = None;
        loop {
            let query = ListQuery { after, ..ListQuery::all(Scope::of_server(), Kind::AccessKey, PAGE_KEYS) };
            let page = self.parts.store.list(&query).await?;
            let known = self.known.lock().await;
            for document in &page.documents {
                match AccessKeyRecord::from_body(&document.body) {
                    Ok(record) => listed.push(as_listed(record, known.get(&document.key))),
                    Err(error) => warn_unreadable(&document.name, &error),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(listed);
            }
        }
    }

    /// Learns what came and what went. Keys that the store does not give now are asked for again next time.
    async fn refresh(&self) -> StoreResult<()> {
        let mut known = self.known.lock().await;
        let there: BTreeSet<Key> = self.parts.store.keys(Kind::AccessKey).await?.into_iter().collect();
        let before = known.len();
        known.retain(|key, _| there.contains(key));
        let mut has_changed = known.len() != before;
        let mut failed = None;
        for key in there {
            if known.contains_key(&key) {
                continue;
            }
            match self.parts.store.get(&key).await {
                Ok(Some(document)) => {
                    known.insert(key, self.opened(&document));
                    has_changed = true;
                }
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        // The first time there is nothing to learn but the server's own.
        if has_changed || known.is_empty() {
            self.publish(&known);
        }
        failed.map_or(Ok(()), Err)
    }

    fn opened(&self, document: &Document) -> Known {
        let record = match AccessKeyRecord::from_body(&document.body) {
            Ok(record) => record,
            Err(error) => {
                warn_unreadable(&document.name, &error);
                return Known { key: None, written: None };
            }
        };
        let written = record.last_used_at;
        let owner = SecretOwner {
            access_key_id: &record.access_key_id,
            account: &record.account,
            user: record.user.as_deref(),
        };
        let secret = self.parts.sealer.open(owner, &record.sealed_secret);
        // What stands under another name than its own was put there by nobody of this house.
        let secret = secret.filter(|_| record.key() == document.key);
        if secret.is_none() {
            warn!(
                access_key_id = document.name,
                "an access key was not sealed with this server's cluster key and is not good; revoke it"
            );
        }
        let key = secret.map(|secret_access_key| LongLivedKey {
            access_key_id: record.access_key_id,
            secret_access_key,
            account: record.account,
            user: record.user,
            last_use: Arc::new(LastUse::known(written)),
        });
        Known { key, written }
    }

    fn publish(&self, known: &BTreeMap<Key, Known>) {
        let keys = known.values().filter_map(|known| known.key.as_ref());
        self.parts.ring.replace(keys.chain([&self.parts.own]));
    }

    /// Writes down which keys were used since that was last written, some at a time.
    async fn write_last_uses(&self) -> StoreResult<()> {
        let used: Vec<(Key, Millis)> = {
            let known = self.known.lock().await;
            let news = known.iter().filter_map(|(key, known)| {
                let at = known.key.as_ref()?.last_use.at()?;
                (Some(at) > known.written).then(|| (key.clone(), at))
            });
            news.take(LAST_USES_MAX).collect()
        };
        let mut transaction = Transaction::default();
        for (key, at) in &used {
            let Some(document) = self.parts.store.get(key).await? else { continue };
            let Ok(record) = AccessKeyRecord::from_body(&document.body) else { continue };
            let last_used_at = record.last_used_at.max(Some(*at));
            let expect = Expect::Version(document.version);
            transaction.checks.push(Check { key: key.clone(), expect });
            let body = AccessKeyRecord { last_used_at, ..record }.to_body();
            transaction.writes.push(Write::Put(Document { body, ..document }));
        }
        if transaction.writes.is_empty() {
            return Ok(());
        }
        match self.parts.store.commit(transaction).await {
            Ok(_) => {}
            // One was revoked meanwhile, or another process wrote its use: the next time.
            Err(StoreError::Conflict { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        let mut known = self.known.lock().await;
        for (key, at) in used {
            if let Some(known) = known.get_mut(&key) {
                known.written = Some(at);
            }
        }
        Ok(())
    }
}

fn as_listed(record: AccessKeyRecord, known: Option<&Known>) -> ListedKey {
    let in_memory = known.and_then(|known| known.key.as_ref()).and_then(|key| key.last_use.at());
    ListedKey {
        created_at: Some(record.created_at),
        last_used_at: record.last_used_at.max(in_memory),
        key: LongLivedKey {
            access_key_id: record.access_key_id,
            secret_access_key: Secret::new(""),
            account: record.account,
            user: record.user,
            last_use: Arc::default(),
        },
    }
}

fn document(record: &AccessKeyRecord) -> Document {
    Document {
        key: record.key(),
        version: 0,
        name: record.access_key_id.clone(),
        created_at: record.created_at,
        modified_at: record.created_at,
        status: None,
        uses: BTreeSet::new(),
        holds: Holdings::from([(HELD.to_owned(), 1)]),
        body: record.to_body(),
    }
}

fn warn_unreadable(access_key_id: &str, error: &RecordError) {
    let error: &dyn std::error::Error = error;
    warn!(access_key_id, error, "an access key cannot be read and is not good");
}

#[cfg(test)]
mod tests;
