//! How a deployment takes over: the steps that a DeploymentConfig asks for, as numbers.
//!
//! Why: blue/green and rolling differ only in how many instances each side has at a step, how many of the new ones
//! take requests, which share of the traffic they get and how long the step is watched. With those four numbers the
//! planner needs one state machine for all of them, and quotas and views read the same numbers.
//! Invariants: pure and total; a step's numbers never fall with the step. Sizes in percent are rounded up where they
//! say how much traffic to turn on, and down where they are a maximum; never to nothing.

use hostler_shapes::{CapacitySize, CapacitySizeType, DeploymentConfig, TrafficRoutingConfigType};
use hostler_types::Fleet;

/// A portion of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// So many instances.
    Instances(u32),
    /// So many hundredths of the fleet.
    Percent(u32),
}

/// What a deployment does at each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rollout {
    way: Way,
    wait_ms: i64,
    termination_wait_ms: i64,
    timeout_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    AllAtOnce,
    Canary(Size),
    Linear(Size),
    Rolling { batch: Size, rollback_batch: Size },
}

const ALL: Size = Size::Percent(100);

impl Size {
    pub(crate) fn of(capacity: &CapacitySize) -> Self {
        let value = u32::try_from(capacity.value).unwrap_or(0).max(1);
        match capacity.r#type {
            CapacitySizeType::InstanceCount => Self::Instances(value),
            CapacitySizeType::CapacityPercent => Self::Percent(value.min(100)),
        }
    }

    /// So many of `count` instances, a part of one counted as one.
    fn rounded_up(self, count: u32) -> u32 {
        match self {
            Self::Instances(instances) => instances.min(count),
            Self::Percent(percent) => hundredths(count, percent).div_ceil(100).try_into().unwrap_or(count),
        }
    }

    /// So many of `count` instances, a part of one left out, but at least one.
    fn rounded_down(self, count: u32) -> u32 {
        let instances = match self {
            Self::Instances(instances) => instances,
            Self::Percent(percent) => (hundredths(count, percent) / 100).try_into().unwrap_or(count),
        };
        instances.clamp(1, count.max(1))
    }

    /// The part of the whole that this is, 0 to 1.
    fn fraction(self, count: u32) -> f64 {
        match self {
            Self::Instances(instances) => f64::from(instances.min(count)) / f64::from(count.max(1)),
            Self::Percent(percent) => f64::from(percent) / 100.0,
        }
    }
}

fn hundredths(count: u32, percent: u32) -> u64 {
    u64::from(count) * u64::from(percent)
}

impl Rollout {
    /// What `config` asks for; without one, or without a policy in it, everything at once, as in AWS.
    pub(crate) fn of(config: Option<&DeploymentConfig>) -> Self {
        let ms = |seconds: i32| i64::from(seconds) * 1000;
        let mut rollout = Self { way: Way::AllAtOnce, wait_ms: 0, termination_wait_ms: 0, timeout_ms: None };
        let Some(config) = config else { return rollout };
        if let Some(policy) = &config.blue_green_update_policy {
            let traffic = &policy.traffic_routing_configuration;
            let or_all = |size: &Option<CapacitySize>| size.as_ref().map_or(ALL, Size::of);
            rollout.way = match traffic.r#type {
                TrafficRoutingConfigType::AllAtOnce => Way::AllAtOnce,
                TrafficRoutingConfigType::Canary => Way::Canary(or_all(&traffic.canary_size)),
                TrafficRoutingConfigType::Linear => Way::Linear(or_all(&traffic.linear_step_size)),
            };
            rollout.wait_ms = ms(traffic.wait_interval_in_seconds);
            rollout.termination_wait_ms = ms(policy.termination_wait_in_seconds.unwrap_or(0));
            rollout.timeout_ms = policy.maximum_execution_timeout_in_seconds.map(ms);
        } else if let Some(policy) = &config.rolling_update_policy {
            rollout.way = Way::Rolling {
                batch: Size::of(&policy.maximum_batch_size),
                rollback_batch: policy.rollback_maximum_batch_size.as_ref().map_or(ALL, Size::of),
            };
            rollout.wait_ms = ms(policy.wait_interval_in_seconds);
            rollout.timeout_ms = policy.maximum_execution_timeout_in_seconds.map(ms);
        }
        rollout
    }

    /// Whether old instances leave while new ones come.
    pub(crate) fn is_rolling(&self) -> bool {
        matches!(self.way, Way::Rolling { .. })
    }

    /// The steps that these new fleets take, at least one.
    pub(crate) fn steps(&self, fleets: &[Fleet]) -> u32 {
        let steps_of = |fleet: &Fleet| match self.way {
            Way::AllAtOnce => 1,
            Way::Canary(_) => 2,
            Way::Linear(Size::Percent(percent)) => 100_u32.div_ceil(percent.max(1)),
            Way::Linear(step @ Size::Instances(_)) => fleet.count.div_ceil(step.rounded_down(fleet.count)),
            Way::Rolling { batch, .. } => fleet.count.div_ceil(batch.rounded_down(fleet.count)),
        };
        fleets.iter().map(steps_of).max().unwrap_or(1).max(1)
    }

    /// How many of `count` new instances there are to be at a step.
    pub(crate) fn provisioned(&self, step: u32, count: u32) -> u32 {
        match self.way {
            Way::Rolling { batch, .. } => {
                batch.rounded_down(count).saturating_mul(step.saturating_add(1)).min(count)
            }
            Way::AllAtOnce | Way::Canary(_) | Way::Linear(_) => count,
        }
    }

    /// How many of `count` new instances take requests once a step's traffic is on.
    pub(crate) fn active(&self, step: u32, count: u32) -> u32 {
        let steps = step.saturating_add(1);
        match self.way {
            Way::AllAtOnce => count,
            Way::Canary(size) => {
                if step == 0 {
                    size.rounded_up(count)
                } else {
                    count
                }
            }
            Way::Linear(Size::Percent(percent)) => {
                Size::Percent(percent.saturating_mul(steps).min(100)).rounded_up(count)
            }
            Way::Linear(Size::Instances(instances)) => instances.saturating_mul(steps).min(count),
            Way::Rolling { .. } => self.provisioned(step, count),
        }
    }

    /// The new fleet's share of the variant's traffic once a step's traffic is on, for a blue/green deployment. A
    /// rolling one shares by instances.
    pub(crate) fn share(&self, step: u32, count: u32) -> f64 {
        match self.way {
            Way::Canary(size) if step == 0 => size.fraction(count),
            Way::Linear(size) => (size.fraction(count) * (f64::from(step) + 1.0)).min(1.0),
            Way::AllAtOnce | Way::Canary(_) | Way::Rolling { .. } => 1.0,
        }
    }

    /// How many of `old` instances stay once the new fleet of `count` has had this step; nothing leaves in a
    /// blue/green deployment before its end.
    pub(crate) fn kept(&self, step: u32, old: u32, count: u32) -> u32 {
        if !self.is_rolling() {
            return old;
        }
        let gone = u64::from(old) * u64::from(self.provisioned(step, count)) / u64::from(count.max(1));
        old.saturating_sub(u32::try_from(gone).unwrap_or(old))
    }

    /// How many of `count` former instances are to be back at a step of the way back, when `left` were left.
    pub(crate) fn restored(&self, step: u32, left: u32, count: u32) -> u32 {
        match self.way {
            Way::Rolling { rollback_batch, .. } => {
                let batch = rollback_batch.rounded_down(count).saturating_mul(step.saturating_add(1));
                left.saturating_add(batch).min(count)
            }
            Way::AllAtOnce | Way::Canary(_) | Way::Linear(_) => count,
        }
    }

    /// How long a step is watched.
    pub(crate) fn wait_ms(&self, is_last: bool) -> i64 {
        if is_last && !self.is_rolling() { self.termination_wait_ms } else { self.wait_ms }
    }

    /// How long the whole may take.
    pub(crate) fn timeout_ms(&self) -> Option<i64> {
        self.timeout_ms
    }

    /// The most instances that both fleets of a variant have at one time on the way there.
    pub(crate) fn peak(&self, old: u32, new: u32, steps: u32) -> u32 {
        if !self.is_rolling() {
            return old.saturating_add(new);
        }
        let both = |step: u32| {
            let kept = if step == 0 { old } else { self.kept(step - 1, old, new) };
            kept.saturating_add(self.provisioned(step, new))
        };
        (0..steps).map(both).max().unwrap_or(0).max(old).max(new)
    }

    /// The same with both fleets whole to the end: where the former side is two deployments already, nothing of it
    /// may leave before all of the new is there.
    pub(crate) fn without_batches(self) -> Self {
        if self.is_rolling() { Self { way: Way::AllAtOnce, wait_ms: 0, ..self } } else { self }
    }

    /// What AWS calls the way.
    pub(crate) fn name(&self) -> &'static str {
        match self.way {
            Way::AllAtOnce => "ALL_AT_ONCE",
            Way::Canary(_) => "CANARY",
            Way::Linear(_) => "LINEAR",
            Way::Rolling { .. } => "ROLLING",
        }
    }

    /// What a step's capacity is called in a status message.
    pub(crate) fn stage_name(&self, step: u32, is_last: bool) -> &'static str {
        match self.way {
            Way::Canary(_) if step == 0 => "canary",
            Way::Linear(_) if !is_last => "linear step",
            Way::Rolling { .. } if !is_last => "batch",
            _ => "full",
        }
    }
}

#[cfg(test)]
mod tests;
