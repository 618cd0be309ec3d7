//! The end of a run: whatever came before, once nothing goes wrong any more the world comes to rest.
//!
//! Rest: every endpoint is InService, Failed, UpdateRollbackFailed or gone, with just the instances that its record
//! wants, all of them healthy and routed at every gateway; nothing else runs and nothing else is held.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hostler_store::Store;
use hostler_types::{
    EndpointRecord, EndpointStatus, Fleet, Goal, InstanceId, InstanceIntent, InstanceRecord,
};

use super::gateway::takers;
use super::server::Server;
use super::stage::Stage;
use crate::caller;

/// What keeps the world from being at rest; none when it is.
pub(super) async fn unrest(stage: &Stage, servers: &[&Server]) -> Option<String> {
    for server in servers {
        if !server.calls.is_empty() {
            return Some(format!("{} has not answered {} calls", server.name, server.calls.len()));
        }
    }
    let endpoints = stage.book.pages().endpoints.clone();
    let mut expected: BTreeSet<InstanceId> = BTreeSet::new();
    let mut held: BTreeMap<String, u64> = BTreeMap::new();
    for (key, record) in &endpoints {
        let name = key.name();
        let Some(fleets) = resting(record) else {
            return Some(format!("{name} is {} ({:?})", record.status, record.update));
        };
        let wanted: u32 = fleets.iter().map(|(_, count)| count).sum();
        if record.instances.len() != wanted as usize {
            let shown = |instance: &InstanceRecord| {
                let state =
                    stage.compute.state(&instance.id).map_or("gone".to_owned(), |it| format!("{it:?}"));
                format!("{} {:?} {state}", instance.id, instance.intent)
            };
            let instances: Vec<String> = record.instances.iter().map(shown).collect();
            return Some(format!("{name} is {} with {instances:?}, not {wanted}", record.status));
        }
        *held.entry("endpoints".to_owned()).or_default() += 1;
        for (fleet, count) in fleets.into_iter().filter(|(_, count)| *count > 0) {
            *held.entry(fleet.instance_type.clone().unwrap_or_default()).or_default() += u64::from(count);
        }
        let own: BTreeSet<InstanceId> = record.instances.iter().map(|instance| instance.id.clone()).collect();
        for instance in &record.instances {
            let is_fine = instance.intent == InstanceIntent::Wanted && instance.healthy_at.is_some();
            if !is_fine || !stage.is_well(&instance.id, Duration::ZERO) {
                let state = stage.compute.state(&instance.id);
                return Some(format!("{name} has {instance:?}, which is {state:?}"));
            }
        }
        for server in servers {
            let route = server.gateway.routes.route(key);
            let routed: BTreeSet<InstanceId> =
                route.iter().flat_map(|route| takers(route).cloned()).collect();
            if routed != own {
                return Some(format!("{} routes {name} to {routed:?} and not to {own:?}", server.name));
            }
        }
        expected.extend(own);
    }
    let there: BTreeSet<InstanceId> = stage.compute.states().into_iter().map(|(id, _)| id).collect();
    if there != expected {
        return Some(format!("{there:?} are there and {expected:?} are wanted"));
    }
    let holdings = stage.store.holdings(&caller().scope).await;
    if holdings.as_ref().is_ok_and(|holdings| *holdings == held) {
        None
    } else {
        Some(format!("{holdings:?} are held and {held:?} are there"))
    }
}

/// The fleets of an endpoint that rests, with what each of them has; none while something is on its way.
fn resting(record: &EndpointRecord) -> Option<Vec<(&Fleet, u32)>> {
    if record.goal == Goal::Gone || record.update.is_some() {
        return None;
    }
    let fleets = &record.deployment.fleets;
    match (record.status, &record.stranded) {
        (EndpointStatus::Failed, None) => Some(Vec::new()),
        // Nobody could answer when an update ended: it heals in that status.
        (EndpointStatus::InService | EndpointStatus::UpdateRollbackFailed, None) => {
            Some(fleets.iter().map(|fleet| (fleet, fleet.count)).collect())
        }
        (EndpointStatus::UpdateRollbackFailed, Some(stranded)) => {
            let former = fleets.iter().zip(stranded.former_counts.iter().copied());
            let new = stranded.deployment.fleets.iter().zip(stranded.counts.iter().copied());
            Some(former.chain(new).collect())
        }
        _ => None,
    }
}
