//! Containers of an engine as a way to run instances.
//!
//! Why: ends are told by the engine as they happen, nothing is polled.
//! Failure: an engine that is not there when the backend opens is asked again by whatever needs it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hostler_compute::{Capabilities, ComputeError, InstanceSpec, InstanceState, Program, ResolvedImage};
use hostler_compute_local::directory::InstanceDir;
use hostler_compute_local::{
    Found, Ground, LocalBackend, Placing, Site, Way, blocking, container_dir, devices, listening_at,
};

use crate::engine::Engine;
use crate::life::Instance;
use crate::networks::Networks;
use crate::pulled::Pulled;
use crate::pulls::Pulls;
use crate::records::{HeldImage, IMAGES};
use crate::shared::{Containers, Noted};
use crate::{DockerConfig, adoption, container, sweep};

/// Where engines answer questions for names, inside of each container's network.
const ENGINES_NAME_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// Runs instances as containers.
pub type DockerBackend = LocalBackend<Containers>;

impl Way for Containers {
    type Config = DockerConfig;
    type Noted = Noted;
    type Instance = Instance;
    const STOP_MARGIN: Duration = Duration::from_secs(30);

    fn dir(config: &DockerConfig) -> &Path {
        &config.dir
    }

    async fn open(mut config: DockerConfig, ground: Ground) -> io::Result<Self> {
        config.dir = ground.root.clone();
        let (root, device_dir, images_kept) =
            (ground.root.clone(), config.device_dir.clone(), config.images_kept);
        let (devices, pulled) =
            blocking(move || Ok((devices::count(&device_dir), Pulled::open(&root, images_kept)))).await?;
        let engine = Arc::new(Engine::new(config.address.clone()));
        let opened = Self {
            site: Site::new(ground, Arc::clone(&config.capacity), Placing::Copies),
            networks: Networks::new(&config.owner),
            pulls: Pulls::new(engine.clone()),
            pulled,
            config,
            engine,
            info: OnceLock::new(),
            devices,
        };
        opened.get_to_know().await;
        Ok(opened)
    }

    fn site(&self) -> &Site<Noted> {
        &self.site
    }

    fn capabilities(&self) -> Capabilities {
        self.what_holds()
    }

    fn check(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        check(spec)
    }

    fn instance(self: &Arc<Self>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> Instance {
        Instance::new(Arc::clone(self), dir, spec)
    }

    fn find(self: &Arc<Self>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> io::Result<Found<Self>> {
        let (stage, state) = adoption::examine(&dir)?;
        let noted = Noted { images: dir.read(IMAGES)?.unwrap_or_default(), is_off: false };
        Ok(Found { stage, state, noted, instance: self.instance(dir, spec) })
    }

    async fn sweep(self: &Arc<Self>) {
        if let Err(error) = self.remove_strangers().await {
            tracing::warn!(%error, "what a former server left at the container engine could not be looked for");
        }
    }

    async fn keep_house(self: Arc<Self>) {
        sweep::sweep(self).await;
    }

    fn images(noted: &Noted) -> Vec<ResolvedImage> {
        noted.images.iter().filter_map(HeldImage::told).collect()
    }

    fn path_inside(name: &str, _place: &Path) -> String {
        format!("{}/{name}/model", container::MODELS)
    }

    fn listens(_dir: &InstanceDir, state: &InstanceState) -> Vec<SocketAddr> {
        // All containers share the network of the first.
        let pid = state.containers().first().and_then(|first| first.pid);
        let found = pid.map(listening_at).unwrap_or_default().into_iter().map(|(address, _)| address);
        // The engine's own name server is nobody's model.
        found.filter(|address| address.ip() != ENGINES_NAME_SERVER).collect()
    }
}

/// What of a spec no container can do.
fn check(spec: &InstanceSpec) -> Result<(), ComputeError> {
    let refuse = |detail: String| Err(ComputeError::Unsupported { id: spec.id.clone(), detail });
    if let Err(detail) = container_dir::check_names(&spec.container_names()) {
        return refuse(detail);
    }
    match spec.containers.iter().find(|container| container.program != Program::Image) {
        Some(other) => refuse(format!("`{}` is not run as an image here", other.image)),
        None => Ok(()),
    }
}
