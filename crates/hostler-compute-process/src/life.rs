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

use hostler_compute::{ExitCause, Fault, InstanceFailure, InstanceSpec, InstanceState, Phase};
use hostler_types::InstanceId;
use tokio::process::Child;
use tokio::sync::watch;

use crate::adoption::{self, Stage, Supervisor};
use crate::backend::Shared;
use crate::directory::{EXIT, FAILED, InstanceDir, PREPARED, RUNNING, SUPERVISOR};
use crate::environment::more_ports;
use crate::failure::{of_fetch, of_late_fetch, of_machine, starting};
use crate::ports::PortLease;
use crate::records::{Exit, Prepared};
use crate::{Lease, launch, leftovers};

const STEP: Duration = Duration::from_millis(1);
/// Shown of what a supervisor said before it failed.
const WORDS_MAX: usize = 500;

/// One instance and all that this server holds of it.
pub(crate) struct Instance {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: InstanceId,
    pub(crate) dir: InstanceDir,
    pub(crate) spec: InstanceSpec,
    pub(crate) port: Option<PortLease>,
    /// The supervisor, when this server started it: to be reaped.
    pub(crate) child: Option<Child>,
}

/// The wish to remove an instance, with its grace.
pub(crate) type Removal = watch::Receiver<Option<Duration>>;

impl Instance {
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
        let lease = match stage {
            Stage::Waiting => match self.prepare_and_launch().await {
                Ok(lease) => lease,
                Err(failure) => return self.fail(*failure).await,
            },
            Stage::Supervised => self.adopt_model().await,
            Stage::Broken => None,
            // Shown already.
            Stage::Removing(_) | Stage::Failed(_) | Stage::Exited(_) => return,
        };
        let watched = self.watch().await;
        if let Err(error) = watched {
            tracing::warn!(instance = %self.id, %error, "watching the supervisor failed");
        }
        drop(lease);
        if let Err(error) = self.conclude().await {
            self.fail(of_machine("finding out how the instance ended", &error)).await;
        }
    }

    async fn prepare_and_launch(&mut self) -> Result<Option<Lease>, Box<InstanceFailure>> {
        if let Some(detail) = self.never_fits() {
            return Err(Box::new(starting(Fault::NeverFits, detail)));
        }
        let lease = self.prepare().await?;
        self.show(InstanceState::Preparing { phase: Phase::Starting });
        if self.port.is_none() {
            self.port = self.shared.ports.pick(more_ports(&self.spec));
        }
        let Some(ports) = self.port.as_ref().map(PortLease::all) else {
            let wanted = u32::from(more_ports(&self.spec)) + 1;
            let range = &self.shared.config.ports;
            let detail = format!("no {wanted} free ports in a row are left in {range:?}");
            return Err(Box::new(starting(Fault::Capacity, detail)));
        };
        let Shared { config, hierarchies, .. } = &*self.shared;
        launch::write_plan(config, hierarchies, &self.dir, &self.spec, ports)?;
        self.child = launch::launch(config, &self.dir).await?;
        Ok(lease)
    }

    /// What this server will never have for the instance; asked before anything is fetched for it.
    fn never_fits(&self) -> Option<String> {
        if let (Some(most), Some(wanted)) =
            (self.shared.config.memory_bytes_max, self.spec.limits.memory_bytes)
            && wanted > most
        {
            return Some(format!(
                "the instance asks for {wanted} bytes of memory, this server gives at most {most} \
                 (limits.instance_memory_bytes)"
            ));
        }
        self.shared.capabilities().never_fits(self.spec.accelerators.as_ref()?)
    }

    /// Puts the model data in its place.
    async fn prepare(&self) -> Result<Option<Lease>, Box<InstanceFailure>> {
        let Some(container) = self.spec.containers.first() else { return Ok(None) };
        let (target, cache_key, lease) = match &container.model_data {
            None => (None, None, None),
            Some(source) => {
                let on_phase = |phase| self.show(InstanceState::Preparing { phase });
                on_phase(Phase::Fetching);
                let timeout_ms = self.spec.download_timeout_ms;
                let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
                let prepared =
                    tokio::time::timeout(timeout, self.shared.data.prepare(source, &on_phase)).await;
                let prepared = prepared
                    .map_err(|_| of_late_fetch(&container.name, source, self.phase(), timeout_ms))?
                    .map_err(|error| of_fetch(&container.name, source, self.phase(), &error))?;
                (Some(prepared.path), Some(prepared.cache_key), Some(prepared.lease))
            }
        };
        let dir = self.dir.clone();
        let placed = self.shared.blocking(move || {
            place_model(&dir, target)?;
            dir.write(PREPARED, &Prepared { cache_key })
        });
        placed.await.map_err(|error| of_machine("placing the model data", &error))?;
        Ok(lease)
    }

    fn phase(&self) -> Phase {
        match self.shared.state(&self.id) {
            Some(InstanceState::Preparing { phase }) => phase,
            _ => Phase::Fetching,
        }
    }

    async fn adopt_model(&self) -> Option<Lease> {
        let prepared: Option<Prepared> = self.dir.read(PREPARED).ok().flatten();
        let key = prepared?.cache_key?;
        let lease = self.shared.data.adopt(&key).await;
        if lease.is_none() {
            tracing::warn!(instance = %self.id, key, "the model data of a running instance is gone");
        }
        lease
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
        if let Some(mut child) = self.child.take() {
            child.wait().await?;
        }
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
                let exit = Exit { cause: ExitCause::Unseen, at: now };
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
            tracing::warn!(instance = %self.id, %error, "writing down the failure failed");
        }
        self.show(InstanceState::Failed(failure));
    }
}

/// `model` becomes a link to the unpacked data, or an empty directory.
fn place_model(dir: &InstanceDir, target: Option<PathBuf>) -> io::Result<()> {
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

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
