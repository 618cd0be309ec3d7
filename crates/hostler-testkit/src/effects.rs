//! Counts every call that leaves the control plane, and lets the chosen one go wrong.
//!
//! Why: "a fault at every effect" needs effects that have numbers. One counter over both ports gives them.
//! Invariants: after a crash no call through the same counter ever returns: that server is dead.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Before the effect, or after it with the answer lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each word says it")]
pub enum When {
    Before,
    After,
}

/// What goes wrong at the chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The call fails.
    Fault(When),
    /// The server ends.
    Crash(When),
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fate {
    /// From the call to its effect.
    pub before: Duration,
    /// What goes wrong.
    pub mishap: Option<Mishap>,
    /// From the effect to the answer.
    pub after: Duration,
}

type Fates = Box<dyn Fn(&'static str) -> Fate + Send + Sync>;

/// The calls of one server's life.
pub struct Effects {
    state: Mutex<State>,
    fates: Option<Fates>,
    crashed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    chosen: Option<(usize, Mishap)>,
    panics_at: Option<&'static str>,
    calls: Vec<&'static str>,
    frozen_until: Option<Instant>,
}

impl Effects {
    /// Nothing goes wrong.
    pub fn new() -> Self {
        Self { state: Mutex::default(), fates: None, crashed: watch::Sender::new(false) }
    }

    /// Each call is asked for its fate, by name.
    pub fn fated(fates: impl Fn(&'static str) -> Fate + Send + Sync + 'static) -> Self {
        Self { fates: Some(Box::new(fates)), ..Self::new() }
    }

    /// The call with this number, counted from 1, goes wrong.
    pub fn with(number: usize, mishap: Mishap) -> Self {
        let effects = Self::new();
        effects.state().chosen = Some((number, mishap));
        effects
    }

    /// The first call of this name panics.
    pub fn with_panic_at(call: &'static str) -> Self {
        let effects = Self::new();
        effects.state().panics_at = Some(call);
        effects
    }

    /// Calls so far.
    pub fn count(&self) -> usize {
        self.state().count
    }

    /// Calls so far by name, in order: what a failing test prints.
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }

    /// Returns once the server has crashed.
    pub async fn crashed(&self) {
        // The sender lives as long as `self`.
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    /// Whether the server has crashed.
    pub fn has_crashed(&self) -> bool {
        *self.crashed.borrow()
    }

    /// The server stands still until then: no call of it takes effect, no answer reaches it.
    pub fn freeze_until(&self, until: Instant) {
        self.state().frozen_until = Some(until);
    }

    /// Whether the server stands still.
    pub fn is_frozen(&self) -> bool {
        self.state().frozen_until.is_some_and(|until| Instant::now() < until)
    }

    /// Ends the server without a call of its own.
    pub fn kill(&self) {
        self.crashed.send_replace(true);
    }

    /// Counts one call and waits until it takes effect; what becomes of it.
    pub(crate) async fn enter(&self, call: &'static str) -> Fate {
        self.thaw().await;
        let fate = {
            let mut state = self.state();
            state.count += 1;
            if self.fates.is_none() {
                state.calls.push(call);
            }
            if state.panics_at.take_if(|panics_at| *panics_at == call).is_some() {
                drop(state);
                panic!("simulated: `{call}` panics");
            }
            let number = state.count;
            let mishap = state.chosen.filter(|(chosen, _)| *chosen == number).map(|(_, mishap)| mishap);
            let fate = self.fates.as_ref().map(|fates| fates(call));
            fate.unwrap_or(Fate { mishap, ..Fate::default() })
        };
        if !fate.before.is_zero() {
            tokio::time::sleep(fate.before).await;
        }
        if fate.mishap == Some(Mishap::Crash(When::Before)) {
            self.crash().await;
        }
        self.live().await;
        fate
    }

    /// Waits until the answer may arrive.
    pub(crate) async fn leave(&self, fate: Fate) {
        if matches!(fate.mishap, Some(Mishap::Crash(_))) {
            self.crash().await;
        }
        if !fate.after.is_zero() {
            tokio::time::sleep(fate.after).await;
        }
        self.thaw().await;
    }

    async fn thaw(&self) {
        self.live().await;
        let until = self.state().frozen_until;
        if let Some(until) = until.filter(|until| Instant::now() < *until) {
            tokio::time::sleep_until(until).await;
            self.live().await;
        }
    }

    /// Never returns to a server that is dead.
    async fn live(&self) {
        if self.has_crashed() {
            std::future::pending::<()>().await;
        }
    }

    /// Ends the server: never returns.
    async fn crash(&self) {
        self.crashed.send_replace(true);
        std::future::pending::<()>().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Effects {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs one call through the counter; `$failed` makes the port's error from a text.
macro_rules! effect {
    ($effects:expr, $name:literal, $call:expr, $failed:expr) => {{
        let fate = $effects.enter($name).await;
        let is_lost = match fate.mishap {
            Some($crate::Mishap::Fault($crate::When::Before)) => {
                $effects.leave(fate).await;
                return Err($failed("simulated: nothing was done"));
            }
            Some($crate::Mishap::Fault($crate::When::After)) => true,
            Some($crate::Mishap::Crash(_)) | None => false,
        };
        let answer = $call.await;
        $effects.leave(fate).await;
        if is_lost {
            return Err($failed("simulated: the answer was lost"));
        }
        answer
    }};
}

pub(crate) use effect;
