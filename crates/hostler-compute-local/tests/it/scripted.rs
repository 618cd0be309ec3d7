//! Instances that do what the words of their command say, and are nothing but their files.
//!
//! Why: what all backends of this machine have in common is tried here without a process and without an engine, and how
//! little a further kind of instance has to say is seen.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_compute::{
    Capabilities, ComputeError, ExitCause, InstanceFailure, InstanceSpec, InstanceState, Phase, Program,
    RunningContainer,
};
use hostler_compute_local::container_dir::ContainerDir;
use hostler_compute_local::directory::{EXIT, FAILED, InstanceDir, PREPARED, REMOVING, RUNNING};
use hostler_compute_local::logs::{self, LogWriter};
use hostler_compute_local::{
    Capacity, Fetched, Found, Ground, Lease, Life, LogLimits, Placing, Removal, Site, Stage, Way, fetch_all,
};

/// The settings.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) dir: PathBuf,
    /// How often an instance was started.
    pub(crate) starts: Arc<AtomicUsize>,
    /// Ends of instances, and what was let go of.
    pub(crate) events: Events,
}

pub(crate) type Events = Arc<Mutex<Vec<&'static str>>>;

/// Something that is held for an instance.
struct Held(Events);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("let go");
    }
}

pub(crate) struct Scripted {
    site: Site<()>,
    config: Config,
}

pub(crate) struct Instance {
    way: Arc<Scripted>,
    dir: InstanceDir,
    spec: Arc<InstanceSpec>,
}

/// Nobody listens there, but each is somebody's.
fn address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    (Ipv4Addr::LOCALHOST, NEXT.fetch_add(1, Ordering::SeqCst)).into()
}

/// What a container does: a word and what belongs to it.
fn words(program: &Program) -> (&str, &str) {
    match program {
        Program::Command { command, .. } => (&command[0], &command[1]),
        other => panic!("{other:?}"),
    }
}

impl Way for Scripted {
    type Config = Config;
    type Noted = ();
    type Instance = Instance;
    const STOP_MARGIN: Duration = Duration::from_secs(5);

    fn dir(config: &Config) -> &Path {
        &config.dir
    }

    async fn open(config: Config, ground: Ground) -> io::Result<Self> {
        Ok(Self { site: Site::new(ground, Capacity::unlimited(), Placing::Links), config })
    }

    fn site(&self) -> &Site<()> {
        &self.site
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "scripted",
            limits_memory: false,
            limits_cpu: false,
            isolates_network: false,
            memory_bytes_max: None,
            runs_images: false,
            isolates_images: false,
            devices: [].into(),
        }
    }

    fn check(&self, _spec: &InstanceSpec) -> Result<(), ComputeError> {
        Ok(())
    }

    fn instance(self: &Arc<Self>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> Instance {
        Instance { way: Arc::clone(self), dir, spec }
    }

    fn find(self: &Arc<Self>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> io::Result<Found<Self>> {
        let (stage, state) = if let Some(stop) = dir.read(REMOVING)? {
            (Stage::Removing(stop), InstanceState::Removing)
        } else if let Some(failure) = dir.read(FAILED)? {
            (Stage::Over, InstanceState::Failed(failure))
        } else if let Some(ended) = dir.read(EXIT)? {
            (Stage::Over, ended)
        } else if let Some(running) = dir.read::<InstanceState>(RUNNING)? {
            (Stage::Started(running.clone()), running)
        } else {
            (Stage::Waiting, InstanceState::Preparing { phase: Phase::Fetching })
        };
        Ok(Found { stage, state, noted: (), instance: self.instance(dir, spec) })
    }

    fn path_inside(_name: &str, place: &Path) -> String {
        place.display().to_string()
    }

    fn listens(_dir: &InstanceDir, _state: &InstanceState) -> Vec<SocketAddr> {
        Vec::new()
    }
}

impl Life for Instance {
    type Way = Scripted;
    type Running = InstanceState;

    fn way(&self) -> &Arc<Scripted> {
        &self.way
    }

    fn dir(&self) -> &InstanceDir {
        &self.dir
    }

    fn spec(&self) -> &Arc<InstanceSpec> {
        &self.spec
    }

    fn cache_keys(&self) -> Vec<String> {
        self.dir.read(PREPARED).unwrap().unwrap_or_default()
    }

    async fn start(&mut self) -> Result<(InstanceState, Vec<Lease>), Box<InstanceFailure>> {
        let fetched = fetch_all(&self.way.site, &self.spec).await?;
        let models = fetched.into_iter().filter_map(|Fetched { model, .. }| model);
        let (keys, mut leases): (Vec<String>, Vec<Lease>) =
            models.map(|model| (model.cache_key, model.lease)).unzip();
        leases.push(Box::new(Held(Arc::clone(&self.way.config.events))));
        self.dir.write(PREPARED, &keys).unwrap();
        self.way.config.starts.fetch_add(1, Ordering::SeqCst);
        let homes = ContainerDir::all(&self.dir, &self.spec.container_names());
        for (container, home) in self.spec.containers.iter().zip(homes) {
            let said = match words(&container.program) {
                ("print", text) => text.to_owned(),
                ("serve", _) => "ready\n".to_owned(),
                _ => "bye\n".to_owned(),
            };
            LogWriter::open(home.logs(), LogLimits::default()).unwrap().add(said.as_bytes());
        }
        let containers = self.spec.container_names().into_iter();
        let containers = containers.map(|name| RunningContainer { name, address: address(), pid: None });
        let since = self.way.site.clock().now();
        let running = InstanceState::Running { containers: containers.collect(), since };
        self.dir.write(RUNNING, &running).unwrap();
        Ok((running, leases))
    }

    async fn watch(&mut self, running: InstanceState) -> io::Result<InstanceState> {
        self.way.site.show(&self.spec.id, running);
        let names = self.spec.container_names();
        let homes = ContainerDir::all(&self.dir, &names);
        for (container, home) in self.spec.containers.iter().zip(homes) {
            let (word, number) = words(&container.program);
            let number = number.parse().unwrap_or_default();
            let cause = match word {
                "exit" => ExitCause::Code(number),
                "signal" => ExitCause::Signal(number),
                "print" => ExitCause::Code(0),
                _ => continue,
            };
            let container = (names.len() > 1).then(|| container.name.clone());
            let ended = InstanceState::Exited { container, cause, log_tail: logs::tail(home.logs()) };
            self.dir.write(EXIT, &ended)?;
            return Ok(ended);
        }
        std::future::pending().await
    }

    async fn end(&mut self, _removal: &mut Removal) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // It takes its time to stop.
        tokio::task::yield_now().await;
        self.way.config.events.lock().unwrap().push("ended");
        Ok(())
    }
}
