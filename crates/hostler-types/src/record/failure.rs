//! A failure as it was decided on: in which phase, by which cause, and what was seen.
//!
//! Why: `FailureReason` is one text of 1,024 characters, made for clients that match AWS's sentence. What a person is to
//! do about it depends on the cause, and that must not be read back from a text; and what was seen while the instance
//! ran is gone when somebody asks.
//! Invariants: bounded: [`FailureRecord::bounded`] cuts what came from outside.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::containers::container_named;
use super::endpoint::EndpointRecord;
use crate::{InstanceId, Millis};

/// The longest detail, in characters.
const DETAIL_CHARS_MAX: usize = 1_000;
/// The longest end of a log: some lines of a traceback, in characters.
const LOG_TAIL_CHARS_MAX: usize = 2_000;
/// Addresses that are noted.
const ADDRESSES_MAX: usize = 16;

/// How far the instance was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailurePhase {
    /// The model data was to come.
    Fetch,
    /// It was to be laid out as files.
    Unpack,
    /// The container was to start, and to go on running.
    Start,
    /// `/ping` was to be 200.
    Ping,
    /// Requests were to be answered.
    Invoke,
}

/// What it was. A word for every cause that something else is to be done about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureCause {
    /// No bucket or no object of that name.
    DataMissing,
    /// The role may not read it.
    DataForbidden,
    /// The role cannot be assumed.
    RoleRefused,
    /// No location that can be read here.
    DataUnreadable,
    /// The service could not be reached, broke off, or the object changed meanwhile.
    DataInterrupted,
    /// It took longer than it may.
    DataLate {
        /// The limit.
        timeout_ms: i64,
    },
    /// The objects' names or the manifest do not make a directory.
    DataLayout,
    /// The bytes are no tar.
    NotAnArchive,
    /// It ends in the middle.
    ArchiveCutOff,
    /// A member would be written outside of the model's directory.
    ArchiveUnsafe,
    /// It breaks another rule.
    ArchiveRefused,
    /// It is larger than the server allows.
    DataOverLimit,
    /// There was no room for it.
    DiskFull,
    /// No program is known for the image.
    ImageUnmapped,
    /// Its registry has no such image.
    ImageMissing,
    /// The registry does not give it to the role.
    ImageForbidden,
    /// The registry cannot be reached, or broke off.
    ImageUnreachable,
    /// The container engine cannot be reached.
    EngineUnreachable,
    /// The backend cannot run such a model.
    Unsupported,
    /// The program of the command is not there.
    CommandMissing,
    /// The program of the command may not be executed.
    CommandRefused,
    /// The accelerators of the instance type are not there.
    AcceleratorMissing,
    /// The instance asks for more memory than the server gives.
    MemoryOverLimit,
    /// The machine had no room.
    NoRoom,
    /// `/opt/ml/model` could not be given.
    OptMlRefused,
    /// There is no Python that makes virtual environments.
    PythonMissing,
    /// What a script asks for could not be installed.
    RequirementsRefused,
    /// Installing it took longer than it may.
    RequirementsLate,
    /// The container ended with a code.
    Exited {
        /// Which.
        code: i32,
    },
    /// The container was ended by a signal.
    Signalled {
        /// Which.
        signal: i32,
    },
    /// The kernel killed it for its memory.
    OutOfMemory {
        /// The limit.
        limit_bytes: u64,
    },
    /// Nobody saw it end.
    EndUnseen,
    /// Nobody took the connection.
    PingRefused,
    /// It was answered, and not with 200.
    PingAnswered {
        /// The status.
        status: u16,
    },
    /// It was not answered.
    PingSilent,
    /// The connection broke, or what came was no HTTP.
    PingBroken,
    /// Something else; the detail says it.
    #[default]
    Other,
}

/// A failure as it was decided on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// When.
    pub at: Millis,
    /// Of which instance.
    pub instance: InstanceId,
    /// Of which of its containers, where it has several and it was one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// How far it was.
    pub phase: FailurePhase,
    /// What it was.
    pub cause: FailureCause,
    /// What was tried and what came back.
    pub detail: String,
    /// It had been healthy before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_healthy: bool,
    /// Where the container contract was expected to listen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<SocketAddr>,
    /// Where the instance's processes listened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listened: Vec<SocketAddr>,
    /// The last that it wrote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log_tail: String,
    /// What it was made from: an update that was taken back leaves nothing else to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_from: Option<MadeFrom>,
}

/// What an instance was made from, by its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFrom {
    /// The model.
    pub model: String,
    /// Its image.
    pub image: String,
    /// Where its data lies; empty where there is none.
    pub model_data: String,
    /// The role that reads it.
    pub role_arn: String,
    /// `ml.…`; empty where the config names none.
    pub instance_type: String,
    /// How long `/ping` may take to become 200 after the start.
    pub startup_timeout_ms: i64,
}

impl MadeFrom {
    /// Of an instance whose deployment is in play, and of this container of it, or the first.
    pub fn of(record: &EndpointRecord, id: &InstanceId, container: Option<&str>) -> Option<Self> {
        let deployment = record.deployment_of(id.generation)?;
        let fleet = deployment.fleet(&id.variant)?;
        let request = &deployment.model(&fleet.model_name)?.request;
        let container = container_named(request, container)?;
        let source = container.model_data_source.as_ref().and_then(|source| source.s3_data_source.as_ref());
        let uri = container.model_data_url.as_ref().or_else(|| source.map(|source| &source.s3_uri));
        Some(Self {
            model: fleet.model_name.clone(),
            image: container.image.clone().unwrap_or_default(),
            model_data: uri.cloned().unwrap_or_default(),
            role_arn: request.execution_role_arn.clone().unwrap_or_default(),
            instance_type: fleet.instance_type.clone().unwrap_or_default(),
            startup_timeout_ms: fleet.startup_timeout_ms,
        })
    }
}

impl FailureRecord {
    /// Whether the container ran: what never ran has no log.
    pub fn has_run(&self) -> bool {
        let has_ended = matches!(
            self.cause,
            FailureCause::Exited { .. }
                | FailureCause::Signalled { .. }
                | FailureCause::OutOfMemory { .. }
                | FailureCause::EndUnseen
        );
        has_ended || matches!(self.phase, FailurePhase::Ping | FailurePhase::Invoke)
    }

    /// The same, cut to what a record may hold: of a detail the beginning, of a log the end.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if let Some((end, _)) = self.detail.char_indices().nth(DETAIL_CHARS_MAX) {
            self.detail.truncate(end);
        }
        let surplus = self.log_tail.chars().count().saturating_sub(LOG_TAIL_CHARS_MAX);
        self.log_tail = self.log_tail.chars().skip(surplus).collect();
        self.listened.truncate(ADDRESSES_MAX);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EndpointUid, VariantName};

    #[test]
    fn of_one_container_nothing_is_written_and_of_several_the_one_is_read_again() {
        let earlier = r#"{"at":0,"instance":"e1.g1.v.0.1","phase":"Start","cause":"Other","detail":"x"}"#;
        let read: FailureRecord = serde_json::from_str(earlier).unwrap();
        assert_eq!(read.container, None);
        assert_eq!(serde_json::to_string(&read).unwrap(), earlier);
        let second = FailureRecord { container: Some("second".to_owned()), ..read };
        let text = serde_json::to_string(&second).unwrap();
        assert_eq!(serde_json::from_str::<FailureRecord>(&text).unwrap(), second);
    }

    #[test]
    fn what_comes_from_outside_is_cut() {
        let instance = InstanceId {
            endpoint: EndpointUid::new("e1"),
            generation: 1,
            variant: VariantName::new("v"),
            ordinal: 0,
            attempt: 1,
        };
        let failure = FailureRecord {
            at: Millis(0),
            instance,
            container: None,
            phase: FailurePhase::Start,
            cause: FailureCause::Other,
            detail: "ä".repeat(5_000),
            was_healthy: false,
            expected: None,
            listened: (1..50).map(|port| ([127, 0, 0, 1], port).into()).collect(),
            log_tail: format!("{}end", "ö".repeat(5_000)),
            made_from: None,
        };
        let bounded = failure.bounded();
        assert_eq!(bounded.detail.chars().count(), 1_000);
        assert!(bounded.log_tail.chars().count() == 2_000 && bounded.log_tail.ends_with("öend"));
        assert_eq!(bounded.listened.len(), 16);
    }
}
