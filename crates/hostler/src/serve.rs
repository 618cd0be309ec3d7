//! The server: opens the rooms in order, wires them, runs until it is told to stop, and closes them in reverse.
//!
//! Why: which room knows which is decided here and nowhere else; a reader sees the whole house in one function.
//! Invariants: the lock of the data directory is taken first and given back last. `/healthz` answers only when all
//! rooms are open and what was adopted is routed. A stop lets requests finish before it touches instances.
//! Failure: a start that fails half-way leaves nothing running that was not running before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::FutureExt;
use hostler_artifacts::{ArtifactCache, CacheLimits, LocalFiles, ObjectReader};
use hostler_aws::sigv4::Verifier;
use hostler_aws::{KeyRing, LongLivedKey, SecretSealer, Throttle, TokenSealer};
use hostler_catalog::ImageCatalog;
use hostler_compute::{Capabilities, Compute};
use hostler_control::{
    AccessKeys, AccessKeysParts, Admin, Control, ControlParts, ControlSettings, DRAIN_MARGIN_MS,
    LeaseSettings, Policy, Prober, ProberSettings, Reconciler, ReconcilerParts, SteadyClock, UsageFlusher,
    UsageSettings,
};
use hostler_gateway::{BodyBudget, Gateway, GatewaySettings, RoutingTable};
use hostler_localaws::{LocalAws, LocalAwsConfig, LocalAwsPorts, S3Limits};
use hostler_store_sql::{DataDirLock, SqliteStore};
use hostler_types::{Clock, Millis, RouteTable, ShownEndpoints, SystemClock};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::backend::{Backend, BackendNeeds};
use crate::bind::bind;
use crate::data_dir::{DataDir, ServerKeys};
use crate::front::{Front, Rooms};
use crate::listen::{self, Transport, Watch};
use crate::metrics::{Counted, Metrics, MetricsAccess};
use crate::model_loader::ComputeModels;
use crate::model_reader;
use crate::profile;
use crate::registry_logins;
use crate::settings::{ConnectionLimits, ExternalS3, Settings};
use crate::threads::Threads;

/// Every endpoint is looked at again this often, whatever was signalled.
const SWEEP_EVERY: Duration = Duration::from_secs(20);
/// The lock of the data directory keeps any other controller away; so the next server takes this one's lease at once.
const LEASE_HOLDER: &str = "server";
/// Renewed at a third of it: a write to the disk of an idle server.
const LEASE_TTL: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    pub(crate) url: String,
    stop: CancellationToken,
    listeners: JoinSet<()>,
    reconciler: tokio::task::JoinHandle<()>,
    flusher: tokio::task::JoinHandle<()>,
    /// Stops the flusher too.
    reconciler_stop: CancellationToken,
    backend: Backend,
    store: Arc<SqliteStore>,
    leave_running: bool,
    dir: DataDir,
    clock: Arc<dyn Clock>,
    lock: DataDirLock,
}

impl Server {
    /// Opens everything; returns when requests are answered.
    pub(crate) async fn start(settings: Settings) -> anyhow::Result<Self> {
        let given_files = listen::open_files::raise();
        let dir = DataDir::open(&settings.data_dir)?;
        let lock = DataDirLock::acquire(dir.root())?;
        let keys = Arc::new(dir.keys(&settings.account)?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // Signatures, sessions and objects go by the clock that their clients see; what is compared with records does not.
        let steady: Arc<dyn Clock> = Arc::new(SteadyClock::new(clock.clone()));
        let ring = Arc::new(KeyRing::new(TokenSealer::new(keys.cluster_key)));
        let verifier = Arc::new(Verifier::new(ring.clone(), clock.clone()));
        let store = Arc::new(SqliteStore::open(dir.root())?);
        let access_keys = AccessKeys::open(access_keys(&keys, &ring, &store, &clock)).await?;

        let stop = CancellationToken::new();
        let transport = Transport::new(settings.tls.as_ref())?;
        let listener = bind(settings.listen)?;
        let address = listener.local_addr()?;
        // The fetcher reads the embedded S3 like any client, over a loopback port that needs no certificate.
        let inner_listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let inner_url = format!("http://{}", inner_listener.local_addr()?);

        let ports = LocalAwsPorts { verifier: verifier.clone(), keys: ring.clone(), clock: clock.clone() };
        let local = open_local(&settings, &dir, ports).await?;
        let reader = open_reader(&settings, &local, inner_url, &clock)?;
        let cache = open_cache(&settings, &dir, reader.clone()).await?;

        let logins = registry_logins::open(&settings, &local, &clock)?;
        let needs = BackendNeeds { cache: cache.clone(), logins, open_files_max: given_files };
        let backend = Backend::open(&settings, &dir, needs, steady.clone()).await?;
        let (compute, capabilities) = opened(&backend);

        let catalog = Arc::new(catalog(&settings));
        let places = Arc::new(ShownEndpoints::new(settings.metrics.endpoints_shown_max));
        let table = Arc::new(routing_table(&settings, places.clone(), compute.clone()));
        let routes: Arc<dyn RouteTable> = table.clone();
        let prober = Arc::new(Prober::new(backend.ping(), ProberSettings::default()));
        let policy = policy(&settings, backend.emptied_at, clock.now());
        let control = Control::new(ControlParts {
            store: store.clone(),
            clock: steady.clone(),
            reader,
            capabilities,
            catalog: catalog.clone(),
            new_uid: Arc::new(|| uuid::Uuid::new_v4().simple().to_string()[..16].to_owned()),
            settings: control_settings(&settings, policy),
        });
        let usage = usage_settings(&settings, backend.emptied_at);
        let usage = usage_flusher(&store, &steady, &table, usage);
        let parts = ReconcilerParts {
            store: store.clone(),
            clock: steady.clone(),
            compute: compute.clone(),
            prober: prober.clone(),
            routes: routes.clone(),
            catalog,
            accelerators: settings.accelerators,
            policy,
            sweep_every: SWEEP_EVERY,
            lease: LeaseSettings { holder: LEASE_HOLDER.to_owned(), ttl: LEASE_TTL },
            jitter: Arc::new(rand::random::<f64>),
        };
        let reconciler = Reconciler::showing(parts, places);
        let throttle = Arc::new(Throttle::new(settings.throttling.clone()));
        let (bodies, watch) = (open_bodies(&settings, &dir)?, Watch::new(settings.connections));
        let counted = Counted {
            table: &table,
            bodies: &bodies,
            watch: &watch,
            reconciler: &reconciler,
            prober: &prober,
            store: &store,
            cache: &cache,
            verifier: &verifier,
            throttle: &throttle,
            clock: &*clock,
        };
        let access = MetricsAccess::new(settings.listen, settings.metrics.token.clone());
        let metrics = Metrics::new(&counted, access);
        let gateway = Gateway::new(table, verifier.clone(), clock.clone(), gateway_settings(&settings))
            .throttled_by(throttle.clone())
            .keeping_bodies_in(bodies);
        let admin = Admin::new(control.clone(), compute, prober, routes).with_keys(access_keys.clone());
        let rooms = Arc::new(Rooms {
            control,
            admin,
            gateway,
            local,
            verifier,
            throttle,
            metrics,
            clock: clock.clone(),
        });
        // Before anything answers or runs: whoever sees the server ready finds its profile.
        let url = format!("{}://{}", transport.scheme(), shown(address));
        profile::write(dir.root(), &url, &settings.region, &keys)?;

        // Before the first request: an endpoint that was adopted must never be answered with "not found".
        reconciler.publish_routes().await;
        let listeners = open_doors(&rooms, (listener, transport, watch), inner_listener, &stop)?;
        let reconciler_stop = CancellationToken::new();
        let reconciler = tokio::spawn(reconciler.run(reconciler_stop.clone()));
        let flusher = tokio::spawn(usage.run(reconciler_stop.clone()));
        tokio::spawn(access_keys.follow(stop.clone()));
        info!(url, data_dir = %dir.root().display(), "the server is ready");
        Ok(Self {
            url,
            stop,
            listeners,
            reconciler,
            flusher,
            reconciler_stop,
            backend,
            store,
            leave_running: settings.leave_running,
            dir,
            clock: steady,
            lock,
        })
    }

    /// Stops taking requests, lets those under way finish, then stops the instances unless they are to stay. When
    /// `hurry` resolves, nothing is waited for any longer.
    pub(crate) async fn stop(mut self, hurry: impl Future<Output = ()>) -> anyhow::Result<()> {
        info!("stopping");
        let hurry = hurry.shared();
        self.stop.cancel();
        tokio::select! {
            () = all_ended(&mut self.listeners) => {}
            () = hurry.clone() => self.listeners.shutdown().await,
        }
        self.reconciler_stop.cancel();
        self.reconciler.await.context("the reconciler panicked")?;
        self.flusher.await.context("the writer of usage panicked")?;
        if !self.leave_running {
            let left = self.backend.stop_all(hurry).await;
            if left > 0 {
                warn!(left, "instances did not stop in time");
            }
            if let Err(error) = self.dir.note_stop(self.clock.now()) {
                let error: &dyn std::error::Error = error.as_ref();
                warn!(error, "the next start will take the stop for an accident of every instance");
            }
        }
        self.backend.detach().await;
        // It has said so itself if its log could not be emptied; nothing is lost, the next start reads it.
        let _ = self.store.close().await;
        drop(self.lock);
        info!("stopped");
        Ok(())
    }
}

/// From here on requests are answered: those of clients, and those of our own fetcher at the inner door.
fn open_doors(
    rooms: &Arc<Rooms>,
    (listener, transport, watch): (TcpListener, Transport, Arc<Watch>),
    inner_listener: TcpListener,
    stop: &CancellationToken,
) -> anyhow::Result<JoinSet<()>> {
    let threads = Threads::start().context("starting the threads that serve connections failed")?;
    let (outer, inner) = (Front::outer(rooms.clone()), Front::inner(rooms.clone()));
    let (plain, shared) = (Transport::Plain, Threads::shared());
    let inner_watch = Watch::new(ConnectionLimits::default());
    let mut listeners = JoinSet::new();
    listeners.spawn(listen::run(listener, transport, outer, watch, threads, stop.clone()));
    listeners.spawn(listen::run(inner_listener, plain, inner, inner_watch, shared, stop.clone()));
    Ok(listeners)
}

async fn all_ended(listeners: &mut JoinSet<()>) {
    while let Some(ended) = listeners.join_next().await {
        if let Err(error) = ended {
            warn!(%error, "a listener broke off");
        }
    }
}

/// The embedded S3 and STS.
async fn open_local(
    settings: &Settings,
    dir: &DataDir,
    ports: LocalAwsPorts,
) -> anyhow::Result<Arc<LocalAws>> {
    let config = LocalAwsConfig {
        dir: dir.join("s3"),
        limits: S3Limits::default(),
        roles: settings.roles.clone(),
        inactive_regions: settings.inactive_regions.clone(),
        s3_elsewhere: settings.s3.as_ref().map(ExternalS3::shown),
    };
    Ok(Arc::new(tokio::task::spawn_blocking(move || LocalAws::open(config, ports)).await??))
}

/// Reads model data: objects as a role, and files of this machine where the operator allows it.
fn open_reader(
    settings: &Settings,
    local: &Arc<LocalAws>,
    inner_url: String,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn ObjectReader>> {
    let objects = match &settings.s3 {
        None => model_reader::embedded(inner_url, local)?,
        Some(s3) => model_reader::external(s3, local, &settings.account, clock)?,
    };
    let (dirs, account) = (settings.model_dirs.clone(), settings.account.clone());
    Ok(Arc::new(LocalFiles::new(dirs, account, Arc::new(objects))))
}

/// What runs which image, as the settings have it.
fn catalog(settings: &Settings) -> ImageCatalog {
    let catalog = ImageCatalog::new(settings.images.clone());
    if settings.script.runs_frameworks() { catalog } else { catalog.without_scripts() }
}

/// The routes of all endpoints, with who brings the models of those that have many.
fn routing_table(
    settings: &Settings,
    places: Arc<ShownEndpoints>,
    compute: Arc<dyn Compute>,
) -> RoutingTable {
    let loader = Arc::new(ComputeModels { compute, runtime: Handle::current() });
    RoutingTable::showing(places).limited_by(settings.admission).loading_by(loader)
}

/// The port of an open backend, and what instances can be held to.
fn opened(backend: &Backend) -> (Arc<dyn Compute>, Capabilities) {
    let compute = backend.compute();
    let capabilities = compute.capabilities();
    if !capabilities.limits_memory || !capabilities.limits_cpu {
        warn!(?capabilities, "this machine cannot hold instances to all limits of their type");
    }
    (compute, capabilities)
}

/// Room for the bodies of requests.
fn open_bodies(settings: &Settings, dir: &DataDir) -> anyhow::Result<Arc<BodyBudget>> {
    let spool = dir.join("spool");
    BodyBudget::with_spool(settings.bodies, &spool)
        .with_context(|| format!("making `{}` ready for request bodies failed", spool.display()))
}

/// Keeps what the reader reads.
async fn open_cache(
    settings: &Settings,
    dir: &DataDir,
    reader: Arc<dyn ObjectReader>,
) -> anyhow::Result<ArtifactCache> {
    let mut limits = CacheLimits::default();
    if let Some(bytes) = settings.artifact_bytes_max {
        limits.object_bytes = bytes;
    }
    Ok(ArtifactCache::open(dir.join("cache"), limits, reader).await?)
}

fn gateway_settings(settings: &Settings) -> GatewaySettings {
    GatewaySettings {
        model_timeout: settings.model_timeout,
        stream_timeout: settings.stream_timeout,
        payload_bytes: settings.payload_bytes,
        payload_bytes_max: settings.limit_bounds.payload_bytes,
        hold_timeout: settings.hold_timeout,
        body_timeout: settings.body_timeout,
        stall_timeout: settings.connections.stall_timeout,
    }
}

fn policy(settings: &Settings, emptied_at: Millis, began_at: Millis) -> Policy {
    Policy {
        emptied_at,
        began_at,
        provision_timeout_ms: settings.provision_timeout.as_millis() as i64,
        drain_timeout_ms: settings.model_timeout.max(settings.stream_timeout).as_millis() as i64
            + DRAIN_MARGIN_MS,
        rollback_shown_ms: settings.rollback_shown.as_millis() as i64,
        limit_bounds: settings.limit_bounds,
        ..Policy::default()
    }
}

fn usage_settings(settings: &Settings, emptied_at: Millis) -> UsageSettings {
    UsageSettings { days: settings.metrics.usage_days, emptied_at }
}

fn usage_flusher(
    store: &Arc<SqliteStore>,
    clock: &Arc<dyn Clock>,
    table: &Arc<RoutingTable>,
    settings: UsageSettings,
) -> UsageFlusher {
    let random = Arc::new(rand::random::<u64>);
    UsageFlusher::new(store.clone(), clock.clone(), table.clone(), settings, random)
}

fn control_settings(settings: &Settings, policy: Policy) -> ControlSettings {
    ControlSettings {
        describe_hold: settings.describe_hold,
        quotas: settings.quotas.clone(),
        accelerators: settings.accelerators,
        protect_in_use: settings.protect_in_use,
        strict_aws: settings.strict_aws,
        policy,
        usage: usage_settings(settings, policy.emptied_at),
        ..ControlSettings::default()
    }
}

fn access_keys(
    keys: &ServerKeys,
    ring: &Arc<KeyRing>,
    store: &Arc<SqliteStore>,
    clock: &Arc<dyn Clock>,
) -> AccessKeysParts {
    let secret = keys.secret_access_key.clone();
    AccessKeysParts {
        store: store.clone(),
        ring: ring.clone(),
        sealer: SecretSealer::new(keys.cluster_key),
        clock: clock.clone(),
        own: LongLivedKey::of_account(keys.access_key_id.as_str(), secret, &keys.account),
    }
}

/// A URL with an unspecified address cannot be called; loopback can.
fn shown(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port()))
        }
        other => other,
    }
}
