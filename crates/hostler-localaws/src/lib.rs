//! The embedded S3 over a folder and a small STS: what a model needs of AWS besides SageMaker, for machines without it.
//!
//! Why: uploads, artifact downloads and execution roles go over the same public protocols as in AWS, so whatever works
//! here works there. An S3 server crate was weighed and left; `s3.rs` and `folder.rs` say why.
//! Invariants: every request is verified by hostler-aws before it is looked at; nothing here knows endpoints or models.
#![warn(missing_docs)]

mod accounts_apart;
mod body;
mod digest;
mod folder;
mod limits;
mod local;
mod local_source;
mod own_key;
mod profile_file;
mod roles;
mod s3;
mod sts;
mod sts_client;
mod xml;

pub use accounts_apart::{AccountsApart, OtherAccounts};
pub use body::Body;
pub use limits::S3Limits;
pub use local::{LocalAws, LocalAwsConfig, LocalAwsPorts, OpenError};
pub use local_source::LocalCredentialSource;
pub use own_key::{OwnKeySource, OwnKeys};
pub use profile_file::{ProfileError, read_profile};
pub use roles::{RolePolicies, RoleRule, RoleRuleError, UndeclaredRoles};
pub use sts_client::{StsClient, StsConfig, StsEndpoint};
