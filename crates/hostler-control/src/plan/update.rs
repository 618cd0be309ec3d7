//! The way of an update: provisioning, traffic, watching, the end, and the way back.
//!
//! Why: what each side is to have at a stage stands in `goals`; here is only when a stage follows another. Both kinds
//! of update and all ways of deployment take this one path.
//! Invariants: a stage turns on traffic only for instances that are healthy; a bake ends only while they still are, and
//! a fleet shrinks only to places that can answer. A way back is possible until `Finishing`. An endpoint becomes
//! InService only when nothing of the other side is left and somebody can answer; what cannot start for good keeps
//! no update from its end.

use hostler_types::{
    Change, EndpointStatus, FailureRecord, InstanceId, InstanceIntent, InstanceRecord, Stage, Stranded,
    Update,
};

use super::failure::two_reasons;
use super::goals::FleetGoal;
use super::{Action, Step};

impl Step<'_> {
    /// Goes through every stage whose time has come.
    pub(super) fn advance_update(&mut self) {
        while let Some(next) = self.next_stage() {
            self.enter_stage(next);
        }
        self.check_update_deadline();
    }

    /// The stage that follows now, if one does.
    fn next_stage(&mut self) -> Option<Stage> {
        let update = self.record.update.as_ref()?;
        let (since, rollout) = (update.stage_since, self.rollout()?);
        let steps = update.deployment().map_or(1, |coming| rollout.steps(&coming.fleets));
        match update.stage.clone() {
            // Provisioning => (Baking | RollingBack)
            Stage::Provisioning { step } => self.is_provisioned().then_some(Stage::Baking { step }),
            // Baking => (Provisioning | Finishing | RollingBack)
            Stage::Baking { step } => {
                let is_last = step.saturating_add(1) >= steps;
                let until = since.plus(rollout.wait_ms(is_last));
                if self.now < until {
                    self.requeue_at(until);
                    None
                } else if !self.is_provisioned() {
                    // What is down at this moment makes up for nothing: it is healed first, or given up.
                    None
                } else if is_last {
                    Some(Stage::Finishing)
                } else {
                    Some(Stage::Provisioning { step: step + 1 })
                }
            }
            // RollingBack => (RollingBack, one step on)
            Stage::RollingBack { step, old, new } => {
                let goals = self.goals();
                let is_coming = |goal: &&FleetGoal| Some(goal.generation) == self.coming_generation();
                let has_new = goals.iter().filter(is_coming).any(|goal| goal.count > 0);
                let is_back = goals.iter().filter(|goal| !is_coming(goal)).all(|goal| self.is_full(goal));
                (has_new && is_back).then(|| Stage::RollingBack { step: step.saturating_add(1), old, new })
            }
            Stage::Finishing => None,
        }
    }

    fn enter_stage(&mut self, stage: Stage) {
        let now = self.now;
        self.tell(format!("update: {}", in_words(&stage)));
        if let Some(update) = &mut self.record.update {
            update.stage = stage;
            update.stage_since = now;
        }
    }

    /// An update that takes longer than it may goes back.
    fn check_update_deadline(&mut self) {
        let Some(update) = &self.record.update else { return };
        if matches!(update.stage, Stage::Finishing | Stage::RollingBack { .. }) {
            return;
        }
        let Some(timeout_ms) = self.rollout().and_then(|rollout| rollout.timeout_ms()) else { return };
        let deadline = update.started_at.plus(timeout_ms);
        if self.now < deadline {
            self.requeue_at(deadline);
            return;
        }
        let seconds = timeout_ms / 1000;
        let missing = self.what_is_missing().map(|missing| format!(" Hostler: {missing}."));
        let failure = self.failure_in_the_way();
        let end = where_to_look(failure.as_deref(), &self.record.name);
        self.record.failure = failure;
        self.roll_back(format!(
            "The deployment did not finish within its MaximumExecutionTimeoutInSeconds of {seconds}.{}{end}",
            missing.unwrap_or_default(),
        ));
    }

    /// (Updating) => (RollingBack)
    pub(super) fn roll_back(&mut self, reason: String) {
        let Some(update) = &self.record.update else { return };
        let old = self.counts_of(self.record.deployment.generation);
        let coming = update.deployment().map(|coming| coming.generation);
        let goals = self.goals();
        let new =
            goals.iter().filter(|goal| Some(goal.generation) == coming).map(|goal| goal.active).collect();
        self.set_status(EndpointStatus::RollingBack, &reason);
        self.record.failure_reason = Some(reason);
        self.enter_stage(Stage::RollingBack { step: 0, old, new });
        self.requeue_in(1);
    }

    /// (RollingBack) => (UpdateRollbackFailed): both deployments go on with what they have. What an earlier one left
    /// stays before what this one brought, as long as any of it answers.
    pub(super) fn strand(&mut self, reason: &str) {
        let Some(Update { change: Change::Deploy { deployment, .. }, stage, .. }) =
            self.record.update.clone()
        else {
            return;
        };
        let Stage::RollingBack { step, old, new } = stage else { return };
        let counts = self.counts_of(deployment.generation);
        // What this step was to bring back is given up; what the steps before it brought stays.
        let former_counts = match step.checked_sub(1) {
            None => old,
            Some(before) => {
                self.enter_stage(Stage::RollingBack { step: before, old, new });
                self.counts_of(self.record.deployment.generation)
            }
        };
        let earlier = self.record.stranded.as_ref().map(|earlier| earlier.deployment.generation);
        let goals = self.goals();
        let is_earlier = |goal: &&FleetGoal| Some(goal.generation) == earlier;
        let keeps_earlier = goals.iter().filter(is_earlier).any(|goal| self.healthy(goal) > 0);
        self.record.update = None;
        if !keeps_earlier {
            self.record.stranded = Some(Stranded { deployment: *deployment, counts, former_counts });
        }
        self.set_status(EndpointStatus::UpdateRollbackFailed, &format!("the rollback failed too: {reason}"));
        let first = self.record.failure_reason.take().unwrap_or_default();
        self.record.failure_reason = Some(two_reasons(&first, reason));
        self.requeue_in(1);
    }

    /// What has no place any more, or never had one, goes; unless it answers in the stead of one that does not.
    pub(super) fn dismiss_surplus(&mut self) {
        let goals = self.goals();
        let stand_ins: Vec<InstanceId> = goals.iter().flat_map(|goal| self.stand_ins(goal)).collect();
        let has_place = |id: &InstanceId| {
            goals.iter().any(|goal| {
                goal.generation == id.generation && goal.variant == id.variant && id.ordinal < goal.count
            })
        };
        self.dismiss(|instance| !has_place(&instance.id) && !stand_ins.contains(&instance.id));
        let instances = &self.record.instances;
        let is_wanted = |id: &InstanceId| {
            let mut known = instances.iter().filter(|instance| instance.id == *id);
            known.any(|instance| instance.intent == InstanceIntent::Wanted)
        };
        self.actions.retain(|action| !matches!(action, Action::Launch(id) if !is_wanted(id)));
    }

    /// (Updating | RollingBack) => (InService) once nothing of the other side is left.
    pub(super) fn conclude_update(&mut self) {
        let Some(update) = &self.record.update else { return };
        let is_back = match &update.stage {
            Stage::Finishing => false,
            Stage::RollingBack { .. } => true,
            Stage::Provisioning { .. } | Stage::Baking { .. } => return,
        };
        let goals = self.goals();
        let is_staying = |instance: &InstanceRecord| {
            let id = &instance.id;
            let mut of_fleet =
                goals.iter().filter(|goal| goal.generation == id.generation && goal.variant == id.variant);
            of_fleet.any(|goal| id.ordinal < goal.count)
        };
        let is_half_back = is_back
            && goals.iter().any(|goal| Some(goal.generation) == self.coming_generation() && goal.count > 0);
        if is_half_back || !self.record.instances.iter().all(is_staying) {
            return;
        }
        // What is only starting is waited for; what failed again and again goes on being healed in any status.
        let mut wanted = goals.iter().filter(|goal| goal.count > 0);
        if !wanted.all(|goal| self.healthy(goal) > 0 || self.is_given_up(goal)) {
            return;
        }
        let can_answer = goals.iter().any(|goal| self.healthy(goal) > 0);
        // Nobody at all: the longest pause is waited for, so that each place is tried once more.
        let tried_until = update.stage_since.plus(self.policy.backoff_max_ms);
        if !can_answer && self.now < tried_until {
            self.requeue_at(tried_until);
            return;
        }
        let shown_until = update.stage_since.plus(self.policy.rollback_shown_ms);
        if is_back && self.now < shown_until {
            self.requeue_at(shown_until);
            return;
        }
        let missing = self.what_is_missing();
        let failure = self.failure_in_the_way();
        let Some(update) = self.record.update.take() else { return };
        let end = end_in_words(&update.change, is_back, self.record.failure_reason.as_deref());
        if !is_back {
            self.take_over(update.change);
            self.record.forget_places();
        }
        if self.record.stranded.is_none() && can_answer {
            self.set_status(EndpointStatus::InService, &end);
            return;
        }
        let mut why = format!("{end}; what an earlier failed rollback left is still there");
        if !can_answer {
            let first = self.record.failure_reason.take();
            let missing = missing.unwrap_or_else(|| "no instance can answer".to_owned());
            let look = where_to_look(failure.as_deref(), &self.record.name);
            let reason = format!("Request to service failed. Hostler: {missing}.{look}");
            self.record.failure_reason =
                Some(first.map_or(reason.clone(), |first| two_reasons(&first, &reason)));
            why = format!("the update ended and nobody can answer: {reason}");
            self.record.failure = failure.or(self.record.failure.take());
        }
        self.set_status(EndpointStatus::UpdateRollbackFailed, &why);
    }

    fn take_over(&mut self, change: Change) {
        match change {
            Change::Deploy { deployment, deployment_config } => {
                self.record.deployment = *deployment;
                self.record.deployment_config = deployment_config;
                self.record.stranded = None;
            }
            Change::Scale { sizes } => {
                for (fleet, size) in self.record.deployment.fleets.iter_mut().zip(sizes) {
                    fleet.weight = size.weight;
                    fleet.count = size.count;
                }
            }
        }
        self.record.failure_reason = None;
        self.record.failure = None;
    }
}

/// The command that shows more of what is in the way: there is no log of what never ran.
fn where_to_look(failure: Option<&FailureRecord>, name: &str) -> String {
    let has_run = failure.is_none_or(FailureRecord::has_run);
    format!(" See `hostler {} {name}`.", if has_run { "logs" } else { "diagnose" })
}

/// Why an update is over.
fn end_in_words(change: &Change, is_back: bool, reason: Option<&str>) -> String {
    match (is_back, change) {
        (true, _) => {
            let because = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("the update was taken back and the former instances serve{because}")
        }
        (false, Change::Deploy { .. }) => {
            "the new instances are healthy, the bake ended, and the former ones have left".to_owned()
        }
        (false, Change::Scale { .. }) => "the fleets have the sizes that were asked for".to_owned(),
    }
}

fn in_words(stage: &Stage) -> String {
    match stage {
        Stage::Provisioning { step } => format!("provisioning step {}", step + 1),
        Stage::Baking { step } => format!("traffic of step {} is on", step + 1),
        Stage::Finishing => "what is not wanted any more leaves".to_owned(),
        Stage::RollingBack { step, .. } => format!("rolling back, step {}", step + 1),
    }
}
