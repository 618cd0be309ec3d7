//! The weather of a run: how often calls go wrong, how slow they are, what becomes of instances.
//!
//! Why: in a storm nothing gets far, and in fair weather nothing breaks; so each seed has a weather of its own, and
//! each kind of trouble is absent from some of them ("swarm testing").
//! Invariants: before an effect a call takes less than a lease's margin; an answer may take as long as it likes. Once it
//! is calm nothing goes wrong any more, except for models that are broken themselves.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_compute::{ExitCause, Fault, InstanceFailure, InstanceSpec, Outcome, Phase};
use tokio::time::Instant;

use super::dice::Dice;
use crate::{Effects, Fate, Mishap, SimPing, When};

/// The first port of what can be healthy. What ends by itself is given a port by the backend, below this: it never
/// passes its health check, or a model that crashes could serve for a moment, for ever.
pub(super) const FIRST_PORT: u16 = 30_000;

/// Calls of all servers of a run; a run makes a few thousand.
const CALLS_MAX: u64 = 400_000;

/// What may happen, and how often.
pub(super) struct Weather {
    pub(super) fault_permille: u64,
    pub(super) crash_permille: u64,
    pub(super) slow_permille: u64,
    pub(super) latency: Duration,
    pub(super) bad_start_permille: u64,
    pub(super) slow_start_permille: u64,
    drought_until: Mutex<Option<Instant>>,
    is_calm: AtomicBool,
    calls: AtomicU64,
}

impl Weather {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let mut some = |permille: u64| if dice.permille(400) { 0 } else { dice.below(permille) };
        Self {
            fault_permille: some(120),
            crash_permille: some(8),
            slow_permille: some(60),
            latency: Duration::from_millis(some(20)),
            bad_start_permille: some(250),
            slow_start_permille: some(300),
            drought_until: Mutex::default(),
            is_calm: AtomicBool::new(false),
            calls: AtomicU64::new(0),
        }
    }

    /// Nothing goes wrong from now on.
    pub(super) fn calm_down(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    /// There is no room for any instance until then.
    pub(super) fn dry_up(&self, until: Instant) {
        *self.drought_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn is_dry(&self) -> bool {
        let until = *self.drought_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether so many calls were made that somebody must be calling in circles.
    pub(super) fn is_exhausted(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > CALLS_MAX
    }

    /// The calls of one server.
    pub(super) fn effects(self: &Arc<Self>, dice: Dice) -> Effects {
        let (weather, dice) = (self.clone(), Mutex::new(dice));
        Effects::fated(move |_| weather.fate(&mut dice.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn fate(&self, dice: &mut Dice) -> Fate {
        if self.calls.fetch_add(1, Ordering::Relaxed) > CALLS_MAX {
            // Or no time would pass any more.
            return Fate { mishap: Some(Mishap::Crash(When::Before)), ..Fate::default() };
        }
        if self.is_calm() {
            return Fate::default();
        }
        let when = if dice.permille(500) { When::Before } else { When::After };
        let mishap = if dice.permille(self.fault_permille) {
            Some(Mishap::Fault(when))
        } else if dice.permille(self.crash_permille) {
            Some(Mishap::Crash(when))
        } else {
            None
        };
        let before = dice.pause(self.latency);
        let is_slow = dice.permille(self.slow_permille);
        let after = dice.pause(if is_slow { Duration::from_secs(15) } else { self.latency });
        Fate { before, mishap, after }
    }

    /// What becomes of each instance that the backend prepared.
    pub(super) fn outcomes(
        self: &Arc<Self>,
        dice: Dice,
        ping: Arc<SimPing>,
    ) -> impl Fn(&InstanceSpec) -> Outcome + Send + Sync + 'static {
        let (weather, state) = (self.clone(), Mutex::new((dice, FIRST_PORT)));
        move |spec| {
            let (dice, port) = &mut *state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut address = || {
                *port = port.checked_add(1).unwrap_or(FIRST_PORT);
                SocketAddr::from((Ipv4Addr::LOCALHOST, *port))
            };
            // It befalls one of the containers; the others are well.
            let mut each: Vec<Outcome> = spec.containers.iter().map(|_| Outcome::RunsAt(address())).collect();
            let struck = dice.below(each.len() as u64) as usize;
            let outcome = weather.outcome(dice, spec, address(), &ping);
            if let Some(one) = each.get_mut(struck) {
                *one = outcome;
            }
            Outcome::Several(each)
        }
    }

    fn outcome(&self, dice: &mut Dice, spec: &InstanceSpec, address: SocketAddr, ping: &SimPing) -> Outcome {
        let broken = |cause: ExitCause, after_ms: u64| Outcome::Exits {
            after: Duration::from_millis(after_ms),
            cause,
            log: "simulated: it broke\n".to_owned(),
        };
        let data = spec.containers.iter().find_map(|container| container.model_data.as_ref());
        let uri = data.map_or("", |data| data.at.uri.as_str());
        if uri.contains("crashing") {
            return broken(ExitCause::Code(1), 200);
        }
        if uri.contains("missing") {
            return Outcome::Fails(failure(Fault::User, "simulated: there is no such object"));
        }
        if uri.contains("silent") {
            ping.break_for_good(address);
            return Outcome::RunsAt(address);
        }
        if self.is_calm() {
            return Outcome::RunsAt(address);
        }
        if self.is_dry() {
            return Outcome::Fails(failure(Fault::Capacity, "simulated: no room for a while"));
        }
        if dice.permille(self.bad_start_permille) {
            return match dice.below(6) {
                0 => Outcome::Fails(failure(Fault::Capacity, "simulated: no room")),
                1 => Outcome::Fails(failure(Fault::Infrastructure, "simulated: the disk is slow")),
                2 => broken(ExitCause::Signal(11), dice.between(0, 30_000)),
                3 => broken(ExitCause::Unseen, dice.between(0, 30_000)),
                4 if dice.permille(200) => {
                    broken(ExitCause::OutOfMemory { limit_bytes: 1 << 30 }, dice.between(0, 9_000))
                }
                _ => broken(ExitCause::Code(1), dice.between(0, 30_000)),
            };
        }
        if dice.permille(self.slow_start_permille) {
            // Some of these are longer than the time that a start may take.
            ping.make_sick_until(address, Instant::now() + dice.pause(Duration::from_secs(80)));
        }
        Outcome::RunsAt(address)
    }
}

fn failure(fault: Fault, detail: &str) -> InstanceFailure {
    InstanceFailure {
        fault,
        phase: Phase::Fetching,
        container: None,
        cause: hostler_types::FailureCause::Other,
        aws_sentence: None,
        detail: detail.to_owned(),
    }
}
