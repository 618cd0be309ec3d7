//! The lease: of several controllers over one store, one acts, and the others keep their own gateway's routes.
//!
//! Why: conditional commits keep two controllers from contradicting each other in the records, but effects cannot be
//! made conditional: a controller that was stopped for a minute would carry out what another has since undone. So only
//! the lease's holder plans, writes and carries out. The right ends by this machine's own steady clock, a margin before
//! the store's word would give it to somebody else: the margin is for a call on its way and for clocks that differ.
//! A server that has its store for itself always bears the same name, so that after `kill -9` nobody is waited for.
//! Invariants: the right is asked before every commit and every effect, never assumed over an await.
//! Failure: a store that does not answer costs the lease in time, and with it the effects; routes are kept. Limit: the
//! holder decides that an instance has drained by the requests in flight at its own gateway; with several gateways each
//! would have to report its own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::{Reconciler, ReconcilerParts};

/// What is leased.
const NAME: &str = "reconciler";
/// A lease is renewed so often within its time.
const RENEWALS: u32 = 3;
/// After a failed try the next comes sooner.
const RETRIES: u32 = 10;
/// The part of its time by which the right ends early.
const MARGIN: u32 = 6;

/// Who asks for the lease, and for how long.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// The name of this controller; no two that run at a time bear the same.
    pub holder: String,
    /// From the last renewal to the moment at which another may take over.
    pub ttl: Duration,
}

/// Whether this controller may act.
#[derive(Default)]
pub(super) struct Right {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    until: Option<Instant>,
    term: Option<u64>,
}

impl Right {
    /// At this moment.
    pub(super) fn is_held(&self) -> bool {
        self.state().until.is_some_and(|until| Instant::now() < until)
    }

    /// The term in which it is held at this moment.
    pub(super) fn claim(&self) -> Option<u64> {
        let state = self.state();
        let is_held = state.until.is_some_and(|until| Instant::now() < until);
        state.term.filter(|_| is_held)
    }

    /// Whether it is still held in that term: what was read before it may be old.
    pub(super) fn is_still(&self, claim: Option<u64>) -> bool {
        claim.is_some() && self.claim() == claim
    }

    /// Held until then; whether this is a new term.
    fn hold(&self, until: Instant, term: u64) -> bool {
        let mut state = self.state();
        state.until = Some(until);
        state.term.replace(term) != Some(term)
    }

    /// Whether it was held in any term.
    fn lose(&self) -> bool {
        let mut state = self.state();
        state.until = None;
        state.term.take().is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reconciler {
    /// Asks for the lease once; how long to wait before the next time, and whether the right is new.
    pub(super) async fn ask_for_lease(&self) -> (Duration, bool) {
        let ReconcilerParts { store, clock, lease: LeaseSettings { holder, ttl }, .. } = &self.parts;
        let was_held = self.right.is_held();
        // Before the call: what it takes must not lengthen the right.
        let asked_at = Instant::now();
        let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        match store.lease(NAME, holder, clock.now(), ttl_ms).await {
            Ok(Some(lease)) => {
                let is_new_term = self.right.hold(asked_at + ttl.saturating_sub(*ttl / MARGIN), lease.term);
                if is_new_term {
                    info!(holder, term = lease.term, "this controller acts");
                }
                // A right that ran out and came back is new too: what was decided before it ended is old.
                (*ttl / RENEWALS, is_new_term || !was_held)
            }
            Ok(None) => {
                if self.right.lose() {
                    info!(holder, "another controller acts; this one keeps its gateway's routes");
                }
                (*ttl / RENEWALS, false)
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(error, "asking for the lease failed and will be repeated");
                (*ttl / RETRIES, false)
            }
        }
    }

    /// Keeps the lease, or keeps asking for it; with a new right everything is looked at.
    pub(super) async fn keep_lease(&self, mut pause: Duration) {
        loop {
            tokio::time::sleep(pause).await;
            let (next, is_new) = self.ask_for_lease().await;
            pause = next;
            if is_new {
                self.sweep().await;
            }
        }
    }

    /// Nobody has to wait for a server that ended in good order.
    pub(super) async fn give_lease_back(&self) {
        if !self.right.lose() {
            return;
        }
        if let Err(error) = self.parts.store.release(NAME, &self.parts.lease.holder).await {
            let error: &dyn std::error::Error = &error;
            warn!(error, "giving the lease back failed; it ends in time");
        }
    }
}
