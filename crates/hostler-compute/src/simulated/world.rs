//! The world behind the simulated backend: its instances, and how they move.
//!
//! Invariants: every move of an instance is in the journal and is told to whoever listens. A timer carries the serial
//! of the instance it was set for, so it never moves a later one with the same id.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_types::{Clock, DeviceClass, InstanceId, Millis};
use tokio::sync::broadcast;

use super::{Call, Delays, Effect, FaultPoint, Outcome};
use crate::{
    Capabilities, ComputeError, Fault, InstanceFailure, InstanceSpec, InstanceState, Phase, RunningContainer,
};

/// Changes kept for a slow receiver; it observes again when it lags.
const CHANGES_KEPT: usize = 1024;
/// The first port handed out; nothing listens there unless a test says so.
const FIRST_PORT: u16 = 20_000;

type Outcomes = Box<dyn Fn(&InstanceSpec) -> Outcome + Send + Sync>;

pub(super) struct Shared {
    /// None: stepped.
    delays: Option<Delays>,
    clock: Arc<dyn Clock>,
    changes: broadcast::Sender<InstanceId>,
    world: Mutex<World>,
}

pub(super) struct World {
    pub(super) instances: BTreeMap<InstanceId, Simulated>,
    pub(super) effects: Journal,
    pub(super) faults: VecDeque<(Call, FaultPoint)>,
    pub(super) outcomes: Outcomes,
    /// Added to the start of the instances ensured next.
    pub(super) slow: VecDeque<Duration>,
    /// Tells an instance from a later one with the same id.
    next_serial: u64,
    next_port: u16,
    pub(super) devices: BTreeMap<DeviceClass, u32>,
}

/// Every effect in order; none where nobody will ask.
pub(super) struct Journal(Option<Vec<Effect>>);

impl Journal {
    pub(super) fn empty() -> Self {
        Self(Some(Vec::new()))
    }

    pub(super) fn none() -> Self {
        Self(None)
    }

    /// All that happened; none where nothing is kept.
    pub(super) fn all(&self) -> Option<Vec<Effect>> {
        self.0.clone()
    }

    fn push(&mut self, effect: Effect) {
        if let Some(effects) = &mut self.0 {
            effects.push(effect);
        }
    }
}

pub(super) struct Simulated {
    pub(super) serial: u64,
    pub(super) spec: InstanceSpec,
    pub(super) spec_hash: String,
    pub(super) state: InstanceState,
    /// Of each container, in the order of the spec.
    pub(super) logs: Vec<Vec<u8>>,
}

impl Shared {
    pub(super) fn new(clock: Arc<dyn Clock>, delays: Option<Delays>, effects: Journal) -> Arc<Self> {
        let world = World {
            instances: BTreeMap::new(),
            effects,
            faults: VecDeque::new(),
            outcomes: Box::new(|_| Outcome::Runs),
            slow: VecDeque::new(),
            next_serial: 0,
            next_port: FIRST_PORT,
            devices: BTreeMap::new(),
        };
        let changes = broadcast::channel(CHANGES_KEPT).0;
        Arc::new(Self { delays, clock, changes, world: Mutex::new(world) })
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ids of what changes from now on.
    pub(super) fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.changes.subscribe()
    }

    pub(super) fn tell(&self, id: &InstanceId) {
        // An error means that nobody listens.
        let _ = self.changes.send(id.clone());
    }

    /// Puts an instance on its way; one that is there already stays as it is.
    pub(super) fn create(self: &Arc<Self>, spec: &InstanceSpec) -> Result<(), ComputeError> {
        let (serial, extra) = {
            let mut world = self.world();
            if let Some(instance) = world.instances.get(&spec.id) {
                return if instance.spec_hash == spec.hash() {
                    Ok(())
                } else {
                    Err(ComputeError::SpecMismatch { id: spec.id.clone() })
                };
            }
            let serial = world.next_serial;
            world.next_serial += 1;
            let state = InstanceState::Preparing { phase: Phase::Fetching };
            let instance = Simulated {
                serial,
                spec: spec.clone(),
                spec_hash: spec.hash(),
                state,
                logs: vec![Vec::new(); spec.containers.len()],
            };
            world.instances.insert(spec.id.clone(), instance);
            world.effects.push(Effect::Created(spec.id.clone()));
            (serial, world.slow.pop_front().unwrap_or_default())
        };
        self.tell(&spec.id);
        if let Some(delays) = self.delays {
            let (shared, id) = (Arc::clone(self), spec.id.clone());
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

    /// Begins to stop an instance; one that stops already, or is not there, is left alone.
    pub(super) fn begin_removal(self: &Arc<Self>, id: &InstanceId) {
        let serial = {
            let mut world = self.world();
            let Some(instance) = world.instances.get_mut(id) else { return };
            if instance.state == InstanceState::Removing {
                return;
            }
            instance.state = InstanceState::Removing;
            let serial = instance.serial;
            world.effects.push(Effect::Stopping(id.clone()));
            serial
        };
        self.tell(id);
        if let Some(delays) = self.delays {
            let (shared, id) = (Arc::clone(self), id.clone());
            tokio::spawn(async move {
                tokio::time::sleep(delays.stop).await;
                shared.step(&id, serial);
            });
        }
    }

    /// Moves the instance with this serial one step, if it is still there.
    pub(super) fn step(self: &Arc<Self>, id: &InstanceId, serial: u64) {
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
                let outcome = match capabilities.never_fits(&instance.spec) {
                    Some((cause, detail)) => Outcome::Fails(InstanceFailure {
                        fault: Fault::NeverFits,
                        phase: Phase::Starting,
                        container: None,
                        cause,
                        aws_sentence: None,
                        detail,
                    }),
                    None => outcomes(&instance.spec),
                };
                let each = of_each(&instance.spec, outcome);
                let failure = each.iter().find_map(|outcome| match outcome {
                    Outcome::Fails(failure) => Some(failure.clone()),
                    _ => None,
                });
                if let Some(failure) = failure {
                    instance.state = InstanceState::Failed(failure);
                    effects.push(Effect::Failed(id.clone()));
                } else {
                    exits = instance.launch(each, next_port, now);
                    effects.push(Effect::Launched(id.clone()));
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
    pub(super) fn end(&self, id: &InstanceId, serial: Option<u64>, state: InstanceState) -> bool {
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

impl Simulated {
    /// Begins to run. After how long it ends by itself, and how; none when it does not.
    fn launch(
        &mut self,
        each: Vec<Outcome>,
        next_port: &mut u16,
        now: Millis,
    ) -> Option<(Duration, InstanceState)> {
        let mut containers = Vec::new();
        let mut first_end: Option<(Duration, InstanceState)> = None;
        for (position, (container, outcome)) in self.spec.containers.iter().zip(each).enumerate() {
            let address = match outcome {
                Outcome::RunsAt(address) => address,
                _ => SocketAddr::from((Ipv4Addr::LOCALHOST, *next_port)),
            };
            *next_port = next_port.checked_add(1).unwrap_or(FIRST_PORT);
            containers.push(RunningContainer { name: container.name.clone(), address, pid: None });
            if let Outcome::Exits { after, cause, log } = outcome {
                self.logs[position].extend_from_slice(log.as_bytes());
                let container = name_among_several(&self.spec, position);
                let state = InstanceState::Exited { container, cause, log_tail: log };
                if first_end.as_ref().is_none_or(|(earlier, _)| after < *earlier) {
                    first_end = Some((after, state));
                }
            }
        }
        self.state = InstanceState::Running { containers, since: now };
        first_end
    }
}

/// One outcome for each container.
fn of_each(spec: &InstanceSpec, outcome: Outcome) -> Vec<Outcome> {
    let mut each = match outcome {
        Outcome::Several(each) => each,
        one => vec![one],
    };
    each.resize(spec.containers.len(), Outcome::Runs);
    each
}

/// The name by which one of several containers is told from the others.
pub(super) fn name_among_several(spec: &InstanceSpec, position: usize) -> Option<String> {
    let container = spec.containers.get(position)?;
    (spec.containers.len() > 1).then(|| container.name.clone())
}

/// What the simulated machine has.
pub(super) fn capabilities(devices: BTreeMap<DeviceClass, u32>) -> Capabilities {
    Capabilities {
        name: "simulated",
        limits_memory: true,
        limits_cpu: true,
        memory_bytes_max: None,
        isolates_network: true,
        runs_images: true,
        isolates_images: true,
        devices,
    }
}
