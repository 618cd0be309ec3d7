//! What the tasks of the instances share: the engine, what was pulled, and which instance needs what of both.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use hostler_compute::Capabilities;
use hostler_compute_local::Site;
use hostler_types::{DeviceClass, InstanceId};

use crate::DockerConfig;
use crate::engine::{Engine, EngineError, EngineInfo};
use crate::networks::Networks;
use crate::pulled::Pulled;
use crate::pulls::Pulls;
use crate::records::HeldImage;

/// What the tasks of the instances need.
pub struct Containers {
    pub(crate) config: DockerConfig,
    pub(crate) site: Site<Noted>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) networks: Networks,
    pub(crate) pulls: Pulls,
    pub(crate) pulled: Pulled,
    /// What the engine said of itself; none: it has not been reached yet.
    pub(crate) info: OnceLock<EngineInfo>,
    pub(crate) devices: BTreeMap<DeviceClass, u32>,
}

/// What is kept in memory of an instance.
#[derive(Default)]
pub struct Noted {
    pub(crate) images: Vec<HeldImage>,
    /// Its containers are gone, and what remains of it needs no network.
    pub(crate) is_off: bool,
}

impl Containers {
    /// Asks the engine what it is, if that is not known yet.
    pub(crate) async fn get_to_know(&self) {
        match self.engine.info().await {
            Ok(info) => {
                let EngineInfo { server_version, cpus, memory_bytes, .. } = &info;
                let address = self.engine.address().to_string();
                tracing::info!(address, server_version, cpus, memory_bytes, "a container engine runs images");
                let _ = self.info.set(info);
            }
            Err(error) => {
                tracing::warn!(%error, "no image can be run before the container engine is there");
            }
        }
    }

    pub(crate) fn info(&self) -> Option<&EngineInfo> {
        self.info.get()
    }

    /// What holds here, as far as is known.
    pub(crate) fn what_holds(&self) -> Capabilities {
        let info = self.info.get();
        // Only root may enter a container's network, and only where that is one of this machine's.
        let is_root = rustix::process::geteuid().is_root();
        let isolates = is_root && info.is_some_and(|info| !info.is_rootless());
        Capabilities {
            name: "docker",
            limits_memory: info.is_none_or(|info| info.memory_limit),
            limits_cpu: info.is_none_or(|info| info.cpu_quota),
            isolates_network: isolates,
            isolates_images: isolates,
            memory_bytes_max: self.config.memory_bytes_max,
            runs_images: true,
            devices: self.devices.clone(),
        }
    }

    /// What an image was for this instance's deployment.
    pub(crate) fn held_image(&self, id: &InstanceId, image: &str) -> Option<HeldImage> {
        let entries = self.site.entries();
        let first = InstanceId::before_all_of(&id.endpoint);
        let own = entries.range(first..).take_while(|(one, _)| one.endpoint == id.endpoint);
        let siblings = own.filter(|(one, _)| one.generation == id.generation);
        siblings.flat_map(|(_, entry)| &entry.noted.images).find(|held| held.image == image).cloned()
    }

    pub(crate) async fn note_images(self: &Arc<Self>, id: &InstanceId, images: &[HeldImage]) {
        if let Some(entry) = self.site.entries().get_mut(id) {
            entry.noted.images = images.to_vec();
        }
        let (shared, ids) = (self.clone(), images.iter().map(|image| image.id.clone()).collect::<Vec<_>>());
        let noted = self.site.blocking(move || {
            let now = shared.site.clock().now();
            for id in &ids {
                shared.pulled.use_now(id, now);
            }
            Ok(())
        });
        // It cannot fail.
        let _ = noted.await;
    }

    /// An image was pulled for an instance.
    pub(crate) async fn note_pulled(self: &Arc<Self>, image: &HeldImage) {
        let (shared, id) = (self.clone(), image.id.clone());
        let noted = self.site.blocking(move || {
            shared.pulled.note(&id, shared.site.clock().now());
            Ok(())
        });
        let _ = noted.await;
    }

    /// Whether an instance is made from an image.
    pub(crate) fn uses_image(&self, id: &str) -> bool {
        self.site.entries().values().flat_map(|entry| &entry.noted.images).any(|image| image.id == id)
    }

    /// Whether an instance may need the network.
    pub(crate) fn needs_network(&self) -> bool {
        self.site.entries().values().any(|entry| !entry.noted.is_off && !entry.spec.is_isolated)
    }

    /// An instance's containers are gone: the last one takes the network along.
    pub(crate) async fn leave_network(&self, id: &InstanceId) -> Result<(), EngineError> {
        if let Some(entry) = self.site.entries().get_mut(id) {
            entry.noted.is_off = true;
        }
        self.networks.sweep(&self.engine, || self.needs_network()).await
    }
}
