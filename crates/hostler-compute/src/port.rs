//! The port: ensure, remove, observe, watch, logs.
//!
//! Why: declarative and idempotent verbs let a planner that lost its memory say the same thing again. Calls return
//! once the wish is noted; what becomes of it is observed.
//! Failure: an error says whose fault it was, because a user's mistake must fail fast and a full machine must not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hostler_types::{DeviceClass, EndpointUid, FailureCause, InstanceId, Millis};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{Accelerators, InstanceSpec};

/// What a backend can and cannot do, so that nothing is ignored in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The backend's name: `process`, `docker` …
    pub name: &'static str,
    /// Memory limits hold.
    pub limits_memory: bool,
    /// CPU limits hold.
    pub limits_cpu: bool,
    /// Network isolation holds.
    pub isolates_network: bool,
    /// The most memory that one instance may ask for, where somebody set a limit.
    pub memory_bytes_max: Option<u64>,
    /// Container images can be run as they are.
    pub runs_images: bool,
    /// Network isolation holds for what runs as a container image.
    pub isolates_images: bool,
    /// The accelerators that instances can use; a class that is not named has none.
    pub devices: BTreeMap<DeviceClass, u32>,
}

impl Capabilities {
    /// What is missing of the accelerators that are asked for, in words; none when they are there.
    pub fn lacks(&self, wanted: &Accelerators) -> Option<String> {
        let has = self.devices.get(&wanted.class).copied().unwrap_or(0);
        let Accelerators { count, name, class } = wanted;
        (has < *count).then(|| format!("{count} x {name} are promised and this machine has {has} {class}"))
    }

    /// Why such an instance can never run here, with what to do about it.
    pub fn never_fits(&self, spec: &InstanceSpec) -> Option<(FailureCause, String)> {
        if let (Some(most), Some(wanted)) = (self.memory_bytes_max, spec.limits.memory_bytes)
            && wanted > most
        {
            let detail = format!(
                "the instance asks for {wanted} bytes of memory, this server gives at most {most} \
                 (limits.instance_memory_bytes)"
            );
            return Some((FailureCause::MemoryOverLimit, detail));
        }
        let lacking = self.lacks(spec.accelerators.as_ref()?)?;
        let detail = format!("{lacking}; with accelerators = \"mark\" in hostler.toml it runs without");
        Some((FailureCause::AcceleratorMissing, detail))
    }
}

/// How far an instance has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each word says it")]
pub enum Phase {
    Fetching,
    Unpacking,
    Starting,
}

/// Whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The model, its data, its image or its role: the same again will fail again.
    User,
    /// No room now.
    Capacity,
    /// More than this backend can ever give: waiting will not help.
    NeverFits,
    /// This machine or a service: later may help.
    Infrastructure,
}

/// An instance that never got to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFailure {
    /// Whose fault.
    pub fault: Fault,
    /// In which phase.
    pub phase: Phase,
    /// Which of several containers it was about, where it was about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Which of the causes that something is known to be done about.
    #[serde(default)]
    pub cause: FailureCause,
    /// AWS's sentence where AWS has one for this, ending in a full stop.
    pub aws_sentence: Option<String>,
    /// What was tried and what came back, one line.
    pub detail: String,
}

impl InstanceFailure {
    /// The same, by this cause.
    #[must_use]
    pub fn with_cause(self, cause: FailureCause) -> Self {
        Self { cause, ..self }
    }

    /// The same, about this container of an instance made from `spec`: its name is told where there are several.
    #[must_use]
    pub fn of_container(self, spec: &InstanceSpec, name: &str) -> Self {
        let container = (spec.containers.len() > 1).then(|| name.to_owned());
        Self { container, ..self }
    }
}

/// How a container's main process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitCause {
    /// It returned this code.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
    /// The kernel killed it for using more memory than the limit.
    OutOfMemory {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// Nobody saw it end (its supervisor died too, or the machine restarted).
    Unseen,
}

/// A container of an instance that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningContainer {
    /// Its name in the spec.
    pub name: String,
    /// Where the container contract listens.
    pub address: SocketAddr,
    /// The main process, where that means something.
    pub pid: Option<u32>,
}

/// What a backend sees of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceState {
    /// On its way.
    Preparing {
        /// How far.
        phase: Phase,
    },
    /// The containers run; whether they are healthy is the prober's word.
    Running {
        /// Each of them, in the order of the spec; there is at least one.
        containers: Vec<RunningContainer>,
        /// When the last of them was started.
        since: Millis,
    },
    /// It ran, and one of its containers ended: the others were stopped with it.
    Exited {
        /// Which of several it was; none where there is only one.
        container: Option<String>,
        /// How it ended.
        cause: ExitCause,
        /// The last lines it wrote, bounded.
        log_tail: String,
    },
    /// It never ran.
    Failed(InstanceFailure),
    /// It is going away.
    Removing,
}

impl InstanceState {
    /// The containers of an instance that runs; none of another.
    pub fn containers(&self) -> &[RunningContainer] {
        match self {
            Self::Running { containers, .. } => containers,
            Self::Preparing { .. } | Self::Exited { .. } | Self::Failed(_) | Self::Removing => &[],
        }
    }

    /// Where the first container of an instance that runs listens: requests begin there.
    pub fn address(&self) -> Option<SocketAddr> {
        self.containers().first().map(|first| first.address)
    }

    /// It runs.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }
}

/// One instance as a backend sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Which.
    pub id: InstanceId,
    /// The hash of the spec it was made from.
    pub spec_hash: String,
    /// How it is.
    pub state: InstanceState,
    /// What its images turned out to be, as far as that is known; none where no image is pulled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ResolvedImage>,
}

/// An image, and what it turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedImage {
    /// As the spec names it.
    pub image: String,
    /// Its name with the digest that its registry knows.
    pub resolved: String,
}

/// A piece of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogChunk {
    /// The bytes, whole lines where possible.
    pub bytes: Vec<u8>,
    /// Ask from here next; positions grow across rotation.
    pub next: u64,
    /// The log will not grow any more.
    pub ended: bool,
}

/// Why a backend did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// An instance with this id was made from another spec.
    #[error("instance `{id}` exists with another spec")]
    SpecMismatch {
        /// Which.
        id: InstanceId,
    },
    /// The backend cannot run this.
    #[error("instance `{id}` cannot be run here: {detail}")]
    Unsupported {
        /// Which.
        id: InstanceId,
        /// What is missing.
        detail: String,
    },
    /// There is no such instance, or it has no such container.
    #[error("there is no instance `{id}`, or it has no such container")]
    Unknown {
        /// Which.
        id: InstanceId,
    },
    /// The backend itself failed.
    #[error("the backend failed to {action}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// What came back.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ComputeError {
    /// Whose fault it was.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unsupported { .. } => Fault::User,
            Self::SpecMismatch { .. } | Self::Unknown { .. } | Self::Failed { .. } => Fault::Infrastructure,
        }
    }
}

/// Why a target model is not in its place.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlaceError {
    /// There is no such object under the prefix.
    #[error("there is no object at `{uri}`")]
    Missing {
        /// Where it was looked for.
        uri: String,
    },
    /// The model's data, or the role: the same again will fail again.
    #[error("{detail}")]
    Refused {
        /// What was tried and what came back.
        detail: String,
    },
    /// No room on the node for its files.
    #[error("{detail}")]
    NoRoom {
        /// What was tried and what came back.
        detail: String,
    },
    /// There is no such instance, or it serves one model.
    #[error("instance `{id}` is not there, or has one model only")]
    Unknown {
        /// Which.
        id: InstanceId,
    },
    /// The backend or a service failed: later may help.
    #[error("{detail}")]
    Failed {
        /// What was tried and what came back.
        detail: String,
    },
}

/// A room that can run instances.
#[async_trait]
pub trait Compute: Send + Sync {
    /// What holds here.
    fn capabilities(&self) -> Capabilities;

    /// Notes that the instance is to run and returns; the same call again changes nothing, whatever became of it.
    /// It runs when all of its containers do. One of them that ends unasked ends the instance: the backend stops the
    /// others. An instance that ended stays ended: it is observed until it is removed.
    async fn ensure(&self, spec: &InstanceSpec) -> Result<(), ComputeError>;

    /// Notes that the instance is to go: all its containers asked to stop, killed after `grace`, its directory deleted. An unknown id
    /// is fine. Observed as `Removing`, then no more.
    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<(), ComputeError>;

    /// Every instance of one endpoint that exists in any state.
    async fn observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError>;

    /// The ids of everything that exists: for orphans.
    async fn list(&self) -> Result<Vec<InstanceId>, ComputeError>;

    /// Ids whose state changed, from now on. A receiver that lags must observe again.
    fn changes(&self) -> broadcast::Receiver<InstanceId>;

    /// Reads the log of a container (none: of the first) from a position; 0 is the oldest kept byte, and one after the
    /// last byte means the end. A backend may keep the logs of a removed instance until its endpoint is forgotten.
    async fn logs(
        &self,
        id: &InstanceId,
        container: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Result<LogChunk, ComputeError>;

    /// The names of an instance's containers that have a log each, in the order of its spec; none of an instance that has
    /// one container and so one log. Of a removed instance they are known as long as its logs are kept.
    async fn logged(&self, _id: &InstanceId) -> Result<Vec<String>, ComputeError> {
        Ok(Vec::new())
    }

    /// Where the processes of a running instance listen, as far as the backend can tell.
    async fn listens(&self, _id: &InstanceId) -> Result<Vec<SocketAddr>, ComputeError> {
        Ok(Vec::new())
    }

    /// Puts a target model where the container of a running instance reads it, fetched by the node and shared by whoever
    /// on it has the same. `name` is what the container knows it by (plain letters and digits); where it lies, as the
    /// container sees it, is what comes back. The same call again changes nothing.
    async fn place_model(&self, id: &InstanceId, _name: &str, _target: &str) -> Result<String, PlaceError> {
        Err(PlaceError::Unknown { id: id.clone() })
    }

    /// Takes it away from there. What is not there is fine.
    async fn drop_model(&self, _id: &InstanceId, _name: &str) -> Result<(), ComputeError> {
        Ok(())
    }

    /// The removed instances of an endpoint whose logs are kept; a backend that keeps nothing has none.
    async fn kept(&self, _endpoint: &EndpointUid) -> Result<Vec<InstanceId>, ComputeError> {
        Ok(Vec::new())
    }

    /// Deletes what was kept of an endpoint's removed instances (their logs). An unknown endpoint is fine; a backend
    /// that keeps nothing has nothing to do.
    async fn forget(&self, _endpoint: &EndpointUid) -> Result<(), ComputeError> {
        Ok(())
    }
}
