//! A backend without machines: instances are entries in a map, and a test decides what becomes of them.
//!
//! Why: planner, reconciler and prober are tested with a paused clock, with faults at every call and crashes between
//! them; a mock per test would drift from what real backends do, so this one passes the same conformance suite.
//! A server may run on it too (`backend = "simulated"`), to try a control plane's code or to measure it.
//! Invariants: tests see every effect, so one can assert that no id was launched twice. In stepped mode nothing
//! moves unless poked; in automatic mode everything moves on tokio's clock, which tests pause.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hostler_types::{Clock, DeviceClass, EndpointUid, InstanceId};
use tokio::sync::broadcast;

use crate::{
    Capabilities, Compute, ComputeError, ExitCause, Fault, InstanceFailure, InstanceSpec, InstanceState,
    LogChunk, Observed, Phase,
};

/// Changes kept for a slow receiver; it observes again when it lags.
const CHANGES_KEPT: usize = 1024;
/// The first port handed out; nothing listens there unless a test says so.
const FIRST_PORT: u16 = 20_000;

/// How long things take in automatic mode, on tokio's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// From `ensure` to running.
    pub start: Duration,
    /// From `remove` to gone.
    pub stop: Duration,
}

/// What becomes of an instance once it was prepared.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It runs, at an address from a counter.
    Runs,
    /// It runs at this address, where a test may have put a server.
    RunsAt(SocketAddr),
    /// It runs and ends by itself after a while.
    Exits {
        /// How long it runs.
        after: Duration,
        /// How it ends.
        cause: ExitCause,
        /// What it wrote.
        log: String,
    },
    /// It never runs.
    Fails(InstanceFailure),
}

/// A call of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the port's verbs")]
pub enum Call {
    Ensure,
    Remove,
    Observe,
    List,
    Logs,
}

/// When a faulty call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// Nothing happened.
    Before,
    /// It took effect and the reply was lost.
    After,
}

/// Something that happened to an instance, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each word says it")]
pub enum Effect {
    Created(InstanceId),
    Launched(InstanceId),
    Ended(InstanceId),
    Failed(InstanceId),
    Stopping(InstanceId),
    Removed(InstanceId),
}

type Outcomes = Box<dyn Fn(&InstanceSpec) -> Outcome + Send + Sync>;

/// The simulated backend; clones share one world.
#[derive(Clone)]
pub struct SimulatedCompute {
    shared: Arc<Shared>,
}

struct Shared {
    /// None: stepped.
    delays: Option<Delays>,
    clock: Arc<dyn Clock>,
    changes: broadcast::Sender<InstanceId>,
    world: Mutex<World>,
}

struct World {
    instances: BTreeMap<InstanceId, Simulated>,
    effects: Journal,
    faults: VecDeque<(Call, FaultPoint)>,
    outcomes: Outcomes,
    /// Added to the start of the instances ensured next.
    slow: VecDeque<Duration>,
    /// Tells an instance from a later one with the same id.
    next_serial: u64,
    next_port: u16,
    devices: BTreeMap<DeviceClass, u32>,
}

/// Every effect in order; none where nobody will ask.
struct Journal(Option<Vec<Effect>>);

impl Journal {
    fn push(&mut self, effect: Effect) {
        if let Some(effects) = &mut self.0 {
            effects.push(effect);
        }
    }
}

struct Simulated {
    serial: u64,
    spec: InstanceSpec,
    state: InstanceState,
    log: Vec<u8>,
}

impl SimulatedCompute {
    /// Instances move by themselves.
    pub fn auto(clock: Arc<dyn Clock>, delays: Delays) -> Self {
        Self::new(clock, Some(delays))
    }

    /// Instances move by themselves and no effect is kept, so that a server may run on it for as long as it likes.
    pub fn unrecorded(clock: Arc<dyn Clock>, delays: Delays) -> Self {
        let simulated = Self::new(clock, Some(delays));
        simulated.shared.world().effects = Journal(None);
        simulated
    }

    /// Instances move when [`SimulatedCompute::step`] is called.
    pub fn stepped(clock: Arc<dyn Clock>) -> Self {
        Self::new(clock, None)
    }

    fn new(clock: Arc<dyn Clock>, delays: Option<Delays>) -> Self {
        let world = World {
            instances: BTreeMap::new(),
            effects: Journal(Some(Vec::new())),
            faults: VecDeque::new(),
            outcomes: Box::new(|_| Outcome::Runs),
            slow: VecDeque::new(),
            next_serial: 0,
            next_port: FIRST_PORT,
            devices: BTreeMap::new(),
        };
        let changes = broadcast::channel(CHANGES_KEPT).0;
        Self { shared: Arc::new(Shared { delays, clock, changes, world: Mutex::new(world) }) }
    }

    /// Decides from now on what becomes of each instance.
    pub fn decide(&self, outcomes: impl Fn(&InstanceSpec) -> Outcome + Send + Sync + 'static) {
        self.shared.world().outcomes = Box::new(outcomes);
    }

    /// The simulated machine has so many of these from now on; at first it has none.
    pub fn set_devices(&self, class: DeviceClass, count: u32) {
        self.shared.world().devices.insert(class, count);
    }

    /// The next call of this kind fails; several wait in order.
    pub fn fault_next(&self, call: Call, point: FaultPoint) {
        self.shared.world().faults.push_back((call, point));
    }

    /// The next instance that is ensured takes this much longer to start (automatic mode).
    pub fn slow_next(&self, extra: Duration) {
        self.shared.world().slow.push_back(extra);
    }

    /// Moves an instance one step: fetching, unpacking, starting, running; or removing, gone. The new state, or
    /// none when it is gone or was never there.
    pub fn step(&self, id: &InstanceId) -> Option<InstanceState> {
        let serial = self.shared.world().instances.get(id)?.serial;
        self.shared.step(id, serial);
        self.state(id)
    }

    /// Ends an instance that is on its way or runs. Whether there was one.
    pub fn exit(&self, id: &InstanceId, cause: ExitCause, log_tail: &str) -> bool {
        self.shared.end(id, None, InstanceState::Exited { cause, log_tail: log_tail.to_owned() })
    }

    /// Fails an instance that is on its way. Whether there was one.
    pub fn fail(&self, id: &InstanceId, failure: InstanceFailure) -> bool {
        self.shared.end(id, None, InstanceState::Failed(failure))
    }

    /// Takes an instance away without a trace, as a machine that burns down does.
    pub fn vanish(&self, id: &InstanceId) {
        let is_gone = self.shared.world().instances.remove(id).is_some();
        if is_gone {
            self.shared.tell(id);
        }
    }

    /// Adds to an instance's log.
    pub fn append_log(&self, id: &InstanceId, text: &str) {
        if let Some(instance) = self.shared.world().instances.get_mut(id) {
            instance.log.extend_from_slice(text.as_bytes());
        }
    }

    /// The state of one instance, without passing through the port.
    pub fn state(&self, id: &InstanceId) -> Option<InstanceState> {
        self.shared.world().instances.get(id).map(|instance| instance.state.clone())
    }

    /// Every instance and its state, without passing through the port.
    pub fn states(&self) -> Vec<(InstanceId, InstanceState)> {
        let world = self.shared.world();
        world.instances.iter().map(|(id, instance)| (id.clone(), instance.state.clone())).collect()
    }

    /// The spec an instance was made from.
    pub fn spec(&self, id: &InstanceId) -> Option<InstanceSpec> {
        self.shared.world().instances.get(id).map(|instance| instance.spec.clone())
    }

    /// Everything that happened, in order.
    pub fn effects(&self) -> Vec<Effect> {
        self.shared.world().effects.0.clone().expect("tests keep every effect")
    }

    /// How often this id was launched; more than once is a mistake of whoever calls the port.
    pub fn launches(&self, id: &InstanceId) -> usize {
        let launched = Effect::Launched(id.clone());
        self.effects().into_iter().filter(|effect| *effect == launched).count()
    }

    /// Panics when some id was launched more than once.
    pub fn assert_no_double_launch(&self) {
        let mut seen = std::collections::BTreeSet::new();
        for effect in self.effects() {
            if let Effect::Launched(id) = effect {
                assert!(seen.insert(id.clone()), "instance `{id}` was launched twice");
            }
        }
    }

    /// Fails when a fault waits for this call at this point.
    fn fault(&self, call: Call, point: FaultPoint, action: &'static str) -> Result<(), ComputeError> {
        let mut world = self.shared.world();
        // Only the oldest fault of this call counts, so that `Before` and `After` keep their order.
        let Some(at) = world.faults.iter().position(|(kind, _)| *kind == call) else { return Ok(()) };
        if world.faults[at].1 != point {
            return Ok(());
        }
        world.faults.remove(at);
        let source = match point {
            FaultPoint::Before => "simulated: nothing was done",
            FaultPoint::After => "simulated: the reply was lost",
        };
        Err(ComputeError::Failed { action, source: source.into() })
    }

    fn create(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        let (serial, extra) = {
            let mut world = self.shared.world();
            if let Some(instance) = world.instances.get(&spec.id) {
                return if instance.spec.hash() == spec.hash() {
                    Ok(())
                } else {
                    Err(ComputeError::SpecMismatch { id: spec.id.clone() })
                };
            }
            let serial = world.next_serial;
            world.next_serial += 1;
            let state = InstanceState::Preparing { phase: Phase::Fetching };
            let instance = Simulated { serial, spec: spec.clone(), state, log: Vec::new() };
            world.instances.insert(spec.id.clone(), instance);
            world.effects.push(Effect::Created(spec.id.clone()));
            (serial, world.slow.pop_front().unwrap_or_default())
        };
        self.shared.tell(&spec.id);
        if let Some(delays) = self.shared.delays {
            let (shared, id) = (Arc::clone(&self.shared), spec.id.clone());
            tokio::spawn(async move {
                let third = (delays.start + extra) / 3;
                for _ in 0..3 {
                    tokio::time::sleep(third).await;
                    shared.step(&id, serial);
                }
            });
        }
        Ok(())
    }

    fn begin_removal(&self, id: &InstanceId) {
        let serial = {
            let mut world = self.shared.world();
            let Some(instance) = world.instances.get_mut(id) else { return };
            if instance.state == InstanceState::Removing {
                return;
            }
            instance.state = InstanceState::Removing;
            let serial = instance.serial;
            world.effects.push(Effect::Stopping(id.clone()));
            serial
        };
        self.shared.tell(id);
        if let Some(delays) = self.shared.delays {
            let (shared, id) = (Arc::clone(&self.shared), id.clone());
            tokio::spawn(async move {
                tokio::time::sleep(delays.stop).await;
                shared.step(&id, serial);
            });
        }
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, id: &InstanceId) {
        // An error means that nobody listens.
        let _ = self.changes.send(id.clone());
    }

    /// Moves the instance with this serial one step, if it is still there.
    fn step(self: &Arc<Self>, id: &InstanceId, serial: u64) {
        let now = self.clock.now();
        let mut world = self.world();
        let capabilities = capabilities(world.devices.clone());
        let World { instances, effects, outcomes, next_port, .. } = &mut *world;
        let Some(instance) = instances.get_mut(id).filter(|instance| instance.serial == serial) else {
            return;
        };
        let mut exits = None;
        match instance.state {
            // Preparing => (Preparing | Running | Failed)
            InstanceState::Preparing { phase: Phase::Fetching } => {
                instance.state = InstanceState::Preparing { phase: Phase::Unpacking };
            }
            InstanceState::Preparing { phase: Phase::Unpacking } => {
                instance.state = InstanceState::Preparing { phase: Phase::Starting };
            }
            InstanceState::Preparing { phase: Phase::Starting } => {
                let wanted = instance.spec.accelerators.as_ref();
                let outcome = match wanted.and_then(|wanted| capabilities.never_fits(wanted)) {
                    Some(detail) => Outcome::Fails(InstanceFailure {
                        fault: Fault::NeverFits,
                        phase: Phase::Starting,
                        aws_sentence: None,
                        detail,
                    }),
                    None => outcomes(&instance.spec),
                };
                if let Outcome::Fails(failure) = outcome {
                    instance.state = InstanceState::Failed(failure);
                    effects.push(Effect::Failed(id.clone()));
                } else {
                    let address = match outcome {
                        Outcome::RunsAt(address) => address,
                        _ => SocketAddr::from((Ipv4Addr::LOCALHOST, *next_port)),
                    };
                    *next_port = next_port.checked_add(1).unwrap_or(FIRST_PORT);
                    instance.state = InstanceState::Running { address, pid: None, since: now };
                    effects.push(Effect::Launched(id.clone()));
                    if let Outcome::Exits { after, cause, log } = outcome {
                        instance.log.extend_from_slice(log.as_bytes());
                        exits = Some((after, InstanceState::Exited { cause, log_tail: log }));
                    }
                }
            }
            // Removing => gone
            InstanceState::Removing => {
                instances.remove(id);
                effects.push(Effect::Removed(id.clone()));
            }
            InstanceState::Running { .. } | InstanceState::Exited { .. } | InstanceState::Failed(_) => {
                return;
            }
        }
        drop(world);
        self.tell(id);
        if let Some((after, state)) = exits {
            if self.delays.is_none() {
                self.end(id, Some(serial), state);
                return;
            }
            let (shared, id) = (Arc::clone(self), id.clone());
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                shared.end(&id, Some(serial), state);
            });
        }
    }

    /// Puts an instance that lives into a final state. Whether there was one.
    fn end(&self, id: &InstanceId, serial: Option<u64>, state: InstanceState) -> bool {
        {
            let mut world = self.world();
            let Some(instance) = world.instances.get_mut(id) else { return false };
            let lives =
                matches!(instance.state, InstanceState::Preparing { .. } | InstanceState::Running { .. });
            if !lives || serial.is_some_and(|serial| serial != instance.serial) {
                return false;
            }
            let effect = match state {
                InstanceState::Failed(_) => Effect::Failed(id.clone()),
                _ => Effect::Ended(id.clone()),
            };
            instance.state = state;
            world.effects.push(effect);
        }
        self.tell(id);
        true
    }
}

fn capabilities(devices: BTreeMap<DeviceClass, u32>) -> Capabilities {
    Capabilities {
        name: "simulated",
        limits_memory: true,
        limits_cpu: true,
        isolates_network: true,
        runs_images: true,
        devices,
    }
}

#[async_trait]
impl Compute for SimulatedCompute {
    fn capabilities(&self) -> Capabilities {
        capabilities(self.shared.world().devices.clone())
    }

    async fn ensure(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        self.fault(Call::Ensure, FaultPoint::Before, "ensure an instance")?;
        self.create(spec)?;
        self.fault(Call::Ensure, FaultPoint::After, "ensure an instance")
    }

    async fn remove(&self, id: &InstanceId, _grace: Duration) -> Result<(), ComputeError> {
        self.fault(Call::Remove, FaultPoint::Before, "remove an instance")?;
        self.begin_removal(id);
        self.fault(Call::Remove, FaultPoint::After, "remove an instance")
    }

    async fn observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError> {
        self.fault(Call::Observe, FaultPoint::Before, "observe an endpoint")?;
        self.fault(Call::Observe, FaultPoint::After, "observe an endpoint")?;
        let world = self.shared.world();
        let own = world.instances.iter().filter(|(id, _)| id.endpoint == *endpoint);
        Ok(own
            .map(|(id, instance)| Observed {
                id: id.clone(),
                spec_hash: instance.spec.hash(),
                state: instance.state.clone(),
            })
            .collect())
    }

    async fn list(&self) -> Result<Vec<InstanceId>, ComputeError> {
        self.fault(Call::List, FaultPoint::Before, "list instances")?;
        self.fault(Call::List, FaultPoint::After, "list instances")?;
        Ok(self.shared.world().instances.keys().cloned().collect())
    }

    fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.shared.changes.subscribe()
    }

    async fn logs(&self, id: &InstanceId, from: u64, bytes_max: usize) -> Result<LogChunk, ComputeError> {
        self.fault(Call::Logs, FaultPoint::Before, "read a log")?;
        self.fault(Call::Logs, FaultPoint::After, "read a log")?;
        let world = self.shared.world();
        let instance = world.instances.get(id).ok_or_else(|| ComputeError::Unknown { id: id.clone() })?;
        let start = usize::try_from(from).unwrap_or(usize::MAX).min(instance.log.len());
        let bytes: Vec<u8> = instance.log[start..].iter().take(bytes_max).copied().collect();
        let next = start + bytes.len();
        let is_final = matches!(instance.state, InstanceState::Exited { .. } | InstanceState::Failed(_));
        Ok(LogChunk { next: next as u64, ended: is_final && next == instance.log.len(), bytes })
    }
}
