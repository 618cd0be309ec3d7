//! A change of an endpoint that serves: where it comes from, where it goes, and how far it is.
//!
//! Why: an update outlives servers, so every step of it stands in the record: what is to run on either side is a pure
//! function of the stage, and a crash between two steps loses nothing.
//! Invariants: while an update is on its way, `EndpointRecord::deployment` is the former one, with its sizes; it is
//! replaced only when nothing of the former is left. Counts stand in the order of their deployment's fleets.

use hostler_shapes::DeploymentConfig;
use serde::{Deserialize, Serialize};

use super::endpoint::Deployment;
use crate::Millis;

/// A change on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// From what to what.
    pub change: Change,
    /// When it was accepted.
    pub started_at: Millis,
    /// How far it is.
    pub stage: Stage,
    /// When that stage began.
    pub stage_since: Millis,
}

/// What an update does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// UpdateEndpoint: another deployment takes over.
    Deploy {
        /// The one that comes.
        deployment: Box<Deployment>,
        /// How it comes; kept as the endpoint's own when it has come.
        deployment_config: Option<DeploymentConfig>,
    },
    /// UpdateEndpointWeightsAndCapacities: the same deployment in other sizes.
    Scale {
        /// The wanted size of each fleet.
        sizes: Vec<FleetSize>,
    },
}

/// What may change of a fleet while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetSize {
    /// Its share of the traffic.
    pub weight: f64,
    /// How many instances.
    pub count: u32,
}

/// How far an update is. A step is a portion of instances (rolling) or of traffic (blue/green), counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The instances that the step needs are started; requests go as after the step before.
    Provisioning {
        /// Which step.
        step: u32,
    },
    /// The step's traffic is on; it is watched for a while.
    Baking {
        /// Which step.
        step: u32,
    },
    /// There is no way back: what is not wanted any more leaves.
    Finishing,
    /// The former instances are brought back, then the new ones leave.
    RollingBack {
        /// Which step of the way back.
        step: u32,
        /// How many of each former fleet were left when it began.
        old: Vec<u32>,
        /// How many of each new fleet took requests when it began.
        new: Vec<u32>,
    },
}

/// What an update left behind whose rollback failed as well: both deployments serve, each with what it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stranded {
    /// The one that did not come through.
    pub deployment: Deployment,
    /// How many of each of its fleets serve.
    pub counts: Vec<u32>,
    /// How many of each former fleet serve.
    pub former_counts: Vec<u32>,
}

impl Update {
    /// The deployment that comes, if another one does.
    pub fn deployment(&self) -> Option<&Deployment> {
        match &self.change {
            Change::Deploy { deployment, .. } => Some(deployment),
            Change::Scale { .. } => None,
        }
    }

    /// The same, to be changed.
    pub fn deployment_mut(&mut self) -> Option<&mut Deployment> {
        match &mut self.change {
            Change::Deploy { deployment, .. } => Some(deployment),
            Change::Scale { .. } => None,
        }
    }
}
