//! One place of a fleet: launch, wait, heal.
//!
//! Why: a fleet is its places; each is filled by at most one wanted instance, and a failed one is followed by the
//! next attempt. Deciding place by place keeps the whole planner a loop over small decisions.
//! Invariants: while an instance can still answer, the next attempt may start beside it, never instead of it.

use hostler_compute::{ExitCause, Fault, InstanceFailure, InstanceState, Phase};
use hostler_types::{
    EndpointStatus, InstanceId, InstanceIntent, InstanceRecord, Millis, PlaceRecord, VariantName,
};

use super::{Action, Health, Step, WhyFailed, backoff_ms, is_running};

impl Step<'_> {
    pub(super) fn plan_place(&mut self, fleet_index: usize, ordinal: u32) {
        let fleet = &self.record.deployment.fleets[fleet_index];
        let (variant, startup_timeout_ms) = (fleet.variant.clone(), fleet.startup_timeout_ms);
        let generation = self.record.deployment.generation;
        let current = self.record.instances.iter().position(|instance| {
            instance.intent == InstanceIntent::Wanted
                && instance.id.generation == generation
                && instance.id.variant == variant
                && instance.id.ordinal == ordinal
        });
        match current {
            Some(index) => self.plan_instance(index, startup_timeout_ms),
            None => self.fill_place(&variant, ordinal),
        }
    }

    /// (empty) => (Wanted, launching | empty until the pause is over)
    fn fill_place(&mut self, variant: &VariantName, ordinal: u32) {
        let (now, generation) = (self.now, self.record.deployment.generation);
        let newest_seen = self.newest_attempt_seen(variant, ordinal);
        let place = self.place(variant, ordinal);
        if now < place.not_before {
            let not_before = place.not_before;
            self.requeue_at(not_before);
            return;
        }
        // An old record (a restored backup) may not know the newest attempt: an id that exists is never given out.
        place.attempts = place.attempts.max(newest_seen).saturating_add(1);
        let id = InstanceId {
            attempt: place.attempts,
            endpoint: self.record.uid.clone(),
            generation,
            variant: variant.clone(),
            ordinal,
        };
        self.events.push(format!("launching instance {id}"));
        self.record.instances.push(InstanceRecord {
            id: id.clone(),
            intent: InstanceIntent::Wanted,
            launched_at: now,
            was_seen: false,
            healthy_at: None,
        });
        self.actions.push(Action::Launch(id));
    }

    fn plan_instance(&mut self, index: usize, startup_timeout_ms: i64) {
        let instance = self.record.instances[index].clone();
        let Some(sighting) = self.sighting(&instance.id).cloned() else {
            if instance.was_seen && instance.launched_at <= self.policy.emptied_at {
                // (Wanted, stopped with the server) => (Removing): the next attempt follows at once.
                self.record.instances[index].intent = InstanceIntent::Removing;
                self.events.push(format!("instance {} was stopped with the server", instance.id));
                self.fill_place(&instance.id.variant, instance.id.ordinal);
            } else if instance.was_seen {
                // (Wanted, seen) => (gone): the next attempt follows.
                self.fail_instance(index, WhyFailed::Vanished);
            } else if self.is_provisioning_over() {
                let failure = InstanceFailure {
                    fault: Fault::Infrastructure,
                    phase: Phase::Fetching,
                    aws_sentence: None,
                    detail: "no launch of the instance got through to its backend in time".to_owned(),
                };
                self.fail_instance(index, WhyFailed::NeverRan(failure));
            } else {
                // (Wanted, never seen) => the launch was lost, or its effect is not visible yet; saying it again is safe.
                self.actions.push(Action::Launch(instance.id));
            }
            return;
        };
        match sighting.state {
            InstanceState::Preparing { .. } => {}
            InstanceState::Running { since, .. } => match sighting.health {
                Health::Healthy => self.forgive(index),
                Health::Sick(detail) => self.fail_instance(index, WhyFailed::Sick(detail)),
                Health::Unknown | Health::NotYet(_) if instance.healthy_at.is_some() => {}
                Health::Unknown | Health::NotYet(_) => {
                    self.await_first_ping(index, since.plus(startup_timeout_ms), &sighting.health);
                }
            },
            InstanceState::Exited { cause, log_tail } => {
                self.fail_instance(index, WhyFailed::Exited { cause, log_tail });
            }
            InstanceState::Failed(failure) => self.fail_instance(index, WhyFailed::NeverRan(failure)),
            InstanceState::Removing => self.fail_instance(index, WhyFailed::Vanished),
        }
    }

    fn await_first_ping(&mut self, index: usize, deadline: Millis, health: &Health) {
        if self.now < deadline {
            self.requeue_at(deadline);
            return;
        }
        let last = match health {
            Health::NotYet(detail) => detail.clone(),
            _ => "no answer was seen".to_owned(),
        };
        self.fail_instance(index, WhyFailed::PingTimeout(last));
    }

    /// A place whose instance stayed healthy starts its pauses anew.
    fn forgive(&mut self, index: usize) {
        let instance = &self.record.instances[index];
        let (variant, ordinal) = (instance.id.variant.clone(), instance.id.ordinal);
        let Some(healthy_at) = instance.healthy_at else { return };
        let stable_at = healthy_at.plus(self.policy.stable_after_ms);
        let now = self.now;
        let place = self.place(&variant, ordinal);
        if place.failures == 0 {
            return;
        }
        if now >= stable_at {
            place.failures = 0;
        } else {
            self.requeue_at(stable_at);
        }
    }

    /// (Wanted) => (Draining | Removing), and a pause for the place.
    fn fail_instance(&mut self, index: usize, why: WhyFailed) {
        let instance = self.record.instances[index].clone();
        let (variant, ordinal) = (instance.id.variant.clone(), instance.id.ordinal);
        let still_runs = self.sighting(&instance.id).is_some_and(|sighting| is_running(&sighting.state));
        let may_hold_requests = still_runs && instance.healthy_at.is_some();
        self.record.instances[index].intent = if may_hold_requests {
            InstanceIntent::Draining { since: self.now }
        } else {
            InstanceIntent::Removing
        };
        let (now, policy) = (self.now, self.policy);
        let was_stable =
            instance.healthy_at.is_some_and(|healthy_at| now.since(healthy_at) >= policy.stable_after_ms);
        let place = self.place(&variant, ordinal);
        place.failures = if was_stable { 1 } else { place.failures.saturating_add(1) };
        // A long-lived instance is replaced at once; what failed young waits.
        let pause = if was_stable { 0 } else { backoff_ms(place.failures, policy) };
        place.not_before = now.plus(pause);
        place.last_failure = Some(why.to_string());
        let failures = place.failures;
        self.events.push(format!("instance {} ended: {why}", instance.id));
        if self.record.status == EndpointStatus::Creating && self.is_hopeless(&why, failures) {
            self.give_up(&instance.id, &why);
        } else {
            self.requeue_in(pause);
        }
    }

    /// Whether a creation is given up: the user's own mistakes and what never fits at once, crashes after a few tries,
    /// the rest in time.
    fn is_hopeless(&self, why: &WhyFailed, failures: u32) -> bool {
        match why {
            WhyFailed::PingTimeout(_)
            | WhyFailed::Exited { cause: ExitCause::OutOfMemory { .. }, .. }
            | WhyFailed::NeverRan(InstanceFailure { fault: Fault::User | Fault::NeverFits, .. }) => true,
            WhyFailed::Exited { cause: ExitCause::Code(_) | ExitCause::Signal(_), .. }
            | WhyFailed::Sick(_) => failures >= self.policy.start_attempts,
            WhyFailed::Exited { cause: ExitCause::Unseen, .. }
            | WhyFailed::NeverRan(_)
            | WhyFailed::Vanished => self.is_provisioning_over(),
        }
    }

    /// A creation has waited long enough for capacity and infrastructure.
    fn is_provisioning_over(&self) -> bool {
        let waited_ms = self.now.since(self.record.deployment.started_at);
        self.record.status == EndpointStatus::Creating && waited_ms >= self.policy.provision_timeout_ms
    }

    fn give_up(&mut self, id: &InstanceId, why: &WhyFailed) {
        let container = self.container_name(id);
        self.set_status(EndpointStatus::Failed);
        self.record.failure_reason = Some(why.failure_reason(&self.record, id, &container));
    }

    /// AWS says `primary container`, or the hostname that the model gives it.
    fn container_name(&self, id: &InstanceId) -> String {
        let deployment = &self.record.deployment;
        let fleet = deployment.fleets.iter().find(|fleet| fleet.variant == id.variant);
        let model = fleet.and_then(|fleet| deployment.model(&fleet.model_name));
        let container = model.and_then(|model| {
            let request = &model.request;
            request.primary_container.as_ref().or_else(|| request.containers.as_ref()?.first())
        });
        container
            .and_then(|container| container.container_hostname.clone())
            .unwrap_or_else(|| "primary".to_owned())
    }

    fn newest_attempt_seen(&self, variant: &VariantName, ordinal: u32) -> u32 {
        let generation = self.record.deployment.generation;
        let in_place = self
            .seen
            .iter()
            .map(|sighting| &sighting.id)
            .filter(|id| id.generation == generation && id.variant == *variant && id.ordinal == ordinal);
        in_place.map(|id| id.attempt).max().unwrap_or(0)
    }

    fn place(&mut self, variant: &VariantName, ordinal: u32) -> &mut PlaceRecord {
        let generation = self.record.deployment.generation;
        let places = &mut self.record.places;
        let known = places.iter().position(|place| {
            place.generation == generation && place.variant == *variant && place.ordinal == ordinal
        });
        let index = known.unwrap_or_else(|| {
            places.push(PlaceRecord {
                generation,
                variant: variant.clone(),
                ordinal,
                attempts: 0,
                failures: 0,
                not_before: Millis(0),
                last_failure: None,
            });
            places.len() - 1
        });
        &mut places[index]
    }
}
