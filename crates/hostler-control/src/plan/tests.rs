//! The planner's tests: a table of situations, and a world that does what it likes.

mod going_back;
mod leaving;
mod properties;
mod reasons;
mod routed;
mod scaling;
mod scene;
mod serving;
mod updating;
mod world;

use hostler_compute::{ExitCause, Fault, InstanceFailure, InstanceState, Phase, RunningContainer};
use hostler_shapes::{
    ContainerDefinition, CreateEndpointConfigInput, CreateModelInput, DeploymentConfig, ProductionVariant,
};
use hostler_types::{
    AccountId, Change, Deployment, EndpointRecord, EndpointStatus, EndpointUid, FailureCause, Fleet,
    FleetSize, Goal, InstanceId, Millis, ModelSnapshot, RECORD_SCHEMA, Region, Scope, Stage, Update,
    VariantName,
};
use serde_json::{Value, json};

use super::{Health, Plan, Policy, Sighting, lint_plan, plan};

/// Where the tests' time begins: after the epoch, so that nothing works by being zero.
const START: Millis = Millis(1_700_000_000_000);
/// Neither the first nor the last: there are older and newer ones.
const GENERATION: u64 = 2;
const STARTUP_TIMEOUT_MS: i64 = 60_000;

/// A new endpoint with these variants and counts.
fn endpoint(fleets: &[(&str, u32)]) -> EndpointRecord {
    let model = CreateModelInput {
        model_name: "m".to_owned(),
        primary_container: Some(ContainerDefinition::default()),
        ..CreateModelInput::default()
    };
    let variants = fleets.iter().map(|(name, _)| ProductionVariant {
        variant_name: (*name).to_owned(),
        model_name: Some("m".to_owned()),
        ..ProductionVariant::default()
    });
    let config = CreateEndpointConfigInput {
        endpoint_config_name: "c".to_owned(),
        production_variants: variants.collect(),
        ..CreateEndpointConfigInput::default()
    };
    let fleet = |(name, count): &(&str, u32)| Fleet {
        variant: VariantName::new(*name),
        model_name: "m".to_owned(),
        weight: 1.0,
        count: *count,
        instance_type: None,
        download_timeout_ms: 1_000,
        startup_timeout_ms: STARTUP_TIMEOUT_MS,
    };
    EndpointRecord {
        schema: RECORD_SCHEMA,
        scope: Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1")),
        name: "Demo".to_owned(),
        uid: EndpointUid::new("e1"),
        created_at: START,
        modified_at: START,
        goal: Goal::Serve,
        status: EndpointStatus::Creating,
        failure_reason: None,
        failure: None,
        deployment: Deployment {
            generation: GENERATION,
            started_at: START,
            config,
            models: vec![ModelSnapshot { created_at: START, request: model }],
            fleets: fleets.iter().map(fleet).collect(),
            images: [].into(),
        },
        update: None,
        stranded: None,
        generations: GENERATION,
        places: Vec::new(),
        instances: Vec::new(),
        deployment_config: None,
        metered_until: None,
        tags: Vec::new(),
        notes: Vec::new(),
    }
}

fn id(variant: &str, ordinal: u32, attempt: u32) -> InstanceId {
    InstanceId {
        endpoint: EndpointUid::new("e1"),
        generation: GENERATION,
        variant: VariantName::new(variant),
        ordinal,
        attempt,
    }
}

fn running(since: Millis) -> InstanceState {
    let address = ([127, 0, 0, 1], 9).into();
    let container = RunningContainer { name: "container_1".to_owned(), address, pid: None };
    InstanceState::Running { containers: vec![container], since }
}

fn exited(code: i32, log_tail: &str) -> InstanceState {
    InstanceState::Exited { container: None, cause: ExitCause::Code(code), log_tail: log_tail.to_owned() }
}

fn never_ran(fault: Fault, aws_sentence: Option<&str>, detail: &str) -> InstanceState {
    InstanceState::Failed(InstanceFailure {
        fault,
        phase: Phase::Fetching,
        container: None,
        cause: FailureCause::Other,
        aws_sentence: aws_sentence.map(str::to_owned),
        detail: detail.to_owned(),
    })
}

fn sighting(id: &InstanceId, state: InstanceState, health: Health) -> Sighting {
    Sighting { id: id.clone(), state, health, in_flight: 0, listens: Vec::new() }
}

/// Plans, checks the rules, and keeps the record as the executor would.
#[track_caller]
fn step(record: &mut EndpointRecord, seen: &[Sighting], now: Millis) -> Plan {
    let plan = plan(record, seen, now, &Policy::default());
    assert_eq!(lint_plan(record, seen, &plan), Vec::<String>::new());
    if let Some(next) = &plan.record {
        record.clone_from(next);
    }
    plan
}

/// An endpoint in service with one healthy instance of variant `v`, and how that instance is seen.
fn in_service() -> (EndpointRecord, Sighting) {
    let mut record = endpoint(&[("v", 1)]);
    step(&mut record, &[], START);
    let healthy = sighting(&id("v", 0, 1), running(START), Health::Healthy);
    step(&mut record, std::slice::from_ref(&healthy), START);
    assert_eq!(record.status, EndpointStatus::InService);
    (record, healthy)
}

/// Every way of deployment, with its waits short and long.
fn deployment_configs() -> Vec<Option<DeploymentConfig>> {
    let instances = |value: u32| json!({ "Type": "INSTANCE_COUNT", "Value": value });
    let percent = |value: u32| json!({ "Type": "CAPACITY_PERCENT", "Value": value });
    let blue_green = |traffic: Value| {
        json!({ "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": traffic,
            "TerminationWaitInSeconds": 60, "MaximumExecutionTimeoutInSeconds": 600,
        }})
    };
    let configs = [
        blue_green(json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 })),
        blue_green(json!({ "Type": "CANARY", "WaitIntervalInSeconds": 30, "CanarySize": percent(30) })),
        blue_green(json!({ "Type": "LINEAR", "WaitIntervalInSeconds": 10, "LinearStepSize": instances(1) })),
        json!({ "RollingUpdatePolicy": { "MaximumBatchSize": instances(1), "WaitIntervalInSeconds": 5 } }),
        json!({ "RollingUpdatePolicy": {
            "MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 0,
            "RollbackMaximumBatchSize": instances(1), "MaximumExecutionTimeoutInSeconds": 600,
        }}),
    ];
    let read = |config: Value| Some(serde_json::from_value(config).expect("the service model's own shape"));
    std::iter::once(None).chain(configs.into_iter().map(read)).collect()
}

/// What UpdateEndpoint writes down; nothing where it would be refused.
fn begin_deploy(
    record: &mut EndpointRecord,
    fleets: &[(&str, u32)],
    deployment_config: Option<DeploymentConfig>,
    now: Millis,
) {
    let generation = record.newest_generation() + 1;
    let deployment = Deployment { generation, started_at: now, ..endpoint(fleets).deployment };
    begin(record, Change::Deploy { deployment: Box::new(deployment), deployment_config }, now);
}

/// What UpdateEndpointWeightsAndCapacities writes down; nothing where it would be refused.
fn begin_scale(record: &mut EndpointRecord, counts: &[u32], now: Millis) {
    let size = |(index, &count): (usize, &u32)| FleetSize { weight: index as f64 + 2.0, count };
    let sizes = counts.iter().enumerate().take(record.deployment.fleets.len()).map(size).collect();
    if record.stranded.is_none() {
        begin(record, Change::Scale { sizes }, now);
    }
}

fn begin(record: &mut EndpointRecord, change: Change, now: Millis) {
    if record.goal == Goal::Gone || !record.status.can_become(EndpointStatus::Updating) {
        return;
    }
    if let Change::Deploy { deployment, .. } = &change {
        record.generations = deployment.generation;
    }
    record.status = EndpointStatus::Updating;
    record.modified_at = record.modified_at.max(now);
    record.update =
        Some(Update { change, started_at: now, stage: Stage::Provisioning { step: 0 }, stage_since: now });
    record.forget_places();
}
