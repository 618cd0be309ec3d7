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

/// One object, or the prefix of several, and on whose behalf it is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ArtifactSource {
    /// `s3://bucket/key`, as the model names it; `file:///path` where the operator allows it.
    pub uri: String,
    /// The model's `ExecutionRoleArn`.
    pub role_arn: String,
    /// The account of the model.
    pub account: AccountId,
    /// The region of the model.
    pub region: Region,
}

impl ArtifactSource {
    /// Another object on behalf of the same role.
    pub(crate) fn at(&self, uri: String) -> Self {
        Self { uri, ..self.clone() }
    }
}

/// How model data is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DataForm {
    /// One gzip-compressed tar, which is unpacked.
    #[default]
    Archive,
    /// One object, which becomes a file named by the last part of its key.
    Object,
    /// All objects below a prefix, each a file at the rest of its key.
    Prefix,
    /// Of the objects below a prefix, those that a manifest lists.
    Manifest {
        /// Where the manifest is.
        uri: String,
    },
}

impl DataForm {
    fn is_archive(&self) -> bool {
        *self == Self::Archive
    }
}

/// Model data as a container asks for it. An archive is written down as a bare [`ArtifactSource`], as ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataSource {
    /// Where it is.
    #[serde(flatten)]
    pub at: ArtifactSource,
    /// How it is stored.
    #[serde(default, skip_serializing_if = "DataForm::is_archive")]
    pub form: DataForm,
    /// The ETag that the object, or the manifest, must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

impl From<ArtifactSource> for DataSource {
    /// An archive, whatever its version.
    fn from(at: ArtifactSource) -> Self {
        Self { at, form: DataForm::Archive, etag: None }
    }
}

/// What a look through the role saw: the cache's key. Of several files together: the prefix as key, the sum of their
/// bytes, and a digest of all their versions as ETag.
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

impl ArtifactVersion {
    /// Whether a second read is sure to bring the same bytes; a weak ETag promises less.
    pub(crate) fn pins_bytes(&self) -> bool {
        self.version_id.is_some() || self.etag.as_ref().is_some_and(|etag| !etag.starts_with("W/"))
    }
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
    /// The object was replaced between a look and the end of reading it; another look sees the new one.
    #[error("reading `{uri}` broke off: the object changed after it was looked at")]
    Changed {
        /// The URI.
        uri: String,
    },
    /// The objects' names cannot all be names of files in one directory.
    #[error("the objects at `{uri}` cannot be laid out as files: {detail}")]
    BadLayout {
        /// The URI.
        uri: String,
        /// Which rule they break.
        detail: String,
    },
    /// The manifest does not say what to fetch.
    #[error("the manifest `{uri}` cannot be used: {detail}")]
    BadManifest {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        detail: String,
    },
    /// What came is not an archive that may be unpacked.
    #[error("the archive at `{uri}` cannot be unpacked: {detail}")]
    BadArchive {
        /// The URI.
        uri: String,
        /// Which rule it breaks.
        detail: String,
        /// The kind of that rule.
        flaw: ArchiveFlaw,
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
        /// There was no space left.
        is_full: bool,
    },
}

/// What is wrong with an archive, as far as something else is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFlaw {
    /// It is no tar, compressed or not.
    NotAnArchive,
    /// It ends in the middle.
    CutOff,
    /// A member would be written outside.
    Unsafe,
    /// Another rule.
    Other,
}

impl FetchError {
    /// Something that this machine's disk said while `doing`.
    pub(crate) fn disk(uri: &str, doing: &str, error: &std::io::Error) -> Self {
        let (uri, detail) = (uri.to_owned(), format!("{doing} failed: {error}"));
        Self::Disk { uri, detail, is_full: is_full(error) }
    }

    /// Trying again without any change may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Interrupted { .. } | Self::Changed { .. } | Self::Disk { .. } => true,
            Self::Unreadable { .. }
            | Self::Missing { .. }
            | Self::Forbidden { .. }
            | Self::Role { .. }
            | Self::BadLayout { .. }
            | Self::BadManifest { .. }
            | Self::BadArchive { .. }
            | Self::OverLimit { .. } => false,
        }
    }
}

/// No space, or no more of it for this user.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// An object's bytes as they arrive.
pub type ObjectStream = Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>> + Send>>;

/// Reads objects as a role.
#[async_trait]
pub trait ObjectReader: Send + Sync {
    /// A HEAD through the role: whether it exists and may be read, and which version it is.
    async fn look(&self, source: &ArtifactSource) -> Result<ArtifactVersion, FetchError>;

    /// A listing through the role: the first `keys_max` objects whose keys begin with the source's, in the order of
    /// their keys, which come as they are. No object is an empty answer and no error.
    async fn list(
        &self,
        prefix: &ArtifactSource,
        keys_max: usize,
    ) -> Result<Vec<ArtifactVersion>, FetchError>;

    /// Opens just the version that was looked at, from byte `from` on; fails with `Changed` when it was replaced
    /// meanwhile.
    async fn open(
        &self,
        source: &ArtifactSource,
        version: &ArtifactVersion,
        from: u64,
    ) -> Result<ObjectStream, FetchError>;
}
