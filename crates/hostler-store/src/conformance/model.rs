//! A simple model of a store, and random operations that must come out the same on both.
//!
//! Why: the other tests hold what somebody thought of; this one holds what nobody did.
//! Invariants: the model is a list that is searched and sorted from scratch, sharing no code with any store. One
//! operation is made of [`STEP_BYTES`] bytes, so a failing sequence shrinks by dropping operations and zeroing bytes,
//! and this crate needs no property testing library outside its tests.

use std::collections::{BTreeMap, BTreeSet};

use hostler_types::{Key, Kind, Millis, Scope};

use super::{TestStore, scope_of};
use crate::{
    Check, Document, Event, EventQuery, Expect, Holdings, ListQuery, Order, Quota, SortBy, Statuses,
    StoreError, StoreResult, Transaction, Unused, Write,
};

/// Bytes that make one operation.
pub const STEP_BYTES: usize = 15;

/// Sequences tried per run: each makes a store, which on a disk costs a few syncs.
pub const CASES: u32 = 48;

const NAMES: [&str; 6] = ["a", "B", "ab", "Ba", "b_a", "A-b"];
const STATUSES: [Option<&str>; 4] = [None, Some("Creating"), Some("InService"), Some("Failed")];
const REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];
const THINGS: [&str; 2] = ["x", "y"];

/// Runs the operations on `store` and on the model, and panics at the first difference.
pub async fn agrees(store: TestStore, steps: &[[u8; STEP_BYTES]]) {
    let mut model = Model::default();
    for step in steps {
        let mut bytes = Bytes(step.iter());
        match bytes.next() % 9 {
            0..=4 => commit(&store, &mut model, &mut bytes).await,
            5 => {
                let key = any_key(&mut bytes);
                assert_eq!(store.get(&key).await.unwrap().as_ref(), model.get(&key));
            }
            6 => {
                let kind = Kind::ALL[bytes.below(Kind::ALL.len())];
                let expected: Vec<Key> = model.keys().filter(|key| key.kind() == kind).cloned().collect();
                assert_eq!(store.keys(kind).await.unwrap(), expected);
            }
            7 => events(&store, &model, &mut bytes).await,
            _ => list(&store, &model, &mut bytes).await,
        }
    }
    for key in model.keys() {
        assert_eq!(store.get(key).await.unwrap().as_ref(), model.get(key));
    }
    for region in REGIONS {
        let scope = scope_of("000000000000", region);
        assert_eq!(store.holdings(&scope).await.unwrap(), model.holdings(&scope));
    }
}

/// The bytes of one operation; zeros when they are used up.
struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::from(self.next()) % count
    }
}

#[derive(Debug, PartialEq)]
enum Refusal {
    Conflict(Key),
    InUse(Key),
    Exceeded(Quota, u64, u64),
}

#[derive(Default)]
struct Model {
    documents: Vec<Document>,
    /// Every version that a key ever had.
    versions: BTreeMap<Key, BTreeSet<u64>>,
    /// Every event that was committed, in order.
    events: Vec<Event>,
}

impl Model {
    fn get(&self, key: &Key) -> Option<&Document> {
        self.documents.iter().find(|document| &document.key == key)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        let mut keys: Vec<&Key> = self.documents.iter().map(|document| &document.key).collect();
        keys.sort_by_key(|key| (key.scope().account.as_str(), key.scope().region.as_str(), key.name()));
        keys.into_iter()
    }

    fn remove(&mut self, key: &Key) {
        self.documents.retain(|document| &document.key != key);
    }

    fn holdings(&self, scope: &Scope) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for document in self.documents.iter().filter(|document| document.key.scope() == scope) {
            for (what, count) in &document.holds {
                *sums.entry(what.clone()).or_insert(0) += u64::from(*count);
            }
        }
        sums.retain(|_, sum| *sum > 0);
        sums
    }

    /// What the transaction must answer: how many versions, or why not.
    fn expected(&self, transaction: &Transaction) -> Result<usize, Refusal> {
        for check in &transaction.checks {
            let version = self.get(&check.key).map(|document| document.version);
            let holds = match check.expect {
                Expect::Absent => version.is_none(),
                Expect::Version(expected) => version == Some(expected),
            };
            if !holds {
                return Err(Refusal::Conflict(check.key.clone()));
            }
        }
        if let Some(unused) = &transaction.unused {
            let mut users: Vec<&Key> = self
                .documents
                .iter()
                .filter(|row| row.uses.iter().any(|used| used == &unused.key))
                .filter(|row| match (&unused.statuses, &row.status) {
                    (Statuses::Any, _) => true,
                    (Statuses::Of(statuses), Some(status)) => statuses.contains(status),
                    (Statuses::Of(_), None) => false,
                })
                .map(|row| &row.key)
                .collect();
            users.sort();
            if let Some(first) = users.first() {
                return Err(Refusal::InUse((*first).clone()));
            }
        }
        let mut present: BTreeSet<&Key> = self.documents.iter().map(|document| &document.key).collect();
        let mut count = 0;
        for write in &transaction.writes {
            match write {
                Write::Put(document) => {
                    present.insert(&document.key);
                    count += 1;
                }
                Write::Touch(key) if present.contains(key) => count += 1,
                Write::Touch(key) => return Err(Refusal::Conflict(key.clone())),
                Write::Delete(key) => {
                    present.remove(key);
                }
            }
        }
        let mut after = self.documents.clone();
        for write in &transaction.writes {
            let (Write::Put(Document { key, .. }) | Write::Touch(key) | Write::Delete(key)) = write;
            if !matches!(write, Write::Touch(_)) {
                after.retain(|document| &document.key != key);
            }
            if let Write::Put(document) = write {
                after.push(document.clone());
            }
        }
        let after = Self { documents: after, ..Self::default() };
        for quota in &transaction.quotas {
            let held = |model: &Self| model.holdings(&quota.scope).get(&quota.what).copied().unwrap_or(0);
            let (used, held_after) = (held(self), held(&after));
            if held_after > used && held_after > quota.limit {
                return Err(Refusal::Exceeded(quota.clone(), used, held_after - used));
            }
        }
        Ok(count)
    }

    fn apply(&mut self, transaction: Transaction, versions: &[u64]) {
        self.events.extend(transaction.events);
        let mut versions = versions.iter().copied();
        for write in transaction.writes {
            let written = match write {
                Write::Put(document) => Some(document),
                Write::Touch(key) => self.get(&key).cloned(),
                Write::Delete(key) => {
                    self.remove(&key);
                    None
                }
            };
            if let Some(mut document) = written {
                document.version = versions.next().unwrap();
                let is_fresh =
                    self.versions.entry(document.key.clone()).or_default().insert(document.version);
                assert!(is_fresh, "`{}` had version {} before", document.key, document.version);
                self.remove(&document.key);
                self.documents.push(document);
            }
        }
    }
}

fn any_key(bytes: &mut Bytes<'_>) -> Key {
    // Mostly one scope and one kind, so that operations meet.
    let region = REGIONS[usize::from(bytes.next() >= 200)];
    let kind = if bytes.next() < 200 { Kind::Endpoint } else { Kind::EndpointConfig };
    Key::new(&scope_of("000000000000", region), kind, NAMES[bytes.below(NAMES.len())])
}

fn any_write(bytes: &mut Bytes<'_>) -> Write {
    let key = any_key(bytes);
    let choice = bytes.next();
    match choice % 8 {
        0..=4 => {
            let name = NAMES.into_iter().find(|name| name.to_ascii_lowercase() == key.name()).unwrap();
            let text = |text: &str| text.to_owned();
            let uses = any_uses(key.scope(), bytes.next());
            Write::Put(Document {
                key,
                version: u64::from(choice),
                name: name.to_owned(),
                created_at: Millis(i64::from(choice % 5)),
                modified_at: Millis(i64::from(choice % 7)),
                status: STATUSES[usize::from(choice / 8) % STATUSES.len()].map(text),
                uses,
                holds: any_holdings(choice),
                body: choice.to_string(),
            })
        }
        5 => Write::Touch(key),
        _ => Write::Delete(key),
    }
}

/// Some of what [`any_key`] names; a document may use itself.
fn any_uses(scope: &Scope, choice: u8) -> BTreeSet<Key> {
    let kinds = [Kind::Endpoint, Kind::EndpointConfig, Kind::Endpoint, Kind::EndpointConfig];
    let used = kinds.into_iter().zip(NAMES).enumerate().filter(|(at, _)| choice & (1 << at) != 0);
    used.map(|(_, (kind, name))| Key::new(scope, kind, name)).collect()
}

/// Nothing, one thing or both, in counts that a limit of a few is soon reached by.
fn any_holdings(choice: u8) -> Holdings {
    let counts = [choice % 3, choice / 16 % 4];
    let pairs = THINGS.into_iter().zip(counts).filter(|(_, count)| *count > 0);
    pairs.map(|(what, count)| (what.to_owned(), count.into())).collect()
}

async fn commit(store: &TestStore, model: &mut Model, bytes: &mut Bytes<'_>) {
    let shape = bytes.next();
    let mut transaction = Transaction { writes: vec![any_write(bytes)], ..Transaction::default() };
    if shape & 1 != 0 {
        transaction.writes.push(any_write(bytes));
    }
    let (Write::Put(Document { key, .. }) | Write::Touch(key) | Write::Delete(key)) = &transaction.writes[0];
    let current = model.get(key).map(|document| document.version);
    let expect = match (shape >> 1) % 5 {
        0 | 1 => current.map_or(Some(Expect::Absent), |version| Some(Expect::Version(version))),
        2 => Some(Expect::Absent),
        // A version that the key had once, perhaps before it was deleted.
        3 => model.versions.get(key).and_then(BTreeSet::first).copied().map(Expect::Version),
        _ => None,
    };
    let of = |statuses: &[&str]| Statuses::Of(statuses.iter().map(|&status| status.to_owned()).collect());
    let statuses = match shape >> 5 {
        5 => Some(of(&["Failed", "Creating"])),
        6 => Some(of(&["InService"])),
        7 => Some(Statuses::Any),
        _ => None,
    };
    transaction.unused = statuses.map(|statuses| Unused { key: key.clone(), statuses });
    transaction.checks.extend(expect.map(|expect| Check { key: key.clone(), expect }));

    let limits = bytes.next();
    for (at, what) in THINGS.into_iter().enumerate() {
        if limits & (1 << at) != 0 {
            let scope = scope_of("000000000000", REGIONS[0]);
            transaction.quotas.push(Quota { scope, what: what.to_owned(), limit: (limits / 8 % 8).into() });
        }
    }

    let told = bytes.next();
    let key = key.clone();
    transaction.events = (0..told % 3)
        .map(|at| Event { key: key.clone(), at: Millis(told.into()), body: format!("{told}.{at}") })
        .collect();

    let expected = model.expected(&transaction);
    let mut receiver = store.changes();
    match (store.commit(transaction.clone()).await, expected) {
        (Ok(versions), Ok(count)) => {
            assert_eq!(versions.len(), count);
            model.apply(transaction, &versions);
        }
        (Err(StoreError::Conflict { key }), Err(Refusal::Conflict(expected)))
        | (Err(StoreError::InUse { by: key }), Err(Refusal::InUse(expected))) => {
            assert_eq!(key, expected);
            assert!(receiver.try_recv().is_err());
        }
        (Err(StoreError::QuotaExceeded { quota, used, delta }), Err(expected)) => {
            assert_eq!(Refusal::Exceeded(quota, used, delta), expected);
            assert!(receiver.try_recv().is_err());
        }
        (found, expected) => panic!("expected {expected:?}, got {found:?} from {transaction:?}"),
    }
}

async fn events(store: &TestStore, model: &Model, bytes: &mut Bytes<'_>) {
    let key = any_key(bytes);
    let order = if bytes.next() < 128 { Order::Ascending } else { Order::Descending };
    let mut query = EventQuery { key, order, limit: 1 + bytes.below(4), after: None };
    let mut found = Vec::new();
    loop {
        let page = store.events(&query).await.unwrap();
        assert_eq!(page.dropped, 0);
        found.extend(page.events.into_iter().map(|event| (event.number, event.at, event.body)));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let of_key = model.events.iter().filter(|event| event.key == query.key);
    let numbered = (1..).zip(of_key).map(|(number, event)| (number, event.at, event.body.clone()));
    let mut expected: Vec<(u64, Millis, String)> = numbered.collect();
    if order == Order::Descending {
        expected.reverse();
    }
    assert_eq!(found, expected, "{query:?}");
}

async fn list(store: &TestStore, model: &Model, bytes: &mut Bytes<'_>) {
    let filters = bytes.next();
    let text = |text: &str| text.to_owned();
    let moment = |bit: u8, byte: u8| (filters & bit != 0).then_some(Millis(i64::from(byte % 6)));
    let mut query = ListQuery {
        scope: scope_of("000000000000", "us-east-1"),
        kind: Kind::Endpoint,
        name_contains: (filters & 1 != 0).then(|| text(["a", "B", "b", "_", ""][bytes.below(5)])),
        created_from: moment(2, bytes.next()),
        created_before: moment(4, bytes.next()),
        modified_from: moment(8, bytes.next()),
        modified_before: moment(16, bytes.next()),
        status: if filters & 32 != 0 { STATUSES[bytes.below(STATUSES.len())].map(text) } else { None },
        sort_by: [SortBy::Name, SortBy::CreationTime, SortBy::Status][bytes.below(3)],
        order: if filters & 128 != 0 { Order::Descending } else { Order::Ascending },
        limit: 1 + bytes.below(4),
        after: None,
    };
    let expected = expected_rows(model, &query);
    let found = all_pages(store, &mut query).await.unwrap();
    assert_eq!(found, expected, "{query:?}");
}

async fn all_pages(store: &TestStore, query: &mut ListQuery) -> StoreResult<Vec<Document>> {
    let mut found = Vec::new();
    loop {
        let page = store.list(query).await?;
        found.extend(page.documents);
        match page.next {
            Some(token) => query.after = Some(token),
            None => return Ok(found),
        }
    }
}

fn expected_rows(model: &Model, query: &ListQuery) -> Vec<Document> {
    let mut rows = model.documents.clone();
    rows.retain(|row| row.key.scope() == &query.scope && row.key.kind() == query.kind);
    if let Some(part) = &query.name_contains {
        rows.retain(|row| row.name.contains(part.as_str()));
    }
    if let Some(from) = query.created_from {
        rows.retain(|row| row.created_at >= from);
    }
    if let Some(before) = query.created_before {
        rows.retain(|row| row.created_at < before);
    }
    if let Some(from) = query.modified_from {
        rows.retain(|row| row.modified_at >= from);
    }
    if let Some(before) = query.modified_before {
        rows.retain(|row| row.modified_at < before);
    }
    if query.status.is_some() {
        rows.retain(|row| row.status == query.status);
    }
    rows.sort_by_key(|row| row.key.name().to_owned());
    match query.sort_by {
        SortBy::Name => {}
        // The sort is stable, so equal values stay in the order of their names.
        SortBy::CreationTime => rows.sort_by_key(|row| row.created_at),
        SortBy::Status => rows.sort_by_key(|row| row.status.clone()),
    }
    if query.order == Order::Descending {
        rows.reverse();
    }
    rows
}
