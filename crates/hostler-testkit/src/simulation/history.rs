//! What must hold of the history: every accepted change and every move of a status is told once, in order.
//!
//! Looked at when a commit takes effect, against the records before and after it; and at the end of a run, when the
//! store must give back just what was committed, whatever crashed in between.

use hostler_store::{Event, EventQuery, Order, Store};
use hostler_types::{EndpointRecord, EndpointStatus, EventRecord, PLANNER, Record};

use super::commits::Author;
use super::stage::Stage;
use crate::caller;

/// What is wrong with the events of one commit.
pub(super) fn complaints(
    author: &Author,
    before: Option<&EndpointRecord>,
    after: Option<&EndpointRecord>,
    events: &[Event],
) -> Vec<String> {
    let mut broken = Vec::new();
    let mut status = before.map(|before| before.status);
    let mut calls = 0;
    for event in events {
        let event = match EventRecord::from_body(&event.body) {
            Ok(event) => event,
            Err(error) => {
                broken.push(format!("an event was written in no form: {error}"));
                continue;
            }
        };
        if let Some(moved) = event.status {
            if moved.from != status || moved.to == status {
                broken.push(format!("{moved:?} is told of an endpoint that was {status:?}"));
            }
            status = moved.to;
            let is_told_why = event.why.is_some() || event.operation.is_some();
            if !is_told_why {
                broken.push(format!("{moved:?} is told without a reason"));
            }
        }
        calls += usize::from(event.operation.is_some());
        let who = match author {
            Author::Client(_) => caller().identity.arn,
            Author::Reconciler(_) => PLANNER.to_owned(),
        };
        if event.who != who {
            broken.push(format!("an event is told of {} and {author:?} wrote", event.who));
        }
        let records = || before.into_iter().chain(after);
        if !records().any(|record| Some(&record.uid) == event.uid.as_ref()) {
            broken.push(format!("an event is told of {:?}, another endpoint", event.uid));
        }
        let is_in_play = |generation| records().any(|record| record.deployment_of(generation).is_some());
        if !event.generation.is_some_and(is_in_play) {
            broken.push(format!("an event is told of generation {:?}", event.generation));
        }
    }
    let stands: Option<EndpointStatus> = after.map(|after| after.status);
    if status != stands {
        broken.push(format!("the status is {stands:?}, and the last that is told is {status:?}"));
    }
    let due = usize::from(matches!(author, Author::Client(_)));
    if calls != due {
        broken.push(format!("{calls} calls are told of in one change of {author:?}"));
    }
    broken
}

/// What the store gives back at the end: the newest of what was committed, all of it while it is little.
pub(super) async fn look(stage: &Stage) {
    let told = stage.book.pages().told.clone();
    for (key, committed) in told {
        let query = EventQuery { key: key.clone(), order: Order::Ascending, limit: usize::MAX, after: None };
        let Ok(page) = stage.store.events(&query).await else { continue };
        let kept: Vec<&String> = page.events.iter().map(|event| &event.body).collect();
        let dropped = usize::try_from(page.dropped).unwrap_or(usize::MAX);
        let expected: Vec<&String> = committed.iter().skip(dropped).collect();
        if kept != expected {
            let counts = (kept.len(), expected.len(), dropped);
            stage.book.complain(&format!("{key}: the history is not what was committed: {counts:?}"));
        }
        if dropped > 0 && kept.len() < 1_000 {
            stage.book.complain(&format!("{key}: {dropped} events were dropped and {} kept", kept.len()));
        }
    }
}
