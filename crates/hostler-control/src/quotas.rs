//! Quotas: what an account may have in a region, what an endpoint takes up of it, and AWS's words at the limit.
//!
//! Why: the store adds up what documents hold and judges the limits inside the commit, so here nothing is counted:
//! what an endpoint holds is a pure function of its record, and the limits are settings.
//! Invariants: an endpoint counts until its record is gone. Its instances count as its fleets ask for them while it is
//! to serve; once it is deleted or has failed, one by one until they are gone, as AWS counts them. A limit is asked of
//! requests only: the reconciler's own writes are never refused.
//! Failure: a document from before this rule, or another one, is written anew by the next reconcile run.

use std::collections::BTreeMap;

use hostler_aws::ApiError;
use hostler_store::{Holdings, Quota};
use hostler_types::{
    Change, EndpointRecord, EndpointStatus, Fleet, Goal, InstanceIntent, InstanceRecord, Scope,
};
use serde_json::{Value, json};

use crate::plan::goals;

/// The name under which endpoints are counted, and their setting's; instances are counted under their type's name.
const ENDPOINTS: &str = "endpoints";

/// What an account may have in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Endpoints.
    pub endpoints: u64,
    /// Production variants per endpoint config; the service model allows 10.
    pub variants: u64,
    /// Instances of each type that has no limit of its own.
    pub default_instances: u64,
    /// Instances by type.
    pub instances: BTreeMap<String, u64>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { endpoints: 1000, variants: 10, default_instances: 100, instances: BTreeMap::new() }
    }
}

impl Quotas {
    /// The limits of everything that `holds` names, in its order.
    pub(crate) fn of(&self, scope: &Scope, holds: &Holdings) -> Vec<Quota> {
        let quota =
            |what: &String| Quota { scope: scope.clone(), what: what.clone(), limit: self.limit(what) };
        holds.keys().map(quota).collect()
    }

    /// How many of it there may be.
    pub(crate) fn limit(&self, what: &str) -> u64 {
        match what {
            ENDPOINTS => self.endpoints,
            instance_type => self.instances.get(instance_type).copied().unwrap_or(self.default_instances),
        }
    }

    /// Refuses a config of too many variants.
    pub(crate) fn check_variants(&self, count: usize) -> Result<(), ApiError> {
        let count = count as u64;
        if count > self.variants { Err(exceeded(&Name::variants(), self.variants, 0, count)) } else { Ok(()) }
    }

    /// Each quota with its limit and its use: what `hostler quotas` shows.
    pub(crate) fn view(&self, held: &BTreeMap<String, u64>) -> Vec<Value> {
        let row = |setting: &str, name: &Name, limit: u64, used: Option<u64>| json!({ "Setting": setting, "QuotaName": name.quota, "Unit": name.unit, "Limit": limit, "Used": used });
        let used = |what: &str| Some(held.get(what).copied().unwrap_or(0));
        let mut rows = vec![
            row(ENDPOINTS, &Name::of(ENDPOINTS), self.endpoints, used(ENDPOINTS)),
            row("variants", &Name::variants(), self.variants, None),
        ];
        let mut types: Vec<&String> = self.instances.keys().chain(held.keys()).collect();
        types.retain(|what| *what != ENDPOINTS);
        types.sort_unstable();
        types.dedup();
        for what in types {
            rows.push(row(what, &Name::of(what), self.limit(what), used(what)));
        }
        let others = Name::of("each other instance type");
        rows.push(row("default_instances", &others, self.default_instances, None));
        rows
    }
}

/// What an endpoint takes up.
pub(crate) fn holdings(record: &EndpointRecord) -> Holdings {
    let mut counts = Holdings::new();
    if record.goal == Goal::Serve && record.status != EndpointStatus::Failed {
        counts = by_type(peak(record));
        // A way back, and what stands in for another, may take more than was asked for.
        let wanted = present(record, |instance| instance.intent == InstanceIntent::Wanted);
        for (instance_type, count) in by_type(wanted) {
            let held = counts.entry(instance_type).or_default();
            *held = (*held).max(count);
        }
    } else {
        counts.extend(by_type(present(record, |_| true)));
    }
    counts.insert(ENDPOINTS.to_owned(), 1);
    counts
}

/// The sums by instance type; what is nothing is left out.
fn by_type(counts: Vec<(Option<String>, u32)>) -> Holdings {
    let mut holds = Holdings::new();
    for (instance_type, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        if let Some(instance_type) = instance_type {
            let total = holds.entry(instance_type).or_default();
            *total = total.saturating_add(count);
        }
    }
    holds
}

/// The instances that stand in the record and are chosen, one by one.
fn present(
    record: &EndpointRecord,
    is_chosen: impl Fn(&InstanceRecord) -> bool,
) -> Vec<(Option<String>, u32)> {
    let instance_type = |instance: &InstanceRecord| {
        let fleet = record.deployment_of(instance.id.generation)?.fleet(&instance.id.variant)?;
        Some((fleet.instance_type.clone(), 1))
    };
    record.instances.iter().filter(|instance| is_chosen(instance)).filter_map(instance_type).collect()
}

/// The instances of each fleet while it is to serve. An update holds from its first moment what its way there needs at
/// its peak.
fn peak(record: &EndpointRecord) -> Vec<(Option<String>, u32)> {
    let former = goals::former_counts(record);
    let mut counts: Vec<(&Fleet, u32)> = record.deployment.fleets.iter().zip(former).collect();
    let stranded = record.stranded.iter();
    counts.extend(
        stranded.flat_map(|stranded| stranded.deployment.fleets.iter().zip(stranded.counts.iter().copied())),
    );
    match record.update.as_ref().map(|update| &update.change) {
        None => {}
        Some(Change::Scale { sizes }) => {
            for ((_, count), size) in counts.iter_mut().zip(sizes) {
                *count = (*count).max(size.count);
            }
        }
        Some(Change::Deploy { deployment, deployment_config }) => {
            let rollout = goals::rollout_of(record, deployment_config.as_ref());
            let steps = rollout.steps(&deployment.fleets);
            let former = record.deployment.fleets.len();
            for fleet in &deployment.fleets {
                // Instances of another type cannot make use of the places of the former ones.
                let is_twin =
                    |old: &Fleet| old.variant == fleet.variant && old.instance_type == fleet.instance_type;
                let twin = counts[..former].iter().find(|(old, _)| is_twin(old));
                let more = twin.map_or(fleet.count, |&(_, old)| {
                    rollout.peak(old, fleet.count, steps).saturating_sub(old)
                });
                counts.push((fleet, more));
            }
        }
    }
    counts.into_iter().map(|(fleet, count)| (fleet.instance_type.clone(), count)).collect()
}

/// AWS's answer to a request that the store found to exceed a quota.
pub(crate) fn refusal(quota: &Quota, used: u64, delta: u64) -> ApiError {
    exceeded(&Name::of(&quota.what), quota.limit, used, delta)
}

/// What AWS calls a quota, and what it counts in.
struct Name {
    quota: String,
    unit: &'static str,
}

impl Name {
    fn of(what: &str) -> Self {
        match what {
            ENDPOINTS => Self { quota: "Number of endpoints".to_owned(), unit: "Endpoints" },
            instance_type => Self { quota: format!("{instance_type} for endpoint usage"), unit: "Instances" },
        }
    }

    fn variants() -> Self {
        let quota = "Number of production variants per endpoint configuration".to_owned();
        Self { quota, unit: "Variants" }
    }
}

/// The sentence as CreateEndpoint answers it since 2023; `docs/compatibility.md` tells which names of quotas are ours.
fn exceeded(name: &Name, limit: u64, used: u64, delta: u64) -> ApiError {
    let Name { quota, unit } = name;
    tracing::debug!(
        quota,
        limit,
        used,
        delta,
        "a quota is exceeded; it is set under [quotas] in hostler.toml"
    );
    ApiError::resource_limit_exceeded(format!(
        "The account-level service limit '{quota}' is {limit} {unit}, with current utilization of {used} {unit} and a \
         request delta of {delta} {unit}. Please use AWS Service Quotas to request an increase for this quota. If AWS \
         Service Quotas is not available, contact AWS support to request an increase for this quota."
    ))
}
