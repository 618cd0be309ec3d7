//! Loopback ports for instances.
//!
//! Why: a process backend has no network of its own per instance, so each gets a port, and a server with listeners
//! besides it gets the ones that follow. Going round the range keeps a port from being used again at once, while
//! somebody may still connect to whoever had it before.
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

/// Ports that are an instance's until this is dropped.
#[derive(Debug)]
pub(crate) struct PortLease {
    ports: Arc<Ports>,
    taken: RangeInclusive<u16>,
}

impl Ports {
    pub(crate) fn new(range: RangeInclusive<u16>) -> Arc<Self> {
        // Two servers on one machine begin in different places.
        let width = u64::from(range.end().saturating_sub(*range.start())) + 1;
        let offset = RandomState::new().hash_one(std::process::id()) % width;
        let next = range.start() + u16::try_from(offset).unwrap_or(0);
        Arc::new(Self { range, state: Mutex::new(State { next, taken: BTreeSet::new() }) })
    }

    /// A port on which nobody listens, with as many more after it; none when the range is used up.
    pub(crate) fn pick(self: &Arc<Self>, more: u16) -> Option<PortLease> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in self.range.clone() {
            let first = state.next;
            state.next = if first >= *self.range.end() { *self.range.start() } else { first + 1 };
            let last = first.checked_add(more).filter(|last| last <= self.range.end());
            let Some(last) = last else { continue };
            let is_free = |port: u16| {
                !state.taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            };
            if (first..=last).all(is_free) {
                state.taken.extend(first..=last);
                state.next = if last == *self.range.end() { *self.range.start() } else { last + 1 };
                return Some(PortLease { ports: Arc::clone(self), taken: first..=last });
            }
        }
        None
    }

    /// The ports of an instance from before a restart.
    pub(crate) fn adopt(self: &Arc<Self>, taken: RangeInclusive<u16>) -> PortLease {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).taken.extend(taken.clone());
        PortLease { ports: Arc::clone(self), taken }
    }
}

impl PortLease {
    /// All of them; the first is the one that the container contract is spoken on.
    pub(crate) fn all(&self) -> RangeInclusive<u16> {
        self.taken.clone()
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        let mut state = self.ports.state.lock().unwrap_or_else(PoisonError::into_inner);
        for port in self.taken.clone() {
            state.taken.remove(&port);
        }
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
        let ports = Ports::new(three(15_000..16_500));
        let mut leases: Vec<PortLease> = (0..3).map(|_| ports.pick(0).unwrap()).collect();
        let distinct: BTreeSet<u16> = leases.iter().map(|lease| *lease.taken.start()).collect();
        assert_eq!(distinct.len(), 3);
        assert!(ports.pick(0).is_none());
        let given_back = leases.pop().unwrap().all();
        assert_eq!(ports.pick(0).unwrap().all(), given_back);
    }

    #[test]
    fn ports_that_belong_together_are_in_a_row_and_come_back_together() {
        let range = three(16_500..17_000);
        let ports = Ports::new(range.clone());
        let whole = ports.pick(2).unwrap();
        assert_eq!(whole.all(), range.clone());
        assert!(ports.pick(0).is_none());
        drop(whole);
        let single = ports.pick(0).unwrap();
        assert_eq!(single.all(), *range.start()..=*range.start());
        assert!(ports.pick(2).is_none(), "two are left, three are asked for");
        assert_eq!(ports.pick(1).unwrap().all(), range.start() + 1..=*range.end());
    }

    #[test]
    fn a_port_that_somebody_listens_on_or_an_adopted_instance_has_is_passed_over() {
        let range = three(17_000..19_000);
        let first = *range.start();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let ports = Ports::new(range);
        let _adopted = ports.adopt(first + 1..=first + 1);
        assert_eq!(ports.pick(0).unwrap().all(), first + 2..=first + 2);
        drop(listener);
    }
}
