//! An event: one thing that happened to a resource, who did it, and why.
//!
//! Why: a record shows how a resource is; its events show how it came to be so, also when it is gone.
//! Invariants: an event names an operation, a move of the status, or both. It says no value of a tag and nothing of a
//! request that may be secret: names, sizes and keys only. Why a status moved is told as `FailureReason` tells it, and
//! that may quote a container's last line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{RECORD_SCHEMA, Record};
use crate::{EndpointStatus, EndpointUid};

/// Who moves statuses.
pub const PLANNER: &str = "hostler";

/// The longest value of one argument, in characters.
const VALUE_CHARS_MAX: usize = 512;
/// The longest reason: that of a failed endpoint.
const WHY_CHARS_MAX: usize = 1024;

/// One thing that happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// See [`super::RECORD_SCHEMA`].
    pub schema: u32,
    /// Which endpoint of its name; none for other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<EndpointUid>,
    /// The endpoint's deployment that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The caller's ARN, or [`PLANNER`].
    pub who: String,
    /// The call that was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<AcceptedOperation>,
    /// The move of the endpoint's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusMove>,
    /// Why, one sentence or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A call that was accepted, and what of it matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedOperation {
    /// SageMaker's name.
    pub name: String,
    /// By member, in words.
    pub arguments: BTreeMap<String, String>,
}

/// A move of an endpoint's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMove {
    /// None: it was not there.
    pub from: Option<EndpointStatus>,
    /// None: it is gone.
    pub to: Option<EndpointStatus>,
}

impl AcceptedOperation {
    /// A call without arguments so far.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), arguments: BTreeMap::new() }
    }

    /// The same with one argument more; what is too long is cut.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl AsRef<str>) -> Self {
        self.arguments.insert(member.to_owned(), cut(value.as_ref(), VALUE_CHARS_MAX));
        self
    }

    /// The same with an argument where there is one.
    #[must_use]
    pub fn with_some(self, member: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.with(member, value),
            None => self,
        }
    }
}

impl EventRecord {
    /// Something that `who` did.
    pub fn by(who: &str) -> Self {
        Self {
            schema: RECORD_SCHEMA,
            uid: None,
            generation: None,
            who: who.to_owned(),
            operation: None,
            status: None,
            why: None,
        }
    }

    /// The same with its reason; what is too long is cut.
    #[must_use]
    pub fn because(self, why: &str) -> Self {
        Self { why: Some(cut(why.trim(), WHY_CHARS_MAX)), ..self }
    }
}

impl Record for EventRecord {
    const WHAT: &'static str = "an event";

    fn schema(&self) -> u32 {
        self.schema
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        let long = "ä".repeat(2_000);
        let operation =
            AcceptedOperation::new("AddTags").with("Keys", &long).with_some("Other", None::<&str>);
        let event = EventRecord { operation: Some(operation), ..EventRecord::by("me").because(&long) };
        let operation = event.operation.unwrap();
        assert_eq!(operation.arguments.len(), 1);
        assert_eq!(operation.arguments["Keys"].chars().count(), 512);
        let why = event.why.unwrap();
        assert!(why.chars().count() == 1024 && why.ends_with('…'));
    }
}
