//! The pure parts of the admin API over records made by hand.

use hostler_shapes::{CreateEndpointConfigInput, ProductionVariant};
use hostler_types::{
    AccountId, Change, Deployment, EndpointRecord, EndpointStatus, EndpointUid, Fleet, FleetSize, Goal,
    InstanceId, InstanceIntent, InstanceRecord, Millis, RECORD_SCHEMA, Region, Scope, Stage, Update,
    VariantName,
};
use serde_json::{Value, json};

use super::logged::logged;
use super::update::{fleets, update};

const START: Millis = Millis(1_700_000_000_000);

fn deployment(config: &str, generation: u64, count: u32) -> Deployment {
    Deployment {
        generation,
        started_at: START,
        config: CreateEndpointConfigInput {
            endpoint_config_name: config.to_owned(),
            production_variants: vec![ProductionVariant::default()],
            ..CreateEndpointConfigInput::default()
        },
        models: Vec::new(),
        fleets: vec![Fleet {
            variant: VariantName::new("v"),
            model_name: "m".to_owned(),
            weight: 1.0,
            count,
            instance_type: None,
            download_timeout_ms: 1_000,
            startup_timeout_ms: 1_000,
        }],
        images: [].into(),
    }
}

/// In service, with so many instances of variant `v` in generation 2.
fn endpoint(count: u32) -> EndpointRecord {
    EndpointRecord {
        schema: RECORD_SCHEMA,
        scope: Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1")),
        name: "Demo".to_owned(),
        uid: EndpointUid::new("e1"),
        created_at: START,
        modified_at: START,
        goal: Goal::Serve,
        status: EndpointStatus::InService,
        failure_reason: None,
        failure: None,
        deployment: deployment("c", 2, count),
        update: None,
        stranded: None,
        generations: 2,
        places: Vec::new(),
        instances: Vec::new(),
        deployment_config: None,
        metered_until: None,
        tags: Vec::new(),
        notes: Vec::new(),
    }
}

fn of(generation: u64, ordinal: u32, attempt: u32) -> InstanceId {
    InstanceId {
        endpoint: EndpointUid::new("e1"),
        generation,
        variant: VariantName::new("v"),
        ordinal,
        attempt,
    }
}

/// Two instances of `v` of generation 2 serve; generation 3 comes by a canary of one of its four.
fn updating(stage: Stage) -> EndpointRecord {
    let mut record = endpoint(2);
    let canary = json!({ "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY", "WaitIntervalInSeconds": 30,
            "CanarySize": { "Type": "INSTANCE_COUNT", "Value": 1 },
        },
        "TerminationWaitInSeconds": 60,
    }});
    record.status = EndpointStatus::Updating;
    record.update = Some(Update {
        change: Change::Deploy {
            deployment: Box::new(deployment("next", 3, 4)),
            deployment_config: serde_json::from_value(canary).unwrap(),
        },
        started_at: START,
        stage,
        stage_since: START.plus(500),
    });
    for (generation, ordinal) in [(2, 0), (2, 1), (3, 0)] {
        record.instances.push(InstanceRecord {
            id: of(generation, ordinal, 1),
            intent: InstanceIntent::Wanted,
            launched_at: START,
            was_seen: true,
            healthy_at: None,
        });
    }
    record
}

#[test]
fn an_update_is_told_by_both_configs_its_step_and_until_when_it_is_watched() {
    let view = update(&updating(Stage::Baking { step: 0 })).unwrap();
    assert_eq!(
        view,
        json!({
            "Kind": "Deploy",
            "From": { "EndpointConfigName": "c", "Generation": 2 },
            "To": { "EndpointConfigName": "next", "Generation": 3 },
            "StartedAt": START, "Stage": "Baking", "StageSince": START.plus(500),
            "Step": 1, "Steps": 2, "StepName": "canary", "StageUntil": START.plus(30_500),
        })
    );
    let view = update(&updating(Stage::Finishing)).unwrap();
    assert_eq!((&view["Stage"], &view["Steps"], view.get("Step")), (&json!("Finishing"), &json!(2), None));
    assert_eq!(update(&endpoint(1)), None);
}

#[test]
fn each_fleet_has_its_healthy_instances_and_its_part_of_the_requests() {
    let numbers = |stage: Stage| -> Vec<Value> {
        let fleets = fleets(&updating(stage), |id| id.generation == 2);
        let number = |fleet: &Value| json!([fleet["Wanted"], fleet["Healthy"], fleet["Traffic"]]);
        fleets.iter().map(number).collect()
    };
    assert_eq!(numbers(Stage::Provisioning { step: 0 }), [json!([2, 2, 1.0]), json!([4, 0, 0.0])]);
    assert_eq!(numbers(Stage::Baking { step: 0 }), [json!([2, 2, 0.75]), json!([4, 0, 0.25])]);
    assert_eq!(numbers(Stage::Finishing), [json!([0, 2, 0.0]), json!([4, 0, 1.0])]);
}

#[test]
fn sizes_that_change_are_told_before_and_after() {
    let mut record = endpoint(2);
    record.status = EndpointStatus::Updating;
    record.update = Some(Update {
        change: Change::Scale { sizes: vec![FleetSize { weight: 3.0, count: 5 }] },
        started_at: START,
        stage: Stage::Provisioning { step: 0 },
        stage_since: START,
    });
    let view = update(&record).unwrap();
    assert_eq!(view["Kind"], "Scale");
    assert_eq!(
        view["Sizes"],
        json!([{ "Variant": "v", "Count": 2, "NewCount": 5, "Weight": 1.0, "NewWeight": 3.0 }])
    );
}

#[test]
fn the_last_attempt_of_each_empty_place_is_shown_beside_what_is_present() {
    let record = endpoint(3);
    let running = record.deployment.generation;
    let shown = logged(
        &record,
        vec![of(running, 1, 4)],
        vec![of(running, 0, 1), of(running, 0, 2), of(running, 1, 3)],
    );
    assert_eq!(shown, [of(running, 0, 2), of(running, 1, 4)]);
}

#[test]
fn what_ran_before_and_what_failed_since_are_shown_and_older_ones_are_not() {
    let mut record = endpoint(1);
    record.deployment.generation = 5;
    record.generations = 7;
    let kept = [1, 3, 6, 7].map(|generation| of(generation, 0, 1));
    let shown = logged(&record, vec![of(5, 0, 1)], kept.to_vec());
    assert_eq!(shown, [of(3, 0, 1), of(5, 0, 1), of(7, 0, 1)]);
}
