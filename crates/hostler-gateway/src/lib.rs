//! The data plane: InvokeEndpoint from a signed request to a model's answer.
//!
//! Why: it must answer while the control plane is busy, restarting or gone, so all it needs is in memory.
//! Invariants: never opens the store; never decides what runs. Every wait and every body has a limit.
#![warn(missing_docs)]

mod alarm;
mod answer;
mod breaker;
mod decimal;
#[doc(hidden)]
pub mod door;
mod downstream;
mod gateway;
mod invocation;
mod lane;
mod limits;
mod line;
mod metrics;
mod model_error;
mod models;
mod payload;
mod pick;
mod sessions;
mod stack;
mod table;
mod tally;
mod trouble;
mod upstream;

pub use answer::{AnswerBody, BoxError};
pub use downstream::{After, ClientConnection, News, Watcher};
pub use gateway::{Gateway, GatewaySettings};
pub use limits::AdmissionLimits;
pub use metrics::GatewayMetrics;
pub use models::{LoaderError, ModelLoader};
pub use payload::{BodyBudget, BodyLimits};
pub use table::RoutingTable;
