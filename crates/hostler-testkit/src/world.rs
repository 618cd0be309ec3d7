//! The simulated world: a store and a backend that outlive servers, and the servers of the moment.
//!
//! Why: a crash is the loss of everything in a process and of nothing outside it; so the two are two structs here.
//! Invariants: `routes` and `effects` are the newest server's. Waiting is for a condition, with a deadline in simulated time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hostler_aws::ApiError;
use hostler_catalog::ImageCatalog;
use hostler_compute::{Compute, Delays, SimulatedCompute};
use hostler_control::{
    AcceleratorPolicy, Admin, AdminRequest, Caller, Control, ControlParts, ControlSettings, LeaseSettings,
    Policy, Prober, ProberSettings, Reconciler, ReconcilerParts,
};
use hostler_store::{MemoryStore, Store};
use hostler_types::{
    AccountId, EndpointRecord, Identity, InstanceId, Key, Kind, Record, Region, RouteTable, Scope,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::ServerClock;
use crate::{DamagedStore, Effects, FaultyCompute, FaultyStore, SimClock, SimObjects, SimPing, SimRoutes};

/// The image that the simulated models name.
const IMAGE: &str = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1";
/// A sweep of the simulated server.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// Long enough for a slow call and short enough for a test.
const LEASE_TTL: Duration = Duration::from_secs(10);
/// Simulated time between two looks of a test that waits.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The caller of the default account in us-east-1.
pub fn caller() -> Caller {
    let account = AccountId::new("000000000000");
    Caller {
        scope: Scope::new(&account, &Region::new("us-east-1")),
        identity: Identity {
            arn: "arn:aws:iam::000000000000:root".to_owned(),
            user_id: "000000000000".to_owned(),
            access_key_id: "AKIASIMULATED0000000".to_owned(),
            role_arn: None,
            long_lived_key_id: Some("AKIASIMULATED0000000".to_owned()),
            account,
        },
    }
}

/// What outlives servers, and the servers of the moment.
pub struct SimWorld {
    /// What was acknowledged.
    pub store: Arc<dyn Store>,
    /// The same, to damage some of it.
    pub damage: Arc<DamagedStore>,
    /// What runs.
    pub compute: SimulatedCompute,
    /// How containers answer `/ping`.
    pub ping: Arc<SimPing>,
    /// The model data that is there.
    pub objects: Arc<SimObjects>,
    /// The operations, over the store without faults.
    pub control: Control,
    accelerators: AcceleratorPolicy,
    /// The machine's clock; the backend goes by it, servers by a steady clock over it.
    pub clock: SimClock,
    server_clock: Arc<ServerClock>,
    servers: Vec<Server>,
}

/// What a crash takes away.
struct Server {
    effects: Arc<Effects>,
    routes: Arc<SimRoutes>,
    prober: Arc<Prober>,
    task: JoinHandle<()>,
}

impl SimWorld {
    /// A world without a server, whose instances move by themselves.
    pub fn new(delays: Delays) -> Self {
        Self::with_settings(delays, ControlSettings::default())
    }

    /// The same, as an operator set it.
    pub fn with_settings(delays: Delays, settings: ControlSettings) -> Self {
        Self::with(settings, |clock| SimulatedCompute::auto(Arc::new(clock), delays))
    }

    /// A world without a server, whose instances move when they are stepped.
    pub fn stepped() -> Self {
        Self::with(ControlSettings::default(), |clock| SimulatedCompute::stepped(Arc::new(clock)))
    }

    fn with(settings: ControlSettings, compute: impl Fn(SimClock) -> SimulatedCompute) -> Self {
        let clock = SimClock::new();
        let compute = compute(clock.clone());
        let server_clock = Arc::new(ServerClock::new(clock.clone()));
        let damage = Arc::new(DamagedStore::new(Arc::new(MemoryStore::new())));
        let store: Arc<dyn Store> = damage.clone();
        let objects = Arc::new(SimObjects::default());
        let (uids, accelerators) = (AtomicU64::new(1), settings.accelerators);
        let control = Control::new(ControlParts {
            store: store.clone(),
            clock: server_clock.clone(),
            reader: objects.clone(),
            capabilities: compute.capabilities(),
            catalog: Arc::new(ImageCatalog::default()),
            new_uid: Arc::new(move || format!("{:08x}", uids.fetch_add(1, Ordering::Relaxed))),
            settings,
        });
        let (ping, servers) = (Arc::default(), Vec::new());
        Self { store, damage, compute, ping, objects, control, accelerators, clock, server_clock, servers }
    }

    /// Starts a server over what is there, beside any that lives.
    pub fn start(&mut self, effects: Effects) {
        if self.servers.is_empty() {
            self.server_clock.begin_anew();
        }
        let (effects, routes) = (Arc::new(effects), Arc::new(SimRoutes::default()));
        let prober = Arc::new(Prober::new(self.ping.clone(), ProberSettings::default()));
        let reconciler = Reconciler::new(ReconcilerParts {
            store: Arc::new(FaultyStore {
                inner: self.store.clone(),
                effects: effects.clone(),
                routes: routes.clone(),
            }),
            clock: self.server_clock.clone(),
            compute: Arc::new(FaultyCompute::new(
                Arc::new(self.compute.clone()),
                self.compute.clone(),
                effects.clone(),
                routes.clone(),
            )),
            prober: prober.clone(),
            routes: routes.clone() as Arc<dyn RouteTable>,
            catalog: Arc::new(ImageCatalog::default()),
            accelerators: self.accelerators,
            // How long a rollback is shown is for people who poll.
            policy: Policy { rollback_shown_ms: 0, ..Policy::default() },
            sweep_every: SWEEP_EVERY,
            // Like a server that is alone: who follows after a crash bears the same name.
            lease: LeaseSettings { holder: format!("server-{}", self.servers.len()), ttl: LEASE_TTL },
            jitter: Arc::new(|| 0.5),
        });
        let task = tokio::spawn(reconciler.run(CancellationToken::new()));
        self.servers.push(Server { effects, routes, prober, task });
    }

    /// Ends every server as `kill -9` does; their calls so far.
    pub async fn kill(&mut self) -> usize {
        let mut calls = 0;
        for server in self.servers.drain(..) {
            server.task.abort();
            let ended = server.task.await;
            assert!(ended.is_err_and(|error| error.is_cancelled()), "the reconciler ended by itself");
            assert_eq!(server.routes.complaints(), Vec::<String>::new());
            calls += server.effects.count();
        }
        calls
    }

    /// The gateway of the newest server.
    pub fn routes(&self) -> &SimRoutes {
        &self.servers.last().expect("a server was started").routes
    }

    /// The gateway of one of the servers, in the order of their starts.
    pub fn routes_of(&self, server: usize) -> &SimRoutes {
        &self.servers[server].routes
    }

    /// The calls of one of the servers, in the order of their starts.
    pub fn effects_of(&self, server: usize) -> &Effects {
        &self.servers[server].effects
    }

    /// The calls of the newest server.
    pub fn effects(&self) -> &Effects {
        &self.servers.last().expect("a server was started").effects
    }

    /// Calls an operation as [`caller`].
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let body = self.control.call(&caller(), operation, input.to_string().as_bytes()).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&body).expect("answers are JSON"))
    }

    /// Sends a request to the admin API of the newest server as [`caller`].
    pub async fn admin(&self, method: &str, path: &str, body: &Value) -> Result<Value, ApiError> {
        let server = self.servers.last().expect("a server was started");
        let compute = Arc::new(self.compute.clone());
        let admin = Admin::new(self.control.clone(), compute, server.prober.clone(), server.routes.clone());
        let body = body.to_string();
        let request = AdminRequest { method, path, query: "", body: body.as_bytes() };
        let answer = admin.answer(&caller(), request).await?;
        Ok(serde_json::from_slice(&answer).expect("answers are JSON"))
    }

    /// Model `m` and config `c` with one variant `v` of so many instances of `ml.t2.medium`.
    pub async fn create_config(&self, instances: u32) {
        self.create_config_of("ml.t2.medium", instances).await;
    }

    /// The same of another type.
    pub async fn create_config_of(&self, instance_type: &str, instances: u32) {
        let role = "arn:aws:iam::000000000000:role/r";
        let container = json!({ "Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz" });
        self.expect(
            "CreateModel",
            json!({ "ModelName": "m", "PrimaryContainer": container, "ExecutionRoleArn": role }),
        )
        .await;
        let variant = json!({
            "VariantName": "v", "ModelName": "m", "InstanceType": instance_type,
            "InitialInstanceCount": instances,
        });
        let config = json!({ "EndpointConfigName": "c", "ProductionVariants": [variant] });
        self.expect("CreateEndpointConfig", config).await;
    }

    /// Endpoint `e` of config `c`.
    pub async fn create_endpoint(&self) {
        self.expect("CreateEndpoint", json!({ "EndpointName": "e", "EndpointConfigName": "c" })).await;
    }

    /// Deletes endpoint `e`.
    pub async fn delete_endpoint(&self) {
        self.expect("DeleteEndpoint", json!({ "EndpointName": "e" })).await;
    }

    async fn expect(&self, operation: &str, input: Value) -> Value {
        let answer = self.call(operation, input).await;
        answer.unwrap_or_else(|error| panic!("{operation} was refused: {error:?}"))
    }

    /// The key of endpoint `e`.
    pub fn key() -> Key {
        Key::new(&caller().scope, Kind::Endpoint, "e")
    }

    /// The record of endpoint `e`.
    pub async fn record(&self) -> Option<EndpointRecord> {
        let document = self.store.get(&Self::key()).await.expect("memory does not fail")?;
        Some(EndpointRecord::from_body(&document.body).expect("control wrote it"))
    }

    /// What the account holds in the region.
    pub async fn holdings(&self) -> BTreeMap<String, u64> {
        self.store.holdings(&caller().scope).await.expect("memory does not fail")
    }

    /// Everything the backend holds.
    pub async fn instances(&self) -> Vec<InstanceId> {
        self.compute.list().await.expect("no fault was ordered")
    }

    /// Waits until `is_done` says so; panics with what it saw last after `limit` of simulated time. Whether it came
    /// true before the server crashed.
    pub async fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        is_done: impl Fn(Option<&EndpointRecord>, &[InstanceId]) -> bool,
    ) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let (record, instances) = (self.record().await, self.instances().await);
            if is_done(record.as_ref(), &instances) {
                return true;
            }
            if self.servers.iter().any(|server| server.effects.has_crashed()) {
                return false;
            }
            if Instant::now() >= deadline {
                let calls = self.servers.last().map(|server| server.effects.calls());
                panic!("not {what} in {limit:?}: {record:#?}\n{instances:?}\n{calls:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
