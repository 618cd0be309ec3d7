//! The environment of a container: what the model says, and what SageMaker adds.
//!
//! Invariants: pure. The image's own variables stay beneath. The model's are passed word for word; only where several
//! containers share an instance does the port win over them, since a model cannot know it.

use std::collections::BTreeMap;

use hostler_compute::{ContainerSpec, InstanceSpec};

/// Where the first container of an instance answers; the others have the ports after it.
const PORT: u16 = 8080;
/// Below Linux's range for outgoing connections: ports for more listeners begin here, so many for each container.
const MORE_PORTS: u16 = 10_000;
const MORE_PORTS_EACH: u16 = 100;

/// Where an instance's container answers, counted from 0: they share one network.
pub(crate) fn port(position: usize) -> u16 {
    PORT.saturating_add(u16::try_from(position).unwrap_or(u16::MAX))
}

/// `NAME=value`, in order.
pub(crate) fn environment(spec: &InstanceSpec, position: usize, container: &ContainerSpec) -> Vec<String> {
    let region = spec.scope.region.to_string();
    let mut all: BTreeMap<String, String> = [("AWS_REGION", region.clone()), ("AWS_DEFAULT_REGION", region)]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    all.extend(container.environment.clone());
    if spec.containers.len() > 1 {
        let more = MORE_PORTS + MORE_PORTS_EACH * u16::try_from(position).unwrap_or_default();
        all.insert("SAGEMAKER_BIND_TO_PORT".to_owned(), port(position).to_string());
        all.insert("SAGEMAKER_SAFE_PORT_RANGE".to_owned(), format!("{more}-{}", more + MORE_PORTS_EACH - 1));
    }
    all.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}
