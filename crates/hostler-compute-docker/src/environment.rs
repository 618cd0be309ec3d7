//! The environment of a container: what the model says, and what SageMaker adds.
//!
//! Invariants: pure. The image's own variables stay beneath. The model's are passed word for word; only where several
//! containers share an instance does the port win over them, since a model cannot know it.

use std::collections::BTreeMap;

use hostler_compute::{ContainerSpec, InstanceSpec};

/// Where a container answers that has its instance to itself.
pub(crate) const PORT: u16 = 8080;

/// `NAME=value`, in order.
pub(crate) fn environment(spec: &InstanceSpec, container: &ContainerSpec) -> Vec<String> {
    let region = spec.scope.region.to_string();
    let mut all: BTreeMap<String, String> = [("AWS_REGION", region.clone()), ("AWS_DEFAULT_REGION", region)]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    all.extend(container.environment.clone());
    all.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}
