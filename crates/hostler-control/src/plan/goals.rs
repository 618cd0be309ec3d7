//! What each fleet is to have at this moment: a pure function of the record's update and its stage.
//!
//! Why: places are filled, surplus is dismissed and requests are shared by these numbers alone, so that the states of
//! an update are told apart in one place only.
//! Invariants: of one variant the shares of all its fleets add up to 1, as long as one of them may take requests.
//! Fleets stand in the order of their deployments (former, stranded, coming) and configs.

use hostler_types::{Change, Deployment, EndpointRecord, Fleet, FleetSize, Stage, Update, VariantName};

use crate::rollout::Rollout;

/// What one fleet is to have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FleetGoal {
    /// Of which deployment.
    pub(crate) generation: u64,
    /// Of which variant.
    pub(crate) variant: VariantName,
    /// How many places are to be filled.
    pub(crate) count: u32,
    /// How many of them take requests, from the first on.
    pub(crate) active: u32,
    /// The variant's part of all requests.
    pub(crate) weight: f64,
    /// The fleet's part of the variant's requests.
    pub(crate) share: f64,
    /// How long `/ping` may take to become 200 after the start.
    pub(crate) startup_timeout_ms: i64,
}

/// The goals of every fleet in play.
pub(crate) fn goals(record: &EndpointRecord) -> Vec<FleetGoal> {
    let former = former_counts(record);
    let stage = record.update.as_ref().map(|update| &update.stage);
    let mut goals = match record.update.as_ref().map(|update| &update.change) {
        Some(Change::Scale { sizes }) => scaled(record, sizes, stage),
        _ => side(&record.deployment, |index, _| (former[index], former[index])),
    };
    if let Some(stranded) = &record.stranded {
        let count = |index: usize| match stage {
            Some(Stage::Finishing) => 0,
            _ => stranded.counts.get(index).copied().unwrap_or(0),
        };
        goals.extend(side(&stranded.deployment, |index, _| (count(index), count(index))));
    }
    let Some(Update { change: Change::Deploy { deployment, deployment_config }, stage, .. }) = &record.update
    else {
        share_out(&mut goals, None, false);
        return goals;
    };
    let rollout = Rollout::of(deployment_config.as_ref());
    let pair = Pair { counts: &former, coming: deployment, rollout, stage };
    for (index, fleet) in record.deployment.fleets.iter().enumerate() {
        goals[index].count = pair.former_count(index, fleet);
        goals[index].active = goals[index].count;
    }
    goals.extend(pair.coming());
    share_out(&mut goals, Some(deployment.generation), rollout.is_rolling());
    goals
}

/// How many instances of each former fleet there are outside of any update.
pub(crate) fn former_counts(record: &EndpointRecord) -> Vec<u32> {
    let fleets = record.deployment.fleets.iter().enumerate();
    let left = |index: usize| record.stranded.as_ref()?.former_counts.get(index).copied();
    fleets.map(|(index, fleet)| left(index).unwrap_or(fleet.count)).collect()
}

/// The fleets of one deployment, with (count, active) of each.
fn side(deployment: &Deployment, numbers: impl Fn(usize, &Fleet) -> (u32, u32)) -> Vec<FleetGoal> {
    let total: f64 = deployment.fleets.iter().map(|fleet| fleet.weight).sum();
    let goal = |(index, fleet): (usize, &Fleet)| {
        let (count, active) = numbers(index, fleet);
        FleetGoal {
            generation: deployment.generation,
            variant: fleet.variant.clone(),
            count,
            active,
            // Weights of two deployments are comparable only as parts of their wholes.
            weight: if total > 0.0 { fleet.weight / total } else { 0.0 },
            share: 0.0,
            startup_timeout_ms: fleet.startup_timeout_ms,
        }
    };
    deployment.fleets.iter().enumerate().map(goal).collect()
}

/// One deployment in other sizes: more first, then the weights, then fewer.
fn scaled(record: &EndpointRecord, sizes: &[FleetSize], stage: Option<&Stage>) -> Vec<FleetGoal> {
    let mut deployment = record.deployment.clone();
    for (fleet, size) in deployment.fleets.iter_mut().zip(sizes) {
        match stage {
            Some(Stage::Provisioning { .. }) => fleet.count = fleet.count.max(size.count),
            Some(Stage::Baking { .. } | Stage::Finishing) => {
                fleet.count = size.count;
                fleet.weight = size.weight;
            }
            Some(Stage::RollingBack { .. }) | None => {}
        }
    }
    side(&deployment, |_, fleet| (fleet.count, fleet.count))
}

/// Two deployments, one of which follows the other.
struct Pair<'a> {
    counts: &'a [u32],
    coming: &'a Deployment,
    rollout: Rollout,
    stage: &'a Stage,
}

impl Pair<'_> {
    /// The coming fleets; the shares of a rolling deployment are still to be set.
    fn coming(&self) -> Vec<FleetGoal> {
        let rollout = &self.rollout;
        let mut goals = side(self.coming, |index, fleet| match self.stage {
            Stage::Provisioning { step } => {
                let active = step.checked_sub(1).map_or(0, |before| rollout.active(before, fleet.count));
                (rollout.provisioned(*step, fleet.count), active)
            }
            Stage::Baking { step } => {
                (rollout.provisioned(*step, fleet.count), rollout.active(*step, fleet.count))
            }
            Stage::Finishing => (fleet.count, fleet.count),
            Stage::RollingBack { step, old, new } => {
                let left = self.left_of_new(*step, old, new.get(index).copied().unwrap_or(0));
                (left, left)
            }
        });
        for (goal, fleet) in goals.iter_mut().zip(&self.coming.fleets) {
            goal.share = match self.stage {
                Stage::Provisioning { step } => {
                    step.checked_sub(1).map_or(0.0, |before| rollout.share(before, fleet.count))
                }
                Stage::Baking { step } => rollout.share(*step, fleet.count),
                Stage::Finishing => 1.0,
                Stage::RollingBack { .. } => 0.0,
            };
        }
        goals
    }

    fn former_count(&self, index: usize, fleet: &Fleet) -> u32 {
        let count = self.counts[index];
        match self.stage {
            // What a step brings replaces what leaves after it was watched.
            Stage::Provisioning { step } | Stage::Baking { step } => {
                step.checked_sub(1).map_or(count, |done| self.kept(done, count, fleet))
            }
            Stage::Finishing => 0,
            Stage::RollingBack { step, old, .. } => {
                self.rollout.restored(*step, old.get(index).copied().unwrap_or(count), count)
            }
        }
    }

    fn kept(&self, step: u32, count: u32, fleet: &Fleet) -> u32 {
        match self.coming.fleet(&fleet.variant) {
            Some(twin) => self.rollout.kept(step, count, twin.count),
            // A variant that goes leaves in equal portions.
            None if self.rollout.is_rolling() => {
                let steps = self.rollout.steps(&self.coming.fleets);
                count.saturating_sub(count.saturating_mul(step.saturating_add(1)) / steps)
            }
            None => count,
        }
    }

    /// How many of a new fleet still answer at a step of the way back: the part that is not made up for yet.
    /// At the first step all of them, also when no former one has left: it may be down.
    fn left_of_new(&self, step: u32, old: &[u32], at_start: u32) -> u32 {
        let Some(done) = step.checked_sub(1) else { return at_start };
        let (mut missing, mut missed) = (0_u64, 0_u64);
        for (index, &count) in self.counts.iter().enumerate() {
            let at = old.get(index).copied().unwrap_or(count);
            let back = self.rollout.restored(done, at, count);
            missed += u64::from(count.saturating_sub(at));
            missing += u64::from(count.saturating_sub(back));
        }
        let kept = (u64::from(at_start) * missing).div_ceil(missed.max(1));
        u32::try_from(kept).unwrap_or(at_start).min(at_start)
    }
}

/// What the coming fleets do not take of a variant's requests is divided among its other fleets by their instances.
fn share_out(goals: &mut [FleetGoal], coming: Option<u64>, by_instances: bool) {
    let is_coming = |goal: &FleetGoal| Some(goal.generation) == coming;
    let before = goals.to_vec();
    let active = |of_coming: bool, variant: Option<&VariantName>| -> u32 {
        let fleets = before.iter().filter(|goal| is_coming(goal) == of_coming);
        fleets.filter(|goal| variant.is_none_or(|name| goal.variant == *name)).map(|goal| goal.active).sum()
    };
    let part = |of: u32, others: u32| f64::from(of) / f64::from(of.saturating_add(others).max(1));
    let has_twin = |goal: &FleetGoal| {
        before.iter().any(|other| is_coming(other) != is_coming(goal) && other.variant == goal.variant)
    };
    if by_instances {
        for goal in goals.iter_mut().filter(|goal| is_coming(goal)) {
            goal.share = if has_twin(goal) {
                part(goal.active, active(false, Some(&goal.variant)))
            } else {
                part(active(true, None), active(false, None))
            };
        }
    }
    let of_coming: Vec<(VariantName, f64)> =
        goals.iter().filter(|goal| is_coming(goal)).map(|goal| (goal.variant.clone(), goal.share)).collect();
    let least = of_coming.iter().map(|(_, share)| *share).reduce(f64::min).unwrap_or(0.0);
    for goal in goals.iter_mut().filter(|goal| !is_coming(goal)) {
        let twin = of_coming.iter().find(|(variant, _)| *variant == goal.variant);
        let taken = twin.map_or(least, |(_, share)| *share);
        let all = active(false, Some(&goal.variant));
        goal.share = (1.0 - taken) * part(goal.active, all.saturating_sub(goal.active));
    }
}
