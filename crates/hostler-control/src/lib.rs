//! The control plane: operations that write what is wanted, and the reconciler that makes it so.
//!
//! Why: SageMaker's contract is asynchronous: a call is accepted in milliseconds and carried out over minutes, across
//! crashes. So calls write records, and one loop per endpoint compares records with the world.
//! Invariants: no backend, database or object store is named here; all are ports. The wire is `hostler-aws`'s.
#![warn(missing_docs)]

mod accelerators;
mod access_keys;
mod admin;
mod control;
mod diagnose;
mod fleets;
mod foresee;
mod history;
mod metrics;
mod operations;
mod plan;
mod prober;
mod quotas;
mod reconcile;
mod rollout;
mod spans;
mod steady;
mod texts;
mod usage;

pub use accelerators::AcceleratorPolicy;
pub use access_keys::{AccessKeys, AccessKeysParts};
pub use admin::{Admin, AdminRequest};
pub use control::{Caller, Control, ControlParts, ControlSettings};
pub use metrics::register_control_metrics;
pub use plan::{
    Action, DRAIN_MARGIN_MS, Happening, Health, Move, Plan, Policy, Sighting, WhyFailed, backoff_ms,
    lint_plan, plan,
};
pub use prober::{HttpPing, Ping, PingTrouble, Prober, ProberSettings, Target};
pub use quotas::Quotas;
pub use reconcile::{LeaseSettings, Reconciler, ReconcilerParts};
pub use steady::SteadyClock;
pub use usage::{UsageFlusher, UsageSettings};
