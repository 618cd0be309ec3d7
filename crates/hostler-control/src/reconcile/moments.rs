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
    if let Some(metered_until) = &mut record.metered_until {
        at_most(metered_until, now);
    }
    if let Some(update) = &mut record.update {
        at_most(&mut update.started_at, now);
        at_most(&mut update.stage_since, now);
    }
    for place in &mut record.places {
        at_most(&mut place.not_before, now.plus(policy.backoff_max_ms));
        if let Some(failing_since) = &mut place.failing_since {
            at_most(failing_since, now);
        }
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

#[cfg(test)]
mod tests {
    use hostler_types::Record;

    use super::*;

    #[test]
    fn no_moment_that_something_waits_from_stays_ahead() {
        let golden = include_str!("../../../hostler-types/tests/golden/endpoint.v2.json");
        let mut record = EndpointRecord::from_body(golden).unwrap();
        let now = Millis(1_600_000_000_000);
        record.places[0].failing_since = Some(record.places[0].not_before);
        assert!(bring_back(&mut record, now, &Policy::default()));
        let update = record.update.as_ref().unwrap();
        assert_eq!((update.started_at, update.stage_since), (now, now));
        assert_eq!(record.deployment.started_at, now);
        assert_eq!(record.places[0].failing_since, Some(now));
        assert!(!bring_back(&mut record, now, &Policy::default()), "once is enough");
    }
}
