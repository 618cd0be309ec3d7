//! The embedded S3 and STS behind one door.
//!
//! Why: the binary opens it once, with its keys and its clock, and hands it the requests that the front door sorts out.
//! Invariants: no listener, no TLS and no settings here; keys are given, never made.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use hostler_aws::KeyRing;
use hostler_aws::sigv4::Verifier;
use hostler_types::{Clock, Region};

use crate::body::{Body, boxed};
use crate::folder::{Folder, FolderError};
use crate::limits::S3Limits;
use crate::local_source::LocalCredentialSource;
use crate::roles::RolePolicies;
use crate::s3::S3;
use crate::sts::Sts;

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct LocalAwsConfig {
    /// Where buckets live; made when it is not there.
    pub dir: PathBuf,
    /// What is accepted.
    pub limits: S3Limits,
    /// What roles may do.
    pub roles: RolePolicies,
    /// Regions in which the STS is switched off.
    pub inactive_regions: BTreeSet<Region>,
    /// Where S3 is when it is not here: requests are then refused with this address.
    pub s3_elsewhere: Option<String>,
}

/// What the server shares with its other rooms.
#[derive(Clone)]
pub struct LocalAwsPorts {
    /// Checks signatures.
    pub verifier: Arc<Verifier>,
    /// Issues sessions, and knows them again.
    pub keys: Arc<KeyRing>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("opening the embedded S3 in `{dir}`")]
pub struct OpenError {
    dir: String,
    source: FolderError,
}

/// The embedded S3 and STS.
pub struct LocalAws {
    s3: S3,
    sts: Sts,
}

impl LocalAws {
    /// Opens the folder and removes what a crash left half-written; it blocks for as long as that takes.
    pub fn open(config: LocalAwsConfig, ports: LocalAwsPorts) -> Result<Self, OpenError> {
        let LocalAwsConfig { dir, limits, roles, inactive_regions, s3_elsewhere } = config;
        let LocalAwsPorts { verifier, keys, clock } = ports;
        let folder =
            Folder::open(&dir).map_err(|source| OpenError { dir: dir.display().to_string(), source })?;
        let roles = Arc::new(roles);
        let s3 = S3 {
            folder: Arc::new(folder),
            roles: Arc::clone(&roles),
            verifier: Arc::clone(&verifier),
            clock: Arc::clone(&clock),
            limits,
            elsewhere: s3_elsewhere,
        };
        let inactive_regions = Arc::new(inactive_regions);
        Ok(Self { s3, sts: Sts { roles, keys, verifier, clock, inactive_regions } })
    }

    /// Answers a request to S3.
    pub async fn s3<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.s3.answer(request.map(boxed)).await
    }

    /// Answers a request to STS.
    pub async fn sts<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.sts.answer(request.map(boxed)).await
    }

    /// Credentials of roles without a request: the same rules, the same sessions.
    pub fn credential_source(&self) -> LocalCredentialSource {
        LocalCredentialSource::new(&self.sts)
    }
}
