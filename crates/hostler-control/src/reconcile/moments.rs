//! Moments of a record that lie ahead of the clock, brought back.
//!
//! Why: while a server runs its clock never goes back, but a machine's clock may be set back before the next start. A
//! place that may not be filled before a moment in the future, or a timeout that has not begun, would then wait for as
//! long as the clock was set back.
//! Invariants: nothing that happened lies ahead of now, and no pause is longer than the longest; so a timeout begins
//! anew at most once, and none ends early. Times that users are shown stay as they are: they never go back.

use hostler_types::{EndpointRecord, InstanceIntent, Millis};

use crate::plan::Policy;

/// Less is the difference of two machines' clocks, which is nobody's trouble.
const AHEAD_MS_MAX: i64 = 5_000;

/// Brings back what lies ahead of `now`; whether anything did.
pub(super) fn bring_back(record: &mut EndpointRecord, now: Millis, policy: &Policy) -> bool {
    let mut is_changed = false;
    let mut at_most = |moment: &mut Millis, latest: Millis| {
        if *moment > latest.plus(AHEAD_MS_MAX) {
            *moment = latest;
            is_changed = true;
        }
    };
    at_most(&mut record.deployment.started_at, now);
    if let Some(update) = &mut record.update {
        at_most(&mut update.started_at, now);
        at_most(&mut update.stage_since, now);
    }
    for place in &mut record.places {
        at_most(&mut place.not_before, now.plus(policy.backoff_max_ms));
    }
    for instance in &mut record.instances {
        if let Some(healthy_at) = &mut instance.healthy_at {
            at_most(healthy_at, now);
        }
        if let InstanceIntent::Draining { since } = &mut instance.intent {
            at_most(since, now);
        }
    }
    is_changed
}
