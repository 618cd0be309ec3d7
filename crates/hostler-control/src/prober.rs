//! The prober: asks every running instance for its health, for as long as it lives.
//!
//! Why: whether a model can answer is the model's own word (`GET /ping`), not the backend's. At the start it is asked
//! often, so that a start of 20 ms is seen as 20 ms; later every few seconds, as AWS does.
//! Invariants: one task per instance; an instance is sick only after several failures in a row, healthy after one
//! success. It knows nothing of endpoints' goals.
//! Failure: all it knows can be lost; a new prober asks again.

mod http;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use hostler_compute::RunningContainer;
use hostler_types::{EndpointUid, FailureCause, InstanceId, Scope};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use tracing::{Instrument, debug, info, warn};

use crate::plan::Health;
use crate::spans;
pub use http::HttpPing;

/// Health changes that a slow listener may lag behind.
const CHANGES_KEPT: usize = 1024;

/// Asks one container.
#[async_trait]
pub trait Ping: Send + Sync {
    /// `Ok` is a 200; otherwise what came back.
    async fn ping(&self, address: SocketAddr) -> Result<(), PingTrouble>;
}

/// A ping that was not answered with 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingTrouble {
    /// Of which of several containers.
    pub container: Option<String>,
    /// One of the causes of pings.
    pub cause: FailureCause,
    /// What came back, in words.
    pub words: String,
}

impl fmt::Display for PingTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.container {
            Some(container) => write!(f, "container `{container}`: {}", self.words),
            None => f.write_str(&self.words),
        }
    }
}

impl From<&str> for PingTrouble {
    fn from(words: &str) -> Self {
        Self::new(FailureCause::PingBroken, words)
    }
}

impl PingTrouble {
    /// What came back of the only container, or of one that is named later.
    pub fn new(cause: FailureCause, words: impl Into<String>) -> Self {
        Self { container: None, cause, words: words.into() }
    }
}

/// How often and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct ProberSettings {
    /// The first pause of a starting instance; each next is a tenth longer, so that it is seen to be ready a tenth of
    /// its start too late at most.
    pub start_interval_min: Duration,
    /// The longest pause of a starting instance.
    pub start_interval_max: Duration,
    /// The pause of a healthy one.
    pub interval: Duration,
    /// The pause of one that was healthy and just failed.
    pub suspect_interval: Duration,
    /// Failures in a row that make a healthy instance sick.
    pub failures_until_sick: u32,
}

impl Default for ProberSettings {
    fn default() -> Self {
        Self {
            start_interval_min: Duration::from_millis(1),
            start_interval_max: Duration::from_millis(250),
            interval: Duration::from_secs(5),
            suspect_interval: Duration::from_secs(1),
            failures_until_sick: 3,
        }
    }
}

/// An instance to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which.
    pub id: InstanceId,
    /// The account and region, for the log.
    pub scope: Scope,
    /// The name of its endpoint, for the log.
    pub endpoint_name: String,
    /// Its containers: it is healthy when each of them is.
    pub containers: Vec<RunningContainer>,
    /// It passed its health check before: it is not starting, whatever this prober saw of it.
    pub was_healthy: bool,
}

/// Asks every instance it is pointed at.
pub struct Prober {
    ping: Arc<dyn Ping>,
    settings: ProberSettings,
    probes: Arc<Mutex<BTreeMap<InstanceId, Probe>>>,
    changes: broadcast::Sender<InstanceId>,
    results: Arc<Results>,
}

/// How the checks went since the start.
#[derive(Default)]
struct Results {
    passed: AtomicU64,
    failed: AtomicU64,
}

struct Probe {
    target: Target,
    health: Health,
    task: AbortHandle,
}

impl Prober {
    /// A prober that asks nobody yet.
    pub fn new(ping: Arc<dyn Ping>, settings: ProberSettings) -> Self {
        let changes = broadcast::channel(CHANGES_KEPT).0;
        Self { ping, settings, probes: Arc::default(), changes, results: Arc::default() }
    }

    /// How many checks were passed, and how many failed.
    pub(crate) fn results(&self) -> (u64, u64) {
        (self.results.passed.load(Ordering::Relaxed), self.results.failed.load(Ordering::Relaxed))
    }

    /// What is known of an instance.
    pub fn health(&self, id: &InstanceId) -> Health {
        lock(&self.probes).get(id).map_or(Health::Unknown, |probe| probe.health.clone())
    }

    /// Ids whose health changed, from now on.
    pub fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.changes.subscribe()
    }

    /// Asks just these instances of an endpoint from now on.
    pub fn set_targets(&self, endpoint: &EndpointUid, targets: Vec<Target>) {
        let mut probes = lock(&self.probes);
        let own = probes
            .range(InstanceId::before_all_of(endpoint)..)
            .take_while(|(id, _)| id.endpoint == *endpoint);
        let is_kept = |id: &InstanceId, probe: &Probe| {
            targets.iter().any(|target| target.id == *id && target.containers == probe.target.containers)
        };
        let dropped: Vec<InstanceId> =
            own.filter(|(id, probe)| !is_kept(id, probe)).map(|(id, _)| id.clone()).collect();
        for probe in dropped.iter().filter_map(|id| probes.remove(id)) {
            probe.task.abort();
        }
        for target in targets {
            if probes.contains_key(&target.id) {
                continue;
            }
            let watching = watch(
                self.ping.clone(),
                self.settings,
                target.clone(),
                self.probes.clone(),
                self.changes.clone(),
                self.results.clone(),
            );
            let span = spans::probe(&target.scope, &target.endpoint_name, &target.id);
            let task = tokio::spawn(watching.instrument(span));
            let task = task.abort_handle();
            probes.insert(target.id.clone(), Probe { target, health: Health::Unknown, task });
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        for probe in lock(&self.probes).values() {
            probe.task.abort();
        }
    }
}

/// Asks one instance until it is aborted.
async fn watch(
    ping: Arc<dyn Ping>,
    settings: ProberSettings,
    target: Target,
    probes: Arc<Mutex<BTreeMap<InstanceId, Probe>>>,
    changes: broadcast::Sender<InstanceId>,
    results: Arc<Results>,
) {
    let mut was_healthy = target.was_healthy;
    let mut failures = 0_u32;
    let mut start_pause = settings.start_interval_min;
    loop {
        let answer = ping_each(&*ping, &target.containers).await;
        let result = if answer.is_ok() { &results.passed } else { &results.failed };
        result.fetch_add(1, Ordering::Relaxed);
        let pause = match &answer {
            Ok(()) => settings.interval,
            Err(_) if was_healthy => settings.suspect_interval,
            Err(_) => {
                let pause = start_pause;
                start_pause = start_pause.mul_f64(1.1).min(settings.start_interval_max);
                pause
            }
        };
        let health = match answer {
            Ok(()) => {
                was_healthy = true;
                failures = 0;
                Some(Health::Healthy)
            }
            Err(detail) if was_healthy => {
                failures = failures.saturating_add(1);
                (failures >= settings.failures_until_sick).then_some(Health::Sick(detail))
            }
            Err(detail) => Some(Health::NotYet(detail)),
        };
        if let Some(health) = health {
            let told = health.clone();
            if note(&probes, &target.id, health) {
                log(&told);
                // Nobody listening is fine: the sweep sees it.
                let _ = changes.send(target.id.clone());
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Asks all containers at once; what is told is the first of them that did not answer well.
async fn ping_each(ping: &dyn Ping, containers: &[RunningContainer]) -> Result<(), PingTrouble> {
    let asking: Vec<_> = containers.iter().map(|container| ping.ping(container.address)).collect();
    let answers = join_all(asking).await;
    for (container, answer) in containers.iter().zip(answers) {
        answer.map_err(|trouble| PingTrouble {
            container: (containers.len() > 1).then(|| container.name.clone()),
            ..trouble
        })?;
    }
    Ok(())
}

fn log(health: &Health) {
    match health {
        Health::Unknown => {}
        Health::NotYet(answer) => debug!(%answer, "the instance does not answer /ping with 200 yet"),
        Health::Healthy => info!("the instance answers /ping with 200"),
        Health::Sick(answer) => warn!(%answer, "the instance has stopped answering /ping with 200"),
    }
}

/// Writes the health down; whether it is another kind of health than before.
fn note(probes: &Mutex<BTreeMap<InstanceId, Probe>>, id: &InstanceId, health: Health) -> bool {
    let mut probes = lock(probes);
    let Some(probe) = probes.get_mut(id) else { return false };
    let is_news = std::mem::discriminant(&probe.health) != std::mem::discriminant(&health);
    probe.health = health;
    is_news
}

fn lock(probes: &Mutex<BTreeMap<InstanceId, Probe>>) -> MutexGuard<'_, BTreeMap<InstanceId, Probe>> {
    probes.lock().unwrap_or_else(PoisonError::into_inner)
}
