//! Who a caller is, and where the credentials for a role come from.
//!
//! Why: artifact downloads, asynchronous output and capture all act as an execution role; they ask this port and do
//! not know whether AWS's STS, a compatible service or the embedded one answers.

use async_trait::async_trait;

use crate::{AccountId, Millis, Region, Secret};

/// Keys that sign a request.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `AKIA…` for a long-lived key, `ASIA…` for an assumed role.
    pub access_key_id: String,
    /// The signing key.
    pub secret_access_key: Secret,
    /// Present for an assumed role.
    pub session_token: Option<Secret>,
    /// When the session ends; a long-lived key has none.
    pub expires_at: Option<Millis>,
}

/// The caller that a verified signature names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account the key belongs to.
    pub account: AccountId,
    /// The access key that signed.
    pub access_key_id: String,
    /// `arn:aws:iam::<account>:root` or `…:user/<name>` for a key, `arn:aws:sts::<account>:assumed-role/<role>/<session>`
    /// for a session.
    pub arn: String,
    /// `AWS::userid`-like id that GetCallerIdentity shows.
    pub user_id: String,
    /// The role that was assumed, as it was named in AssumeRole; none for a long-lived key.
    pub role_arn: Option<String>,
    /// The long-lived key that everything the caller may do comes from; none where the service itself acts.
    pub long_lived_key_id: Option<String>,
}

/// Why a role could not be assumed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CredentialError {
    /// The service says that this role may not be assumed or does not exist.
    #[error("assuming role `{role_arn}` was refused with {code}: {message}")]
    Refused {
        /// The role asked for.
        role_arn: String,
        /// STS's error code.
        code: String,
        /// STS's message.
        message: String,
    },
    /// No answer, or one that cannot be read; later may help.
    #[error("assuming role `{role_arn}` got no usable answer: {detail}")]
    Unreachable {
        /// The role asked for.
        role_arn: String,
        /// What happened.
        detail: String,
    },
}

/// Hands out credentials of a role.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// Assumes `role_arn` in `region`, on behalf of `account`; `session` names the purpose in logs.
    async fn assume(
        &self,
        account: &AccountId,
        region: &Region,
        role_arn: &str,
        session: &str,
    ) -> Result<Credentials, CredentialError>;
}
