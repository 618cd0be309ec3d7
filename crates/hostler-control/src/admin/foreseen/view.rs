//! The answer to a plan: pure JSON of what was foreseen.
//!
//! Invariants: pure. Moments are in milliseconds from the beginning; parts of the traffic are 0 to 1.

use std::collections::BTreeMap;

use hostler_types::{EndpointRecord, InstanceId, Stage, Update};
use serde_json::{Value, json};

use super::super::update::{deployment, fleet, stage_word};
use super::{Foreseen, coming, words};
use crate::foresee::{Course, End, Load, Moment, least_serving, peak};
use crate::plan::goals::rollout_of;
use crate::quotas::{Quotas, holdings};
use crate::rollout::Rollout;

pub(super) fn view(name: &str, foreseen: &Foreseen, quotas: &Quotas, held: &BTreeMap<String, u64>) -> Value {
    let refusals = foreseen
        .refusals
        .iter()
        .map(|refusal| json!({ "Code": refusal.code(), "Message": refusal.message() }))
        .collect::<Vec<_>>();
    let mut view = json!({
        "EndpointName": name,
        "Operation": foreseen.operation,
        "Accepted": refusals.is_empty(),
        "Refusals": refusals,
        "Obstacles": foreseen.obstacles,
        "From": foreseen.before.as_ref().map(|record| deployment(&record.deployment)),
    });
    let (Some(record), Some((course, pace))) = (&foreseen.decided, &foreseen.course) else { return view };
    let rollout = rollout(record);
    let coming = coming(record);
    let at_first = foreseen.before.as_ref().map(crate::foresee::present).unwrap_or_default();
    view["To"] = deployment(coming);
    view["Way"] = json!({ "Type": rollout.name(), "Steps": rollout.steps(&coming.fleets) });
    view["Moments"] = course.moments.iter().map(|seen| moment(record, seen, rollout)).collect();
    view["Launches"] = json!(course.moments.iter().map(|moment| moment.launched.len()).sum::<usize>());
    view["Removals"] = json!(course.moments.iter().map(|moment| moment.removed.len()).sum::<usize>());
    let own = (foreseen.before.as_ref().map(holdings).unwrap_or_default(), holdings(record));
    let loads = peak(&at_first, &course.moments).into_iter().filter(|load| !load.instance_type.is_empty());
    view["Peak"] = loads.map(|load| peak_row(&load, &own, quotas, held)).collect();
    let least = least_serving(&course.moments).into_iter().map(|(variant, before, fewest, at_ms)| {
        json!({ "Variant": variant, "Before": before, "Fewest": fewest, "AtMs": at_ms })
    });
    view["Serving"] = least.collect();
    set_end(&mut view, course);
    view["Assumptions"] = json!(words::assumptions(coming, course, pace));
    view["OnFailure"] = json!(words::on_failure(foreseen.before.as_ref(), record, course, rollout));
    let (changes, unchanged) = words::changes(foreseen.before.as_ref(), coming);
    view["Changes"] = json!(changes);
    view["Unchanged"] = json!(unchanged);
    view["Notes"] = json!(record.notes);
    view
}

fn rollout(record: &EndpointRecord) -> Rollout {
    let change = record.update.as_ref().map(|update| &update.change);
    match change {
        Some(hostler_types::Change::Deploy { deployment_config, .. }) => {
            rollout_of(record, deployment_config.as_ref())
        }
        _ => Rollout::of(None),
    }
}

fn set_end(view: &mut Value, course: &Course) {
    view["EndStatus"] = json!(course.record.status);
    match &course.end {
        End::Rests { settled_ms } => view["DurationMs"] = json!(settled_ms),
        End::NotFollowed { why } => view["NotFollowed"] = json!(why),
    }
}

fn moment(record: &EndpointRecord, moment: &Moment, rollout: Rollout) -> Value {
    let mut view = json!({
        "AtMs": moment.at_ms,
        "EndpointStatus": moment.status,
        "Launched": instances(&moment.launched),
        "Drained": instances(&moment.drained),
        "Removed": instances(&moment.removed),
        "Fleets": moment.fleets.iter().map(|seen| fleet(record, seen)).collect::<Vec<_>>(),
    });
    let Some(stage) = &moment.stage else { return view };
    view["Stage"] = json!(stage_word(stage));
    let steps = record.update.as_ref().and_then(Update::deployment);
    let steps = steps.map_or(1, |coming| rollout.steps(&coming.fleets));
    if let Stage::Provisioning { step } | Stage::Baking { step } = stage {
        let is_last = step.saturating_add(1) >= steps;
        view["Step"] = json!(step.saturating_add(1));
        view["StepName"] = json!(rollout.stage_name(*step, is_last));
        if matches!(stage, Stage::Baking { .. }) {
            view["WatchedMs"] = json!(rollout.wait_ms(is_last));
        }
    }
    view
}

/// Ids would be those of instances that may never be: what tells them apart is said instead.
fn instances(ids: &[InstanceId]) -> Vec<Value> {
    let of = |id: &InstanceId| json!({ "Generation": id.generation, "Variant": id.variant, "Ordinal": id.ordinal });
    ids.iter().map(of).collect()
}

/// `own` is what the endpoint holds before and after.
fn peak_row(
    load: &Load,
    own: &(BTreeMap<String, u32>, BTreeMap<String, u32>),
    quotas: &Quotas,
    held: &BTreeMap<String, u64>,
) -> Value {
    let name = &load.instance_type;
    let used = held.get(name).copied().unwrap_or(0);
    let of = |holds: &BTreeMap<String, u32>| u64::from(holds.get(name).copied().unwrap_or(0));
    json!({
        "InstanceType": name,
        "Before": load.now,
        "Peak": load.peak,
        "After": load.then,
        "Vcpus": load.vcpus,
        "MemoryMib": load.memory_mib,
        "Accelerators": load.accelerators.map(|(count, name)| json!({ "Count": count, "Name": name })),
        "Quota": {
            "Limit": quotas.limit(name),
            "Used": used,
            "UsedMeanwhile": used.saturating_sub(of(&own.0)).saturating_add(of(&own.1)),
        },
    })
}
