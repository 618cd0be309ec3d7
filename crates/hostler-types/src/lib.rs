//! The words every room shares: names, ARNs, statuses, records, time, and the ports that many rooms hold.
//!
//! Why: a wrong id or an illegal status move should fail to compile or fail one exhaustive test, not a deployment.
//! Invariants: no I/O and no async runtime; everything persisted here is versioned and has a golden file.
#![warn(missing_docs)]

mod arn;
mod clock;
mod credentials;
mod device;
mod limits;
mod metering;
mod name;
mod record;
mod region;
mod routing;
mod secret;
mod shown;
mod status;

pub use arn::{Arn, ArnError, Resource};
pub use clock::{Clock, Millis, SystemClock};
pub use credentials::{CredentialError, CredentialSource, Credentials, Identity};
pub use device::DeviceClass;
pub use limits::{LimitBounds, LimitError};
pub use metering::{InvocationClass, InvocationCounts, InvocationMeter, Metered, Untold};
pub use name::{AccountId, EndpointUid, InstanceId, InstanceIdError, Key, Kind, Region, Scope, VariantName};
pub use record::{
    AcceptedOperation, AccessKeyRecord, Change, Deployment, EndpointConfigRecord, EndpointRecord,
    EventRecord, FailureCause, FailurePhase, FailureRecord, Fleet, FleetSize, Goal, InstanceIntent,
    InstanceRecord, MadeFrom, ModelRecord, ModelSnapshot, PLANNER, PlaceRecord, RECORD_SCHEMA, Record,
    RecordError, Stage, StatusMove, Stranded, Update, UsageLine, UsageRecord, container_named,
    container_names, containers, multi_model, pipeline,
};
pub use region::Partition;
pub use routing::{
    EndpointRoute, InstanceRoute, InvocationFailure, InvocationLimits, InvocationTrouble, MultiModel,
    Pipeline, RouteTable, VariantRoute,
};
pub use secret::Secret;
pub use shown::ShownEndpoints;
pub use status::EndpointStatus;
