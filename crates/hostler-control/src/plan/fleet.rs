//! What is seen of a fleet: who of it can answer, what it lacks, and who stands in for what.
//!
//! Invariants: only looks; nothing is decided or changed here.

use hostler_types::{Change, FailureRecord, InstanceId, InstanceIntent, MadeFrom, PlaceRecord};

use super::Step;
use super::goals::{FleetGoal, goals, rollout_of};
use crate::rollout::Rollout;

impl Step<'_> {
    pub(super) fn goals(&self) -> Vec<FleetGoal> {
        goals(&self.record)
    }

    pub(super) fn coming_generation(&self) -> Option<u64> {
        self.record.update.as_ref()?.deployment().map(|coming| coming.generation)
    }

    pub(super) fn rollout(&self) -> Option<Rollout> {
        let update = self.record.update.as_ref()?;
        let config = match &update.change {
            Change::Deploy { deployment_config, .. } => deployment_config.as_ref(),
            Change::Scale { .. } => None,
        };
        Some(rollout_of(&self.record, config))
    }

    pub(super) fn failures(&self, goal: &FleetGoal, ordinal: u32) -> u32 {
        let place = self.record.places.iter().find(|place| {
            place.generation == goal.generation && place.variant == goal.variant && place.ordinal == ordinal
        });
        place.map_or(0, |place| place.failures)
    }

    /// Every place of the fleet failed again and again.
    pub(super) fn is_given_up(&self, goal: &FleetGoal) -> bool {
        (0..goal.count).all(|ordinal| self.failures(goal, ordinal) >= self.policy.start_attempts)
    }

    /// What keeps a place without a healthy instance from having one, of the coming side first.
    pub(super) fn what_is_missing(&self) -> Option<String> {
        self.empty_places().find_map(|place| place.last_failure.clone())
    }

    /// The same as it was written down, with what its instance was made from: it may outlive the deployment.
    pub(super) fn failure_in_the_way(&self) -> Option<Box<FailureRecord>> {
        let mut failure = self.empty_places().find_map(|place| place.failure.clone())?;
        failure.made_from = MadeFrom::of(&self.record, &failure.instance, failure.container.as_deref());
        Some(failure)
    }

    /// The memory of places without a healthy instance, of the coming side first.
    fn empty_places(&self) -> impl Iterator<Item = &PlaceRecord> {
        let goals = self.goals().into_iter().rev();
        let empty = goals.flat_map(|goal| (0..goal.count).map(move |ordinal| (goal.clone(), ordinal)));
        empty.filter(|(goal, ordinal)| !self.is_answering(goal, *ordinal)).filter_map(|(goal, ordinal)| {
            self.record.places.iter().find(|place| {
                place.generation == goal.generation
                    && place.variant == goal.variant
                    && place.ordinal == ordinal
            })
        })
    }

    pub(super) fn counts_of(&self, generation: u64) -> Vec<u32> {
        self.goals().iter().filter(|goal| goal.generation == generation).map(|goal| goal.count).collect()
    }

    /// What the update adds is there and healthy, and what it leaves is as healthy as what was there: nothing goes
    /// before it is made up for.
    pub(super) fn is_provisioned(&self) -> bool {
        let goals = self.goals();
        match self.record.update.as_ref().map(|update| &update.change) {
            None => true,
            Some(Change::Deploy { deployment, .. }) => {
                let coming = goals.iter().filter(|goal| goal.generation == deployment.generation);
                coming.into_iter().all(|goal| self.is_full(goal))
            }
            Some(Change::Scale { sizes }) => {
                // One deployment alone is scaled: its fleets are all that there are.
                let fleets = self.record.deployment.fleets.iter().zip(sizes).zip(&goals);
                fleets.into_iter().all(|((fleet, size), goal)| {
                    let are_answering =
                        |mut ordinals: std::ops::Range<u32>| ordinals.all(|it| self.is_answering(goal, it));
                    are_answering(fleet.count..size.count) && !self.is_short(goal, size.count)
                })
            }
        }
    }

    /// Whether fewer than `count` would answer if the fleet had only its first `count` places, though more could.
    pub(super) fn is_short(&self, goal: &FleetGoal, count: u32) -> bool {
        let left = (0..count).filter(|ordinal| self.is_answering(goal, *ordinal)).count();
        left < self.healthy(goal).min(count as usize)
    }

    /// Instances beyond the fleet's places that can answer, as many as its places lack.
    pub(super) fn stand_ins(&self, goal: &FleetGoal) -> Vec<InstanceId> {
        let lacking = (goal.count as usize).saturating_sub(self.healthy(goal));
        let surplus = self.record.instances.iter().filter(|instance| {
            instance.intent == InstanceIntent::Wanted
                && instance.id.ordinal >= goal.count
                && instance.id.generation == goal.generation
                && instance.id.variant == goal.variant
                && self.can_answer(&instance.id)
        });
        surplus.take(lacking).map(|instance| instance.id.clone()).collect()
    }

    /// Why a creation is over.
    pub(super) fn everybody_is_healthy(&self) -> String {
        match self.goals().iter().map(|goal| goal.count).sum() {
            0 => "no instance is asked for".to_owned(),
            1 => "its instance is healthy".to_owned(),
            many => format!("all {many} instances are healthy"),
        }
    }

    /// Every place of the fleet has an instance that can answer.
    pub(super) fn is_full(&self, goal: &FleetGoal) -> bool {
        self.healthy(goal) >= goal.count as usize
    }

    pub(super) fn healthy(&self, goal: &FleetGoal) -> usize {
        (0..goal.count).filter(|ordinal| self.is_answering(goal, *ordinal)).count()
    }

    pub(super) fn is_answering(&self, goal: &FleetGoal, ordinal: u32) -> bool {
        self.record.instances.iter().any(|instance| {
            instance.intent == InstanceIntent::Wanted
                && instance.id.ordinal == ordinal
                && instance.id.generation == goal.generation
                && instance.id.variant == goal.variant
                && self.can_answer(&instance.id)
        })
    }
}
