//! Counts every call that leaves the control plane, and lets the chosen one go wrong.
//!
//! Why: "a fault at every effect" needs effects that have numbers. One counter over both ports gives them.
//! Invariants: after a crash no call through the same counter ever returns: that server is dead.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

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

/// The calls of one server's life.
#[derive(Debug)]
pub struct Effects {
    state: Mutex<State>,
    crashed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    chosen: Option<(usize, Mishap)>,
    panics_at: Option<&'static str>,
    calls: Vec<&'static str>,
}

impl Effects {
    /// Nothing goes wrong.
    pub fn new() -> Self {
        Self { state: Mutex::default(), crashed: watch::Sender::new(false) }
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

    /// Counts one call; what is to go wrong with it.
    pub(crate) async fn enter(&self, call: &'static str) -> Option<Mishap> {
        if self.has_crashed() {
            std::future::pending::<()>().await;
        }
        let mishap = {
            let mut state = self.state();
            state.count += 1;
            state.calls.push(call);
            if state.panics_at.take_if(|panics_at| *panics_at == call).is_some() {
                drop(state);
                panic!("simulated: `{call}` panics");
            }
            let number = state.count;
            state.chosen.filter(|(chosen, _)| *chosen == number).map(|(_, mishap)| mishap)
        };
        if mishap == Some(Mishap::Crash(When::Before)) {
            self.crash().await;
        }
        mishap
    }

    /// Ends the server: never returns.
    pub(crate) async fn crash(&self) {
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
        let mishap = $effects.enter($name).await;
        if mishap == Some($crate::Mishap::Fault($crate::When::Before)) {
            return Err($failed("simulated: nothing was done"));
        }
        let answer = $call.await;
        match mishap {
            Some($crate::Mishap::Fault(_)) => return Err($failed("simulated: the answer was lost")),
            Some($crate::Mishap::Crash(_)) => $effects.crash().await,
            None => {}
        }
        answer
    }};
}

pub(crate) use effect;
