//! The port through which model data is looked at and read.
//!
//! Why: the room that unpacks and caches must not know S3 or roles, and CreateModel needs the same look as a
//! deployment. The adapter over object_store lives in a leaf crate.
//! Invariants: every look and every open happens as the role, so a cached copy never outlives a permission.

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use hostler_types::{AccountId, Region};
use serde::{Deserialize, Serialize};

/// One object to fetch, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ArtifactSource {
    /// `s3://bucket/key`, as the model names it.
    pub uri: String,
    /// The model's `ExecutionRoleArn`.
    pub role_arn: String,
    /// The account of the model.
    pub account: AccountId,
    /// The region of the model.
    pub region: Region,
}

/// What a look through the role saw: the cache's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ArtifactVersion {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The entity tag, quotes kept out.
    pub etag: Option<String>,
    /// The object's size in bytes.
    pub bytes: u64,
    /// The version id where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// Why an artifact could not be had. Display says what was tried and what came back, for `FailureReason`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// The URI is not one that can be read here.
    #[error("`{uri}` is not a location that can be read: {detail}")]
    Unreadable {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is no such bucket or object.
    #[error("there is no object at `{uri}`")]
    Missing {
        /// The URI.
        uri: String,
    },
    /// The role may not read it.
    #[error("role `{role_arn}` was refused access to `{uri}`: {detail}")]
    Forbidden {
        /// The URI.
        uri: String,
        /// The role.
        role_arn: String,
        /// What the service said.
        detail: String,
    },
    /// The role itself could not be assumed.
    #[error("role `{role_arn}` could not be assumed: {detail}")]
    Role {
        /// The role.
        role_arn: String,
        /// What the service said.
        detail: String,
    },
    /// The service could not be reached or broke off; later may help.
    #[error("reading `{uri}` broke off: {detail}")]
    Interrupted {
        /// The URI.
        uri: String,
        /// What happened.
        detail: String,
    },
    /// What came is not an archive that may be unpacked.
    #[error("the archive at `{uri}` cannot be unpacked: {detail}")]
    BadArchive {
        /// The URI.
        uri: String,
        /// Which rule it breaks.
        detail: String,
    },
    /// A limit of this server.
    #[error("the artifact at `{uri}` is over a limit: {detail}")]
    OverLimit {
        /// The URI.
        uri: String,
        /// Which limit.
        detail: String,
    },
    /// This machine's disk.
    #[error("storing the artifact of `{uri}` failed: {detail}")]
    Disk {
        /// The URI.
        uri: String,
        /// What the system said.
        detail: String,
    },
}

impl FetchError {
    /// Trying again without any change may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Interrupted { .. } | Self::Disk { .. } => true,
            Self::Unreadable { .. }
            | Self::Missing { .. }
            | Self::Forbidden { .. }
            | Self::Role { .. }
            | Self::BadArchive { .. }
            | Self::OverLimit { .. } => false,
        }
    }
}

/// An object's bytes as they arrive.
pub type ObjectStream = Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>> + Send>>;

/// Reads objects as a role.
#[async_trait]
pub trait ObjectReader: Send + Sync {
    /// A HEAD through the role: whether it exists and may be read, and which version it is.
    async fn look(&self, source: &ArtifactSource) -> Result<ArtifactVersion, FetchError>;

    /// Opens just the version that was looked at; fails with `Interrupted` when it changed meanwhile.
    async fn open(
        &self,
        source: &ArtifactSource,
        version: &ArtifactVersion,
    ) -> Result<ObjectStream, FetchError>;
}
