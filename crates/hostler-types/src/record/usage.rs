//! What one endpoint used in one month: instance time and invocations, by day, variant, type of instance and tags.
//!
//! Why: what something cost is asked when it is long gone, and by the tags that it had then. A month is one document, so
//! that a year of an endpoint is twelve and a day's numbers cost one write.
//! Invariants: days are UTC's. Lines differ in day, tags, variant or type. Tags are kept once for all lines that had them.

use hostler_shapes::Tag;
use serde::{Deserialize, Serialize};

use super::Record;
use crate::{EndpointUid, InvocationCounts, Scope, VariantName};

/// Sets of tags that are told apart in one month; what comes after the last one is counted under it.
const TAG_SETS_MAX: usize = 64;

/// A month of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// See [`super::RECORD_SCHEMA`].
    pub schema: u32,
    /// The endpoint's namespace.
    pub scope: Scope,
    /// Its name.
    pub endpoint_name: String,
    /// Its id.
    pub uid: EndpointUid,
    /// `2026-11`.
    pub month: String,
    /// The sets of tags that it had, in the order in which they came.
    pub tag_sets: Vec<Vec<Tag>>,
    /// What it used; what was added to last stands last.
    pub lines: Vec<UsageLine>,
    /// What the last writer called its write, to know it again when the answer was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_as: Option<u64>,
}

/// What a variant used on one day with one type of instance under one set of tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageLine {
    /// `2026-11-30`.
    pub day: String,
    /// Which of the sets of tags.
    pub tag_set: usize,
    /// The variant.
    pub variant: VariantName,
    /// `ml.…`, where the config names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// The time of all its instances together.
    #[serde(default)]
    pub instance_ms: i64,
    /// By [`InvocationClass`](crate::InvocationClass).
    #[serde(default)]
    pub invocations: InvocationCounts,
}

impl UsageRecord {
    /// The line of that day, variant and type under these tags, which becomes the last one.
    pub fn line(
        &mut self,
        tags: &[Tag],
        day: &str,
        variant: &VariantName,
        instance_type: Option<&str>,
    ) -> &mut UsageLine {
        let tag_set = self.tag_set(tags);
        let is_it = |line: &UsageLine| {
            line.day == day
                && line.tag_set == tag_set
                && line.variant == *variant
                && line.instance_type.as_deref() == instance_type
        };
        let known = self.lines.iter().position(is_it).map(|index| self.lines.remove(index));
        self.lines.push(known.unwrap_or_else(|| UsageLine {
            day: day.to_owned(),
            tag_set,
            variant: variant.clone(),
            instance_type: instance_type.map(str::to_owned),
            instance_ms: 0,
            invocations: InvocationCounts::default(),
        }));
        let last = self.lines.len() - 1;
        &mut self.lines[last]
    }

    /// The tags that the endpoint had when something was added last.
    pub fn last_tags(&self) -> Option<&[Tag]> {
        self.tag_sets.get(self.lines.last()?.tag_set).map(Vec::as_slice)
    }

    fn tag_set(&mut self, tags: &[Tag]) -> usize {
        let mut tags = tags.to_vec();
        tags.sort_by(|one, other| one.key.cmp(&other.key));
        if let Some(known) = self.tag_sets.iter().position(|known| *known == tags) {
            return known;
        }
        if self.tag_sets.len() < TAG_SETS_MAX {
            self.tag_sets.push(tags);
        }
        self.tag_sets.len() - 1
    }
}

impl Record for UsageRecord {
    const WHAT: &'static str = "usage";

    fn schema(&self) -> u32 {
        self.schema
    }
}
