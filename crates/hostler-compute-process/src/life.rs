//! The life of one instance on the server's side: prepare, launch, watch, conclude.
//!
//! Why: one task per instance, and each step begins with what the files say, so a task that is dropped anywhere (a
//! removal, a restart) is taken up by the next reader of the files.
//! Invariants: the state shown is set after the file that says it was written. A task that ended its run waits for
//! nothing but removal.
//! Failure: an error of this machine on the way becomes the instance's failure, and is shown.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use hostler_artifacts::DataSource;
use hostler_compute::{ContainerSpec, ExitCause, Fault, InstanceFailure, InstanceSpec, InstanceState, Phase};
use hostler_types::{FailureCause, InstanceId};
use tokio::process::Child;
use tokio::sync::watch;

use crate::adoption::{self, Stage, Supervisor};
use crate::backend::Shared;
use crate::container_dir::ContainerDir;
use crate::directory::{EXIT, FAILED, InstanceDir, PREPARED, RUNNING, SUPERVISOR};
use crate::environment::more_ports;
use crate::failure::{of_fetch, of_late_fetch, of_machine, starting};
use crate::ports::PortLease;
use crate::records::{Each, Exit, Prepared};
use crate::{Lease, PreparedModel, launch, leftovers};

const STEP: Duration = Duration::from_millis(1);
/// Shown of what a supervisor said before it failed.
const WORDS_MAX: usize = 500;

/// One instance and all that this server holds of it.
pub(crate) struct Instance {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: InstanceId,
    pub(crate) dir: InstanceDir,
    pub(crate) spec: InstanceSpec,
    /// Of each container, once it was given some.
    pub(crate) ports: Vec<PortLease>,
    /// The supervisor, when this server started it: to be reaped.
    pub(crate) child: Option<Child>,
}

/// The data of one container.
struct Fetched {
    model: Option<PreparedModel>,
    /// In the order of its spec.
    channels: Vec<PreparedModel>,
}

/// The wish to remove an instance, with its grace.
pub(crate) type Removal = watch::Receiver<Option<Duration>>;

impl Instance {
    /// Which instance a line of the log is about. Of the highest level, so that no filter hides it.
    pub(crate) fn span(&self) -> tracing::Span {
        let (id, scope) = (&self.id, &self.spec.scope);
        tracing::error_span!(
            parent: None,
            "instance",
            account = %scope.account,
            region = %scope.region,
            endpoint = self.spec.endpoint_name,
            generation = id.generation,
            instance = %id
        )
    }

    /// Lives from `stage` until it is removed.
    pub(crate) async fn live(mut self, stage: Stage, mut removal: Removal) {
        if !matches!(stage, Stage::Removing(_)) {
            tokio::select! {
                () = self.run(stage) => {}
                _ = removal.wait_for(Option::is_some) => {}
            }
            if removal.wait_for(Option::is_some).await.is_err() {
                return;
            }
        }
        self.remove(removal).await;
    }

    pub(crate) fn show(&self, state: InstanceState) {
        self.shared.show(&self.id, state);
    }

    async fn run(&mut self, stage: Stage) {
        let leases = match stage {
            Stage::Waiting => match self.prepare_and_launch().await {
                Ok(leases) => leases,
                Err(failure) => return self.fail(*failure).await,
            },
            Stage::Supervised => self.adopt_model().await,
            Stage::Broken => Vec::new(),
            // Shown already.
            Stage::Removing(_) | Stage::Failed(_) | Stage::Exited(_) => return,
        };
        let watched = self.watch().await;
        if let Err(error) = watched {
            tracing::warn!(%error, "watching the supervisor failed");
        }
        drop(leases);
        if let Err(error) = self.conclude().await {
            self.fail(of_machine("finding out how the instance ended", &error)).await;
        }
    }

    async fn prepare_and_launch(&mut self) -> Result<Vec<Lease>, Box<InstanceFailure>> {
        // Asked before anything is fetched for it.
        if let Some((cause, detail)) = self.shared.capabilities().never_fits(&self.spec) {
            return Err(Box::new(starting(Fault::NeverFits, detail).with_cause(cause)));
        }
        let place = self.shared.config.capacity.reserve(&self.spec.limits)?;
        let mut leases = self.prepare().await?;
        leases.push(Box::new(place));
        self.show(InstanceState::Preparing { phase: Phase::Starting });
        if self.ports.is_empty() {
            self.ports = self.pick_ports()?;
        }
        let ports: Vec<_> = self.ports.iter().map(PortLease::all).collect();
        let Shared { config, hierarchies, .. } = &*self.shared;
        launch::write_plan(config, hierarchies, &self.dir, &self.spec, &ports)?;
        self.child = launch::launch(config, &self.dir).await?;
        Ok(leases)
    }

    fn pick_ports(&self) -> Result<Vec<PortLease>, Box<InstanceFailure>> {
        let pick = |container: &ContainerSpec| {
            let more = more_ports(container);
            self.shared.ports.pick(more).ok_or_else(|| {
                let (wanted, range) = (u32::from(more) + 1, &self.shared.config.ports);
                let detail = format!("no {wanted} free ports in a row are left in {range:?}");
                Box::new(starting(Fault::Capacity, detail).with_cause(FailureCause::NoRoom))
            })
        };
        self.spec.containers.iter().map(pick).collect()
    }

    /// Puts the model data of each container in its place, and what is additional beside it.
    async fn prepare(&self) -> Result<Vec<Lease>, Box<InstanceFailure>> {
        // All at once: the time that is allowed is for all of them.
        let fetching: Vec<_> = self.spec.containers.iter().map(|one| self.fetch_all(one)).collect();
        let fetched = try_join_all(fetching).await?;
        let names: Vec<String> = self.spec.containers.iter().map(|one| one.name.clone()).collect();
        let homes = ContainerDir::all(&self.dir, &names);
        let (mut placed, mut leases, mut prepared) = (Vec::new(), Vec::new(), Vec::new());
        for ((container, fetched), home) in self.spec.containers.iter().zip(fetched).zip(homes) {
            let (data, mut keys) = (fetched, Prepared::default());
            let mut keep = |model: PreparedModel| {
                leases.push(model.lease);
                (model.path, model.cache_key)
            };
            let target = data.model.map(|model| {
                let (path, key) = keep(model);
                keys.cache_key = Some(key);
                path
            });
            let mut targets = Vec::new();
            for (channel, model) in container.additional_model_data.iter().zip(data.channels) {
                let (path, key) = keep(model);
                keys.additional.insert(channel.channel.clone(), key);
                targets.push((channel.channel.clone(), path));
            }
            placed.push((home, target, targets));
            prepared.push(keys);
        }
        let Some(prepared) = Each::of(prepared) else { return Ok(Vec::new()) };
        let dir = self.dir.clone();
        let placing = self.shared.blocking(move || {
            for (home, target, targets) in placed {
                place_model(&home, target)?;
                place_additional(&home, &targets)?;
            }
            dir.write(PREPARED, &prepared)
        });
        placing.await.map_err(|error| of_machine("placing the model data", &error))?;
        Ok(leases)
    }

    async fn fetch_all(&self, container: &ContainerSpec) -> Result<Fetched, Box<InstanceFailure>> {
        let name = &container.name;
        let model = async {
            match &container.model_data {
                Some(source) => self.fetch(name, source).await.map(Some),
                None => Ok(None),
            }
        };
        let channels = &container.additional_model_data;
        let channels: Vec<_> = channels.iter().map(|channel| self.fetch(name, &channel.data)).collect();
        let fetched = try_join(model, try_join_all(channels)).await;
        let (model, channels) =
            fetched.map_err(|failure| Box::new(failure.of_container(&self.spec, name)))?;
        Ok(Fetched { model, channels })
    }

    async fn fetch(&self, name: &str, source: &DataSource) -> Result<PreparedModel, Box<InstanceFailure>> {
        let on_phase = |phase| self.show(InstanceState::Preparing { phase });
        on_phase(Phase::Fetching);
        let timeout_ms = self.spec.download_timeout_ms;
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        let prepared = tokio::time::timeout(timeout, self.shared.data.prepare(source, &on_phase)).await;
        let prepared = prepared
            .map_err(|_| of_late_fetch(name, &source.at, self.phase(), timeout_ms))?
            .map_err(|error| of_fetch(name, &source.at, self.phase(), &error))?;
        Ok(prepared)
    }

    fn phase(&self) -> Phase {
        match self.shared.state(&self.id) {
            Some(InstanceState::Preparing { phase }) => phase,
            _ => Phase::Fetching,
        }
    }

    async fn adopt_model(&self) -> Vec<Lease> {
        let prepared: Option<Each<Prepared>> = self.dir.read(PREPARED).ok().flatten();
        let mut leases: Vec<Lease> = vec![Box::new(self.shared.config.capacity.hold(&self.spec.limits))];
        let Some(prepared) = prepared else { return leases };
        let of_one = |keys: &Prepared| {
            let keys = keys.cache_key.iter().chain(keys.additional.values());
            keys.cloned().collect::<Vec<_>>()
        };
        for key in prepared.iter().flat_map(of_one).collect::<Vec<_>>() {
            match self.shared.data.adopt(&key).await {
                Some(lease) => leases.push(lease),
                None => {
                    tracing::warn!(key, "the model data of a running instance is gone");
                }
            }
        }
        leases
    }

    /// Shows the instance running as soon as it does, and returns when its supervisor has ended.
    async fn watch(&mut self) -> io::Result<()> {
        let Some(supervisor) = Supervisor::find(&self.dir).await? else { return Ok(()) };
        while !self.dir.has(RUNNING) && !self.dir.has(FAILED) {
            // Only a supervisor from before a restart, caught in the middle of its start, is waited for here.
            if tokio::time::timeout(STEP, supervisor.ended()).await.is_ok() {
                break;
            }
        }
        if let Some(running) = adoption::running(&self.dir)? {
            self.show(running);
        }
        supervisor.ended().await
    }

    /// The supervisor has ended: shows what it wrote, or that it wrote nothing.
    async fn conclude(&mut self) -> io::Result<()> {
        let status = match self.child.take() {
            Some(mut child) => Some(child.wait().await?.to_string()),
            None => None,
        };
        let (dir, now) = (self.dir.clone(), self.shared.clock.now());
        let state = self.shared.blocking(move || {
            if let Some(failure) = dir.read(FAILED)? {
                return Ok(InstanceState::Failed(failure));
            }
            if let Some(exit) = dir.read(EXIT)? {
                return adoption::state(&dir, &Stage::Exited(exit));
            }
            leftovers::sweep(&dir)?;
            if dir.has(SUPERVISOR) {
                tracing::warn!(
                    status,
                    "the supervisor of an instance ended without a word; what it left behind was ended"
                );
                let exit = Exit { container: None, cause: ExitCause::Unseen, at: now };
                dir.write(EXIT, &exit)?;
                return adoption::state(&dir, &Stage::Exited(exit));
            }
            let words = fs::read_to_string(dir.supervisor_log()).unwrap_or_default();
            let words: String = words.trim().chars().take(WORDS_MAX).collect();
            let failure = starting(Fault::Infrastructure, format!("the supervisor did not start: {words}"));
            dir.write(FAILED, &failure)?;
            Ok(InstanceState::Failed(failure))
        });
        let state = state.await?;
        self.show(state);
        Ok(())
    }

    async fn fail(&self, failure: InstanceFailure) {
        let (dir, written) = (self.dir.clone(), failure.clone());
        if let Err(error) = self.shared.blocking(move || dir.write(FAILED, &written)).await {
            tracing::warn!(%error, "writing down the failure failed");
        }
        self.show(InstanceState::Failed(failure));
    }
}

/// `model` becomes a link to the unpacked data, or an empty directory.
fn place_model(dir: &ContainerDir, target: Option<PathBuf>) -> io::Result<()> {
    let model = dir.model();
    let gone = match fs::symlink_metadata(&model) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(&model),
        Ok(_) => fs::remove_file(&model),
        Err(_) => Ok(()),
    };
    gone?;
    match target {
        Some(target) => symlink(target, &model),
        // Not its parents: the instance may be removed at this moment.
        None => fs::create_dir(&model),
    }
}

/// A directory of links to additional model data, one for each channel; none where there is no such data.
fn place_additional(dir: &ContainerDir, targets: &[(String, PathBuf)]) -> io::Result<()> {
    let additional = dir.additional();
    // Half of an earlier try: links only, none is followed.
    match fs::remove_dir_all(&additional) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if targets.is_empty() {
        return Ok(());
    }
    fs::create_dir(&additional)?;
    targets.iter().try_for_each(|(channel, target)| symlink(target, additional.join(channel)))
}
