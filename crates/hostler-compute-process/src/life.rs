//! What an instance's life is where it is processes under a supervisor: prepare, launch, watch, conclude. What all
//! instances' lives have in common stands in `hostler_compute_local`.
//!
//! Invariants: the state shown is set after the file that says it was written.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hostler_compute::{ContainerSpec, ExitCause, Fault, InstanceFailure, InstanceSpec, InstanceState, Phase};
use hostler_compute_local::{Life, Removal, fetch_all};
use hostler_types::FailureCause;
use tokio::process::Child;

use crate::adoption::{self, Supervisor};
use crate::backend::Processes;
use crate::container_dir::ContainerDir;
use crate::directory::{EXIT, FAILED, InstanceDir, PREPARED, RUNNING, SUPERVISOR};
use crate::environment::more_ports;
use crate::failure::{of_machine, starting};
use crate::ports::PortLease;
use crate::records::{Each, Exit, Prepared};
use crate::{Lease, PreparedModel, launch, leftovers};

const STEP: Duration = Duration::from_millis(1);
/// Shown of what a supervisor said before it failed.
const WORDS_MAX: usize = 500;

/// One instance and all that this server holds of it.
pub struct Instance {
    pub(crate) way: Arc<Processes>,
    pub(crate) dir: InstanceDir,
    pub(crate) spec: Arc<InstanceSpec>,
    /// Of each container, once it was given some.
    pub(crate) ports: Vec<PortLease>,
    /// The supervisor, when this server started it: to be reaped.
    pub(crate) child: Option<Child>,
}

impl Life for Instance {
    type Way = Processes;
    type Running = ();

    fn way(&self) -> &Arc<Processes> {
        &self.way
    }

    fn dir(&self) -> &InstanceDir {
        &self.dir
    }

    fn spec(&self) -> &Arc<InstanceSpec> {
        &self.spec
    }

    fn cache_keys(&self) -> Vec<String> {
        let prepared: Option<Each<Prepared>> = self.dir.read(PREPARED).ok().flatten();
        let Some(prepared) = prepared else { return Vec::new() };
        let keys = prepared.iter().flat_map(|keys| keys.cache_key.iter().chain(keys.additional.values()));
        keys.cloned().collect()
    }

    async fn start(&mut self) -> Result<((), Vec<Lease>), Box<InstanceFailure>> {
        let leases = self.prepare().await?;
        self.show(InstanceState::Preparing { phase: Phase::Starting });
        if self.ports.is_empty() {
            self.ports = self.pick_ports()?;
        }
        let ports: Vec<_> = self.ports.iter().map(PortLease::all).collect();
        let Processes { config, hierarchies, .. } = &*self.way;
        launch::write_plan(config, hierarchies, &self.dir, &self.spec, &ports)?;
        self.child = launch::launch(config, &self.dir).await?;
        Ok(((), leases))
    }

    async fn watch(&mut self, (): ()) -> io::Result<InstanceState> {
        if let Err(error) = self.outlive_supervisor().await {
            tracing::warn!(%error, "watching the supervisor failed");
        }
        self.conclude().await
    }

    async fn end(&mut self, removal: &mut Removal) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.stop_and_sweep(removal).await?)
    }
}

impl Instance {
    pub(crate) fn show(&self, state: InstanceState) {
        self.way.site.show(&self.spec.id, state);
    }

    fn pick_ports(&self) -> Result<Vec<PortLease>, Box<InstanceFailure>> {
        let pick = |container: &ContainerSpec| {
            let more = more_ports(container);
            self.way.ports.pick(more).ok_or_else(|| {
                let (wanted, range) = (u32::from(more) + 1, &self.way.config.ports);
                let detail = format!("no {wanted} free ports in a row are left in {range:?}");
                Box::new(starting(Fault::Capacity, detail).with_cause(FailureCause::NoRoom))
            })
        };
        self.spec.containers.iter().map(pick).collect()
    }

    /// Puts the model data of each container in its place, and what is additional beside it.
    async fn prepare(&self) -> Result<Vec<Lease>, Box<InstanceFailure>> {
        let fetched = fetch_all(&self.way.site, &self.spec).await?;
        let homes = ContainerDir::all(&self.dir, &self.spec.container_names());
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
        let placing = self.way.site.blocking(move || {
            for (home, target, targets) in placed {
                place_model(&home, target)?;
                place_additional(&home, &targets)?;
            }
            dir.write(PREPARED, &prepared)
        });
        placing.await.map_err(|error| of_machine("placing the model data", &error))?;
        Ok(leases)
    }

    /// Shows the instance running as soon as it does, and returns when its supervisor has ended.
    async fn outlive_supervisor(&self) -> io::Result<()> {
        let Some(supervisor) = Supervisor::find(&self.dir).await? else { return Ok(()) };
        while !self.dir.has(RUNNING) && !self.dir.has(FAILED) {
            // Only a supervisor from before a restart, caught in the middle of its start, is waited for here.
            if tokio::time::timeout(STEP, supervisor.ended()).await.is_ok() {
                break;
            }
        }
        if let Some(running) = adoption::running(&self.dir, &self.spec)? {
            self.show(running);
        }
        supervisor.ended().await
    }

    /// The supervisor has ended: what it wrote, or that it wrote nothing.
    async fn conclude(&mut self) -> io::Result<InstanceState> {
        let status = match self.child.take() {
            Some(mut child) => Some(child.wait().await?.to_string()),
            None => None,
        };
        let (dir, spec, now) = (self.dir.clone(), Arc::clone(&self.spec), self.way.site.clock().now());
        let state = self.way.site.blocking(move || {
            if let Some(said) = adoption::said(&dir, &spec)? {
                return Ok(said);
            }
            leftovers::sweep(&dir)?;
            if dir.has(SUPERVISOR) {
                tracing::warn!(
                    status,
                    "the supervisor of an instance ended without a word; what it left behind was ended"
                );
                let exit = Exit { container: None, cause: ExitCause::Unseen, at: now };
                dir.write(EXIT, &exit)?;
                return Ok(adoption::exited(&dir, &spec, exit));
            }
            let words = fs::read_to_string(dir.supervisor_log()).unwrap_or_default();
            let words: String = words.trim().chars().take(WORDS_MAX).collect();
            let failure = starting(Fault::Infrastructure, format!("the supervisor did not start: {words}"));
            dir.write(FAILED, &failure)?;
            Ok(InstanceState::Failed(failure))
        });
        state.await
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
