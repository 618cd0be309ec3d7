//! The history of an endpoint, an endpoint config or a model: what happened to it, who did it, and why.
//!
//! Invariants: one answer has at most [`EVENTS_MAX`] events, the newest of those that are asked for, oldest first. The
//! history of a name that is gone is told as long as any of it is kept; a name of which nothing is kept and that is not
//! there is not found.

use hostler_aws::ApiError;
use hostler_store::{EventQuery, Order, StoredEvent};
use hostler_types::{EventRecord, Key, Kind, Record};
use serde_json::{Value, json};

use super::Admin;
use crate::control::{Caller, store_failed};
use crate::texts::not_found;

/// As many as are kept of one resource.
const EVENTS_MAX: usize = 1_000;

impl Admin {
    /// The query may name how many (`limit=N`) and before which (`before=NUMBER`).
    pub(super) async fn history(
        &self,
        caller: &Caller,
        kind: Kind,
        name: &str,
        query: &str,
    ) -> Result<Value, ApiError> {
        let key = Key::new(&caller.scope, kind, name);
        let store = &self.control.parts.store;
        let query = EventQuery {
            key: key.clone(),
            order: Order::Descending,
            limit: number(query, "limit")?
                .map_or(EVENTS_MAX, |limit| limit.clamp(1, EVENTS_MAX as u64) as usize),
            after: number(query, "before")?,
        };
        let page = store.events(&query).await.map_err(store_failed)?;
        let document = store.get(&key).await.map_err(store_failed)?;
        if document.is_none() && page.events.is_empty() && query.after.is_none() {
            return Err(not_found(&caller.scope, kind, name));
        }
        let events: Vec<Value> = page.events.iter().rev().map(event).collect();
        Ok(json!({
            "Kind": kind.as_str(),
            "Name": document.as_ref().map_or(name, |document| &document.name),
            "IsThere": document.is_some(),
            "Status": document.as_ref().and_then(|document| document.status.as_ref()),
            "Events": events,
            "Before": page.next,
            "Dropped": page.dropped,
        }))
    }
}

fn event(stored: &StoredEvent) -> Value {
    let mut view = json!({ "Number": stored.number, "At": stored.at });
    match EventRecord::from_body(&stored.body) {
        Ok(event) => {
            view["Who"] = json!(event.who);
            view["Uid"] = json!(event.uid);
            view["Generation"] = json!(event.generation);
            view["Operation"] = json!(event.operation.as_ref().map(|operation| &operation.name));
            view["Arguments"] = json!(event.operation.map(|operation| operation.arguments));
            view["From"] = json!(event.status.map(|status| status.from));
            view["To"] = json!(event.status.map(|status| status.to));
            view["MovesStatus"] = json!(event.status.is_some());
            view["Why"] = json!(event.why);
        }
        // Of a newer release: that it is there is told, and what it says is not guessed.
        Err(error) => view["Unreadable"] = json!(error.to_string()),
    }
    view
}

/// A number of the query, if it names one.
fn number(query: &str, name: &str) -> Result<Option<u64>, ApiError> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(key, _)| *key == name) else { return Ok(None) };
    let refused = || ApiError::validation(format!("`{name}` is a whole number from 1 on, not `{value}`"));
    value.parse().ok().filter(|number| *number > 0).map(Some).ok_or_else(refused)
}
