//! A failure as it is written down for whoever is to mend it.
//!
//! Why: when somebody asks, the instance is gone; what was seen of it when it was given up must outlive it.
//! Invariants: pure. The cause comes from what backend and prober said in values, never from a text.

use hostler_compute::{ExitCause, Phase, RunningContainer};
use hostler_types::{FailureCause, FailurePhase, FailureRecord, InstanceId, MadeFrom};

use super::{Step, WhyFailed};

impl Step<'_> {
    /// What was seen of the failure of this instance.
    pub(super) fn failure_record(&self, id: &InstanceId, why: &WhyFailed) -> FailureRecord {
        let sighting = self.sighting(id);
        let was_healthy =
            self.record.instances.iter().any(|instance| instance.id == *id && instance.healthy_at.is_some());
        let (phase, cause) = phase_and_cause(why);
        let log_tail = match why {
            WhyFailed::Exited { log_tail, .. } => log_tail.clone(),
            _ => String::new(),
        };
        let container = why.container();
        let state = sighting.map(|sighting| &sighting.state);
        let is_meant = |one: &&RunningContainer| container.is_none_or(|container| container == one.name);
        let expected = state.and_then(|state| state.containers().iter().find(is_meant));
        let record = FailureRecord {
            at: self.now,
            instance: id.clone(),
            container: container.map(str::to_owned),
            phase,
            cause,
            detail: why.to_string(),
            was_healthy,
            expected: expected.map(|container| container.address),
            listened: sighting.map(|sighting| sighting.listens.clone()).unwrap_or_default(),
            log_tail,
            made_from: MadeFrom::of(&self.record, id, container),
        };
        record.bounded()
    }
}

fn phase_and_cause(why: &WhyFailed) -> (FailurePhase, FailureCause) {
    match why {
        WhyFailed::Exited { cause, .. } => {
            let cause = match cause {
                ExitCause::Code(code) => FailureCause::Exited { code: *code },
                ExitCause::Signal(signal) => FailureCause::Signalled { signal: *signal },
                ExitCause::OutOfMemory { limit_bytes } => {
                    FailureCause::OutOfMemory { limit_bytes: *limit_bytes }
                }
                ExitCause::Unseen => FailureCause::EndUnseen,
            };
            (FailurePhase::Start, cause)
        }
        WhyFailed::NeverRan(failure) => {
            let phase = match failure.phase {
                Phase::Fetching => FailurePhase::Fetch,
                Phase::Unpacking => FailurePhase::Unpack,
                Phase::Starting => FailurePhase::Start,
            };
            // An archive is unpacked while it comes: a bad one is a matter of unpacking whenever it was found out.
            let phase = match failure.cause {
                FailureCause::NotAnArchive
                | FailureCause::ArchiveCutOff
                | FailureCause::ArchiveUnsafe
                | FailureCause::ArchiveRefused
                | FailureCause::DataLayout
                | FailureCause::DataOverLimit => FailurePhase::Unpack,
                FailureCause::DataMissing
                | FailureCause::DataForbidden
                | FailureCause::RoleRefused
                | FailureCause::DataUnreadable
                | FailureCause::DataInterrupted
                | FailureCause::DataLate { .. } => FailurePhase::Fetch,
                _ => phase,
            };
            (phase, failure.cause.clone())
        }
        WhyFailed::PingTimeout(trouble) | WhyFailed::Sick(trouble) => {
            (FailurePhase::Ping, trouble.cause.clone())
        }
        WhyFailed::Vanished => (FailurePhase::Start, FailureCause::EndUnseen),
    }
}
