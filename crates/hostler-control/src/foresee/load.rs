//! What a course takes at its height, and what it leaves to serve at its lowest.
//!
//! Invariants: pure sums over moments; sizes are the catalog's.

use std::collections::BTreeMap;

use hostler_catalog::instance_type;
use hostler_types::VariantName;

use super::Moment;

/// The instances of one type, and what they amount to; zeros where the catalog does not know the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) instance_type: String,
    /// At the first moment, before anything has changed.
    pub(crate) now: u32,
    /// The most at any moment.
    pub(crate) peak: u32,
    /// At the last moment.
    pub(crate) then: u32,
    /// Of all instances of the type at its peak.
    pub(crate) vcpus: u64,
    pub(crate) memory_mib: u64,
    pub(crate) accelerators: Option<(u64, &'static str)>,
}

/// The load by type; `now` holds what exists before the course.
pub(crate) fn peak(now: &BTreeMap<String, u32>, moments: &[Moment]) -> Vec<Load> {
    let mut most = now.clone();
    for (name, count) in moments.iter().flat_map(|moment| &moment.present) {
        let peak = most.entry(name.clone()).or_default();
        *peak = (*peak).max(*count);
    }
    let count = |counts: Option<&BTreeMap<String, u32>>, name: &str| {
        counts.and_then(|counts| counts.get(name)).copied().unwrap_or(0)
    };
    let load = |(name, peak): (String, u32)| {
        let row = instance_type(&name);
        let times = |each: u64| each.saturating_mul(u64::from(peak));
        let accelerators = row.and_then(|row| row.accelerators);
        Load {
            now: count(Some(now), &name),
            then: count(moments.last().map(|last| &last.present), &name),
            peak,
            vcpus: row.map_or(0, |row| times(row.vcpus.into())),
            memory_mib: row.map_or(0, |row| times(row.memory_mib)),
            accelerators: accelerators.map(|known| (times(known.count.into()), known.name)),
            instance_type: name,
        }
    };
    most.into_iter().map(load).collect()
}

/// Of each variant that serves at the beginning: how many instances take requests then, the fewest that do while the
/// variant is there, and since when it is so few.
pub(crate) fn least_serving(moments: &[Moment]) -> Vec<(VariantName, u32, u32, i64)> {
    let Some(first) = moments.first() else { return Vec::new() };
    let of = |(variant, before): (&VariantName, &u32)| {
        let (mut fewest, mut at_ms) = (*before, 0);
        for moment in moments {
            // A variant that is in no goal any more is not short of anything: it is gone.
            let is_there = moment.fleets.iter().any(|fleet| fleet.variant == *variant && fleet.wanted > 0);
            let serving = moment.serving.get(variant).copied().unwrap_or(0);
            if is_there && serving < fewest {
                (fewest, at_ms) = (serving, moment.at_ms);
            }
        }
        (variant.clone(), *before, fewest, at_ms)
    };
    first.serving.iter().map(of).collect()
}
