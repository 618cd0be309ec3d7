//! Fetches the model data of an instance's containers, and what is additional.
//!
//! Why: all at once, for the time that is allowed is for all of it.
//! Invariants: nothing is put into the instance's directory here: a process reads links, a container mounts.

use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use hostler_artifacts::DataSource;
use hostler_compute::{ContainerSpec, InstanceFailure, InstanceSpec, InstanceState, Phase};

use crate::failure::{of_fetch, of_late_fetch};
use crate::{PreparedModel, Site};

/// The data of one container.
pub struct Fetched {
    /// Its model, if it has one.
    pub model: Option<PreparedModel>,
    /// What is additional, in the order of its spec.
    pub channels: Vec<PreparedModel>,
}

/// What the containers of `spec` read, in their order; the phases are shown as they begin.
pub async fn fetch_all<N: Send>(
    site: &Site<N>,
    spec: &InstanceSpec,
) -> Result<Vec<Fetched>, Box<InstanceFailure>> {
    try_join_all(spec.containers.iter().map(|container| of_container(site, spec, container))).await
}

async fn of_container<N: Send>(
    site: &Site<N>,
    spec: &InstanceSpec,
    container: &ContainerSpec,
) -> Result<Fetched, Box<InstanceFailure>> {
    let name = &container.name;
    let model = async {
        match &container.model_data {
            Some(source) => fetch(site, spec, name, source).await.map(Some),
            None => Ok(None),
        }
    };
    let channels = &container.additional_model_data;
    let channels = channels.iter().map(|channel| fetch(site, spec, name, &channel.data));
    let fetched = try_join(model, try_join_all(channels)).await;
    let (model, channels) = fetched.map_err(|failure| Box::new(failure.of_container(spec, name)))?;
    Ok(Fetched { model, channels })
}

async fn fetch<N: Send>(
    site: &Site<N>,
    spec: &InstanceSpec,
    name: &str,
    source: &DataSource,
) -> Result<PreparedModel, InstanceFailure> {
    let on_phase = |phase| site.show(&spec.id, InstanceState::Preparing { phase });
    on_phase(Phase::Fetching);
    let timeout_ms = spec.download_timeout_ms;
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let prepared = tokio::time::timeout(timeout, site.data().prepare(source, &on_phase)).await;
    let phase = match site.state(&spec.id) {
        Some(InstanceState::Preparing { phase }) => phase,
        _ => Phase::Fetching,
    };
    prepared
        .map_err(|_| of_late_fetch(name, &source.at, phase, timeout_ms))?
        .map_err(|error| of_fetch(name, &source.at, phase, &error))
}
