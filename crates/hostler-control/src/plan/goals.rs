//! What each fleet is to have at this moment: a pure function of the record's update and its stage.
//!
//! Why: places are filled, surplus is dismissed and requests are shared by these numbers alone, so that the states of
//! an update are told apart in one place only.
//! Invariants: of a variant of both sides the shares of its fleets add up to 1.
//! Fleets stand in the order of their deployments (former, stranded, coming) and configs.

use hostler_shapes::DeploymentConfig;
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
    /// How many of them are reckoned with for requests, from the first on.
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
        _ => side(&record.deployment, &record.deployment.fleets, |index, _| (former[index], former[index])),
    };
    if let Some(stranded) = &record.stranded {
        let count = |index: usize| match stage {
            Some(Stage::Finishing) => 0,
            _ => stranded.counts.get(index).copied().unwrap_or(0),
        };
        goals.extend(side(&stranded.deployment, &stranded.deployment.fleets, |index, _| {
            (count(index), count(index))
        }));
    }
    let Some(Update { change: Change::Deploy { deployment, deployment_config }, stage, .. }) = &record.update
    else {
        share_out(&mut goals, None, false);
        return goals;
    };
    let rollout = rollout_of(record, deployment_config.as_ref());
    let pair = Pair { former: &record.deployment, counts: &former, coming: deployment, rollout, stage };
    for (index, fleet) in record.deployment.fleets.iter().enumerate() {
        (goals[index].count, goals[index].active) = pair.former(index, fleet);
    }
    goals.extend(pair.coming());
    share_out(&mut goals, Some(deployment.generation), rollout.is_rolling());
    goals
}

/// How the update of an endpoint goes on.
pub(crate) fn rollout_of(record: &EndpointRecord, config: Option<&DeploymentConfig>) -> Rollout {
    let rollout = Rollout::of(config);
    if record.stranded.is_some() { rollout.without_batches() } else { rollout }
}

/// How many instances of each former fleet there are outside of any update.
pub(crate) fn former_counts(record: &EndpointRecord) -> Vec<u32> {
    let fleets = record.deployment.fleets.iter().enumerate();
    let left = |index: usize| record.stranded.as_ref()?.former_counts.get(index).copied();
    fleets.map(|(index, fleet)| left(index).unwrap_or(fleet.count)).collect()
}

/// These fleets of a deployment, with (count, active) of each.
fn side(
    deployment: &Deployment,
    fleets: &[Fleet],
    numbers: impl Fn(usize, &Fleet) -> (u32, u32),
) -> Vec<FleetGoal> {
    let total: f64 = fleets.iter().map(|fleet| fleet.weight).sum();
    let goal = |(index, fleet): (usize, &Fleet)| {
        let (count, active) = numbers(index, fleet);
        FleetGoal {
            generation: deployment.generation,
            variant: fleet.variant.clone(),
            count,
            active,
            // Weights of two deployments are comparable only as parts of their wholes.
            weight: if total > 0.0 { fleet.weight / total } else { 1.0 / fleets.len() as f64 },
            share: 0.0,
            startup_timeout_ms: fleet.startup_timeout_ms,
        }
    };
    fleets.iter().enumerate().map(goal).collect()
}

/// One deployment in other sizes: more first, then the weights, then fewer.
fn scaled(record: &EndpointRecord, sizes: &[FleetSize], stage: Option<&Stage>) -> Vec<FleetGoal> {
    let mut fleets = record.deployment.fleets.clone();
    for (fleet, size) in fleets.iter_mut().zip(sizes) {
        match stage {
            Some(Stage::Provisioning { .. }) => fleet.count = fleet.count.max(size.count),
            Some(Stage::Baking { .. } | Stage::Finishing) => {
                fleet.count = size.count;
                fleet.weight = size.weight;
            }
            Some(Stage::RollingBack { .. }) | None => {}
        }
    }
    side(&record.deployment, &fleets, |_, fleet| (fleet.count, fleet.count))
}

/// Two deployments, one of which follows the other.
struct Pair<'a> {
    former: &'a Deployment,
    counts: &'a [u32],
    coming: &'a Deployment,
    rollout: Rollout,
    stage: &'a Stage,
}

impl Pair<'_> {
    /// The coming fleets; the shares of a rolling deployment are still to be set.
    fn coming(&self) -> Vec<FleetGoal> {
        let rollout = &self.rollout;
        let mut goals = side(self.coming, &self.coming.fleets, |index, fleet| match self.stage {
            Stage::Provisioning { step } => {
                let active = step.checked_sub(1).map_or(0, |before| rollout.active(before, fleet.count));
                (rollout.provisioned(*step, fleet.count), active)
            }
            Stage::Baking { step } => {
                (rollout.provisioned(*step, fleet.count), rollout.active(*step, fleet.count))
            }
            Stage::Finishing => (fleet.count, fleet.count),
            Stage::RollingBack { step, old, new } => {
                let left = self.left_of_new(*step, old, fleet, new.get(index).copied().unwrap_or(0));
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

    /// The (count, active) of a former fleet.
    fn former(&self, index: usize, fleet: &Fleet) -> (u32, u32) {
        let count = self.counts[index];
        match self.stage {
            // What a step brings replaces what leaves after it was watched.
            Stage::Provisioning { step } | Stage::Baking { step } => {
                let left = step.checked_sub(1).map_or(count, |done| self.kept(done, count, fleet));
                (left, left)
            }
            Stage::Finishing => (0, 0),
            // What comes back takes its part of the requests when it is back.
            Stage::RollingBack { step, old, .. } => {
                let left = old.get(index).copied().unwrap_or(count);
                let back = step.checked_sub(1).map_or(left, |done| self.rollout.restored(done, left, count));
                (self.rollout.restored(*step, left, count), back)
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

    /// How many of a new fleet still answer at a step of the way back: the part of its former twin that is not back
    /// yet, or of all that is not back where it has none. At the first step all of them, also when no former one has
    /// left: it may be down.
    fn left_of_new(&self, step: u32, old: &[u32], fleet: &Fleet, at_start: u32) -> u32 {
        let Some(done) = step.checked_sub(1) else { return at_start };
        let (mut missing, mut missed) = (0_u64, 0_u64);
        let has_twin = self.former.fleet(&fleet.variant).is_some();
        for (former, (index, &count)) in self.former.fleets.iter().zip(self.counts.iter().enumerate()) {
            if has_twin && former.variant != fleet.variant {
                continue;
            }
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
