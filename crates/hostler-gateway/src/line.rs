//! The line of an endpoint: requests that wait for a place at an instance.
//!
//! Why: an instance has so many places, and who comes when all are taken waits for one to be given back. The place is
//! handed to the first who waits for it, not called out to all: nobody overtakes, and a place wakes one.
//! Invariants: bounded. Whoever stands in it could not be placed: every place that is given back, every new route and
//! every instance that comes back is offered before anything else happens with it. A place that was handed to somebody
//! who has gone meanwhile is offered anew. An endpoint's line is nobody else's, and no request looks at its lock while
//! nobody waits.
//! Failure: a route that is withdrawn ends every wait at once; whoever waited finds no endpoint.

mod turns;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hostler_types::{InstanceId, VariantName};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use self::turns::Turns;
use crate::lane::{Lane, Permit};
use crate::pick::{aim_after, may_go, place};
use crate::table::LiveEndpoint;

/// One order for all lines: a request may come from the line of an endpoint that was deleted into that of its
/// successor of the same name.
static NEXT_TURN: AtomicU64 = AtomicU64::new(1);

/// What a request waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// The variant that was drawn for it; while one deployment follows another, also what stands in for it.
    Drawn(VariantName),
    /// The variant that it names.
    Named(VariantName),
    /// This instance and no other.
    Instance(InstanceId),
}

/// Requests that wait for a place at one endpoint.
#[derive(Default)]
pub(crate) struct Line {
    /// How many; read without the lock.
    waiting: AtomicUsize,
    state: Mutex<State>,
    /// Held while it is judged whether an instance of the endpoint gets requests; taken before `state`.
    pub(crate) court: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// The newest; none before the first and after the last.
    route: Weak<LiveEndpoint>,
    turns: Turns<Aim, Waiter>,
}

type Waiter = oneshot::Sender<Called>;

/// How a wait ended.
pub(crate) enum Called {
    /// With a place.
    Go(Permit),
    /// The route is another one, in which nothing is what was waited for.
    LookAgain,
}

/// As many wait as may.
pub(crate) struct LineIsFull;

/// A request in line; dropped, it leaves it.
pub(crate) struct Ticket<'a> {
    line: &'a Line,
    turn: u64,
    called: oneshot::Receiver<Called>,
}

impl Line {
    /// Nobody waits, so nobody would be overtaken.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// Takes a place, or waits for one. A request that comes again has its `turn` from the first time, and is let in
    /// although the line is full.
    pub(crate) fn join(
        &self,
        aim: Aim,
        turn: &mut Option<u64>,
        tried: &[InstanceId],
        draw: f64,
    ) -> Result<Ticket<'_>, LineIsFull> {
        let (waiter, called) = oneshot::channel();
        // Before the lock: a ticket that is dropped takes it, and after a panic it is dropped last.
        let mut ticket = Ticket { line: self, turn: 0, called };
        let mut state = self.state();
        let is_new = turn.is_none();
        let turn = *turn.get_or_insert_with(|| NEXT_TURN.fetch_add(1, Ordering::Relaxed));
        ticket.turn = turn;
        // It may have been looked for in an older route.
        let route = state.route.upgrade();
        let found = route.and_then(|route| Some((aim_after(&route, aim, draw)?, route)));
        let Some((aim, route)) = found else {
            drop(state);
            let _ = waiter.send(Called::LookAgain);
            return Ok(ticket);
        };
        // From here on whoever gives a place back looks into the line, and waits for the lock.
        self.waiting.store(state.turns.len() + 1, Ordering::SeqCst);
        let is_behind = state.turns.is_behind(&aim, turn);
        // Whom it has tried it tries again when nobody else has a place.
        let find = |tried| place(&route, &aim, tried, draw);
        let placed = if is_behind { None } else { find(tried).or_else(|| find(&[])) };
        if let Some(permit) = placed {
            self.waiting.store(state.turns.len(), Ordering::SeqCst);
            drop(state);
            let _ = waiter.send(Called::Go(permit));
            return Ok(ticket);
        }
        if is_new && state.turns.len() >= route.waiting_max {
            self.waiting.store(state.turns.len(), Ordering::SeqCst);
            drop(state);
            return Err(LineIsFull);
        }
        state.turns.insert(turn, aim, waiter);
        Ok(ticket)
    }

    /// The lane may have a place: the first who waits for one gets it.
    pub(crate) fn offer(&self, lane: &Arc<Lane>) {
        if self.is_empty() {
            return;
        }
        let mut called = Vec::new();
        let mut state = self.state();
        let Some(route) = state.route.upgrade() else { return };
        while let Some((turn, permit)) = state.next(&route, lane) {
            called.extend(state.turns.remove(turn).map(|waiter| (waiter, permit)));
        }
        self.waiting.store(state.turns.len(), Ordering::SeqCst);
        // A permit that is dropped comes here again: nothing is given out before the lock is.
        drop(state);
        for (waiter, permit) in called {
            let _ = waiter.send(Called::Go(permit));
        }
    }

    /// A new route: as many go as it has places for, in their order.
    pub(crate) fn reroute(&self, route: &Arc<LiveEndpoint>, mut draw: impl FnMut() -> f64) {
        let mut called = Vec::new();
        let mut state = self.state();
        state.route = Arc::downgrade(route);
        let mut full: Vec<Aim> = Vec::new();
        for (turn, aim, waiter) in state.turns.take_all() {
            let Some(aim) = aim_after(route, aim, draw()) else {
                called.push((waiter, Called::LookAgain));
                continue;
            };
            let is_hopeless = full.contains(&aim);
            let placed = if is_hopeless { None } else { place(route, &aim, &[], draw()) };
            if let Some(permit) = placed {
                called.push((waiter, Called::Go(permit)));
                continue;
            }
            if !is_hopeless {
                full.push(aim.clone());
            }
            state.turns.insert(turn, aim, waiter);
        }
        self.waiting.store(state.turns.len(), Ordering::SeqCst);
        drop(state);
        for (waiter, call) in called {
            let _ = waiter.send(call);
        }
    }

    /// There is no route any more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.route = Weak::new();
        let all = state.turns.take_all();
        self.waiting.store(0, Ordering::SeqCst);
        drop(state);
        for (_, _, waiter) in all {
            let _ = waiter.send(Called::LookAgain);
        }
    }

    /// By the newest route somebody takes requests of this kind, though they may have no place.
    pub(crate) fn is_anybody_up(&self, aim: &Aim) -> bool {
        self.route().is_some_and(|route| route.lanes().any(|lane| lane.is_up() && may_go(&route, aim, lane)))
    }

    /// The newest route.
    pub(crate) fn route(&self) -> Option<Arc<LiveEndpoint>> {
        self.state().route.upgrade()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The first who may have a place of the lane, and the place.
    fn next(&self, route: &LiveEndpoint, lane: &Arc<Lane>) -> Option<(u64, Permit)> {
        let turn = self.turns.first(|aim| may_go(route, aim, lane))?;
        if let Some(permit) = lane.enter() {
            return Some((turn, permit));
        }
        let turn = self.turns.first(|aim| *aim == Aim::Instance(lane.id.clone()))?;
        Some((turn, lane.enter_alone()?))
    }
}

impl Ticket<'_> {
    /// Waits to be called; none when the time is up.
    pub(crate) async fn called(mut self, until: Instant) -> Option<Called> {
        if let Ok(called) = timeout_at(until, &mut self.called).await {
            return called.ok();
        }
        // It may have been called in this very moment.
        self.called.close();
        self.called.try_recv().ok()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.line.state();
        let left = state.turns.remove(self.turn);
        if left.is_some() {
            self.line.waiting.store(state.turns.len(), Ordering::SeqCst);
        }
        // A place that it was given in vain goes on to the next with the receiver, when the lock is free.
        drop(state);
        drop(left);
    }
}

#[cfg(test)]
pub(crate) mod tests;
