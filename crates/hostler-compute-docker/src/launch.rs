//! From a spec to containers that run: image and model data at once, then create and start.
//!
//! Why: every step looks first at what is there, so the same steps begin an instance and take it up after a crash.
//! Invariants: a container is created under the name that is the instance's alone; one of that name that was started
//! before is never started again, and one that never was is made anew, since what it was made from may be gone.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use hostler_compute::{ContainerSpec, Fault, InstanceFailure, InstanceState, Phase};
use hostler_compute_local::container_dir::ContainerDir;
use hostler_compute_local::directory::{PREPARED, RUNNING};
use hostler_compute_local::failure::{of_machine, starting};
use hostler_compute_local::{Fetched, Lease, PreparedModel, fetch_all};
use hostler_types::FailureCause;
use tokio::time::{Instant, sleep};

use crate::container::{self, Surroundings};
use crate::engine::{Container, Created, EngineError};
use crate::environment::port;
use crate::failure::{of_engine, of_pull, of_start, of_way};
use crate::life::Instance;
use crate::log_copy::ContainerLog;
use crate::networks;
use crate::pulls::{Progress, Wanted};
use crate::records::{HeldImage, IMAGES, Prepared, Running, Started};
use crate::reference::Reference;
use crate::registry::Puller;
use crate::relay::{Network, Relay};

/// How often an image that vanished between pull and start is pulled again.
const PULLS_MAX: usize = 3;
/// An engine has heard by then that a container's process is gone, and looks for it in steps.
const END_SEEN_WITHIN: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(20);
/// How often a pull says in the instance's log how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Of what is mounted: read by whoever the image runs as.
const MOUNT_MODE: u32 = 0o755;

/// The data of one container, in place for as long as the leases live.
struct Data {
    model: PathBuf,
    additional: Vec<(String, PathBuf)>,
}

/// The address of what has ended: nobody listens at port 0.
const UNREACHED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

type Failed = Box<InstanceFailure>;

impl Instance {
    pub(crate) async fn prepare_and_launch(&mut self) -> Result<(Running, Vec<Lease>), Failed> {
        self.show(InstanceState::Preparing { phase: Phase::Fetching });
        let spec = Arc::clone(&self.spec);
        let (images, data) = try_join(self.obtain_images(&spec.containers), self.prepare()).await?;
        let (data, leases) = data;
        self.show(InstanceState::Preparing { phase: Phase::Starting });
        let network = if spec.is_isolated {
            networks::NONE.to_owned()
        } else {
            let ensured = self.way.networks.ensure(&self.way.engine).await;
            ensured.map_err(|error| of_engine(&error))?
        };
        let mut containers: Vec<Container> = Vec::new();
        for (number, ((container, image), data)) in spec.containers.iter().zip(images).zip(&data).enumerate()
        {
            let network = match containers.first() {
                None => network.clone(),
                Some(first) => format!("container:{}", first.id),
            };
            match self.run_container(number, container, image, data, &network).await {
                Ok(started) => containers.push(started),
                // With the first one its network has gone: how that ended is what there is to tell.
                Err(_) if self.has_ended(containers.first()).await => break,
                Err(failure) => return Err(Box::new(failure.of_container(&spec, &container.name))),
            }
        }
        let addresses = self.addresses(&containers, &network).await?;
        let started = spec.containers.iter().zip(&containers).zip(addresses);
        let running = Running {
            containers: started
                .map(|((container, found), address)| Started {
                    name: container.name.clone(),
                    id: found.id.clone(),
                    address,
                    pid: (found.state.pid != 0).then_some(found.state.pid),
                })
                .collect(),
            since: self.way.site.clock().now(),
        };
        let (dir, written) = (self.dir.clone(), running.clone());
        let written = self.way.site.blocking(move || dir.write(RUNNING, &written)).await;
        written.map_err(|error| of_machine("writing down what runs", &error))?;
        Ok((running, leases))
    }

    /// The container, started once.
    async fn run_container(
        &self,
        number: usize,
        container: &ContainerSpec,
        mut image: HeldImage,
        data: &Data,
        network: &str,
    ) -> Result<Container, Failed> {
        let engine = &self.way.engine;
        let name = crate::names::container(&self.way.config.owner, &self.spec.id, number);
        let of_start = |error: EngineError| Box::new(of_start(&container.image, &error));
        for _ in 0..PULLS_MAX {
            let around = Surroundings {
                owner: &self.way.config.owner,
                image_id: &image.id,
                network,
                model: data.model.clone(),
                models: container.models.as_ref().map(|_| self.dir.models()),
                additional: data.additional.clone(),
                cpus: self.way.info().map(|info| info.cpus),
            };
            let config = container::config(&self.spec, number, container, around);
            let id = match engine.create_container(&name, &config).await.map_err(of_start)? {
                Created::New(id) => id,
                Created::NoImage => {
                    image = self.obtain_image(number, container).await?;
                    continue;
                }
                Created::NameTaken => {
                    let found = engine.container(&name).await.map_err(of_start)?;
                    let Some(found) = found else { continue };
                    let is_this = found.label(crate::names::SPEC_HASH) == Some(&self.spec.hash());
                    if is_this && found.state.status != "created" && found.state.status != "removing" {
                        return Ok(found);
                    }
                    engine.remove_container(&found.id).await.map_err(of_start)?;
                    continue;
                }
            };
            engine.start_container(&id).await.map_err(of_start)?;
            let found = engine.container(&id).await.map_err(of_start)?;
            return found.ok_or_else(|| {
                let detail = "the container vanished as it was started".to_owned();
                Box::new(starting(Fault::Infrastructure, detail))
            });
        }
        let detail = format!("image `{}` vanishes as often as it is pulled", container.image);
        Err(Box::new(starting(Fault::Infrastructure, detail).with_cause(FailureCause::ImageUnreachable)))
    }

    async fn has_ended(&self, container: Option<&Container>) -> bool {
        let Some(container) = container else { return false };
        let found = self.way.engine.container(&container.id).await;
        found.is_ok_and(|found| found.is_none_or(|found| !found.state.running))
    }

    /// Whether a container whose process is gone has ended: engines learn of an end a moment after the kernel.
    async fn is_seen_to_end(&self, container: &Container) -> bool {
        let until = Instant::now() + END_SEEN_WITHIN;
        while !self.has_ended(Some(container)).await {
            if Instant::now() >= until {
                return false;
            }
            sleep(STEP).await;
        }
        true
    }

    /// Where the containers answer, in the network of the first.
    async fn addresses(
        &mut self,
        containers: &[Container],
        network: &str,
    ) -> Result<Vec<SocketAddr>, Failed> {
        let Some(first) = containers.first() else { return Ok(Vec::new()) };
        if self.spec.is_isolated {
            return self.open_ways(first, &[]).await.map_err(|error| Box::new(of_way(&error)));
        }
        let ip = match first.address(network) {
            Some(ip) => Some(ip),
            None if !first.state.running => None,
            None => {
                let detail = format!("the engine gave the container no address in network `{network}`");
                return Err(Box::new(starting(Fault::Infrastructure, detail)));
            }
        };
        let address = |position| ip.map_or(UNREACHED, |ip| (ip, port(position)).into());
        Ok((0..containers.len()).map(address).collect())
    }

    /// Opens the ways into an instance that is in no network; where they are.
    async fn open_ways(&mut self, first: &Container, before: &[Started]) -> io::Result<Vec<SocketAddr>> {
        self.relays.clear();
        let count = self.spec.containers.len();
        if !first.state.running {
            return Ok(vec![UNREACHED; count]);
        }
        for position in 0..count {
            let network = match Network::of_process(first.state.pid) {
                Ok(network) => network,
                // It ended since it was looked at: how is seen next.
                Err(_) if self.is_seen_to_end(first).await => break,
                Err(error) => return Err(error),
            };
            let before = before.get(position).map(|started| started.address);
            self.relays.push(Relay::open(network, port(position), before).await?);
        }
        // Of the process that is meant: its number may have been given to another one meanwhile.
        let now = self.way.engine.container(&first.id).await.map_err(io::Error::other)?;
        if !now.is_some_and(|now| now.state.running && now.state.pid == first.state.pid) {
            self.relays.clear();
            return Ok(vec![UNREACHED; count]);
        }
        Ok(self.relays.iter().map(|relay| relay.address).collect())
    }

    /// The ways into an instance that another server started.
    pub(crate) async fn reopen_ways(&mut self, mut running: Running) -> Running {
        if self.spec.is_isolated {
            let reopened = async {
                let Some(first) = running.containers.first() else { return Ok(Vec::new()) };
                let found = self.way.engine.container(&first.id).await.map_err(io::Error::other)?;
                match found {
                    Some(found) => self.open_ways(&found, &running.containers).await,
                    None => Ok(vec![UNREACHED; running.containers.len()]),
                }
            };
            match reopened.await {
                Ok(addresses) => {
                    for (started, address) in running.containers.iter_mut().zip(addresses) {
                        started.address = address;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the ways into an isolated instance could not be opened again");
                }
            }
            self.show(running.state());
        }
        running
    }

    async fn obtain_images(&self, containers: &[ContainerSpec]) -> Result<Vec<HeldImage>, Failed> {
        let all =
            containers.iter().enumerate().map(|(position, container)| self.obtain_image(position, container));
        let images = try_join_all(all).await?;
        let (dir, written) = (self.dir.clone(), images.clone());
        let written = self.way.site.blocking(move || dir.write(IMAGES, &written)).await;
        written.map_err(|error| of_machine("writing down the images", &error))?;
        self.way.note_images(&self.spec.id, &images).await;
        Ok(images)
    }

    async fn obtain_image(&self, position: usize, container: &ContainerSpec) -> Result<HeldImage, Failed> {
        let image = container.image.as_str();
        let held = self.way.held_image(&self.spec.id, image);
        let scope = &self.spec.scope;
        let role_arn = container.image_role_arn.as_deref();
        let puller = Puller { account: &scope.account, region: &scope.region, role_arn };
        let login = self.way.config.logins.find(&Reference::parse(image), &puller).await;
        let wanted = Wanted { image, role_arn, held: held.as_ref(), registry_auth: login.header };
        let mut teller = None;
        let obtained = self.way.pulls.obtain(
            wanted,
            |id| self.way.pulled.has(id),
            |progress| {
                teller =
                    self.logs.get(position).map(|log| tell_progress(log.clone(), image.to_owned(), progress));
            },
        );
        let obtained = obtained.await;
        if let Some(teller) = teller {
            teller.abort();
        }
        if let Ok((image, true)) = &obtained {
            self.way.note_pulled(image).await;
        }
        obtained.map(|(image, _)| image).map_err(|error| {
            let mut failure = of_pull(&self.spec.id, image, &error).of_container(&self.spec, &container.name);
            if let Some(hint) = login.hint.filter(|_| failure.cause == FailureCause::ImageForbidden) {
                failure.detail = format!("{}; no login was sent: {hint}", failure.detail);
            }
            Box::new(failure)
        })
    }

    /// Fetches the model data, and what is additional.
    async fn prepare(&self) -> Result<(Vec<Data>, Vec<Lease>), Failed> {
        let containers = &self.spec.containers;
        let mut prepared = Prepared::default();
        let mut leases = Vec::new();
        let mut keep = |model: PreparedModel| {
            leases.push(model.lease);
            prepared.cache_keys.push(model.cache_key);
            model.path
        };
        let fetched = fetch_all(&self.way.site, &self.spec).await?;
        let mut all = Vec::new();
        let homes = ContainerDir::all(&self.dir, &self.spec.container_names());
        let empty: Vec<PathBuf> = homes.iter().map(ContainerDir::model).collect();
        for ((container, Fetched { model, channels }), empty) in containers.iter().zip(fetched).zip(&empty) {
            let additional = container.additional_model_data.iter().zip(channels);
            all.push(Data {
                model: model.map_or_else(|| empty.clone(), &mut keep),
                additional: additional.map(|(data, model)| (data.channel.clone(), keep(model))).collect(),
            });
        }
        let dir = self.dir.clone();
        let with_models = containers.iter().any(|container| container.models.is_some());
        let placed = self.way.site.blocking(move || {
            for empty in &empty {
                // Not its parents: an instance that was removed meanwhile stays so.
                make_mount(empty)?;
            }
            if with_models {
                make_mount(&dir.models())?;
            }
            dir.write(PREPARED, &prepared)
        });
        placed.await.map_err(|error| of_machine("placing the model data", &error))?;
        Ok((all, leases))
    }
}

/// Makes a directory that is mounted into a container, whose user need not be the server's; those above it stay closed.
fn make_mount(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::set_permissions(path, Permissions::from_mode(MOUNT_MODE))
}

/// Says in the instance's log how far a pull is, for as long as it takes.
fn tell_progress(log: ContainerLog, image: String, mut progress: Progress) -> tokio::task::AbortHandle {
    let teller = tokio::spawn(async move {
        loop {
            let (current, total) = *progress.borrow_and_update();
            if total > 0 {
                const MIB: u64 = 1024 * 1024;
                let line = format!("pulling image `{image}`: {} of {} MiB", current / MIB, total / MIB);
                log.say(line).await;
                sleep(PROGRESS_EVERY).await;
            }
            if progress.changed().await.is_err() {
                return;
            }
        }
    });
    teller.abort_handle()
}
