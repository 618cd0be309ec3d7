//! An access key of an account.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::{AccountId, Key, Kind, Millis, Scope};

/// An access key of an account, without its secret in the open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    /// See [`super::RECORD_SCHEMA`].
    pub schema: u32,
    /// `AKIA…`.
    pub access_key_id: String,
    /// Whose it is.
    pub account: AccountId,
    /// The user of the account; none is the account itself.
    pub user: Option<String>,
    /// When.
    pub created_at: Millis,
    /// When it last signed something, coarse; none if never.
    pub last_used_at: Option<Millis>,
    /// The secret, sealed with the cluster's key.
    pub sealed_secret: String,
}

impl AccessKeyRecord {
    /// Where the key of this id is stored.
    pub fn key_of(access_key_id: &str) -> Key {
        Key::new(&Scope::of_server(), Kind::AccessKey, access_key_id)
    }

    /// Where it is stored.
    pub fn key(&self) -> Key {
        Self::key_of(&self.access_key_id)
    }
}

impl Record for AccessKeyRecord {
    const WHAT: &'static str = "an access key";

    fn schema(&self) -> u32 {
        self.schema
    }
}
