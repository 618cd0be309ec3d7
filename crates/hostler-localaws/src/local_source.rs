//! Credentials of roles from the embedded STS, without going through HTTP.
//!
//! Why: for work inside the server, where a request to itself would only cost time. Downloads use
//! [`crate::StsClient`], which takes the same way as a foreign client.
//! Invariants: the decision is the embedded STS's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use hostler_aws::KeyRing;
use hostler_types::{AccountId, Clock, CredentialError, CredentialSource, Credentials, Identity, Region};

use crate::roles::RolePolicies;
use crate::sts::{AssumeRules, Assumption, Sts, assume};

/// How long a session is good for.
const DURATION_S: u64 = 3600;

/// Assumes roles in the process.
#[derive(Clone)]
pub struct LocalCredentialSource {
    roles: Arc<RolePolicies>,
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    inactive_regions: Arc<BTreeSet<Region>>,
}

impl LocalCredentialSource {
    pub(crate) fn new(sts: &Sts) -> Self {
        Self {
            roles: Arc::clone(&sts.roles),
            keys: Arc::clone(&sts.keys),
            clock: Arc::clone(&sts.clock),
            inactive_regions: Arc::clone(&sts.inactive_regions),
        }
    }
}

#[async_trait]
impl CredentialSource for LocalCredentialSource {
    async fn assume(
        &self,
        account: &AccountId,
        region: &Region,
        role_arn: &str,
        session: &str,
    ) -> Result<Credentials, CredentialError> {
        // The service acts for the account that owns the model, as `sagemaker.amazonaws.com` does in AWS.
        let caller = Identity {
            account: account.clone(),
            access_key_id: String::new(),
            arn: format!("arn:aws:iam::{account}:root"),
            user_id: account.to_string(),
            role_arn: None,
            long_lived_key_id: None,
        };
        let assumption =
            Assumption { caller: &caller, region, role_arn, session_name: session, duration_s: DURATION_S };
        let rules = AssumeRules { roles: &self.roles, inactive_regions: &self.inactive_regions };
        match assume(&assumption, &rules, &self.keys, self.clock.now()) {
            Ok((credentials, _)) => Ok(credentials),
            Err(error) => Err(CredentialError::Refused {
                role_arn: role_arn.to_owned(),
                code: spelled(error.code()).to_owned(),
                message: error.message().unwrap_or_default().to_owned(),
            }),
        }
    }
}

/// The code as STS's documents spell it.
fn spelled(code: &str) -> &str {
    if code == "AccessDeniedException" { "AccessDenied" } else { code }
}
