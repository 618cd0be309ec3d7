//! Keeps accounts apart where an STS or an S3 elsewhere knows only one of them.
//!
//! Why: services elsewhere are asked with keys of the server's own account. Whoever may create a model in another account
//! could name a role that is the server's to assume, and read with it what is not theirs.
//! Invariants: the server's own account is asked for as ever. Another account gets roles of its own at most, and nothing
//! where one key reads for every role.

use std::sync::Arc;

use async_trait::async_trait;
use hostler_types::{AccountId, CredentialError, CredentialSource, Credentials, Region};

use crate::roles::RoleArn;

/// What accounts other than the server's own may read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherAccounts {
    /// Roles of their own account.
    OwnRoles,
    /// Nothing.
    Nothing,
}

/// A source of credentials that gives no account what is another's.
pub struct AccountsApart {
    own: AccountId,
    others: OtherAccounts,
    source: Arc<dyn CredentialSource>,
}

impl AccountsApart {
    /// `source` is asked with keys of account `own`.
    pub fn new(own: AccountId, others: OtherAccounts, source: Arc<dyn CredentialSource>) -> Self {
        Self { own, others, source }
    }

    fn refusal(&self, account: &AccountId, role_arn: &str) -> Option<String> {
        if *account == self.own {
            return None;
        }
        let is_own_role = RoleArn::parse(role_arn).is_some_and(|role| role.account == account.as_str());
        match self.others {
            OtherAccounts::OwnRoles if is_own_role => None,
            OtherAccounts::OwnRoles => Some(format!("account {account} may use roles of its own alone")),
            OtherAccounts::Nothing => Some(format!(
                "model data is read with one key for every role (`assume_roles = false`), which is account {}'s and not \
                 account {account}'s",
                self.own
            )),
        }
    }
}

#[async_trait]
impl CredentialSource for AccountsApart {
    async fn assume(
        &self,
        account: &AccountId,
        region: &Region,
        role_arn: &str,
        session: &str,
    ) -> Result<Credentials, CredentialError> {
        if let Some(message) = self.refusal(account, role_arn) {
            let (role_arn, code) = (role_arn.to_owned(), "AccessDenied".to_owned());
            return Err(CredentialError::Refused { role_arn, code, message });
        }
        self.source.assume(account, region, role_arn, session).await
    }
}

#[cfg(test)]
mod tests {
    use hostler_types::Secret;

    use super::*;

    struct AnyRole;

    #[async_trait]
    impl CredentialSource for AnyRole {
        async fn assume(
            &self,
            _: &AccountId,
            _: &Region,
            role_arn: &str,
            _: &str,
        ) -> Result<Credentials, CredentialError> {
            Ok(Credentials {
                access_key_id: role_arn.to_owned(),
                secret_access_key: Secret::new("s"),
                session_token: None,
                expires_at: None,
            })
        }
    }

    #[tokio::test]
    async fn an_account_reads_with_roles_of_its_own_and_never_with_the_servers() {
        let role_of = |account: &str| format!("arn:aws:iam::{account}:role/r");
        for (others, own_role) in [(OtherAccounts::OwnRoles, true), (OtherAccounts::Nothing, false)] {
            let source = AccountsApart::new(AccountId::new("000000000000"), others, Arc::new(AnyRole));
            let gets = async |account: &str, role: &str| {
                let (account, region) = (AccountId::new(account), Region::new("us-east-1"));
                source.assume(&account, &region, role, "s").await.is_ok()
            };
            // The server's own account is its STS's business alone.
            assert!(gets("000000000000", &role_of("000000000000")).await);
            assert!(gets("000000000000", &role_of("123456789012")).await);
            assert_eq!(gets("111111111111", &role_of("111111111111")).await, own_role);
            for foreign in [&role_of("000000000000"), &role_of("222222222222"), "nonsense"] {
                assert!(!gets("111111111111", foreign).await, "{others:?} {foreign}");
            }
        }
    }
}
