//! Diagnoses of records made by hand.

use hostler_compute::{InstanceState, RunningContainer};
use hostler_types::{
    EndpointRecord, EndpointStatus, EndpointUid, FailureCause, FailurePhase, FailureRecord, InstanceId,
    InstanceIntent, InvocationFailure, InvocationTrouble, Millis, Record, Stage, Update, VariantName,
};

use super::{Context, Diagnosis, Seen, Verdict, diagnose};
use crate::plan::Health;
use crate::prober::PingTrouble;

const LOG: &str = "the end of the log";

/// In service, with one instance that is healthy.
fn endpoint() -> EndpointRecord {
    let golden = include_str!("../../../hostler-types/tests/golden/endpoint.v2.json");
    let mut record = EndpointRecord::from_body(golden).unwrap();
    record.name = "demo".to_owned();
    record.update = None;
    record.status = EndpointStatus::InService;
    record.failure_reason = None;
    record.places.truncate(1);
    record.places[0].failures = 0;
    record.places[0].generation = record.deployment.generation;
    record.instances.truncate(1);
    record.instances[0].intent = InstanceIntent::Wanted;
    record
}

fn failure(record: &EndpointRecord, phase: FailurePhase, cause: FailureCause) -> FailureRecord {
    FailureRecord {
        container: None,
        at: Millis(1),
        instance: record.instances[0].id.clone(),
        phase,
        cause,
        detail: "what came back".to_owned(),
        was_healthy: false,
        expected: Some("127.0.0.1:30000".parse().unwrap()),
        listened: Vec::new(),
        log_tail: String::new(),
        made_from: None,
    }
}

fn seen(record: &EndpointRecord, health: Health) -> Seen {
    Seen {
        id: record.instances[0].id.clone(),
        state: InstanceState::Running {
            containers: vec![RunningContainer {
                name: "container_1".to_owned(),
                address: "127.0.0.1:30000".parse().unwrap(),
                pid: Some(7),
            }],
            since: Millis(1),
        },
        health,
        listens: Vec::new(),
        trouble: None,
    }
}

fn of(record: &EndpointRecord, seen: &[Seen]) -> Diagnosis {
    let context =
        |_: &InstanceId, _: Option<&str>| Context { endpoint: "demo".to_owned(), ..Context::default() };
    diagnose(record, seen, &context, &|_, _| LOG.to_owned())
}

#[test]
fn of_an_endpoint_that_is_well_nothing_is_said() {
    let record = endpoint();
    let diagnosis = of(&record, &[seen(&record, Health::Healthy)]);
    assert_eq!((diagnosis.verdict, diagnosis.findings.len()), (Verdict::Well, 0));
    assert_eq!(diagnosis.summary, "It is InService, 1 instance(s) are healthy, and nothing is wrong.");
}

#[test]
fn what_was_decided_on_is_told_with_the_log_that_was_kept() {
    let mut record = endpoint();
    record.status = EndpointStatus::Failed;
    let decided = failure(&record, FailurePhase::Start, FailureCause::Exited { code: 3 });
    record.failure = Some(Box::new(decided.clone()));
    let diagnosis = of(&record, &[]);
    assert_eq!(diagnosis.verdict, Verdict::Failed);
    let [finding] = &diagnosis.findings[..] else { panic!("{diagnosis:?}") };
    assert_eq!((finding.cause.as_str(), finding.evidence.exit_code), ("Exited", Some(3)));
    assert_eq!(finding.evidence.log_tail, LOG);
    assert!(finding.sentence.ends_with(&format!("Its last words: {LOG}")), "{}", finding.sentence);
    // Its own log, where it has one.
    record.failure = Some(Box::new(FailureRecord { log_tail: "own".to_owned(), ..decided }));
    assert_eq!(of(&record, &[]).findings[0].evidence.log_tail, "own");
}

#[test]
fn a_place_that_fails_again_and_again_is_told_with_its_count() {
    let mut record = endpoint();
    record.places[0].failures = 4;
    record.places[0].failure =
        Some(Box::new(failure(&record, FailurePhase::Start, FailureCause::Signalled { signal: 11 })));
    let diagnosis = of(&record, &[]);
    assert_eq!(diagnosis.verdict, Verdict::Ailing);
    assert_eq!(diagnosis.findings[0].evidence.failures, Some(4));
    assert_eq!(diagnosis.findings[0].evidence.signal, Some(11));
    // Once it was forgiven it is history.
    record.places[0].failures = 0;
    assert_eq!(of(&record, &[]).verdict, Verdict::Well);
}

#[test]
fn a_start_that_has_only_begun_is_no_trouble_and_one_that_listens_elsewhere_is() {
    let mut record = endpoint();
    record.status = EndpointStatus::Creating;
    let refused = PingTrouble::new(FailureCause::PingRefused, "refused");
    let mut starting = seen(&record, Health::NotYet(refused));
    let diagnosis = of(&record, &[starting.clone()]);
    assert_eq!(diagnosis.verdict, Verdict::Working);
    assert!(diagnosis.summary.contains("1 instance(s) run and do not answer"), "{}", diagnosis.summary);
    let loading = PingTrouble::new(FailureCause::PingAnswered { status: 503 }, "503");
    let loading = Seen { health: Health::NotYet(loading), ..starting.clone() };
    assert_eq!(of(&record, &[loading]).verdict, Verdict::Working, "it loads");
    starting.listens = vec!["0.0.0.0:9000".parse().unwrap()];
    let diagnosis = of(&record, &[starting.clone()]);
    assert_eq!(diagnosis.verdict, Verdict::Ailing);
    let sentence = &diagnosis.findings[0].sentence;
    assert!(sentence.contains("listens on 0.0.0.0:9000, and is asked at 127.0.0.1:30000"), "{sentence}");
    assert!(sentence.contains("port of its own choice"), "{sentence}");
    starting.listens.push("[::1]:30000".parse().unwrap());
    assert_eq!(of(&record, &[starting]).verdict, Verdict::Working, "it may still be on its way");
}

/// With an update that began at that moment, in its first stage.
fn updating(mut record: EndpointRecord, at: Millis) -> EndpointRecord {
    let golden = include_str!("../../../hostler-types/tests/golden/endpoint.v2.json");
    let update = EndpointRecord::from_body(golden).unwrap().update.unwrap();
    let stage = Stage::Provisioning { step: 0 };
    record.status = EndpointStatus::Updating;
    record.update = Some(Update { started_at: at, stage_since: at, stage, ..update });
    record
}

#[test]
fn while_an_update_is_on_its_way_the_failure_of_the_one_before_is_told_as_such() {
    let mut record = endpoint();
    let decided = failure(&record, FailurePhase::Start, FailureCause::Exited { code: 3 });
    record.failure = Some(Box::new(decided));
    let healthy = [seen(&record, Health::Healthy)];
    let before = of(&record, &healthy);
    assert_eq!((before.verdict, before.findings.len()), (Verdict::Ailing, 1));
    let mut record = updating(record, Millis(2));
    let during = of(&record, &healthy);
    assert_eq!((during.verdict, during.findings.len()), (Verdict::Working, 0), "{during:?}");
    let words = "The update before this one failed: `hostler history demo` tells why.";
    assert!(during.summary.ends_with(words), "{}", during.summary);
    // What a place that is there still suffers from is of now, though it is the same instance.
    record.places[0].failures = 2;
    record.places[0].failure.clone_from(&record.failure);
    let during = of(&record, &healthy);
    assert_eq!((during.verdict, during.findings[0].evidence.failures), (Verdict::Ailing, Some(2)));
    // And what this update fails with.
    record.places[0].failures = 0;
    record.status = EndpointStatus::RollingBack;
    assert_eq!(of(&record, &healthy).findings.len(), 1);
}

#[test]
fn what_leaves_is_nobodys_trouble() {
    let mut record = endpoint();
    let sick = seen(&record, Health::Sick("it answered 500".into()));
    assert_eq!(of(&record, std::slice::from_ref(&sick)).findings[0].phase, FailurePhase::Ping);
    record.instances[0].intent = InstanceIntent::Removing;
    assert_eq!(of(&record, &[sick]).findings, []);
}

#[test]
fn invocations_that_fail_are_told_though_pings_are_fine() {
    let record = endpoint();
    let mut failing = seen(&record, Health::Healthy);
    for (failure, word, part) in [
        (InvocationFailure::Answered { status: 500 }, "InvocationAnswered", "fails on /invocations"),
        (InvocationFailure::Answered { status: 415 }, "InvocationAnswered", "content type"),
        (InvocationFailure::Answered { status: 400 }, "InvocationAnswered", "refuses what it was sent"),
        (InvocationFailure::TimedOut, "InvocationTimedOut", "no answer"),
        (InvocationFailure::Lost, "InvocationLost", "lost the connection"),
    ] {
        failing.trouble = Some(InvocationTrouble { failure, in_a_row: 3, ago_ms: 2_500 });
        let diagnosis = of(&record, &[failing.clone()]);
        let finding = &diagnosis.findings[0];
        assert_eq!((finding.phase, finding.cause.as_str()), (FailurePhase::Invoke, word));
        assert!(finding.sentence.starts_with("The last 3 invocations"), "{}", finding.sentence);
        assert!(finding.sentence.contains(part), "{}", finding.sentence);
    }
}

#[test]
fn every_cause_has_a_sentence_that_ends_and_a_step() {
    let record = endpoint();
    let starts = [
        FailureCause::ImageUnmapped,
        FailureCause::ImageMissing,
        FailureCause::ImageForbidden,
        FailureCause::ImageUnreachable,
        FailureCause::EngineUnreachable,
        FailureCause::Unsupported,
        FailureCause::CommandMissing,
        FailureCause::CommandRefused,
        FailureCause::AcceleratorMissing,
        FailureCause::MemoryOverLimit,
        FailureCause::NoRoom,
        FailureCause::DiskFull,
        FailureCause::OptMlRefused,
        FailureCause::Exited { code: 0 },
        FailureCause::Exited { code: 127 },
        FailureCause::Signalled { signal: 9 },
        FailureCause::OutOfMemory { limit_bytes: 1 << 30 },
        FailureCause::EndUnseen,
        FailureCause::Other,
    ];
    let data = [
        FailureCause::DataMissing,
        FailureCause::DataForbidden,
        FailureCause::RoleRefused,
        FailureCause::DataUnreadable,
        FailureCause::DataInterrupted,
        FailureCause::DataLate { timeout_ms: 60_000 },
        FailureCause::DataLayout,
        FailureCause::NotAnArchive,
        FailureCause::ArchiveCutOff,
        FailureCause::ArchiveUnsafe,
        FailureCause::ArchiveRefused,
        FailureCause::DataOverLimit,
        FailureCause::DiskFull,
        FailureCause::Other,
    ];
    let pings = [
        FailureCause::PingRefused,
        FailureCause::PingAnswered { status: 404 },
        FailureCause::PingAnswered { status: 500 },
        FailureCause::PingAnswered { status: 503 },
        FailureCause::PingSilent,
        FailureCause::PingBroken,
    ];
    let starts = starts.map(|cause| (FailurePhase::Start, cause));
    let data = data.map(|cause| (FailurePhase::Fetch, cause));
    let pings = pings.map(|cause| (FailurePhase::Ping, cause));
    let mut sentences = std::collections::BTreeSet::new();
    for (phase, cause) in starts.into_iter().chain(data).chain(pings) {
        let told = super::sentences::of_failure(&failure(&record, phase, cause), None, &Context::default());
        let sentence = &told.sentence;
        assert!(sentence.starts_with(|c: char| c.is_uppercase() || c == '`'), "{sentence}");
        assert!(sentence.ends_with(['.', ':']) || sentence.contains("Its last words"), "{sentence}");
        assert!(!sentence.contains("``") && !sentence.contains("  "), "{sentence}");
        assert!(!told.next.is_empty() && told.next.iter().all(|step| !step.is_empty()), "{sentence}");
        sentences.insert(told.sentence);
    }
    assert_eq!(sentences.len(), 38, "each has its own but a full disk's, which is one in two phases");
}

#[test]
fn findings_are_bounded() {
    let mut record = endpoint();
    let place = record.places[0].clone();
    record.places = (0..50)
        .map(|ordinal| {
            let instance = InstanceId {
                endpoint: EndpointUid::new("e"),
                generation: place.generation,
                variant: VariantName::new("v"),
                ordinal,
                attempt: 1,
            };
            let failure =
                FailureRecord { instance, ..failure(&record, FailurePhase::Start, FailureCause::Other) };
            hostler_types::PlaceRecord {
                ordinal,
                failures: 1,
                failure: Some(Box::new(failure)),
                ..place.clone()
            }
        })
        .collect();
    assert_eq!(of(&record, &[]).findings.len(), 8);
}
