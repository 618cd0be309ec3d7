//! The events of a memory store: each key's in a queue, and who came before whom.
//!
//! Invariants: both bounds hold after every append; what goes is the oldest.

use std::collections::{BTreeMap, VecDeque};

use hostler_types::Key;

use crate::{Event, EventBounds, EventPage, EventQuery, Order, StoredEvent};

#[derive(Debug, Default)]
pub(super) struct Events {
    bounds: EventBounds,
    /// Of each key, oldest first.
    of: BTreeMap<Key, VecDeque<Placed>>,
    /// Which key's turn it is to lose its oldest, over all.
    order: BTreeMap<u64, Key>,
    /// The last place that was given out.
    last: u64,
}

#[derive(Debug)]
struct Placed {
    place: u64,
    event: StoredEvent,
}

impl Events {
    pub(super) fn new(bounds: EventBounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    pub(super) fn append(&mut self, event: Event) {
        let Event { key, at, body } = event;
        self.last += 1;
        let kept = self.of.entry(key.clone()).or_default();
        let number = kept.back().map_or(0, |placed| placed.event.number) + 1;
        kept.push_back(Placed { place: self.last, event: StoredEvent { number, at, body } });
        let is_too_long = kept.len() as u64 > self.bounds.per_key;
        self.order.insert(self.last, key.clone());
        if is_too_long {
            self.drop_oldest(&key);
        }
        while self.order.len() as u64 > self.bounds.in_all
            && let Some(key) = self.order.first_key_value().map(|(_, key)| key.clone())
        {
            self.drop_oldest(&key);
        }
    }

    fn drop_oldest(&mut self, key: &Key) {
        let Some(kept) = self.of.get_mut(key) else { return };
        if let Some(oldest) = kept.pop_front() {
            self.order.remove(&oldest.place);
        }
        if kept.is_empty() {
            self.of.remove(key);
        }
    }

    pub(super) fn page(&self, query: &EventQuery) -> EventPage {
        let Some(kept) = self.of.get(&query.key) else {
            return EventPage { events: Vec::new(), next: None, dropped: 0 };
        };
        let is_after = |event: &&StoredEvent| match (query.after, query.order) {
            (None, _) => true,
            (Some(after), Order::Ascending) => event.number > after,
            (Some(after), Order::Descending) => event.number < after,
        };
        let mut events: Vec<StoredEvent> =
            kept.iter().map(|placed| &placed.event).filter(is_after).cloned().collect();
        if query.order == Order::Descending {
            events.reverse();
        }
        let has_more = events.len() > query.limit.max(1);
        events.truncate(query.limit.max(1));
        let next = if has_more { events.last().map(|event| event.number) } else { None };
        let dropped = kept.front().map_or(0, |placed| placed.event.number - 1);
        EventPage { events, next, dropped }
    }
}
