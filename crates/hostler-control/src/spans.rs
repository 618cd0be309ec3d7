//! The spans that say which endpoint a line of the log is about.
//!
//! Why: with many endpoints a line without its endpoint and generation tells nothing, and one forgotten field is found
//! only when it is needed. So a line gets them from where it is written, not from who writes it.
//! Invariants: spans are of the highest level, so that no filter that shows a line hides what it is about. Names and
//! numbers only: no secrets, no payloads.

use hostler_types::{EndpointRecord, InstanceId, Key, Scope, Update};
use tracing::{Span, error_span, field::Empty};

/// A run for a key. What bears the name is known when its record was read: see [`know`].
pub(crate) fn run(key: &Key) -> Span {
    let scope = key.scope();
    error_span!("run", account = %scope.account, region = %scope.region, endpoint = Empty, generation = Empty)
}

/// The current run is about this endpoint.
pub(crate) fn know(record: &EndpointRecord) {
    let span = Span::current();
    span.record("endpoint", record.name.as_str());
    span.record("generation", generation(record));
}

/// The current run is about whatever bears the name, of which nothing can be read.
pub(crate) fn know_name(key: &Key) {
    Span::current().record("endpoint", key.name());
}

/// A call that changes an endpoint.
pub(crate) fn endpoint(record: &EndpointRecord) -> Span {
    let (account, region) = (&record.scope.account, &record.scope.region);
    error_span!(
        "endpoint",
        %account,
        %region,
        endpoint = record.name,
        generation = generation(record)
    )
}

/// The questions to one instance.
pub(crate) fn probe(scope: &Scope, endpoint_name: &str, id: &InstanceId) -> Span {
    let Scope { account, region } = scope;
    error_span!(
        parent: None,
        "probe",
        %account,
        %region,
        endpoint = endpoint_name,
        generation = id.generation,
        instance = %id
    )
}

/// What a line without an instance of its own is about: the deployment that comes, else the one that runs.
fn generation(record: &EndpointRecord) -> u64 {
    let coming = record.update.as_ref().and_then(Update::deployment);
    coming.unwrap_or(&record.deployment).generation
}
