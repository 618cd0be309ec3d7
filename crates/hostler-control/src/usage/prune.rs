//! Deletes the months of usage that are older than they have to be kept.
//!
//! Invariants: a month goes when its last day is too old; nothing younger goes with it.

use hostler_store::{Store, StoreResult, Transaction, Write};
use hostler_types::{Key, Kind, Millis};

use super::day::{DAY_MS, Day};
use super::entry::month_of;

/// Documents that go in one transaction.
const DELETED_AT_ONCE: usize = 200;

pub(super) async fn prune(store: &dyn Store, now: Millis, days: u32) -> StoreResult<()> {
    let oldest = Day::of(now.plus(-i64::from(days) * DAY_MS));
    let is_old = |key: &Key| {
        let first = month_of(key).and_then(Day::of_month);
        first.is_some_and(|first| first.first_of_next_month() <= oldest)
    };
    let keys = store.keys(Kind::Usage).await?;
    let old: Vec<Key> = keys.into_iter().filter(is_old).collect();
    for batch in old.chunks(DELETED_AT_ONCE) {
        let writes = batch.iter().cloned().map(Write::Delete).collect();
        store.commit(Transaction { writes, ..Transaction::default() }).await?;
    }
    Ok(())
}
