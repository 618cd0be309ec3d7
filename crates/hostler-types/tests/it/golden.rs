//! One golden file per record kind and schema: what an earlier release wrote is read to the same values, for ever.
//!
//! The files are never regenerated: a change that breaks one needs a new schema and a new file beside it.

use hostler_shapes::{
    AdditionalModelDataSource, ContainerDefinition, ContainerMode, CreateEndpointConfigInput,
    CreateModelInput, DeploymentConfig, ModelAccessConfig, ModelCompressionType, ModelDataSource,
    ProductionVariant, ProductionVariantInstanceType, S3ModelDataSource, S3ModelDataType, Tag,
};
use hostler_types::{
    AcceptedOperation, AccessKeyRecord, AccountId, Change, Deployment, EndpointConfigRecord, EndpointRecord,
    EndpointStatus, EndpointUid, EventRecord, FailureCause, FailurePhase, FailureRecord, Fleet, FleetSize,
    Goal, InstanceId, InstanceIntent, InstanceRecord, MadeFrom, Millis, ModelRecord, ModelSnapshot,
    PlaceRecord, Record, RecordError, Region, Scope, Stage, StatusMove, Stranded, Update, UsageLine,
    UsageRecord, VariantName,
};

const MODEL: &str = include_str!("../golden/model.v1.json");
const MODEL_DATA: &str = include_str!("../golden/model_data.v1.json");
const ENDPOINT_CONFIG: &str = include_str!("../golden/endpoint_config.v1.json");
const ENDPOINT: &str = include_str!("../golden/endpoint.v1.json");
const ENDPOINT_UPDATING: &str = include_str!("../golden/endpoint.v2.json");
const ENDPOINT_STRANDED: &str = include_str!("../golden/endpoint_stranded.v2.json");
const ENDPOINT_FAILED: &str = include_str!("../golden/endpoint_failed.v2.json");
const EVENT: &str = include_str!("../golden/event.v2.json");
const USAGE: &str = include_str!("../golden/usage.v2.json");
const ACCESS_KEY: &str = include_str!("../golden/access_key.v2.json");
const IMAGE: &str = "664544806723.dkr.ecr.eu-central-1.amazonaws.com/kmeans:1";

fn scope() -> Scope {
    Scope::new(&AccountId::new("123456789012"), &Region::new("eu-central-1"))
}

fn tag() -> Tag {
    Tag { key: "team".to_owned(), value: "vision".to_owned() }
}

#[track_caller]
fn check<R: Record + PartialEq + std::fmt::Debug>(golden: &str, expected: &R) {
    assert_eq!(&R::from_body(golden).expect("the golden file is read"), expected);
    let written: serde_json::Value = serde_json::from_str(&expected.to_body()).expect("records are JSON");
    assert_eq!(serde_json::to_string_pretty(&written).expect("JSON"), golden.trim_end());
}

#[test]
fn a_model_of_schema_1_is_read_and_written_back() {
    let container = ContainerDefinition {
        container_hostname: Some("clusters".to_owned()),
        image: Some(IMAGE.to_owned()),
        mode: Some(ContainerMode::SingleModel),
        model_data_url: Some("s3://bucket/digits/model.tar.gz".to_owned()),
        environment: Some([("A", "1"), ("B", "two")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()),
        ..ContainerDefinition::default()
    };
    let record = ModelRecord {
        schema: 1,
        scope: scope(),
        created_at: Millis(1_700_000_000_123),
        request: CreateModelInput {
            model_name: "Digits-Model".to_owned(),
            primary_container: Some(container),
            execution_role_arn: Some("arn:aws:iam::123456789012:role/reader".to_owned()),
            ..CreateModelInput::default()
        },
        tags: vec![tag()],
        notes: vec!["VpcConfig has no effect: instances use this machine's network".to_owned()],
    };
    check(MODEL, &record);
}

#[test]
fn a_model_of_schema_1_with_data_in_other_forms_is_read_and_written_back() {
    let prefix = S3ModelDataSource {
        s3_uri: "s3://bucket/llm/".to_owned(),
        s3_data_type: S3ModelDataType::S3Prefix,
        compression_type: ModelCompressionType::None,
        model_access_config: Some(ModelAccessConfig { accept_eula: true }),
        hub_access_config: None,
        manifest_s3_uri: Some("s3://bucket/manifest.json".to_owned()),
        etag: None,
        manifest_etag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
    };
    let object = S3ModelDataSource {
        s3_uri: "s3://bucket/draft.gguf".to_owned(),
        s3_data_type: S3ModelDataType::S3Object,
        model_access_config: None,
        manifest_s3_uri: None,
        etag: Some("fba9dede5f27731c9771645a39863328".to_owned()),
        manifest_etag: None,
        ..prefix.clone()
    };
    let additional =
        AdditionalModelDataSource { channel_name: "draft_model".to_owned(), s3_data_source: object };
    let container = ContainerDefinition {
        image: Some("registry.example/llm:1".to_owned()),
        model_data_source: Some(ModelDataSource { s3_data_source: Some(prefix) }),
        additional_model_data_sources: Some(vec![additional]),
        ..ContainerDefinition::default()
    };
    let record = ModelRecord {
        schema: 1,
        scope: scope(),
        created_at: Millis(1_700_000_000_123),
        request: CreateModelInput {
            model_name: "Sharded-Model".to_owned(),
            primary_container: Some(container),
            execution_role_arn: Some("arn:aws:iam::123456789012:role/reader".to_owned()),
            ..CreateModelInput::default()
        },
        tags: Vec::new(),
        notes: vec!["ModelAccessConfig has no effect: no licence is asked for".to_owned()],
    };
    check(MODEL_DATA, &record);
}

#[test]
fn an_access_key_of_schema_2_is_read_and_written_back() {
    let record = AccessKeyRecord {
        schema: 2,
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        account: AccountId::new("123456789012"),
        user: Some("ci".to_owned()),
        created_at: Millis(1_700_000_000_123),
        last_used_at: Some(Millis(1_700_000_400_000)),
        sealed_secret: "c2VhbGVk".to_owned(),
    };
    check(ACCESS_KEY, &record);
}

#[test]
fn an_endpoint_config_of_schema_1_is_read_and_written_back() {
    let variant = ProductionVariant {
        variant_name: "AllTraffic".to_owned(),
        model_name: Some("Digits-Model".to_owned()),
        initial_instance_count: Some(2),
        instance_type: ProductionVariantInstanceType::from_value("ml.t2.medium"),
        initial_variant_weight: Some(0.5),
        container_startup_health_check_timeout_in_seconds: Some(120),
        ..ProductionVariant::default()
    };
    let record = EndpointConfigRecord {
        schema: 1,
        scope: scope(),
        created_at: Millis(1_700_000_001_456),
        request: CreateEndpointConfigInput {
            endpoint_config_name: "Digits-Config".to_owned(),
            production_variants: vec![variant],
            kms_key_id: Some("alias/disk".to_owned()),
            ..CreateEndpointConfigInput::default()
        },
        tags: Vec::new(),
        notes: vec!["KmsKeyId has no effect: storage is encrypted as this machine's disk is".to_owned()],
    };
    check(ENDPOINT_CONFIG, &record);
}

#[test]
fn an_endpoint_of_schema_1_is_read_and_written_back() {
    check(ENDPOINT, &endpoint());
}

#[test]
fn an_endpoint_of_schema_2_in_the_middle_of_an_update_is_read_and_written_back() {
    let coming = Deployment { generation: 2, started_at: Millis(1_700_000_009_000), ..deployment() };
    let update = Update {
        change: Change::Deploy {
            deployment: Box::new(coming.clone()),
            deployment_config: endpoint().deployment_config,
        },
        started_at: Millis(1_700_000_009_000),
        stage: Stage::RollingBack { step: 1, old: vec![2], new: vec![1] },
        stage_since: Millis(1_700_000_009_500),
    };
    let record = EndpointRecord {
        schema: 2,
        status: EndpointStatus::RollingBack,
        update: Some(update.clone()),
        generations: 2,
        ..endpoint()
    };
    check(ENDPOINT_UPDATING, &record);
    let scale = Change::Scale { sizes: vec![FleetSize { weight: 0.25, count: 4 }] };
    let record = EndpointRecord {
        status: EndpointStatus::Updating,
        update: Some(Update { change: scale, stage: Stage::Provisioning { step: 0 }, ..update }),
        stranded: Some(Stranded { deployment: coming, counts: vec![1], former_counts: vec![2] }),
        ..record
    };
    check(ENDPOINT_STRANDED, &record);
}

#[test]
fn usage_of_schema_2_is_read_and_written_back() {
    let line = UsageLine {
        day: "2023-11-14".to_owned(),
        tag_set: 1,
        variant: VariantName::new("AllTraffic"),
        instance_type: Some("ml.t2.medium".to_owned()),
        instance_ms: 3_600_000,
        invocations: [5, 1, 2, 0],
    };
    check(
        USAGE,
        &UsageRecord {
            schema: 2,
            scope: scope(),
            endpoint_name: "Digits".to_owned(),
            uid: EndpointUid::new("00c0ffee"),
            month: "2023-11".to_owned(),
            tag_sets: vec![Vec::new(), vec![tag()]],
            lines: vec![line],
            written_as: Some(7),
        },
    );
}

fn endpoint() -> EndpointRecord {
    // Shapes that this file does not look into are read by the service model's own structure.
    let deployment_config: DeploymentConfig = serde_json::from_value(serde_json::json!({
        "RollingUpdatePolicy": {
            "MaximumBatchSize": { "Type": "INSTANCE_COUNT", "Value": 1 }, "WaitIntervalInSeconds": 30
        }
    }))
    .expect("it is the service model's own example");
    EndpointRecord {
        schema: 1,
        scope: scope(),
        name: "Digits".to_owned(),
        uid: EndpointUid::new("00c0ffee"),
        created_at: Millis(1_700_000_002_000),
        modified_at: Millis(1_700_000_003_000),
        goal: Goal::Serve,
        status: EndpointStatus::InService,
        failure_reason: Some("an earlier reason".to_owned()),
        failure: None,
        deployment: deployment(),
        update: None,
        stranded: None,
        generations: 0,
        places: vec![PlaceRecord {
            generation: 1,
            variant: VariantName::new("AllTraffic"),
            ordinal: 0,
            attempts: 2,
            failures: 1,
            not_before: Millis(1_700_000_002_750),
            last_failure: Some("the container exited with code 3".to_owned()),
            failure: None,
            failing_since: None,
        }],
        instances: vec![
            instance(0, 1, InstanceIntent::Removing, 1_700_000_002_001, None),
            instance(0, 2, InstanceIntent::Wanted, 1_700_000_002_751, Some(1_700_000_003_000)),
            instance(
                1,
                1,
                InstanceIntent::Draining { since: Millis(1_700_000_004_000) },
                1_700_000_002_001,
                Some(1_700_000_002_500),
            ),
        ],
        deployment_config: Some(deployment_config),
        metered_until: None,
        tags: vec![tag()],
        notes: vec!["DeploymentConfig is kept for a later update and has no effect on creation".to_owned()],
    }
}

fn deployment() -> Deployment {
    let variant = ProductionVariant {
        variant_name: "AllTraffic".to_owned(),
        model_name: Some("Digits-Model".to_owned()),
        initial_instance_count: Some(3),
        instance_type: ProductionVariantInstanceType::from_value("ml.t2.medium"),
        initial_variant_weight: Some(1.0),
        ..ProductionVariant::default()
    };
    let container = ContainerDefinition { image: Some(IMAGE.to_owned()), ..ContainerDefinition::default() };
    Deployment {
        generation: 1,
        started_at: Millis(1_700_000_002_000),
        config: CreateEndpointConfigInput {
            endpoint_config_name: "Digits-Config".to_owned(),
            production_variants: vec![variant],
            ..CreateEndpointConfigInput::default()
        },
        models: vec![ModelSnapshot {
            created_at: Millis(1_700_000_000_123),
            request: CreateModelInput {
                model_name: "Digits-Model".to_owned(),
                primary_container: Some(container),
                ..CreateModelInput::default()
            },
        }],
        fleets: vec![Fleet {
            variant: VariantName::new("AllTraffic"),
            model_name: "Digits-Model".to_owned(),
            weight: 1.0,
            count: 3,
            instance_type: Some("ml.t2.medium".to_owned()),
            download_timeout_ms: 3_600_000,
            startup_timeout_ms: 480_000,
        }],
        images: [].into(),
    }
}

fn instance(
    ordinal: u32,
    attempt: u32,
    intent: InstanceIntent,
    launched_at: i64,
    healthy_at: Option<i64>,
) -> InstanceRecord {
    let id = InstanceId {
        endpoint: EndpointUid::new("00c0ffee"),
        generation: 1,
        variant: VariantName::new("AllTraffic"),
        ordinal,
        attempt,
    };
    InstanceRecord {
        id,
        intent,
        launched_at: Millis(launched_at),
        was_seen: true,
        healthy_at: healthy_at.map(Millis),
    }
}

#[test]
fn an_endpoint_of_schema_2_that_failed_is_read_and_written_back() {
    let failure = FailureRecord {
        at: Millis(1_700_000_005_000),
        instance: endpoint().instances[0].id.clone(),
        container: None,
        phase: FailurePhase::Ping,
        cause: FailureCause::PingRefused,
        detail: "GET /ping was not answered with 200 in time".to_owned(),
        was_healthy: true,
        expected: Some(([127, 0, 0, 1], 30_000).into()),
        listened: vec![([127, 0, 0, 1], 9_000).into()],
        log_tail: "listening".to_owned(),
        made_from: Some(MadeFrom {
            model: "Digits-Model".to_owned(),
            image: IMAGE.to_owned(),
            model_data: "s3://bucket/digits/model.tar.gz".to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/reader".to_owned(),
            instance_type: "ml.m5.large".to_owned(),
            startup_timeout_ms: 480_000,
        }),
    };
    let exited = FailureRecord {
        phase: FailurePhase::Start,
        cause: FailureCause::Exited { code: 3 },
        was_healthy: false,
        expected: None,
        listened: Vec::new(),
        log_tail: String::new(),
        made_from: None,
        ..failure.clone()
    };
    let mut record = EndpointRecord {
        schema: 2,
        status: EndpointStatus::Failed,
        failure: Some(Box::new(failure)),
        ..endpoint()
    };
    record.places[0].failure = Some(Box::new(exited));
    check(ENDPOINT_FAILED, &record);
}

#[test]
fn an_event_of_schema_2_is_read_and_written_back() {
    let operation = AcceptedOperation::new("UpdateEndpoint").with("EndpointConfigName", "digits-config-2");
    let moved = StatusMove { from: Some(EndpointStatus::InService), to: Some(EndpointStatus::Updating) };
    let event = EventRecord {
        schema: 2,
        uid: Some(EndpointUid::new("00c0ffee")),
        generation: Some(2),
        who: "arn:aws:iam::123456789012:root".to_owned(),
        operation: Some(operation),
        status: Some(moved),
        why: Some("because".to_owned()),
    };
    check(EVENT, &event);
    let bare = EventRecord::from_body(r#"{"schema":2,"who":"hostler"}"#).unwrap();
    assert_eq!(bare, EventRecord { schema: 2, ..EventRecord::by("hostler") });
}

#[test]
fn a_member_of_a_later_release_is_read_over() {
    let body = MODEL.replacen("\"schema\": 1,", "\"schema\": 1, \"colour\": {\"hue\": [1]},", 1);
    assert_ne!(body, MODEL);
    assert_eq!(ModelRecord::from_body(&body).unwrap(), ModelRecord::from_body(MODEL).unwrap());
}

#[test]
fn a_record_of_a_newer_schema_is_refused_with_advice() {
    let body = ENDPOINT.replacen("\"schema\": 1,", "\"schema\": 3,", 1);
    let error = EndpointRecord::from_body(&body).unwrap_err();
    assert!(matches!(error, RecordError::Newer { found: 3, .. }), "{error:?}");
    assert!(error.to_string().contains("use a newer hostler"), "{error}");
}

#[test]
fn a_record_cut_short_is_unreadable_and_no_panic() {
    for length in [0, 1, ENDPOINT.len() / 2, ENDPOINT.trim_end().len() - 1] {
        let error = EndpointRecord::from_body(&ENDPOINT[..length]).unwrap_err();
        assert!(matches!(error, RecordError::Unreadable { .. }), "{length}: {error:?}");
    }
}
