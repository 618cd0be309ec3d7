//! Loopback ports for instances.
//!
//! Why: a process backend has no network of its own per instance, so each gets a port. Going round the range keeps
//! a port from being used again at once, while somebody may still connect to whoever had it before.
//! Invariants: no two instances of this server have the same port; one is free again when its lease is dropped.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// The ports of one server.
#[derive(Debug)]
pub(crate) struct Ports {
    range: RangeInclusive<u16>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: u16,
    taken: BTreeSet<u16>,
}

/// A port that is an instance's until this is dropped.
#[derive(Debug)]
pub(crate) struct PortLease {
    ports: Arc<Ports>,
    port: u16,
}

impl Ports {
    pub(crate) fn new(range: RangeInclusive<u16>) -> Arc<Self> {
        // Two servers on one machine begin in different places.
        let width = u64::from(range.end().saturating_sub(*range.start())) + 1;
        let offset = RandomState::new().hash_one(std::process::id()) % width;
        let next = range.start() + u16::try_from(offset).unwrap_or(0);
        Arc::new(Self { range, state: Mutex::new(State { next, taken: BTreeSet::new() }) })
    }

    /// A port on which nobody listens; none when the range is used up.
    pub(crate) fn pick(self: &Arc<Self>) -> Option<PortLease> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in self.range.clone() {
            let port = state.next;
            state.next = if port >= *self.range.end() { *self.range.start() } else { port + 1 };
            if !state.taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                state.taken.insert(port);
                return Some(PortLease { ports: Arc::clone(self), port });
            }
        }
        None
    }

    /// The port of an instance from before a restart.
    pub(crate) fn adopt(self: &Arc<Self>, port: u16) -> PortLease {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).taken.insert(port);
        PortLease { ports: Arc::clone(self), port }
    }
}

impl PortLease {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        let mut state = self.ports.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.taken.remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    /// Three ports in a row that are free now. Tests run at once, so each looks in a range of its own.
    fn three(among: Range<u16>) -> RangeInclusive<u16> {
        among
            .step_by(3)
            .find(|&first| {
                (first..first + 3).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
            })
            .map(|first| first..=first + 2)
            .unwrap()
    }

    #[test]
    fn ports_differ_until_the_range_is_used_up() {
        let ports = Ports::new(three(15_000..17_000));
        let mut leases: Vec<PortLease> = (0..3).map(|_| ports.pick().unwrap()).collect();
        let distinct: BTreeSet<u16> = leases.iter().map(PortLease::port).collect();
        assert_eq!(distinct.len(), 3);
        assert!(ports.pick().is_none());
        let given_back = leases.pop().unwrap().port();
        assert_eq!(ports.pick().unwrap().port(), given_back);
    }

    #[test]
    fn a_port_that_somebody_listens_on_or_an_adopted_instance_has_is_passed_over() {
        let range = three(17_000..19_000);
        let first = *range.start();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let ports = Ports::new(range);
        let _adopted = ports.adopt(first + 1);
        assert_eq!(ports.pick().unwrap().port(), first + 2);
        drop(listener);
    }
}
