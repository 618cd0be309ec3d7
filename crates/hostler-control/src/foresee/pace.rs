//! How long a launch takes: as long as the endpoint's own launches took.
//!
//! Why: nobody knows how long a model takes to load but the instances that loaded it; a guess would look like knowledge.
//! Invariants: what is not known counts as nothing, so that a sum is never too large for want of knowledge, and is named.

use std::collections::BTreeMap;

use hostler_types::{EndpointRecord, VariantName};

/// The launch of each variant, where it is known.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    by_variant: BTreeMap<VariantName, Took>,
    of_endpoint: Option<Took>,
}

/// What launches took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Took {
    longest_ms: i64,
    launches: usize,
}

impl Pace {
    /// What the instances of an endpoint tell.
    pub(crate) fn of(record: &EndpointRecord) -> Self {
        let mut pace = Self::default();
        for instance in &record.instances {
            let Some(healthy_at) = instance.healthy_at else { continue };
            let took_ms = healthy_at.since(instance.launched_at).max(0);
            let more = |took: Option<Took>| {
                let before = took.unwrap_or(Took { longest_ms: 0, launches: 0 });
                Took { longest_ms: before.longest_ms.max(took_ms), launches: before.launches + 1 }
            };
            let of_variant = more(pace.by_variant.get(&instance.id.variant).copied());
            pace.by_variant.insert(instance.id.variant.clone(), of_variant);
            pace.of_endpoint = Some(more(pace.of_endpoint));
        }
        pace
    }

    /// From a launch to a healthy instance.
    pub(crate) fn launch_ms(&self, variant: &VariantName) -> i64 {
        self.took(variant).map_or(0, |took| took.longest_ms)
    }

    /// What is assumed of a variant, as a sentence.
    pub(crate) fn assumption(&self, variant: &VariantName) -> String {
        let Some(took) = self.took(variant) else {
            return format!(
                "how long an instance of {variant} takes to become healthy is not known, as none has yet: it is \
                 counted as nothing"
            );
        };
        let whose = if self.by_variant.contains_key(variant) { "its" } else { "the endpoint's" };
        let (seconds, launches) = (took.longest_ms as f64 / 1000.0, took.launches);
        let slowest = match launches {
            1 => format!("as {whose} one healthy instance took"),
            _ => format!("as the slowest of {whose} {launches} healthy instances took"),
        };
        format!("an instance of {variant} is healthy {seconds:.1} s after its launch, {slowest}")
    }

    fn took(&self, variant: &VariantName) -> Option<Took> {
        self.by_variant.get(variant).copied().or(self.of_endpoint)
    }
}
