//! An endpoint config as it was created; it never changes afterwards.

use hostler_shapes::{CreateEndpointConfigInput, Tag};
use serde::{Deserialize, Serialize};

use super::Record;
use crate::{Arn, Key, Kind, Millis, Scope};

/// An endpoint config as it was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointConfigRecord {
    /// See [`super::RECORD_SCHEMA`].
    pub schema: u32,
    /// Its namespace.
    pub scope: Scope,
    /// When.
    pub created_at: Millis,
    /// The accepted request, defaults filled in; its tags are moved to `tags`.
    pub request: CreateEndpointConfigInput,
    /// The tags now.
    pub tags: Vec<Tag>,
    /// Members that were accepted and have no effect here, one sentence each.
    pub notes: Vec<String>,
}

impl EndpointConfigRecord {
    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.request.endpoint_config_name
    }

    /// Where it is stored.
    pub fn key(&self) -> Key {
        Key::new(&self.scope, Kind::EndpointConfig, self.name())
    }

    /// Its ARN.
    pub fn arn(&self) -> Arn {
        Arn::new(&self.scope, Kind::EndpointConfig, self.name())
    }
}

impl Record for EndpointConfigRecord {
    const WHAT: &'static str = "an endpoint config";

    fn schema(&self) -> u32 {
        self.schema
    }
}
