//! What is written down of each accepted change and of each move of a status.
//!
//! Why: an event is part of the transaction that it tells of, so it is made where that transaction is, from the very
//! record that is written; what it says of each kind of change stands here.
//! Invariants: pure. Of a request names, sizes and keys: no value of a tag, no environment, no query of an address. Of
//! a failure its reason as `FailureReason` tells it, which may quote the last line that a container wrote. So whatever
//! a container writes there outlives DeleteEndpoint, until newer events drop it.

use hostler_shapes::{CreateEndpointConfigInput, CreateModelInput, Tag};
use hostler_store::Event;
use hostler_types::{
    AcceptedOperation, Change, EndpointRecord, EndpointStatus, EventRecord, Fleet, FleetSize, Key, Millis,
    PLANNER, Record, StatusMove, containers, pipeline,
};

use crate::control::Caller;
use crate::plan::Move;

/// Whose request changed something, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) at: Millis,
}

impl By<'_> {
    /// A model or an endpoint config was changed.
    pub(crate) fn changed(self, key: &Key, operation: AcceptedOperation) -> Event {
        let event = EventRecord { operation: Some(operation), ..self.event() };
        Event { key: key.clone(), at: self.at, body: event.to_body() }
    }

    /// An endpoint was changed. `from` is the status that it had, none when it was not there.
    pub(crate) fn changed_endpoint(
        self,
        record: &EndpointRecord,
        from: Option<EndpointStatus>,
        operation: AcceptedOperation,
    ) -> Event {
        let moved = StatusMove { from, to: Some(record.status) };
        let event = EventRecord {
            operation: Some(operation),
            status: (moved.from != moved.to).then_some(moved),
            ..self.event()
        };
        of_endpoint(record, generation(record), self.at, event)
    }

    fn event(self) -> EventRecord {
        EventRecord::by(&self.caller.identity.arn)
    }
}

/// The planner moved the status.
pub(crate) fn moved(record: &EndpointRecord, moved: &Move, at: Millis) -> Event {
    let status = StatusMove { from: Some(moved.from), to: Some(moved.to) };
    let event = EventRecord { status: Some(status), ..EventRecord::by(PLANNER).because(&moved.why) };
    of_endpoint(record, moved.generation, at, event)
}

/// The record goes: nothing of the endpoint is left.
pub(crate) fn gone(record: &EndpointRecord, at: Millis) -> Event {
    let status = StatusMove { from: Some(record.status), to: None };
    let event = EventRecord {
        status: Some(status),
        ..EventRecord::by(PLANNER)
            .because("its deletion was asked for, and the last of its instances has left")
    };
    of_endpoint(record, generation(record), at, event)
}

/// The deployment that a change of the endpoint is about: the one that comes, else the one that runs.
pub(crate) fn generation(record: &EndpointRecord) -> u64 {
    let coming = record.update.as_ref().and_then(|update| update.deployment());
    coming.unwrap_or(&record.deployment).generation
}

fn of_endpoint(record: &EndpointRecord, generation: u64, at: Millis, event: EventRecord) -> Event {
    let event = EventRecord { uid: Some(record.uid.clone()), generation: Some(generation), ..event };
    Event { key: record.key(), at, body: event.to_body() }
}

/// CreateEndpoint.
pub(crate) fn create_endpoint(record: &EndpointRecord) -> AcceptedOperation {
    AcceptedOperation::new("CreateEndpoint")
        .with("EndpointConfigName", record.config_name())
        .with("Variants", fleets(&record.deployment.fleets))
        .with_some("Tags", keys(&record.tags))
}

/// UpdateEndpoint or UpdateEndpointWeightsAndCapacities.
pub(crate) fn update(record: &EndpointRecord, change: &Change) -> AcceptedOperation {
    match change {
        Change::Deploy { deployment, .. } => AcceptedOperation::new("UpdateEndpoint")
            .with("FromEndpointConfigName", record.config_name())
            .with("EndpointConfigName", &deployment.config.endpoint_config_name)
            .with("Variants", fleets(&deployment.fleets)),
        Change::Scale { sizes } => {
            let fleets = record.deployment.fleets.iter().zip(sizes);
            let changes: Vec<String> = fleets.filter_map(|(fleet, size)| resized(fleet, *size)).collect();
            let changes = if changes.is_empty() { "as they were".to_owned() } else { changes.join(", ") };
            AcceptedOperation::new("UpdateEndpointWeightsAndCapacities").with("Variants", changes)
        }
    }
}

/// CreateModel.
pub(crate) fn create_model(request: &CreateModelInput, tags: &[Tag]) -> AcceptedOperation {
    let container = containers(request).next();
    let several = pipeline(request).map(|pipeline| {
        let images = containers(request).map(|one| one.image.as_deref().unwrap_or("no image"));
        let each = pipeline.hostnames.iter().zip(images).map(|(name, image)| format!("{name} of {image}"));
        (pipeline.mode.as_str(), each.collect::<Vec<_>>().join(", "))
    });
    let (mode, each) = several.unzip();
    let container = container.filter(|_| each.is_none());
    let source = container.and_then(|container| {
        let source = container.model_data_source.as_ref().and_then(|source| source.s3_data_source.as_ref());
        container.model_data_url.as_deref().or_else(|| source.map(|source| source.s3_uri.as_str()))
    });
    AcceptedOperation::new("CreateModel")
        .with_some("Image", container.and_then(|container| container.image.as_ref()))
        .with_some("ModelData", source.map(without_query))
        .with_some("Containers", each)
        .with_some("Mode", mode)
        .with_some("ExecutionRoleArn", request.execution_role_arn.as_ref())
        .with_some("Tags", keys(tags))
}

/// CreateEndpointConfig.
pub(crate) fn create_endpoint_config(request: &CreateEndpointConfigInput, tags: &[Tag]) -> AcceptedOperation {
    let variants = request.production_variants.iter().map(|variant| {
        let model = variant.model_name.as_deref().unwrap_or("no model");
        let count = variant.initial_instance_count.unwrap_or(1);
        format!("{} runs {model} on {count}", variant.variant_name)
    });
    AcceptedOperation::new("CreateEndpointConfig")
        .with("Variants", variants.collect::<Vec<_>>().join(", "))
        .with_some("Tags", keys(tags))
}

/// AddTags and DeleteTags.
pub(crate) fn tags(operation: &str, keys: &[&str]) -> AcceptedOperation {
    AcceptedOperation::new(operation).with("Tags", keys.join(", "))
}

fn fleets(fleets: &[Fleet]) -> String {
    let fleet = |fleet: &Fleet| {
        let on = fleet.instance_type.as_deref().unwrap_or("instance");
        format!(
            "{} runs {} on {} x {on}, weight {}",
            fleet.variant, fleet.model_name, fleet.count, fleet.weight
        )
    };
    fleets.iter().map(fleet).collect::<Vec<_>>().join("; ")
}

fn resized(fleet: &Fleet, size: FleetSize) -> Option<String> {
    let mut words = Vec::new();
    if fleet.count != size.count {
        words.push(format!("{} -> {} instances", fleet.count, size.count));
    }
    if fleet.weight.to_bits() != size.weight.to_bits() {
        words.push(format!("weight {} -> {}", fleet.weight, size.weight));
    }
    (!words.is_empty()).then(|| format!("{}: {}", fleet.variant, words.join(" and ")))
}

/// The query of a web address is often its key.
fn without_query(uri: &str) -> &str {
    let is_of_the_web = uri.starts_with("http://") || uri.starts_with("https://");
    uri.split_once('?').filter(|_| is_of_the_web).map_or(uri, |(address, _)| address)
}

fn keys(tags: &[Tag]) -> Option<String> {
    let keys: Vec<&str> = tags.iter().map(|tag| tag.key.as_str()).collect();
    (!keys.is_empty()).then(|| keys.join(", "))
}
