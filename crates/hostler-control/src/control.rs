//! The door of the control plane: an operation's name and body in, its answer out.
//!
//! Why: every operation is one function from a caller and a typed input to a typed output; this file is the only one
//! that knows all of them, so that adding one is one line here and one file beside it.
//! Invariants: an operation writes desired state in one transaction and returns; it never launches, waits for or
//! stops an instance. The exceptions are bounded reads: CreateModel's look at the data, DescribeEndpoint's hold.

use std::sync::Arc;
use std::time::Duration;

use hostler_artifacts::ObjectReader;
use hostler_aws::ApiError;
use hostler_catalog::ImageCatalog;
use hostler_compute::Capabilities;
use hostler_shapes::{
    CreateEndpointInput, CreateModelInput, DecodeError, decode, is_operation, operation, validation_message,
};
use hostler_store::{Store, StoreError};
use hostler_types::{Clock, EndpointUid, Identity, Scope};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::info;

use crate::accelerators::AcceleratorPolicy;
use crate::history::By;
use crate::operations::{Decided, LocalUrls, check_new_tags};
use crate::plan::Policy;
use crate::quotas::Quotas;
use crate::texts::trouble_sentence;
use crate::usage::UsageSettings;

/// Who calls, and in which namespace.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The caller's account and the region of the signature's scope.
    pub scope: Scope,
    /// Whom the signature names.
    pub identity: Identity,
}

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct ControlSettings {
    /// How long DescribeEndpoint of an endpoint in a passing status may be held.
    pub describe_hold: Duration,
    /// How long CreateModel may look for the model data.
    pub look_timeout: Duration,
    /// How long `/ping` may take to become 200 where the config does not say.
    pub startup_timeout_ms: i64,
    /// How long fetching and unpacking may take where the config does not say.
    pub download_timeout_ms: i64,
    /// What an account may have in a region.
    pub quotas: Quotas,
    /// What becomes of types whose accelerators the machine lacks.
    pub accelerators: AcceleratorPolicy,
    /// Nothing that anything uses is deleted: no endpoint config of an endpoint, no model of either.
    pub protect_in_use: bool,
    /// Refuse what AWS refuses, also where nothing here needs it.
    pub strict_aws: bool,
    /// The planner's numbers, the same as the reconciler's: what an update would do is foretold by them.
    pub policy: Policy,
    /// How it is kept what was used.
    pub usage: UsageSettings,
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self {
            describe_hold: Duration::from_secs(1),
            look_timeout: Duration::from_secs(2),
            // AWS gives eight minutes, and an hour to the download.
            startup_timeout_ms: 8 * 60 * 1000,
            download_timeout_ms: 60 * 60 * 1000,
            quotas: Quotas::default(),
            accelerators: AcceleratorPolicy::default(),
            protect_in_use: false,
            strict_aws: false,
            policy: Policy::default(),
            usage: UsageSettings::default(),
        }
    }
}

/// What the control plane is made of.
#[derive(Clone)]
pub struct ControlParts {
    /// Where state lives.
    pub store: Arc<dyn Store>,
    /// Wall time that never goes back, the same as that of the reconciler.
    pub clock: Arc<dyn Clock>,
    /// Looks at model data as a role.
    pub reader: Arc<dyn ObjectReader>,
    /// What the backend can do.
    pub capabilities: Capabilities,
    /// Which program runs an image.
    pub catalog: Arc<ImageCatalog>,
    /// Makes the ids of endpoints; lower-case hexadecimal, never the same twice.
    pub new_uid: Arc<dyn Fn() -> String + Send + Sync>,
    /// What the operator set.
    pub settings: ControlSettings,
}

/// The control plane's operations.
#[derive(Clone)]
pub struct Control {
    pub(crate) parts: Arc<ControlParts>,
}

impl Control {
    /// The operations over these parts.
    pub fn new(parts: ControlParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Whose request changes something now.
    pub(crate) fn by<'a>(&self, caller: &'a Caller) -> By<'a> {
        By { caller, at: self.parts.clock.now() }
    }

    /// Answers one operation; the bytes are its JSON output, empty where it has none.
    pub async fn call(&self, caller: &Caller, operation: &str, body: &[u8]) -> Result<Vec<u8>, ApiError> {
        let input = Input { operation, body };
        match operation {
            "CreateModel" => output(&self.create_model(caller, input.decode_model()?).await?),
            "DescribeModel" => output(&self.describe_model(caller, &input.decode()?).await?),
            "ListModels" => output(&self.list_models(caller, input.decode()?).await?),
            "DeleteModel" => self.delete_model(caller, &input.decode()?).await.map(nothing),
            "CreateEndpointConfig" => output(&self.create_endpoint_config(caller, input.decode()?).await?),
            "DescribeEndpointConfig" => {
                output(&self.describe_endpoint_config(caller, &input.decode()?).await?)
            }
            "ListEndpointConfigs" => output(&self.list_endpoint_configs(caller, input.decode()?).await?),
            "DeleteEndpointConfig" => {
                self.delete_endpoint_config(caller, &input.decode()?).await.map(nothing)
            }
            "CreateEndpoint" => output(&self.create_endpoint(caller, input.decode()?).await?),
            "DescribeEndpoint" => output(&self.describe_endpoint(caller, &input.decode()?).await?),
            "UpdateEndpoint" => output(&self.update_endpoint(caller, input.decode()?).await?),
            "UpdateEndpointWeightsAndCapacities" => {
                output(&self.update_endpoint_weights_and_capacities(caller, input.decode()?).await?)
            }
            "ListEndpoints" => output(&self.list_endpoints(caller, input.decode()?).await?),
            "DeleteEndpoint" => self.delete_endpoint(caller, &input.decode()?).await.map(nothing),
            "AddTags" => output(&self.add_tags(caller, input.decode()?).await?),
            "ListTags" => output(&self.list_tags(caller, &input.decode()?).await?),
            "DeleteTags" => output(&self.delete_tags(caller, &input.decode()?).await?),
            known if is_operation(known) => Err(ApiError::not_implemented(known)),
            _ => Err(ApiError::unknown_operation()),
        }
    }
}

impl Control {
    /// What one of the two operations that bring a deployment would write down; nothing is.
    pub(crate) async fn decide(
        &self,
        caller: &Caller,
        operation: &str,
        body: &[u8],
    ) -> Result<Decided, ApiError> {
        let input = Input { operation, body };
        match operation {
            "CreateEndpoint" => {
                let mut input: CreateEndpointInput = input.decode()?;
                let tags = check_new_tags(input.tags.take())?;
                self.decide_creation(caller, &input, &tags, EndpointUid::new("foreseen")).await
            }
            "UpdateEndpoint" => self.decide_update(caller, &input.decode()?).await,
            _ => Err(ApiError::unknown_operation()),
        }
    }
}

struct Input<'a> {
    operation: &'a str,
    body: &'a [u8],
}

impl Input<'_> {
    /// CreateModel, whose `ModelDataUrl` may name a file of this machine.
    fn decode_model(&self) -> Result<CreateModelInput, ApiError> {
        let Some((body, urls)) = LocalUrls::take_out(self.body) else { return self.decode() };
        let mut model = Input { operation: self.operation, body: &body }.decode()?;
        urls.put_back(&mut model);
        Ok(model)
    }

    fn decode<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let described = operation(self.operation).ok_or_else(|| ApiError::not_implemented(self.operation))?;
        decode(described, self.body).map_err(|error| match error {
            DecodeError::Serialization(problem) => match problem.message {
                Some(message) => ApiError::serialization(message),
                None => ApiError::serialization_without_message(),
            },
            DecodeError::Validation(violations) => ApiError::validation(validation_message(&violations)),
        })
    }
}

fn output<T: Serialize>(value: &T) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|error| ApiError::internal("writing an answer").with_source(error))
}

fn nothing((): ()) -> Vec<u8> {
    Vec::new()
}

/// The store failed: the client may try again, the log knows why; what only an operator can mend is said.
pub(crate) fn store_failed(error: StoreError) -> ApiError {
    match error {
        StoreError::BadToken => ApiError::validation("The pagination token is invalid."),
        StoreError::Trouble { trouble, .. } => {
            ApiError::internal_told("the store failed", trouble_sentence(trouble)).with_source(error)
        }
        other => ApiError::internal("the store failed").with_source(other),
    }
}

/// Says that accepted members have no effect here.
pub(crate) fn log_notes(arn: &str, notes: &[String]) {
    for note in notes {
        info!(arn, note, "a request member has no effect here");
    }
}
