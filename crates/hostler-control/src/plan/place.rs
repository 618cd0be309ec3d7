//! One place of a fleet: launch, wait, heal.
//!
//! Why: a fleet is its places; each is filled by at most one wanted instance, and a failed one is followed by the
//! next attempt. Deciding place by place keeps the whole planner a loop over small decisions.
//! Invariants: while an instance can still answer, the next attempt may start beside it, never instead of it.

use hostler_compute::{ExitCause, Fault, InstanceFailure, InstanceState, Phase};
use hostler_types::{
    Change, EndpointStatus, FailureCause, FailureRecord, InstanceId, InstanceIntent, InstanceRecord, Millis,
    PlaceRecord, Stage, VariantName, containers,
};

use super::goals::FleetGoal;
use super::{Action, Health, Step, WhyFailed, backoff_ms, is_running};
use crate::prober::PingTrouble;

impl Step<'_> {
    pub(super) fn plan_place(&mut self, goal: &FleetGoal, ordinal: u32) {
        let place = Place { generation: goal.generation, variant: goal.variant.clone(), ordinal };
        let current = self
            .record
            .instances
            .iter()
            .position(|instance| instance.intent == InstanceIntent::Wanted && place.is_of(&instance.id));
        match current {
            Some(index) => self.plan_instance(index, goal.startup_timeout_ms),
            None => self.fill_place(&place),
        }
    }

    /// (empty) => (Wanted, launching | empty until the pause is over)
    fn fill_place(&mut self, place: &Place) {
        let now = self.now;
        let newest_seen = self.newest_attempt_seen(place);
        let memory = self.place(place);
        if now < memory.not_before {
            let not_before = memory.not_before;
            self.requeue_at(not_before);
            return;
        }
        // An old record (a restored backup) may not know the newest attempt: an id that exists is never given out.
        memory.attempts = memory.attempts.max(newest_seen).saturating_add(1);
        let id = InstanceId {
            attempt: memory.attempts,
            endpoint: self.record.uid.clone(),
            generation: place.generation,
            variant: place.variant.clone(),
            ordinal: place.ordinal,
        };
        self.tell_of(&id, format!("launching instance {id}"));
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
                self.tell_of(&instance.id, format!("instance {} was stopped with the server", instance.id));
                self.fill_place(&Place::of(&instance.id));
            } else if instance.was_seen {
                // (Wanted, seen) => (gone): the next attempt follows.
                self.fail_instance(index, WhyFailed::Vanished);
            } else if self.is_provisioning_over(&instance.id) {
                let failure = InstanceFailure {
                    fault: Fault::Infrastructure,
                    phase: Phase::Fetching,
                    container: None,
                    cause: FailureCause::Other,
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
            InstanceState::Exited { container, cause, log_tail } => {
                self.fail_instance(index, WhyFailed::Exited { container, cause, log_tail });
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
            _ => PingTrouble::new(FailureCause::PingSilent, "no answer was seen"),
        };
        self.fail_instance(index, WhyFailed::PingTimeout(last));
    }

    /// A place whose instance stayed healthy starts its pauses anew.
    fn forgive(&mut self, index: usize) {
        let instance = &self.record.instances[index];
        let place = Place::of(&instance.id);
        let Some(healthy_at) = instance.healthy_at else { return };
        let stable_at = healthy_at.plus(self.policy.stable_after_ms);
        let now = self.now;
        let place = self.place(&place);
        if place.failures == 0 {
            return;
        }
        if now >= stable_at {
            place.failures = 0;
            place.failing_since = None;
        } else {
            self.requeue_at(stable_at);
        }
    }

    /// (Wanted) => (Draining | Removing), and a pause for the place.
    fn fail_instance(&mut self, index: usize, why: WhyFailed) {
        let instance = self.record.instances[index].clone();
        let failure = self.failure_record(&instance.id, &why);
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
        let place = self.place(&Place::of(&instance.id));
        place.failures = if was_stable { 1 } else { place.failures.saturating_add(1) };
        // A long-lived instance is replaced at once; what failed young waits.
        let pause = if was_stable { 0 } else { backoff_ms(place.failures, policy) };
        place.not_before = now.plus(pause);
        if place.failures == 1 {
            place.failing_since = Some(now);
        }
        place.last_failure = Some(why.to_string());
        place.failure =
            Some(Box::new(FailureRecord { log_tail: String::new(), made_from: None, ..failure.clone() }));
        let failures = place.failures;
        self.tell_of(&instance.id, format!("instance {} ended: {why}", instance.id));
        if self.is_hopeless(&instance.id, &why, failures) {
            self.give_up(&instance.id, &why, failure);
        }
        self.requeue_in(pause);
    }

    /// Whether what the instance belongs to is given up: the user's own mistakes and what never fits at once, crashes
    /// after a few tries, the rest in time.
    fn is_hopeless(&self, id: &InstanceId, why: &WhyFailed, failures: u32) -> bool {
        match why {
            WhyFailed::PingTimeout(_)
            | WhyFailed::Exited { cause: ExitCause::OutOfMemory { .. }, .. }
            | WhyFailed::NeverRan(InstanceFailure { fault: Fault::User | Fault::NeverFits, .. }) => true,
            WhyFailed::Exited { cause: ExitCause::Code(_) | ExitCause::Signal(_), .. }
            | WhyFailed::Sick(_) => failures >= self.policy.start_attempts,
            WhyFailed::Exited { cause: ExitCause::Unseen, .. }
            | WhyFailed::NeverRan(_)
            | WhyFailed::Vanished => self.is_provisioning_over(id),
        }
    }

    /// What the instance belongs to has waited long enough for capacity and infrastructure: a creation from its
    /// beginning, what serves already from the place's first failure; time without a server is not waiting.
    fn is_provisioning_over(&self, id: &InstanceId) -> bool {
        let place = Place::of(id);
        let since = match self.trial_of(id) {
            Trial::None => return false,
            Trial::Creation => Some(self.record.deployment.started_at),
            Trial::Update | Trial::Rollback => {
                let failing = self.record.places.iter().find(|known| place.is(known));
                let launched = self.record.instances.iter().find(|instance| instance.id == *id);
                failing
                    .and_then(|place| place.failing_since)
                    .or_else(|| launched.map(|instance| instance.launched_at))
            }
        };
        let since = since.unwrap_or(self.now).max(self.policy.began_at);
        self.now.since(since) >= self.policy.provision_timeout_ms
    }

    /// What stands or falls with an instance.
    fn trial_of(&self, id: &InstanceId) -> Trial {
        if self.record.status == EndpointStatus::Creating {
            return Trial::Creation;
        }
        let Some(update) = &self.record.update else { return Trial::None };
        let is_former = id.generation == self.record.deployment.generation;
        let fleets = &self.record.deployment.fleets;
        let index = fleets.iter().position(|fleet| fleet.variant == id.variant);
        match (&update.stage, &update.change) {
            (Stage::Provisioning { .. } | Stage::Baking { .. }, Change::Deploy { deployment, .. }) => {
                if id.generation == deployment.generation { Trial::Update } else { Trial::None }
            }
            (Stage::Provisioning { .. } | Stage::Baking { .. }, Change::Scale { sizes }) => {
                let is_needed =
                    index.zip(index.and_then(|index| sizes.get(index))).is_some_and(|(index, size)| {
                        let is_new = id.ordinal >= fleets[index].count;
                        // What stays holds up what is to go.
                        is_new || id.ordinal < size.count && self.is_short(&self.goals()[index], size.count)
                    });
                if is_former && is_needed { Trial::Update } else { Trial::None }
            }
            // While new instances wait for all of the former ones, the way back stands or falls with each of these.
            (Stage::RollingBack { .. }, Change::Deploy { deployment, .. }) => {
                let mut goals = self.goals().into_iter();
                let is_waited_for =
                    goals.any(|goal| goal.generation == deployment.generation && goal.count > 0);
                if is_former && is_waited_for { Trial::Rollback } else { Trial::None }
            }
            (Stage::RollingBack { .. }, Change::Scale { .. }) | (Stage::Finishing, _) => Trial::None,
        }
    }

    fn give_up(&mut self, id: &InstanceId, why: &WhyFailed, failure: FailureRecord) {
        let trial = self.trial_of(id);
        if trial == Trial::None {
            return;
        }
        let reason = why.failure_reason(&self.record, id, &self.container_name(id, why));
        self.record.failure = Some(Box::new(failure));
        match trial {
            Trial::None => {}
            Trial::Creation => {
                self.set_status(EndpointStatus::Failed, &reason);
                self.record.failure_reason = Some(reason);
            }
            Trial::Update => self.roll_back(reason),
            Trial::Rollback => self.strand(&reason),
        }
    }

    /// AWS says `primary container`, or the hostname of the container.
    fn container_name(&self, id: &InstanceId, why: &WhyFailed) -> String {
        if let Some(container) = why.container() {
            return container.to_owned();
        }
        let deployment = self.record.deployment_of(id.generation);
        let model =
            deployment.and_then(|deployment| deployment.model(&deployment.fleet(&id.variant)?.model_name));
        let container = model.and_then(|model| containers(&model.request).next());
        container
            .and_then(|container| container.container_hostname.clone())
            .unwrap_or_else(|| "primary".to_owned())
    }

    fn newest_attempt_seen(&self, place: &Place) -> u32 {
        let in_place = self.seen.iter().map(|sighting| &sighting.id).filter(|id| place.is_of(id));
        in_place.map(|id| id.attempt).max().unwrap_or(0)
    }

    fn place(&mut self, place: &Place) -> &mut PlaceRecord {
        let places = &mut self.record.places;
        let known = places.iter().position(|known| place.is(known));
        let index = known.unwrap_or_else(|| {
            places.push(PlaceRecord {
                generation: place.generation,
                variant: place.variant.clone(),
                ordinal: place.ordinal,
                attempts: 0,
                failures: 0,
                not_before: Millis(0),
                last_failure: None,
                failure: None,
                failing_since: None,
            });
            places.len() - 1
        });
        &mut places[index]
    }
}

/// Where an instance stands.
struct Place {
    generation: u64,
    variant: VariantName,
    ordinal: u32,
}

impl Place {
    fn of(id: &InstanceId) -> Self {
        Self { generation: id.generation, variant: id.variant.clone(), ordinal: id.ordinal }
    }

    fn is(&self, place: &PlaceRecord) -> bool {
        self.generation == place.generation && self.variant == place.variant && self.ordinal == place.ordinal
    }

    fn is_of(&self, id: &InstanceId) -> bool {
        self.generation == id.generation && self.variant == id.variant && self.ordinal == id.ordinal
    }
}

/// What is given up when an instance cannot be had.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// Nothing: it serves, and is tried for ever.
    None,
    Creation,
    Update,
    Rollback,
}
