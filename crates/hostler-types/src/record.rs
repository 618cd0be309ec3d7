//! What is written down of each resource: versioned JSON of generated shapes plus what only Hostler knows.
//!
//! Why: a record keeps the request as it was accepted, so that an answer years later shows what was asked, and a
//! member added to the service model needs no migration.
//! Invariants: `schema` grows when a field changes its meaning; a golden file per schema proves that old records are
//! read. Unknown fields are ignored on reading, so that an older server can read a newer record it understands.

mod access_key;
mod containers;
mod endpoint;
mod endpoint_config;
mod event;
mod failure;
mod model;
mod update;
mod usage;

pub use access_key::AccessKeyRecord;
pub use containers::{container_named, container_names, containers, multi_model, pipeline};
pub use endpoint::{
    Deployment, EndpointRecord, Fleet, Goal, InstanceIntent, InstanceRecord, ModelSnapshot, PlaceRecord,
};
pub use endpoint_config::EndpointConfigRecord;
pub use event::{AcceptedOperation, EventRecord, PLANNER, StatusMove};
pub use failure::{FailureCause, FailurePhase, FailureRecord, MadeFrom};
pub use model::ModelRecord;
pub use update::{Change, FleetSize, Stage, Stranded, Update};
pub use usage::{UsageLine, UsageRecord};

/// The schema that this release writes. 2: an endpoint may be in the middle of an update.
pub const RECORD_SCHEMA: u32 = 2;

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer release.
    #[error(
        "the record of {what} has schema {found}, this release reads up to {RECORD_SCHEMA}; use a newer hostler"
    )]
    Newer {
        /// Which kind.
        what: &'static str,
        /// Its schema.
        found: u32,
    },
    /// Not the JSON it should be.
    #[error("the record of {what} cannot be read")]
    Unreadable {
        /// Which kind.
        what: &'static str,
        /// Where it broke.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads and writes one kind of record.
pub trait Record: serde::Serialize + serde::de::DeserializeOwned {
    /// What error texts call it.
    const WHAT: &'static str;

    /// The schema it was written with.
    fn schema(&self) -> u32;

    /// The text to store.
    fn to_body(&self) -> String {
        serde_json::to_string(self).expect("records are maps with string keys and finite numbers")
    }

    /// Reads a stored text.
    fn from_body(body: &str) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_str(body)
            .map_err(|source| RecordError::Unreadable { what: Self::WHAT, source })?;
        if record.schema() > RECORD_SCHEMA {
            return Err(RecordError::Newer { what: Self::WHAT, found: record.schema() });
        }
        Ok(record)
    }
}
