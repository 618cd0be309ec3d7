//! What this machine lets the backend do, for whoever wants to know without opening it.
//!
//! Why: `hostler doctor` must say what a server would find, so it asks the same code.
//! Invariants: found out by trying, as `ProcessBackend::open` does; nothing is left behind.

use crate::cgroup::Hierarchies;

/// The limits that instances can be held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlGroups {
    /// Memory limits hold.
    pub limits_memory: bool,
    /// CPU limits hold.
    pub limits_cpu: bool,
    /// The version of control groups that is used, 1 or 2; both where each carries a part, none where neither does.
    pub versions: Vec<u8>,
    /// Each controller that cannot be used, and why.
    pub missing: Vec<String>,
}

impl ControlGroups {
    /// Looks at this machine as this process sees it. Blocks.
    pub fn detect() -> Self {
        let found = Hierarchies::detect();
        Self {
            limits_memory: found.limits_memory(),
            limits_cpu: found.limits_cpu(),
            versions: found.versions(),
            missing: found.missing,
        }
    }
}
