//! A server of the simulation: operations, reconciler and gateway over one set of calls that all end with it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_catalog::ImageCatalog;
use hostler_compute::Compute;
use hostler_control::{
    Control, ControlParts, ControlSettings, LeaseSettings, Prober, ProberSettings, Reconciler,
    ReconcilerParts,
};
use hostler_store::Store;
use hostler_types::RouteTable;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::backend::WatchedCompute;
use super::commits::Author;
use super::dice::Dice;
use super::gateway::WatchedRoutes;
use super::stage::Stage;
use super::store::WatchedStore;
use crate::{Effects, FaultyCompute, FaultyStore, SimRoutes};

/// Slow calls are as long as this, so that leases are lost to them.
const LEASE_TTL: Duration = Duration::from_secs(9);
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// A server that is told to stop has a few slow calls to wait for.
const STOP_MAX: Duration = Duration::from_secs(600);

/// One server's life.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) life: u64,
    pub(super) effects: Arc<Effects>,
    pub(super) control: Control,
    pub(super) gateway: Arc<WatchedRoutes>,
    /// Calls of clients that are not answered yet.
    pub(super) calls: JoinSet<()>,
    reconciler: Arc<Reconciler>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts the `life`th server of the run; its clock is so much ahead.
    pub(super) fn start(stage: &Arc<Stage>, name: String, life: u64, ahead_ms: i64) -> Self {
        stage.book.note(|| format!("{name} starts"));
        let effects = Arc::new(stage.weather.effects(Dice::new(stage.seed, 100 + life)));
        let routes = Arc::new(SimRoutes::default());
        let gateway = Arc::new(WatchedRoutes {
            stage: stage.clone(),
            server: name.clone(),
            routes: routes.clone(),
            effects: effects.clone(),
            dice: Mutex::new(Dice::new(stage.seed, 20_000 + life)),
        });
        let store = |author: Author| -> Arc<dyn Store> {
            Arc::new(FaultyStore {
                inner: Arc::new(WatchedStore { stage: stage.clone(), author }),
                effects: effects.clone(),
                routes: routes.clone(),
            })
        };
        let watched = WatchedCompute { stage: stage.clone(), server: name.clone(), routes: routes.clone() };
        let compute: Arc<dyn Compute> = Arc::new(FaultyCompute::new(
            Arc::new(watched),
            stage.compute.clone(),
            effects.clone(),
            routes.clone(),
        ));
        let clock = Arc::new(stage.clock.ahead(ahead_ms));
        let uids = stage.clone();
        let settings = ControlSettings { quotas: Stage::quotas(), ..ControlSettings::default() };
        let accelerators = settings.accelerators;
        let control = Control::new(ControlParts {
            store: store(Author::Client(name.clone())),
            clock: clock.clone(),
            reader: stage.objects.clone(),
            capabilities: compute.capabilities(),
            catalog: Arc::new(ImageCatalog::default()),
            new_uid: Arc::new(move || format!("{:04x}", uids.uids.fetch_add(1, Ordering::Relaxed))),
            settings,
        });
        let prober =
            ProberSettings { start_interval_max: Duration::from_secs(1), ..ProberSettings::default() };
        let jitter = Mutex::new(Dice::new(stage.seed, 10_000 + life));
        let reconciler = Reconciler::new(ReconcilerParts {
            store: store(Author::Reconciler(name.clone())),
            clock,
            compute,
            prober: Arc::new(Prober::new(stage.ping.clone(), prober)),
            routes: gateway.clone() as Arc<dyn RouteTable>,
            catalog: Arc::new(ImageCatalog::default()),
            accelerators,
            policy: Stage::policy(),
            sweep_every: SWEEP_EVERY,
            lease: LeaseSettings { holder: name.clone(), ttl: LEASE_TTL },
            jitter: Arc::new(move || jitter.lock().unwrap_or_else(PoisonError::into_inner).fraction()),
        });
        let stop = CancellationToken::new();
        let (running, stopping) = (reconciler.clone(), stop.clone());
        let task = tokio::spawn(async move {
            running.publish_routes().await;
            running.run(stopping).await;
        });
        Self { name, life, effects, control, gateway, calls: JoinSet::new(), reconciler, stop, task }
    }

    /// Ends it as `kill -9` does.
    pub(super) async fn kill(mut self) {
        self.gateway.stage.book.note(|| format!("{} is dead", self.name));
        self.effects.kill();
        self.calls.shutdown().await;
        self.task.abort();
        if let Err(error) = self.task.await
            && !error.is_cancelled()
        {
            self.gateway.stage.book.complain(&format!("{} broke off: {error}", self.name));
        }
    }

    /// Ends it in good order.
    pub(super) async fn end(mut self) {
        self.gateway.stage.book.note(|| format!("{} stops", self.name));
        self.calls.shutdown().await;
        self.stop.cancel();
        let effects = self.effects.clone();
        tokio::select! {
            biased;
            ended = &mut self.task => {
                if let Err(error) = ended {
                    self.gateway.stage.book.complain(&format!("{} broke off: {error}", self.name));
                }
            }
            () = effects.crashed() => self.kill().await,
            () = tokio::time::sleep(STOP_MAX) => {
                self.gateway.stage.book.complain(&format!("{} does not stop", self.name));
            }
        }
    }

    /// What it sees broken by itself.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = self.gateway.routes.complaints();
        complaints.extend(self.reconciler.lint());
        complaints
    }
}
