//! Whose logs an endpoint has to show.
//!
//! Why: a person looks at the log of what runs, of what failed, and after an update of what ran before; the log of
//! every attempt of every deployment there ever was would bury those.
//! Invariants: whatever is present is shown. Of a place where nothing is present the last attempt is, if its
//! deployment is in play, or is the newest, or is the last before the one that runs. Each once, by generation.

use std::collections::BTreeMap;

use hostler_types::{EndpointRecord, InstanceId, PlaceRecord, VariantName};

/// The instances whose logs are shown, of those that are present and those whose logs are kept.
pub(super) fn logged(
    record: &EndpointRecord,
    present: Vec<InstanceId>,
    kept: Vec<InstanceId>,
) -> Vec<InstanceId> {
    let mut generations: Vec<u64> = record.deployments().map(|deployment| deployment.generation).collect();
    generations.push(record.newest_generation());
    let before = kept.iter().map(|id| id.generation).filter(|before| *before < record.deployment.generation);
    generations.extend(before.max());

    let mut last: BTreeMap<(u64, VariantName, u32), InstanceId> = BTreeMap::new();
    let departed = record.places.iter().map(|place| departed(record, place));
    for id in departed.chain(kept).filter(|id| generations.contains(&id.generation)) {
        let newest = last.entry(place_of(&id)).or_insert_with(|| id.clone());
        newest.attempt = newest.attempt.max(id.attempt);
    }
    for id in &present {
        last.remove(&place_of(id));
    }
    let mut ids = present;
    ids.extend(last.into_values());
    ids.sort();
    ids
}

fn place_of(id: &InstanceId) -> (u64, VariantName, u32) {
    (id.generation, id.variant.clone(), id.ordinal)
}

/// The last instance of a place: what a failed endpoint has to show.
fn departed(record: &EndpointRecord, place: &PlaceRecord) -> InstanceId {
    InstanceId {
        endpoint: record.uid.clone(),
        generation: place.generation,
        variant: place.variant.clone(),
        ordinal: place.ordinal,
        attempt: place.attempts,
    }
}
