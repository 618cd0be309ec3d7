//! A failure as it is written down for whoever is to mend it.
//!
//! Why: when somebody asks, the instance is gone; what was seen of it when it was given up must outlive it.
//! Invariants: pure. The cause comes from what backend and prober said in values, never from a text.

use hostler_compute::{ExitCause, Phase};
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
        let expected = sighting.and_then(|sighting| sighting.state.address());
        let record = FailureRecord {
            at: self.now,
            instance: id.clone(),
            phase,
            cause,
            detail: why.to_string(),
            was_healthy,
            expected,
            listened: sighting.map(|sighting| sighting.listens.clone()).unwrap_or_default(),
            log_tail,
            made_from: MadeFrom::of(&self.record, id),
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
