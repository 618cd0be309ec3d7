//! The routing snapshot that control publishes, and the signals that the gateway sends back.
//!
//! Why: the data plane must answer while the control plane is busy or down, so it holds all it needs to route in
//! memory and never asks the store. One endpoint is one value: a change costs one endpoint, whatever their number.
//! Invariants: an instance listed here passed its health check. A draining instance takes no new request.

mod pipeline;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hostler_shapes::RoutingStrategy;

pub use self::pipeline::Pipeline;
use crate::{EndpointUid, InstanceId, Key, VariantName};

/// How requests to one endpoint find an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointRoute {
    /// Where the endpoint is stored; the gateway finds it by this.
    pub key: Key,
    /// The name with its case: a request must spell it so.
    pub name: String,
    /// The endpoint's id.
    pub uid: EndpointUid,
    /// A request that was written to an instance which then died may be tried once more on another.
    pub retries_lost: bool,
    /// What its owner set for its invocations.
    pub limits: InvocationLimits,
    /// The fleets in the order of their deployments and configs. While one deployment follows another, a variant of
    /// both stands here twice.
    pub variants: Vec<VariantRoute>,
}

/// Limits of one endpoint's invocations, in the place of the server's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvocationLimits {
    /// How long a model may take to answer.
    pub model_timeout: Option<Duration>,
    /// How long a model may take to stream its answer.
    pub stream_timeout: Option<Duration>,
    /// The largest request body.
    pub payload_bytes: Option<u64>,
    /// Requests that one instance works on at once.
    pub in_flight_per_instance: Option<u32>,
    /// Requests that wait for an instance at once.
    pub waiting: Option<u32>,
}

/// One fleet's part of the traffic, and its instances.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantRoute {
    /// The variant's name.
    pub name: VariantName,
    /// The variant's weight in its deployment; 0 is reachable by `TargetVariant` only.
    pub weight: f64,
    /// This fleet's share of the requests to the variant, 0 to 1; of a fleet of share 0 the instances are used only
    /// when no other of the variant can take a request.
    pub share: f64,
    /// What its instances are counted as; none where the config names no type.
    pub instance_type: Option<String>,
    /// How an instance is chosen; none where the config does not say.
    pub routing: Option<RoutingStrategy>,
    /// How requests go through its instances' containers; none where each has one.
    pub pipeline: Option<Arc<Pipeline>>,
    /// Requests name one of many models; none where each instance has one.
    pub multi_model: Option<MultiModel>,
    /// The instances that may get requests, draining ones included.
    pub instances: Vec<InstanceRoute>,
}

/// How the many models of a fleet's instances are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiModel {
    /// `ModelCacheSetting`: a model stays loaded after it answered.
    pub caches: bool,
}

/// One instance that can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRoute {
    /// Which it is.
    pub id: InstanceId,
    /// Where the container contract of its first container listens.
    pub address: SocketAddr,
    /// And that of the others, in the order of the fleet's pipeline.
    pub further: Vec<SocketAddr>,
    /// It finishes what it has and gets nothing new.
    pub draining: bool,
}

/// The gateway's side of the contract: takes snapshots, reports back.
pub trait RouteTable: Send + Sync {
    /// Replaces the route of `route.key`. When this returns, no request that starts later sees an older route.
    fn publish(&self, route: Arc<EndpointRoute>);

    /// Forgets an endpoint: requests to it are answered as if it never was.
    fn withdraw(&self, key: &Key);

    /// Requests that the instance has not finished; after `draining` was published nothing is added to it
    /// but, for a moment, a request that is about to be refused.
    fn in_flight(&self, id: &InstanceId) -> usize;

    /// How the last invocations of the instance failed; none when the last one succeeded, or nothing is known.
    fn trouble(&self, _id: &InstanceId) -> Option<InvocationTrouble> {
        None
    }

    /// Whom to tell that a draining instance has finished its last request. Set once, before the first request.
    fn on_drained(&self, hook: Box<dyn Fn(&InstanceId) + Send + Sync>);
}

/// How the last invocations of an instance failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvocationTrouble {
    /// The last one.
    pub failure: InvocationFailure,
    /// How many in a row; one that succeeds ends it.
    pub in_a_row: u64,
    /// How long ago the last one was.
    pub ago_ms: u64,
}

/// How an invocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationFailure {
    /// The model answered with something else than success.
    Answered {
        /// The status.
        status: u16,
    },
    /// It took longer than it may.
    TimedOut,
    /// It closed the connection, or died with the request.
    Lost,
}
