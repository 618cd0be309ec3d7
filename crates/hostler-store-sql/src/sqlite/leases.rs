//! The statements on leases.
//!
//! Why: terms come from the sequence that versions come from, so a released lease needs no row to stay behind: its
//! next term is larger whatever happened in between.
//! Invariants: called inside the writer's transaction only.

use hostler_store::Lease;
use hostler_types::Millis;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::documents;

const GET: &str = "SELECT holder, term, expires_at FROM leases WHERE name = :name";

const PUT: &str = "INSERT INTO leases (name, holder, term, expires_at) \
     VALUES (:name, :holder, :term, :expires_at) ON CONFLICT (name) \
     DO UPDATE SET holder = excluded.holder, term = excluded.term, expires_at = excluded.expires_at";

const DELETE: &str = "DELETE FROM leases WHERE name = :name AND holder = :holder";

/// Takes or renews; `None` when another has it.
pub(super) fn take(
    connection: &Connection,
    name: &str,
    holder: &str,
    now: Millis,
    ttl_ms: i64,
) -> rusqlite::Result<Option<Lease>> {
    let current: Option<(String, i64, i64)> = connection
        .prepare_cached(GET)?
        .query_row(named_params! { ":name": name }, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let term = match current {
        Some((current_holder, term, _)) if current_holder == holder => term.cast_unsigned(),
        Some((_, _, expires_at)) if Millis(expires_at) > now => return Ok(None),
        _ => documents::take_from_sequence(connection, 1)?,
    };
    let lease =
        Lease { name: name.to_owned(), holder: holder.to_owned(), term, expires_at: now.plus(ttl_ms) };
    connection.prepare_cached(PUT)?.execute(named_params! {
        ":name": name,
        ":holder": holder,
        ":term": term.cast_signed(),
        ":expires_at": lease.expires_at.0,
    })?;
    Ok(Some(lease))
}

/// Gives it back, if `holder` has it.
pub(super) fn release(connection: &Connection, name: &str, holder: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(DELETE)?.execute(named_params! { ":name": name, ":holder": holder })?;
    Ok(())
}
