//! The status of an endpoint and the moves that are legal.
//!
//! Why: clients decide by this one word (waiters, SDKs, Terraform), so an illegal move is a bug that must fail a
//! test and not reach a client. The enum is AWS's, to the letter.
//! Invariants: every change of a stored status goes through [`EndpointStatus::can_become`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// AWS's `EndpointStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum EndpointStatus {
    OutOfService,
    Creating,
    Updating,
    SystemUpdating,
    RollingBack,
    InService,
    Deleting,
    Failed,
    UpdateRollbackFailed,
}

impl EndpointStatus {
    /// Every status, in the order of the service model.
    pub const ALL: [Self; 9] = [
        Self::OutOfService,
        Self::Creating,
        Self::Updating,
        Self::SystemUpdating,
        Self::RollingBack,
        Self::InService,
        Self::Deleting,
        Self::Failed,
        Self::UpdateRollbackFailed,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfService => "OutOfService",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::SystemUpdating => "SystemUpdating",
            Self::RollingBack => "RollingBack",
            Self::InService => "InService",
            Self::Deleting => "Deleting",
            Self::Failed => "Failed",
            Self::UpdateRollbackFailed => "UpdateRollbackFailed",
        }
    }

    /// Work is going on that will end in another status.
    pub const fn is_passing(self) -> bool {
        match self {
            Self::Creating | Self::Updating | Self::SystemUpdating | Self::RollingBack | Self::Deleting => {
                true
            }
            Self::OutOfService | Self::InService | Self::Failed | Self::UpdateRollbackFailed => false,
        }
    }

    /// Requests are answered in this status.
    pub const fn is_serving(self) -> bool {
        match self {
            Self::InService
            | Self::Updating
            | Self::SystemUpdating
            | Self::RollingBack
            | Self::UpdateRollbackFailed => true,
            Self::OutOfService | Self::Creating | Self::Deleting | Self::Failed => false,
        }
    }

    /// Whether `self` may be followed by `next`. Staying is not a move.
    pub const fn can_become(self, next: Self) -> bool {
        use EndpointStatus as S;
        match self {
            // Creating => (InService | Failed | Deleting)
            S::Creating => matches!(next, S::InService | S::Failed | S::Deleting),
            // InService => (Updating | SystemUpdating | OutOfService | Deleting)
            S::InService => matches!(next, S::Updating | S::SystemUpdating | S::OutOfService | S::Deleting),
            // Updating => (InService | RollingBack | UpdateRollbackFailed | Deleting)
            S::Updating => {
                matches!(next, S::InService | S::RollingBack | S::UpdateRollbackFailed | S::Deleting)
            }
            // SystemUpdating => (InService | Deleting)
            S::SystemUpdating => matches!(next, S::InService | S::Deleting),
            // RollingBack => (InService | UpdateRollbackFailed | Deleting)
            S::RollingBack => matches!(next, S::InService | S::UpdateRollbackFailed | S::Deleting),
            // OutOfService => (InService | Updating | Deleting)
            S::OutOfService => matches!(next, S::InService | S::Updating | S::Deleting),
            // UpdateRollbackFailed => (Updating | Deleting)
            S::UpdateRollbackFailed => matches!(next, S::Updating | S::Deleting),
            // Failed => (Deleting)
            S::Failed => matches!(next, S::Deleting),
            // Deleting => (nothing: the record goes away)
            S::Deleting => false,
        }
    }
}

impl fmt::Display for EndpointStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EndpointStatus {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::EndpointStatus as S;

    #[test]
    fn deleting_is_reachable_from_every_other_status_and_leads_nowhere() {
        for status in S::ALL {
            assert_eq!(status.can_become(S::Deleting), status != S::Deleting, "{status}");
            assert!(!S::Deleting.can_become(status), "{status}");
        }
    }

    #[test]
    fn no_status_becomes_itself_or_goes_back_to_creating() {
        for status in S::ALL {
            assert!(!status.can_become(status), "{status}");
            assert!(!status.can_become(S::Creating), "{status}");
        }
    }

    #[test]
    fn only_a_failed_creation_becomes_failed() {
        for status in S::ALL {
            assert_eq!(status.can_become(S::Failed), status == S::Creating, "{status}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_wire() {
        for status in S::ALL {
            assert_eq!(status.as_str().parse::<S>(), Ok(status));
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
    }
}
