//! A backend without machines: instances are entries in a map, and a test decides what becomes of them.
//!
//! Why: planner, reconciler and prober are tested with a paused clock, with faults at every call and crashes between
//! them; a mock per test would drift from what real backends do, so this one passes the same conformance suite.
//! A server may run on it too (`backend = "simulated"`), to try a control plane's code or to measure it.
//! Invariants: tests see every effect, so one can assert that no id was launched twice. In stepped mode nothing
//! moves unless poked; in automatic mode everything moves on tokio's clock, which tests pause. Here is what a test says
//! and sees; `port.rs` is what a control plane sees, `world.rs` how instances move.

mod port;
mod world;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hostler_types::{Clock, DeviceClass, InstanceId};

use self::world::{Journal, Shared, name_among_several};
use crate::{ExitCause, InstanceFailure, InstanceSpec, InstanceState};

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
    /// It runs at this address, where a test may have put a server. Of several containers the first one does.
    RunsAt(SocketAddr),
    /// What becomes of each container, in the order of the spec; those beyond the list run.
    Several(Vec<Outcome>),
    /// It runs and ends by itself after a while. Of several containers the first one does.
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

/// The simulated backend; clones share one world.
#[derive(Clone)]
pub struct SimulatedCompute {
    shared: Arc<Shared>,
}

impl SimulatedCompute {
    /// Instances move by themselves.
    pub fn auto(clock: Arc<dyn Clock>, delays: Delays) -> Self {
        Self { shared: Shared::new(clock, Some(delays), Journal::empty()) }
    }

    /// Instances move by themselves and no effect is kept, so that a server may run on it for as long as it likes.
    pub fn unrecorded(clock: Arc<dyn Clock>, delays: Delays) -> Self {
        Self { shared: Shared::new(clock, Some(delays), Journal::none()) }
    }

    /// Instances move when [`SimulatedCompute::step`] is called.
    pub fn stepped(clock: Arc<dyn Clock>) -> Self {
        Self { shared: Shared::new(clock, None, Journal::empty()) }
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

    /// Ends an instance that is on its way or runs; of several containers the first one ended. Whether there was one.
    pub fn exit(&self, id: &InstanceId, cause: ExitCause, log_tail: &str) -> bool {
        self.exit_container(id, 0, cause, log_tail)
    }

    /// Ends the container at this position of an instance that is on its way or runs, and the instance with it. Whether
    /// there was one.
    pub fn exit_container(&self, id: &InstanceId, position: usize, cause: ExitCause, log_tail: &str) -> bool {
        let container = self.spec(id).and_then(|spec| name_among_several(&spec, position));
        self.shared.end(id, None, InstanceState::Exited { container, cause, log_tail: log_tail.to_owned() })
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

    /// Adds to an instance's log; of several containers to the first one's.
    pub fn append_log(&self, id: &InstanceId, text: &str) {
        if let Some(log) =
            self.shared.world().instances.get_mut(id).and_then(|instance| instance.logs.first_mut())
        {
            log.extend_from_slice(text.as_bytes());
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
        self.shared.world().effects.all().expect("tests keep every effect")
    }

    /// How often this id was launched; more than once is a mistake of whoever calls the port.
    pub fn launches(&self, id: &InstanceId) -> usize {
        let launched = Effect::Launched(id.clone());
        self.effects().into_iter().filter(|effect| *effect == launched).count()
    }

    /// Panics when some id was launched more than once.
    pub fn assert_no_double_launch(&self) {
        let mut seen = BTreeSet::new();
        for effect in self.effects() {
            if let Effect::Launched(id) = effect {
                assert!(seen.insert(id.clone()), "instance `{id}` was launched twice");
            }
        }
    }
}
