//! What is looked at when a record of an endpoint was written: the move from what stood there before.
//!
//! Why: the record is the only memory, so a rule that it breaks once may be broken for ever; here the moment and the
//! writer are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hostler_store::Event;
use hostler_types::{
    Change, EndpointRecord, EndpointStatus, Goal, InstanceId, InstanceIntent, InstanceRecord, Key,
};
use tokio::time::Instant;

use super::book::{Pages, Turn, TurnKind};
use super::history;
use super::reasons;
use super::stage::Stage;

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// An operation that a client called, at this server.
    Client(String),
    /// The reconciler of this server.
    Reconciler(String),
}

/// A commit took effect.
pub(super) fn committed(
    stage: &Stage,
    author: &Author,
    key: &Key,
    after: Option<EndpointRecord>,
    holds: BTreeMap<String, u32>,
    events: Vec<Event>,
) {
    let mut pages = stage.book.pages();
    let before = pages.endpoints.get(key).cloned();
    let raised = raised(&pages, key, &holds);
    let mut broken = Vec::new();
    if let Author::Reconciler(server) = author
        && pages.holder.as_ref() != Some(server)
    {
        broken.push(format!("{server} writes while {:?} holds the lease", pages.holder));
    }
    match (&before, &after) {
        (None, None) => {}
        (None, Some(after)) => created(author, after, &mut broken),
        (Some(before), None) => deleted(stage, before, &mut broken),
        (Some(before), Some(after)) => moved(&pages, before, after, &mut broken),
    }
    broken.extend(history::complaints(author, before.as_deref(), after.as_ref(), &events));
    pages.told.entry(key.clone()).or_default().extend(events.into_iter().map(|event| event.body));
    if let Some(after) = &after {
        stands(after, &holds, &mut broken);
        broken.extend(reasons::complaint(before.as_deref(), after));
        generations(&mut pages, after, &mut broken);
    }
    // A deletion asks for nothing: what leaves counts until it is gone.
    let asks = after.as_ref().is_some_and(|after| after.goal == Goal::Serve);
    if asks && matches!(author, Author::Client(_)) {
        for (what, sum) in raised {
            if sum > Stage::limit(&what) {
                broken.push(format!("a request was granted {sum} of `{what}`"));
            }
        }
    }
    turns(&mut pages, key, before.as_deref(), after.as_ref());
    remember(&mut pages, key, after.map(Arc::new), holds);
    let after = pages.endpoints.get(key).cloned();
    drop(pages);
    stage.book.note(|| {
        let moves = in_words(before.as_deref(), after.as_deref());
        let who = match author {
            Author::Client(server) => format!("a client at {server}"),
            Author::Reconciler(server) => server.clone(),
        };
        format!("{who} writes {}: {moves}", key.name())
    });
    for complaint in broken {
        stage.book.complain(&format!("{}: {complaint}", key.name()));
    }
}

fn created(author: &Author, after: &EndpointRecord, broken: &mut Vec<String>) {
    if !matches!(author, Author::Client(_)) {
        broken.push("a reconciler brought it back".to_owned());
    }
    if (after.status, after.goal) != (EndpointStatus::Creating, Goal::Serve) || !after.instances.is_empty() {
        broken.push(format!("it began in status {}", after.status));
    }
}

fn deleted(stage: &Stage, before: &EndpointRecord, broken: &mut Vec<String>) {
    if before.goal != Goal::Gone {
        broken.push("its record was deleted, and nobody asked for it".to_owned());
    }
    let mut left = stage.compute.states().into_iter().map(|(id, _)| id);
    if let Some(id) = left.find(|id| id.endpoint == before.uid) {
        broken.push(format!("its record was deleted while `{id}` is there"));
    }
}

fn moved(pages: &Pages, before: &EndpointRecord, after: &EndpointRecord, broken: &mut Vec<String>) {
    if before.uid != after.uid || before.created_at != after.created_at {
        broken.push("it became another endpoint".to_owned());
    }
    if before.status != after.status && !before.status.can_become(after.status) {
        broken.push(format!("illegal move {} -> {}", before.status, after.status));
    }
    if after.modified_at < before.modified_at {
        broken.push(format!("LastModifiedTime went from {} to {}", before.modified_at, after.modified_at));
    }
    if before.goal == Goal::Gone && after.goal == Goal::Serve {
        broken.push("its deletion was forgotten".to_owned());
    }
    if after.newest_generation() < before.newest_generation() {
        broken.push("a generation was forgotten".to_owned());
    }
    for place in &before.places {
        let same = after.places.iter().find(|same| {
            (same.generation, &same.variant, same.ordinal)
                == (place.generation, &place.variant, place.ordinal)
        });
        let is_in_play = after.deployment_of(place.generation).is_some();
        if same.map_or(is_in_play, |same| same.attempts < place.attempts) {
            broken.push(format!("the attempts in place {}.{} were forgotten", place.variant, place.ordinal));
        }
    }
    let known: BTreeSet<&InstanceId> = before.instances.iter().map(|instance| &instance.id).collect();
    for instance in after.instances.iter().filter(|instance| !known.contains(&instance.id)) {
        if pages.written.contains(&instance.id) {
            broken.push(format!("`{}` is given out twice", instance.id));
        }
    }
    if before.status == EndpointStatus::Creating && after.status == EndpointStatus::InService {
        for fleet in &after.deployment.fleets {
            let healthy = after.instances.iter().filter(|instance| {
                let is_wanted = instance.intent == InstanceIntent::Wanted && instance.healthy_at.is_some();
                is_wanted && instance.id.variant == fleet.variant
            });
            let healthy = healthy.count();
            if healthy < fleet.count as usize {
                broken.push(format!("in service with {healthy} of {} of `{}`", fleet.count, fleet.variant));
            }
        }
    }
    acknowledged(before, after, broken);
}

/// An update that was accepted ends in its own deployment or sizes, or with a reason.
fn acknowledged(before: &EndpointRecord, after: &EndpointRecord, broken: &mut Vec<String>) {
    let Some(update) = &before.update else { return };
    if after.goal == Goal::Gone {
        return;
    }
    if let Some(going_on) = &after.update {
        if going_on.started_at != update.started_at || going_on.change != update.change {
            broken.push("an update took another one's place".to_owned());
        }
        return;
    }
    let has_come = match &update.change {
        Change::Deploy { deployment, .. } => after.deployment == **deployment,
        Change::Scale { sizes } => after.deployment.fleets.iter().zip(sizes).all(|(fleet, size)| {
            fleet.count == size.count && fleet.weight.to_bits() == size.weight.to_bits()
        }),
    };
    let went_back = after.deployment == before.deployment && after.failure_reason.is_some();
    if !has_come && !went_back {
        broken.push("an accepted update was lost".to_owned());
    }
    if has_come && after.status == EndpointStatus::InService && after.failure_reason.is_some() {
        broken.push("an update came through, and the reason of the last one is still shown".to_owned());
    }
}

/// What must hold of any record.
fn stands(after: &EndpointRecord, holds: &BTreeMap<String, u32>, broken: &mut Vec<String>) {
    let mut places = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for instance in &after.instances {
        let InstanceId { generation, variant, ordinal, .. } = &instance.id;
        if !ids.insert(&instance.id) {
            broken.push(format!("`{}` stands there twice", instance.id));
        }
        if instance.intent == InstanceIntent::Wanted && !places.insert((generation, variant, ordinal)) {
            broken.push(format!("the place of `{}` is filled twice", instance.id));
        }
    }
    for instance in after.instances.iter().filter(|instance| instance.intent == InstanceIntent::Wanted) {
        let places = places_of(after, &instance.id);
        if serves(after) && instance.id.ordinal >= places {
            broken.push(format!("`{}` is wanted and its fleet has {places} places", instance.id));
        }
    }
    if holds.get("endpoints") != Some(&1) {
        broken.push(format!("it holds {holds:?}"));
    }
    let is_counted = |instance: &&InstanceRecord| !serves(after) || instance.intent == InstanceIntent::Wanted;
    let mut there: BTreeMap<String, u32> = BTreeMap::new();
    for instance in after.instances.iter().filter(is_counted) {
        let fleet = after
            .deployment_of(instance.id.generation)
            .and_then(|deployment| deployment.fleet(&instance.id.variant));
        if let Some(instance_type) = fleet.and_then(|fleet| fleet.instance_type.clone()) {
            *there.entry(instance_type).or_default() += 1;
        }
    }
    for (instance_type, count) in there {
        let held = holds.get(&instance_type).copied().unwrap_or(0);
        if held < count {
            broken.push(format!("it holds {held} of {instance_type} and has {count}"));
        }
    }
}

fn serves(record: &EndpointRecord) -> bool {
    record.goal == Goal::Serve && record.status != EndpointStatus::Failed
}

/// The most places that the fleet of this instance was asked to have.
fn places_of(record: &EndpointRecord, id: &InstanceId) -> u32 {
    let Some(deployment) = record.deployment_of(id.generation) else { return 0 };
    let Some(index) = deployment.fleets.iter().position(|fleet| fleet.variant == id.variant) else {
        return 0;
    };
    let size = match record.update.as_ref().map(|update| &update.change) {
        Some(Change::Scale { sizes }) => sizes.get(index).map_or(0, |size| size.count),
        _ => 0,
    };
    deployment.fleets[index].count.max(size)
}

/// A generation is one deployment for ever.
fn generations(pages: &mut Pages, after: &EndpointRecord, broken: &mut Vec<String>) {
    for deployment in after.deployments() {
        let what = (deployment.started_at.0, deployment.config.endpoint_config_name.clone());
        let known = pages.generations.entry((after.uid.clone(), deployment.generation));
        if *known.or_insert_with(|| what.clone()) != what {
            broken.push(format!("generation {} is given out twice", deployment.generation));
        }
    }
}

/// What the account holds of everything of which this document now holds more.
fn raised(pages: &Pages, key: &Key, holds: &BTreeMap<String, u32>) -> Vec<(String, u64)> {
    let former = pages.holds.get(key);
    let is_raised =
        |what: &String, count: u32| former.and_then(|former| former.get(what)).copied().unwrap_or(0) < count;
    let others = |what: &String| -> u64 {
        let others = pages.holds.iter().filter(|(other, _)| *other != key);
        others.map(|(_, holds)| u64::from(holds.get(what).copied().unwrap_or(0))).sum()
    };
    let raised = holds.iter().filter(|(what, count)| is_raised(what, **count));
    raised.map(|(what, count)| (what.clone(), others(what) + u64::from(*count))).collect()
}

/// What a client may be told of.
fn turns(pages: &mut Pages, key: &Key, before: Option<&EndpointRecord>, after: Option<&EndpointRecord>) {
    let mut turn = |kind: TurnKind| {
        pages.turns.push(Turn { key: key.clone(), kind, is_claimed: false });
    };
    let Some(after) = after else { return turn(TurnKind::Gone) };
    if before.is_none() {
        turn(TurnKind::Created { config: after.config_name().to_owned() });
    }
    if before.is_none_or(|before| before.status != after.status) {
        turn(TurnKind::Status(after.status.as_str()));
    }
    if before.is_some_and(|before| before.goal == Goal::Serve) && after.goal == Goal::Gone {
        turn(TurnKind::Leaving);
    }
    let started = |record: &EndpointRecord| record.update.as_ref().map(|update| update.started_at);
    let is_new = before.is_some_and(|before| before.update.is_none() || started(before) != started(after));
    match after.update.as_ref().map(|update| &update.change) {
        Some(Change::Deploy { deployment, .. }) if is_new => {
            turn(TurnKind::Deploying { config: deployment.config.endpoint_config_name.clone() });
        }
        Some(Change::Scale { .. }) if is_new => turn(TurnKind::Scaling),
        _ => {}
    }
}

fn remember(pages: &mut Pages, key: &Key, after: Option<Arc<EndpointRecord>>, holds: BTreeMap<String, u32>) {
    let Some(after) = after else {
        pages.endpoints.remove(key);
        pages.holds.remove(key);
        return;
    };
    for instance in &after.instances {
        pages.written.insert(instance.id.clone());
        if matches!(instance.intent, InstanceIntent::Draining { .. }) {
            pages.draining_since.entry(instance.id.clone()).or_insert_with(Instant::now);
        }
    }
    pages.endpoints.insert(key.clone(), after);
    pages.holds.insert(key.clone(), holds);
}

fn in_words(before: Option<&EndpointRecord>, after: Option<&EndpointRecord>) -> String {
    let Some(after) = after else { return "gone".to_owned() };
    let mut words = vec![match before {
        Some(before) if before.status != after.status => format!("{} -> {}", before.status, after.status),
        _ => after.status.to_string(),
    }];
    if let Some(update) = &after.update {
        words.push(format!("{:?}", update.stage));
    }
    for instance in &after.instances {
        let former = before.and_then(|before| {
            before.instances.iter().find(|former| former.id == instance.id).map(|former| former.intent)
        });
        if former != Some(instance.intent) {
            words.push(format!("{} {}", instance.id, intent(instance.intent)));
        }
    }
    for former in before.into_iter().flat_map(|before| &before.instances) {
        if !after.instances.iter().any(|instance| instance.id == former.id) {
            words.push(format!("{} forgotten", former.id));
        }
    }
    if let Some(reason) = &after.failure_reason
        && before.is_none_or(|before| before.failure_reason != after.failure_reason)
    {
        words.push(format!("because: {reason}"));
    }
    words.join(", ")
}

fn intent(intent: InstanceIntent) -> &'static str {
    match intent {
        InstanceIntent::Wanted => "wanted",
        InstanceIntent::Draining { .. } => "draining",
        InstanceIntent::Removing => "removing",
    }
}
