//! Reads model data from S3, or a service that speaks its language, as the model's role.
//!
//! Why: `object_store` brings signing, retries and resumed downloads; our own hyper client carries its requests, so no
//! second HTTP or TLS stack comes in with it.
//! Invariants: every request is signed with credentials that the `CredentialSource` gave for the model's role; there is
//! no other identity in this room. It writes nothing, anywhere.
#![warn(missing_docs)]

mod answer;
mod config;
mod credentials;
#[doc(hidden)]
pub mod door;
mod http_client;
mod list;
mod location;
mod reader;
mod tls;

pub use config::{ConfigError, ObjectStoreConfig, ReaderLimits};
pub use reader::ObjectStoreReader;
pub use tls::{TlsRoots, TlsRootsError};
