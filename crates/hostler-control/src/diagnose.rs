//! What is wrong with an endpoint, and what to do about it: from its record and what is seen of it now.
//!
//! Why: a person who reads "did not pass the ping health check" needs another sentence: which program, on which port
//! instead, what it wrote last, what to change. The knowledge is here, on the server; a command line only prints it.
//! Invariants: pure. A failure is told by its cause, which was written down when it was decided on; only what a log
//! says is read from its text. At most [`FINDINGS_MAX`] findings, what matters most first.

mod context;
mod log_words;
mod sentences;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use hostler_compute::{InstanceState, Phase};
use hostler_types::{
    EndpointRecord, EndpointStatus, FailureCause, FailurePhase, FailureRecord, InstanceId, InstanceIntent,
    InvocationFailure, InvocationTrouble, Millis,
};
use serde::Serialize;

pub(crate) use context::Context;

use crate::plan::Health;

/// More would hide the first.
pub(crate) const FINDINGS_MAX: usize = 8;

/// How an endpoint is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Verdict {
    /// Nothing is wrong.
    Well,
    /// Something is on its way and nothing has failed of it.
    Working,
    /// It serves, or tries to, and something is wrong.
    Ailing,
    /// It does not serve, and will not by itself.
    Failed,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Finding {
    pub(crate) phase: FailurePhase,
    /// The name of the cause.
    pub(crate) cause: String,
    /// What happened, in a sentence that needs no other.
    pub(crate) sentence: String,
    /// What to try, the likeliest first.
    pub(crate) next: Vec<String>,
    pub(crate) evidence: Evidence,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Evidence {
    pub(crate) at: Option<Millis>,
    pub(crate) instance: Option<InstanceId>,
    /// Which of its containers, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) container: Option<String>,
    /// What was tried and what came back.
    pub(crate) detail: String,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) memory_limit_bytes: Option<u64>,
    pub(crate) expected_address: Option<SocketAddr>,
    pub(crate) listens_on: Vec<SocketAddr>,
    /// Failures in a row.
    pub(crate) failures: Option<u64>,
    pub(crate) log_tail: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Diagnosis {
    pub(crate) verdict: Verdict,
    /// How it is, in one sentence.
    pub(crate) summary: String,
    pub(crate) findings: Vec<Finding>,
}

/// An instance as it is seen now.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: InstanceId,
    pub(crate) state: InstanceState,
    pub(crate) health: Health,
    /// Looked up of those that do not answer.
    pub(crate) listens: Vec<SocketAddr>,
    pub(crate) trouble: Option<InvocationTrouble>,
}

/// What is known of an endpoint. `context` says of an instance, or of one of its containers, what it was made from,
/// `log_of` what it wrote last.
pub(crate) fn diagnose(
    record: &EndpointRecord,
    seen: &[Seen],
    context: &dyn Fn(&InstanceId, Option<&str>) -> Context,
    log_of: &dyn Fn(&InstanceId, Option<&str>) -> String,
) -> Diagnosis {
    let told = |failure: &FailureRecord, failures: Option<u64>| {
        let container = failure.container.as_deref();
        let log_tail = if failure.log_tail.is_empty() {
            log_of(&failure.instance, container)
        } else {
            failure.log_tail.clone()
        };
        let failure = FailureRecord { log_tail, ..failure.clone() };
        sentences::of_failure(&failure, failures, &context(&failure.instance, container))
    };
    let mut findings = Vec::new();
    let decided = record.failure.as_ref().filter(|_| !is_of_the_update_before(record));
    if let Some(failure) = decided {
        findings.push(told(failure, None));
    }
    for place in record.places.iter().filter(|place| place.failures > 0) {
        let Some(failure) = &place.failure else { continue };
        let is_told = decided.is_some_and(|told| told.instance == failure.instance);
        if !is_told && record.deployment_of(place.generation).is_some() {
            findings.push(told(failure, Some(place.failures.into())));
        }
    }
    for seen in seen.iter().filter(|seen| is_wanted(record, &seen.id)) {
        findings.extend(now(record, seen).map(|(failure, failures)| told(&failure, failures)));
        if let Some(trouble) = &seen.trouble {
            let (context, log) = (context(&seen.id, None), log_of(&seen.id, None));
            findings.push(sentences::of_invocation(seen, trouble, &context, log));
        }
    }
    findings.truncate(FINDINGS_MAX);
    let verdict = verdict(record, &findings);
    Diagnosis { verdict, summary: summary(record, seen, verdict), findings }
}

/// Whether failure and reason in the record are those of a former update: an update that fails goes back at once, so
/// while it goes on nothing of it was decided on.
pub(crate) fn is_of_the_update_before(record: &EndpointRecord) -> bool {
    record.status == EndpointStatus::Updating
}

/// What is wrong with an instance at this moment.
fn now(record: &EndpointRecord, seen: &Seen) -> Option<(FailureRecord, Option<u64>)> {
    let InstanceState::Running { since, .. } = &seen.state else { return None };
    let (Health::NotYet(trouble) | Health::Sick(trouble)) = &seen.health else { return None };
    let container = trouble.container.as_deref();
    let mut containers = seen.state.containers().iter();
    let asked = containers.find(|one| container.is_none_or(|container| container == one.name))?;
    let address = asked.address;
    // A start that has only begun is no trouble; one that listens elsewhere will never be heard.
    let is_elsewhere = !seen.listens.is_empty() && !seen.listens.iter().any(|at| at.port() == address.port());
    let is_on_its_way = match trouble.cause {
        FailureCause::PingRefused => !is_elsewhere,
        FailureCause::PingSilent | FailureCause::PingAnswered { status: 503 } => true,
        _ => false,
    };
    if matches!(seen.health, Health::NotYet(_)) && is_on_its_way {
        return None;
    }
    let known = record.instances.iter().find(|instance| instance.id == seen.id);
    let failure = FailureRecord {
        at: *since,
        instance: seen.id.clone(),
        container: trouble.container.clone(),
        phase: FailurePhase::Ping,
        cause: trouble.cause.clone(),
        detail: format!("GET /ping is not answered with 200 so far; the last try: {trouble}"),
        was_healthy: known.is_some_and(|instance| instance.healthy_at.is_some()),
        expected: Some(address),
        listened: seen.listens.clone(),
        log_tail: String::new(),
        made_from: None,
    };
    Some((failure, None))
}

fn is_wanted(record: &EndpointRecord, id: &InstanceId) -> bool {
    let mut instances = record.instances.iter();
    instances.any(|instance| instance.id == *id && instance.intent == InstanceIntent::Wanted)
}

fn verdict(record: &EndpointRecord, findings: &[Finding]) -> Verdict {
    match record.status {
        EndpointStatus::Failed => Verdict::Failed,
        _ if !findings.is_empty() => Verdict::Ailing,
        status if status.is_passing() => Verdict::Working,
        EndpointStatus::UpdateRollbackFailed => Verdict::Ailing,
        _ => Verdict::Well,
    }
}

fn summary(record: &EndpointRecord, seen: &[Seen], verdict: Verdict) -> String {
    let status = record.status;
    let healthy = seen.iter().filter(|seen| seen.health == Health::Healthy).count();
    let told = match (verdict, status) {
        (Verdict::Well, _) => {
            format!("It is {status}, {healthy} instance(s) are healthy, and nothing is wrong.")
        }
        (Verdict::Failed, _) => {
            "It could not be created. Nothing of it runs; it goes on being Failed until it is \
                                 deleted."
                .to_owned()
        }
        (Verdict::Working, _) => {
            format!("It is {status}, and nothing has failed so far. {}", on_its_way(seen))
        }
        (Verdict::Ailing, EndpointStatus::InService) if record.failure.is_some() => format!(
            "It is InService with the config `{}`; its last update failed and was taken back.",
            record.config_name()
        ),
        (Verdict::Ailing, EndpointStatus::UpdateRollbackFailed) => {
            "An update failed, and going back failed too: it serves with what it has.".to_owned()
        }
        (Verdict::Ailing, _) => {
            format!("It is {status}, {healthy} instance(s) are healthy, and something is wrong.")
        }
    };
    if is_of_the_update_before(record) && record.failure.is_some() {
        let name = &record.name;
        return format!(
            "{} The update before this one failed: `hostler history {name}` tells why.",
            told.trim_end()
        );
    }
    told
}

fn on_its_way(seen: &[Seen]) -> String {
    let count = |is: fn(&InstanceState) -> bool| seen.iter().filter(|seen| is(&seen.state)).count();
    let fetching = count(|state| {
        matches!(state, InstanceState::Preparing { phase: Phase::Fetching | Phase::Unpacking })
    });
    let starting = count(|state| matches!(state, InstanceState::Preparing { phase: Phase::Starting }));
    let waiting = seen
        .iter()
        .filter(|seen| matches!(seen.state, InstanceState::Running { .. }) && seen.health != Health::Healthy);
    let waiting = waiting.count();
    let words: Vec<String> = [
        (fetching, "fetch their model data"),
        (starting, "are being started"),
        (waiting, "run and do not answer /ping with 200 yet"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, doing)| format!("{count} instance(s) {doing}"))
    .collect();
    if words.is_empty() { String::new() } else { format!("{}.", words.join(", ")) }
}

/// The word for the way in which an invocation failed.
fn invocation_word(failure: InvocationFailure) -> &'static str {
    match failure {
        InvocationFailure::Answered { .. } => "InvocationAnswered",
        InvocationFailure::TimedOut => "InvocationTimedOut",
        InvocationFailure::Lost => "InvocationLost",
    }
}
