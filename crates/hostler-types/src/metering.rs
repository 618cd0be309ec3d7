//! What the gateway tells of invocations to whoever writes down what was used.
//!
//! Why: the gateway counts in memory and never opens the store; control writes down how much came since it wrote last.
//! Invariants: counts only grow; what was told is not told again, also of endpoints that are gone meanwhile.

use crate::{EndpointUid, Key, VariantName};

/// How an invocation that reached an instance, or waited for one, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationClass {
    /// The model answered with success.
    Success,
    /// The model answered 4xx: what the client sent was not to its liking.
    ClientError,
    /// The model answered otherwise, too late or not at all, or there was no instance.
    ServerError,
    /// The client went away before the answer was complete.
    Abandoned,
}

impl InvocationClass {
    /// Every class, in the order of [`InvocationCounts`].
    pub const ALL: [Self; 4] = [Self::Success, Self::ClientError, Self::ServerError, Self::Abandoned];

    /// The word in metrics and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Abandoned => "abandoned",
        }
    }
}

/// How many of each class, in the order of [`InvocationClass::ALL`].
pub type InvocationCounts = [u64; InvocationClass::ALL.len()];

/// Whose invocations are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metered {
    /// The endpoint's id.
    pub uid: EndpointUid,
    /// The variant.
    pub variant: VariantName,
    /// The type of the instances; none where the config names none.
    pub instance_type: Option<String>,
    /// Where the endpoint is, or was, stored.
    pub key: Key,
    /// Its name with its case.
    pub name: String,
}

/// How many came since they were told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Whose.
    pub of: Metered,
    /// How many; at least one of them is not 0.
    pub counts: InvocationCounts,
}

/// Counts invocations.
pub trait InvocationMeter: Send + Sync {
    /// What came since it was told last. It is told again until [`told`](Self::told) says that it was written down.
    fn untold(&self) -> Vec<Untold>;

    /// That was written down.
    fn told(&self, written: &[Untold]);
}
