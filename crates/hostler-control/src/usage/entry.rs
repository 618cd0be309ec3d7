//! What is to be written down, and the writes that do it.
//!
//! Why: whoever writes reads the month's document, adds, and commits under the version that it read. Instance time goes
//! with the endpoint's record, invocations go when the gateway tells them; each has a document of its own, so that they
//! never get into each other's way.

use std::collections::{BTreeMap, BTreeSet};

use hostler_shapes::Tag;
use hostler_store::{Check, Document, Expect, Store, StoreResult, Write};
use hostler_types::{
    EndpointRecord, EndpointUid, InvocationCounts, Key, Kind, Millis, RECORD_SCHEMA, Record, Scope,
    UsageRecord, VariantName,
};
use tracing::error;

use super::day::Day;
use super::found::{Found, found};

/// Something that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) day: Day,
    pub(crate) variant: VariantName,
    pub(crate) instance_type: Option<String>,
    pub(crate) instance_ms: i64,
    pub(crate) invocations: InvocationCounts,
}

/// Who used it, under which tags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) name: &'a str,
    pub(crate) uid: &'a EndpointUid,
    pub(crate) tags: &'a [Tag],
}

impl<'a> Owner<'a> {
    pub(crate) fn of(record: &'a EndpointRecord) -> Self {
        Self { scope: &record.scope, name: &record.name, uid: &record.uid, tags: &record.tags }
    }
}

/// Which of a month's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Instances,
    Requests,
}

impl Part {
    pub(crate) fn key(self, scope: &Scope, uid: &EndpointUid, month: &str) -> Key {
        let part = match self {
            Self::Instances => "instances",
            Self::Requests => "requests",
        };
        Key::new(scope, Kind::Usage, &format!("{uid}-{month}-{part}"))
    }
}

/// The month in the name of a document.
pub(super) fn month_of(key: &Key) -> Option<&str> {
    let (before, _) = key.name().rsplit_once('-')?;
    before.get(before.len().checked_sub("2026-11".len())?..)
}

/// Conditions and writes that go into one transaction.
#[derive(Debug, Default)]
pub(crate) struct Bookings {
    pub(crate) checks: Vec<Check>,
    pub(crate) writes: Vec<Write>,
}

/// What adds these entries.
pub(crate) async fn bookings(
    store: &dyn Store,
    owner: Owner<'_>,
    part: Part,
    entries: &[Entry],
    (now, written_as): (Millis, Option<u64>),
) -> StoreResult<Bookings> {
    let mut months: BTreeMap<Day, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        months.entry(entry.day.first_of_month()).or_default().push(entry);
    }
    let mut bookings = Bookings::default();
    for (first, entries) in months {
        let month = first.month();
        let key = part.key(owner.scope, owner.uid, &month);
        let (mut record, expect) = match found::<UsageRecord>(store, &key).await? {
            Found::Whole(record, version) => (record, Expect::Version(version)),
            Found::Damaged(cause) => {
                let error: &dyn std::error::Error = &*cause;
                error!(%key, error, "what an endpoint used cannot be added to what is written down, and is lost");
                continue;
            }
            Found::Nothing => {
                let record = UsageRecord {
                    schema: RECORD_SCHEMA,
                    scope: owner.scope.clone(),
                    endpoint_name: owner.name.to_owned(),
                    uid: owner.uid.clone(),
                    month,
                    tag_sets: Vec::new(),
                    lines: Vec::new(),
                    written_as: None,
                };
                (record, Expect::Absent)
            }
        };
        for entry in entries {
            let day = entry.day.to_string();
            let line = record.line(owner.tags, &day, &entry.variant, entry.instance_type.as_deref());
            line.instance_ms = line.instance_ms.saturating_add(entry.instance_ms);
            for (total, count) in line.invocations.iter_mut().zip(entry.invocations) {
                *total = total.saturating_add(count);
            }
        }
        record.written_as = written_as;
        bookings.checks.push(Check { key: key.clone(), expect });
        bookings.writes.push(Write::Put(document(key, first.start(), now, &record)));
    }
    Ok(bookings)
}

/// The month is the time of creation, so that a listing finds it by its index.
fn document(key: Key, created_at: Millis, modified_at: Millis, record: &UsageRecord) -> Document {
    Document {
        name: key.name().to_owned(),
        key,
        version: 0,
        created_at,
        modified_at,
        status: None,
        uses: BTreeSet::new(),
        holds: BTreeMap::new(),
        body: record.to_body(),
    }
}

#[cfg(test)]
mod tests {
    use hostler_types::{AccountId, Region};

    use super::*;

    #[test]
    fn a_month_is_read_from_the_name_that_it_was_written_into() {
        let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
        for part in [Part::Instances, Part::Requests] {
            assert_eq!(month_of(&part.key(&scope, &EndpointUid::new("0c"), "2026-11")), Some("2026-11"));
        }
        assert_eq!(month_of(&Key::new(&scope, Kind::Usage, "x-y")), None);
    }
}
