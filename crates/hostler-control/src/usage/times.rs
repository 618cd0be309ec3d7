//! How long instances were there: a pure function of the record.
//!
//! Invariants: an instance counts from its launch until it is gone, whatever state it is in, as it takes up the machine
//! that long; one that no backend ever showed never did. What was launched before the backend lost all its
//! instances, by a stop of the server, ended then. No millisecond is counted twice: what was written down before is left out.

use hostler_types::{EndpointRecord, InstanceRecord, Millis};

use super::day::{DAY_MS, by_day};
use super::entry::Entry;

/// Nothing that runs longer is counted from its beginning.
const DAYS_MAX: i64 = 1000;

/// The times of those instances, up to now.
pub(crate) fn times(
    record: &EndpointRecord,
    now: Millis,
    emptied_at: Millis,
    which: impl Fn(&InstanceRecord) -> bool,
) -> Vec<Entry> {
    let counted = record.instances.iter().filter(|instance| instance.was_seen && which(instance));
    let entries = counted.flat_map(|instance| {
        let until = if instance.launched_at <= emptied_at { emptied_at.min(now) } else { now };
        let metered = record.metered_until.unwrap_or(instance.launched_at);
        let from = instance.launched_at.max(metered).max(until.plus(-DAYS_MAX * DAY_MS));
        let deployment = record.deployment_of(instance.id.generation);
        let fleet = deployment.and_then(|deployment| deployment.fleet(&instance.id.variant));
        let instance_type = fleet.and_then(|fleet| fleet.instance_type.clone());
        by_day(from, until).into_iter().map(move |(day, instance_ms)| Entry {
            day,
            variant: instance.id.variant.clone(),
            instance_type: instance_type.clone(),
            instance_ms,
            invocations: [0; 4],
        })
    });
    entries.collect()
}
