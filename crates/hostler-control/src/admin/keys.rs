//! The admin API's part for access keys: create, list, revoke.
//!
//! Invariants: with the server's own key alone; an account cannot make itself a key of another. The secret is in the
//! answer to the creation and nowhere else.

use hostler_aws::ApiError;
use hostler_store::StoreError;
use hostler_types::AccountId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Admin;
use crate::access_keys::{KEYS_MAX, ListedKey};
use crate::control::{Caller, store_failed};

/// IAM's limit.
const USER_CHARS_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NewKey {
    account: String,
    user_name: Option<String>,
}

impl Admin {
    pub(super) async fn create_key(&self, caller: &Caller, body: &[u8]) -> Result<Value, ApiError> {
        self.check_operator(caller, "CreateAccessKey")?;
        let new: NewKey = serde_json::from_slice(body).map_err(|error| {
            ApiError::serialization(format!("The body is not that of a new key: {error}"))
        })?;
        if new.account.len() != 12 || !new.account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ApiError::validation(format!("Account `{}` is not twelve digits.", new.account)));
        }
        if let Some(user) = new.user_name.as_deref().filter(|user| !is_user_name(user)) {
            return Err(ApiError::validation(format!(
                "UserName `{user}` is not one to {USER_CHARS_MAX} letters, digits or any of _+=,.@-"
            )));
        }
        let created = self.keys.create(AccountId::new(new.account), new.user_name).await;
        let (key, created_at) = created.map_err(|error| match error {
            StoreError::QuotaExceeded { .. } => ApiError::resource_limit_exceeded(format!(
                "There are {KEYS_MAX} access keys, as many as a server holds. Revoke one that is not used any more."
            )),
            other => store_failed(other),
        })?;
        Ok(json!({
            "AccessKeyId": key.access_key_id,
            "SecretAccessKey": key.secret_access_key.expose(),
            "Account": key.account,
            "UserName": key.user,
            "Arn": key.arn(),
            "CreationTime": created_at,
        }))
    }

    pub(super) async fn list_keys(&self, caller: &Caller) -> Result<Value, ApiError> {
        self.check_operator(caller, "ListAccessKeys")?;
        let listed = self.keys.list().await.map_err(store_failed)?;
        let shown: Vec<Value> = listed
            .into_iter()
            .map(|ListedKey { key, created_at, last_used_at }| {
                json!({
                    "AccessKeyId": key.access_key_id,
                    "Account": key.account,
                    "UserName": key.user,
                    "Arn": key.arn(),
                    "IsServersOwn": key.access_key_id == self.keys.own_id(),
                    "CreationTime": created_at,
                    "LastUsedTime": last_used_at,
                })
            })
            .collect();
        Ok(json!({ "Keys": shown }))
    }

    pub(super) async fn revoke_key(&self, caller: &Caller, id: &str) -> Result<Value, ApiError> {
        self.check_operator(caller, "DeleteAccessKey")?;
        if id.eq_ignore_ascii_case(self.keys.own_id()) {
            return Err(ApiError::validation(format!(
                "Access key {id} is the server's own, without which nobody could manage it. To replace it, stop the \
                 server, run `hostler keys rotate`, and start the server again."
            )));
        }
        if !self.keys.revoke(id).await.map_err(store_failed)? {
            return Err(ApiError::resource_not_found(format!("There is no access key {id}.")));
        }
        Ok(json!({ "AccessKeyId": id, "Revoked": true }))
    }

    /// Only the server's own key: whoever has another cannot take more than was given.
    fn check_operator(&self, caller: &Caller, action: &str) -> Result<(), ApiError> {
        let identity = &caller.identity;
        if identity.access_key_id == self.keys.own_id() {
            return Ok(());
        }
        Err(ApiError::access_denied(format!(
            "User: {} is not authorized to perform: hostler:{action} because only the server's own key, which lies in \
             its data directory, manages access keys",
            identity.arn
        )))
    }
}

fn is_user_name(name: &str) -> bool {
    (1..=USER_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}
