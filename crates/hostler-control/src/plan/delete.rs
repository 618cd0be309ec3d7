//! The ways out: dismissal, draining, removal, teardown of a failed creation, deletion.
//!
//! Why: whatever made an instance unwanted, it leaves by the same two doors: it drains while it may hold requests,
//! then it is removed until no backend shows it any more.
//! Invariants: a record of an instance goes only when nothing of the instance is seen.

use hostler_compute::InstanceState;
use hostler_types::{EndpointStatus, InstanceIntent, InstanceRecord};

use super::{Action, Step, is_running};

impl Step<'_> {
    /// Returns whether nothing is left, so that the record can go.
    pub(super) fn plan_deletion(&mut self) -> bool {
        self.set_status(EndpointStatus::Deleting, "its deletion was asked for");
        self.dismiss(|_| true);
        self.plan_departures();
        self.record.instances.is_empty() && self.seen.is_empty()
    }

    /// A failed creation keeps its record and loses its instances.
    pub(super) fn plan_teardown(&mut self) {
        // Another place may have been filled earlier in the step that gives up.
        self.actions.retain(|action| !matches!(action, Action::Launch(_)));
        self.dismiss(|_| true);
        self.plan_departures();
    }

    /// What is chosen of the wanted instances is wanted no more.
    pub(super) fn dismiss(&mut self, is_chosen: impl Fn(&InstanceRecord) -> bool) {
        let now = self.now;
        let seen = self.seen;
        for instance in &mut self.record.instances {
            if instance.intent != InstanceIntent::Wanted || !is_chosen(instance) {
                continue;
            }
            let sighting = seen.iter().find(|sighting| sighting.id == instance.id);
            let may_hold_requests =
                instance.healthy_at.is_some() && sighting.is_some_and(|sighting| is_running(&sighting.state));
            instance.intent = if may_hold_requests {
                InstanceIntent::Draining { since: now }
            } else {
                InstanceIntent::Removing
            };
        }
    }

    /// Draining => (Draining | Removing); Removing => (Removing | gone).
    pub(super) fn plan_departures(&mut self) {
        let (now, policy, seen) = (self.now, self.policy, self.seen);
        let drain_timeout_ms = policy.drain_timeout_ms(&self.record);
        let mut kept = Vec::with_capacity(self.record.instances.len());
        for mut instance in std::mem::take(&mut self.record.instances) {
            let sighting = seen.iter().find(|sighting| sighting.id == instance.id);
            if let InstanceIntent::Draining { since } = instance.intent {
                let deadline = since.plus(drain_timeout_ms);
                let runs = sighting.is_some_and(|sighting| is_running(&sighting.state));
                let in_flight = sighting.map_or(0, |sighting| sighting.in_flight);
                // The snapshot that drains it must be out before a count of zero means anything, so the step that
                // begins to drain never ends it.
                if now == since && runs {
                    self.requeue_in(1);
                } else if runs && in_flight > 0 && now < deadline {
                    self.requeue_at(deadline);
                } else {
                    instance.intent = InstanceIntent::Removing;
                }
            }
            if instance.intent == InstanceIntent::Removing {
                match sighting {
                    // A launch may still be on its way to the backend of an instance that was never shown.
                    None if instance.was_seen => continue,
                    None => {
                        self.actions.push(Action::Remove { id: instance.id.clone(), grace_ms: 0 });
                        continue;
                    }
                    Some(sighting) if sighting.state == InstanceState::Removing => {}
                    Some(_) => self
                        .actions
                        .push(Action::Remove { id: instance.id.clone(), grace_ms: policy.stop_grace_ms }),
                }
            }
            kept.push(instance);
        }
        self.record.instances = kept;
    }
}
