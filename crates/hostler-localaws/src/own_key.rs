//! The server's own key in the place of a role's session, for an S3 without an STS.
//!
//! Why: many S3-compatible services know keys and no roles. The operator says so by name; then every model is read with
//! one key, and a role is only asked whether it may be assumed at all.
//! Invariants: the embedded STS is asked first, so a role of another account, one that does not exist and a region that
//! is switched off are refused as ever. The key is asked for each time, because it may change.

use std::sync::Arc;

use async_trait::async_trait;
use hostler_types::{AccountId, CredentialError, CredentialSource, Credentials, Region};

use crate::local_source::LocalCredentialSource;

/// The key that this server has for an account, or why there is none.
pub type OwnKeys = Arc<dyn Fn(&AccountId) -> Result<Credentials, String> + Send + Sync>;

/// Gives the server's own key to every role that may be assumed.
#[derive(Clone)]
pub struct OwnKeySource {
    roles: LocalCredentialSource,
    keys: OwnKeys,
}

impl OwnKeySource {
    /// `roles` decides, `keys` gives.
    pub fn new(roles: LocalCredentialSource, keys: OwnKeys) -> Self {
        Self { roles, keys }
    }
}

#[async_trait]
impl CredentialSource for OwnKeySource {
    async fn assume(
        &self,
        account: &AccountId,
        region: &Region,
        role_arn: &str,
        session: &str,
    ) -> Result<Credentials, CredentialError> {
        self.roles.assume(account, region, role_arn, session).await?;
        (self.keys)(account)
            .map_err(|detail| CredentialError::Unreachable { role_arn: role_arn.to_owned(), detail })
    }
}
