//! What is looked at after every step: the world as a whole.
//!
//! The rules: nothing runs for long without a record; an endpoint that serves has a taker at the acting gateway while
//! one of its instances is well; queues hold a key once. A rule with "for long" counts only the time in which some
//! controller could act.

use std::collections::BTreeSet;
use std::time::Duration;

use hostler_compute::InstanceState;
use hostler_types::{EndpointRecord, Goal, InstanceId, InstanceIntent};
use tokio::time::Instant;

use super::gateway::takers;
use super::server::Server;
use super::stage::Stage;

/// Two sweeps find a stranger; calls on the way fail and are slow.
const STRANGE_MAX: Duration = Duration::from_secs(150);
/// A controller that has just begun to act may first fail a few times.
const MUTE_MAX: Duration = Duration::from_secs(45);
/// What was well for so long is known to be.
const WELL_FOR: Duration = Duration::from_secs(20);

/// Looks at everything. `acting` is the server that holds the lease and can use it.
pub(super) fn census(stage: &Stage, servers: &[&Server], acting: Option<&Server>) {
    for server in servers {
        for complaint in server.complaints() {
            stage.book.complain(&format!("{}: {complaint}", server.name));
        }
    }
    let mut pages = stage.book.pages();
    let life = acting.map(|acting| acting.life);
    if life.is_none() || pages.acting != life {
        pages.strange_since.clear();
        pages.mute_since.clear();
    }
    pages.acting = life;
    drop(pages);
    let Some(acting) = acting else { return };
    strangers(stage);
    mute_endpoints(stage, acting);
}

fn strangers(stage: &Stage) {
    let mut pages = stage.book.pages();
    let known: BTreeSet<&InstanceId> =
        pages.endpoints.values().flat_map(|record| &record.instances).map(|instance| &instance.id).collect();
    let strange: Vec<InstanceId> = stage
        .compute
        .states()
        .into_iter()
        .filter(|(id, state)| *state != InstanceState::Removing && !known.contains(id))
        .map(|(id, _)| id)
        .collect();
    pages.strange_since.retain(|id, _| strange.contains(id));
    let mut broken = Vec::new();
    for id in strange {
        let since = *pages.strange_since.entry(id.clone()).or_insert_with(Instant::now);
        if since.elapsed() > STRANGE_MAX {
            broken.push(format!("`{id}` has run without a record for {:?}", since.elapsed()));
        }
    }
    drop(pages);
    for complaint in broken {
        stage.book.complain(&complaint);
    }
}

fn mute_endpoints(stage: &Stage, acting: &Server) {
    let endpoints = stage.book.pages().endpoints.clone();
    stage.book.pages().mute_since.retain(|key, _| endpoints.contains_key(key));
    for (key, record) in endpoints {
        let route = acting.gateway.routes.route(&key);
        let is_mute = could_answer(stage, &record)
            && !route.is_some_and(|route| route.uid == record.uid && takers(&route).next().is_some());
        let mut pages = stage.book.pages();
        if !is_mute {
            pages.mute_since.remove(&key);
            continue;
        }
        let since = *pages.mute_since.entry(key.clone()).or_insert_with(Instant::now);
        drop(pages);
        if since.elapsed() > MUTE_MAX {
            let (name, server) = (key.name(), &acting.name);
            stage.book.complain(&format!("{name} has no taker at {server} for {:?}", since.elapsed()));
        }
    }
}

/// It serves, and an instance of the deployment that it runs is well.
fn could_answer(stage: &Stage, record: &EndpointRecord) -> bool {
    record.goal == Goal::Serve
        && record.status.is_serving()
        && record.instances.iter().any(|instance| {
            instance.intent == InstanceIntent::Wanted
                && instance.healthy_at.is_some()
                && instance.id.generation == record.deployment.generation
                && stage.is_well(&instance.id, WELL_FOR)
        })
}
