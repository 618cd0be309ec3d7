//! A model as it was created.

use hostler_shapes::{CreateModelInput, Tag};
use serde::{Deserialize, Serialize};

use super::Record;
use crate::{Arn, Key, Kind, Millis, Scope};

/// A model as it was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// See [`super::RECORD_SCHEMA`].
    pub schema: u32,
    /// Its namespace.
    pub scope: Scope,
    /// When.
    pub created_at: Millis,
    /// The accepted request; its tags are moved to `tags`.
    pub request: CreateModelInput,
    /// The tags now.
    pub tags: Vec<Tag>,
    /// Members that were accepted and have no effect here, one sentence each.
    pub notes: Vec<String>,
}

impl ModelRecord {
    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.request.model_name
    }

    /// Where it is stored.
    pub fn key(&self) -> Key {
        Key::new(&self.scope, Kind::Model, self.name())
    }

    /// Its ARN.
    pub fn arn(&self) -> Arn {
        Arn::new(&self.scope, Kind::Model, self.name())
    }
}

impl Record for ModelRecord {
    const WHAT: &'static str = "a model";

    fn schema(&self) -> u32 {
        self.schema
    }
}
