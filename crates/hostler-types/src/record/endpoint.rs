//! An endpoint: what is wanted, the deployment it runs, and the planner's memory of its instances.
//!
//! Why: everything the planner needs to go on after `kill -9` stands here; what the backends can tell is not
//! repeated. An instance is written down before it is launched, so that none can exist that nobody knows of.
//! Invariants: an attempt number is never used twice in one place. At most one instance of a place is `Wanted`.

use std::collections::BTreeMap;

use hostler_shapes::{CreateEndpointConfigInput, CreateModelInput, DeploymentConfig, RoutingStrategy, Tag};
use serde::{Deserialize, Serialize};

use super::Record;
use super::failure::FailureRecord;
use super::update::{Stranded, Update};
use crate::{Arn, EndpointStatus, EndpointUid, InstanceId, Key, Kind, Millis, Scope, VariantName};

/// The tag of an endpoint that allows a second try of requests that were lost with their instance.
pub(super) const RETRY_LOST_TAG: &str = "hostler:retry_lost";

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// See [`super::RECORD_SCHEMA`].
    pub schema: u32,
    /// Its namespace.
    pub scope: Scope,
    /// The name as it was given.
    pub name: String,
    /// Its id from creation to deletion.
    pub uid: EndpointUid,
    /// When it was created.
    pub created_at: Millis,
    /// When its status last changed.
    pub modified_at: Millis,
    /// What the owner wants of it.
    pub goal: Goal,
    /// What clients are shown.
    pub status: EndpointStatus,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// The same for a person who is to mend it: what was seen when it was decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<FailureRecord>>,
    /// The attempt to run one config. During an update: the former one, which is gone back to when it fails.
    pub deployment: Deployment,
    /// The change on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    /// What a failed rollback left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stranded: Option<Stranded>,
    /// The newest generation that was ever given out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generations: u64,
    /// Places of the fleets that were filled at least once.
    pub places: Vec<PlaceRecord>,
    /// Every instance that may exist.
    pub instances: Vec<InstanceRecord>,
    /// How the last deployment came, for a later update with RetainDeploymentConfig.
    pub deployment_config: Option<DeploymentConfig>,
    /// Until when the time of its instances is written down as used; none when it is from their launches on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered_until: Option<Millis>,
    /// The tags now.
    pub tags: Vec<Tag>,
    /// Members that were accepted and have no effect here, one sentence each.
    pub notes: Vec<String>,
}

/// What the owner wants of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    /// Run the deployment.
    Serve,
    /// Go away.
    Gone,
}

/// A snapshot: the config and every model it names, as they were when the call was accepted. Only the sizes of its
/// fleets change afterwards, and what its images turn out to be is added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// 1 for creation, the next for each update.
    pub generation: u64,
    /// When it was accepted.
    pub started_at: Millis,
    /// The config.
    pub config: CreateEndpointConfigInput,
    /// The models that its variants name.
    pub models: Vec<ModelSnapshot>,
    /// The fleets that the config asks for, in its order.
    pub fleets: Vec<Fleet>,
    /// What images turned out to be, by the names that the models give: names with digests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
}

/// A model as a deployment keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSnapshot {
    /// When the model was created.
    pub created_at: Millis,
    /// The accepted request.
    pub request: CreateModelInput,
}

/// The instances of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    /// The variant.
    pub variant: VariantName,
    /// Which of the deployment's models it runs.
    pub model_name: String,
    /// Its share of the traffic.
    pub weight: f64,
    /// How many instances.
    pub count: u32,
    /// `ml.…`, where the config names one.
    pub instance_type: Option<String>,
    /// How long fetching and unpacking may take.
    pub download_timeout_ms: i64,
    /// How long `/ping` may take to become 200 after the start.
    pub startup_timeout_ms: i64,
}

/// The memory of one place in a fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlaceRecord {
    /// The deployment.
    pub generation: u64,
    /// The variant.
    pub variant: VariantName,
    /// Counted from 0.
    pub ordinal: u32,
    /// Launches so far.
    pub attempts: u32,
    /// Failures since an instance here last stayed healthy.
    pub failures: u32,
    /// No launch before this.
    pub not_before: Millis,
    /// What ended the last instance here.
    pub last_failure: Option<String>,
    /// The same as it was decided on, without a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<FailureRecord>>,
    /// When the first of those failures was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Millis>,
}

/// The memory of one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Which.
    pub id: InstanceId,
    /// What is wanted of it.
    pub intent: InstanceIntent,
    /// When the launch was decided.
    pub launched_at: Millis,
    /// A backend has shown it at least once.
    pub was_seen: bool,
    /// When it first passed its health check.
    pub healthy_at: Option<Millis>,
}

/// What is wanted of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceIntent {
    /// It is to run.
    Wanted,
    /// It finishes its requests, then it is removed.
    Draining {
        /// When draining began.
        since: Millis,
    },
    /// It is to vanish.
    Removing,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(generations: &u64) -> bool {
    *generations == 0
}

impl EndpointRecord {
    /// Where it is stored.
    pub fn key(&self) -> Key {
        Key::new(&self.scope, Kind::Endpoint, &self.name)
    }

    /// Its ARN.
    pub fn arn(&self) -> Arn {
        Arn::new(&self.scope, Kind::Endpoint, &self.name)
    }

    /// The name of the config that its deployment runs.
    pub fn config_name(&self) -> &str {
        &self.deployment.config.endpoint_config_name
    }

    /// Whether its owner allows a second try of requests that were lost with their instance, by the tag
    /// `hostler:retry_lost`: a tag, so that code says it through the API that it uses anyway.
    pub fn retries_lost(&self) -> bool {
        self.tags.iter().any(|tag| tag.key == RETRY_LOST_TAG && tag.value == "true")
    }

    /// Every deployment in play: the one it runs, what a failed rollback left, the one that comes.
    pub fn deployments(&self) -> impl Iterator<Item = &Deployment> {
        let stranded = self.stranded.as_ref().map(|stranded| &stranded.deployment);
        let coming = self.update.as_ref().and_then(Update::deployment);
        std::iter::once(&self.deployment).chain(stranded).chain(coming)
    }

    /// The deployment in play with this generation.
    pub fn deployment_of(&self, generation: u64) -> Option<&Deployment> {
        self.deployments().find(|deployment| deployment.generation == generation)
    }

    /// The same, to be changed.
    pub fn deployment_of_mut(&mut self, generation: u64) -> Option<&mut Deployment> {
        let stranded = self.stranded.as_mut().map(|stranded| &mut stranded.deployment);
        let coming = self.update.as_mut().and_then(Update::deployment_mut);
        let mut all = std::iter::once(&mut self.deployment).chain(stranded).chain(coming);
        all.find(|deployment| deployment.generation == generation)
    }

    /// Forgets places of deployments that are no more in play: a generation is never given out again.
    pub fn forget_places(&mut self) {
        let in_play: Vec<u64> = self.deployments().map(|deployment| deployment.generation).collect();
        self.places.retain(|place| in_play.contains(&place.generation));
    }

    /// The newest generation that was ever given out.
    pub fn newest_generation(&self) -> u64 {
        self.deployments().map(|deployment| deployment.generation).fold(self.generations, u64::max)
    }
}

impl Deployment {
    /// A fleet by its variant.
    pub fn fleet(&self, variant: &VariantName) -> Option<&Fleet> {
        self.fleets.iter().find(|fleet| fleet.variant == *variant)
    }

    /// How its config has an instance of the variant chosen; none where it does not say.
    pub fn routing(&self, variant: &VariantName) -> Option<RoutingStrategy> {
        let mut variants = self.config.production_variants.iter();
        let variant = variants.find(|known| known.variant_name == variant.as_str())?;
        Some(variant.routing_config.as_ref()?.routing_strategy)
    }

    /// The snapshot of a model by name.
    pub fn model(&self, name: &str) -> Option<&ModelSnapshot> {
        self.models.iter().find(|model| model.request.model_name.eq_ignore_ascii_case(name))
    }
}

impl Record for EndpointRecord {
    const WHAT: &'static str = "an endpoint";

    fn schema(&self) -> u32 {
        self.schema
    }
}
