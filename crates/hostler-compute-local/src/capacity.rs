//! How much of the machine is promised to instances.
//!
//! Why: a laptop runs large instance types for as long as they use less than they may; a server that is shared must not
//! promise twice what it has. Who wants that says how far promises may go, and every backend of the machine counts here.
//! Invariants: what is held for an instance is given back when its place is dropped. What runs already is counted,
//! whether or not it would be let in now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_compute::{Fault, InstanceFailure, Limits};
use hostler_types::FailureCause;

use crate::failure::starting;

/// What may be promised, and what is.
#[derive(Debug, Default)]
pub struct Capacity {
    /// None: as much as is asked for.
    most: Option<Size>,
    promised: Mutex<Size>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    memory_bytes: u64,
    cpu_millis: u64,
}

impl Size {
    fn of(limits: &Limits) -> Self {
        Self {
            memory_bytes: limits.memory_bytes.unwrap_or_default(),
            cpu_millis: limits.cpu_millis.unwrap_or_default(),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            cpu_millis: self.cpu_millis.saturating_add(other.cpu_millis),
        }
    }

    fn is_within(self, most: Self) -> bool {
        self.memory_bytes <= most.memory_bytes && self.cpu_millis <= most.cpu_millis
    }
}

/// An instance's part of the machine, until it is dropped.
#[derive(Debug)]
pub struct Place {
    capacity: Arc<Capacity>,
    size: Size,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut promised = self.capacity.promised();
        promised.memory_bytes = promised.memory_bytes.saturating_sub(self.size.memory_bytes);
        promised.cpu_millis = promised.cpu_millis.saturating_sub(self.size.cpu_millis);
    }
}

impl Capacity {
    /// Nobody counts.
    pub fn unlimited() -> Arc<Self> {
        Arc::default()
    }

    /// At most so much is promised.
    pub fn of(memory_bytes: u64, cpu_millis: u64) -> Arc<Self> {
        Arc::new(Self { most: Some(Size { memory_bytes, cpu_millis }), promised: Mutex::default() })
    }

    /// A place for an instance that is to run; why there is none.
    pub fn reserve(self: &Arc<Self>, limits: &Limits) -> Result<Place, InstanceFailure> {
        let size = Size::of(limits);
        let mut promised = self.promised();
        if let Some(most) = self.most
            && !promised.plus(size).is_within(most)
        {
            let fault = if size.is_within(most) { Fault::Capacity } else { Fault::NeverFits };
            let detail = format!(
                "the instance asks for {}; {} of {} are promised (limits.overcommit)",
                size.shown(),
                promised.shown(),
                most.shown()
            );
            return Err(starting(fault, detail).with_cause(FailureCause::NoRoom));
        }
        *promised = promised.plus(size);
        Ok(Place { capacity: self.clone(), size })
    }

    /// The place of an instance that runs already.
    pub fn hold(self: &Arc<Self>, limits: &Limits) -> Place {
        let size = Size::of(limits);
        let mut promised = self.promised();
        *promised = promised.plus(size);
        Place { capacity: self.clone(), size }
    }

    fn promised(&self) -> MutexGuard<'_, Size> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Size {
    fn shown(self) -> String {
        let cpus = self.cpu_millis as f64 / 1000.0;
        format!("{} MiB and {cpus} CPUs", self.memory_bytes / (1024 * 1024))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn limits(mib: u64, cpu_millis: u64) -> Limits {
        Limits { memory_bytes: Some(mib * MIB), cpu_millis: Some(cpu_millis) }
    }

    #[test]
    fn promises_end_where_the_machine_does_and_begin_again_when_one_is_given_back() {
        let capacity = Capacity::of(1000 * MIB, 4000);
        let first = capacity.reserve(&limits(600, 1000)).unwrap();
        let refused = capacity.reserve(&limits(600, 1000)).unwrap_err();
        assert_eq!((refused.fault, refused.cause), (Fault::Capacity, FailureCause::NoRoom));
        assert!(refused.detail.contains("600 MiB and 1 CPUs of 1000 MiB and 4 CPUs"), "{}", refused.detail);
        assert_eq!(capacity.reserve(&limits(1, 3001)).unwrap_err().fault, Fault::Capacity);
        drop(first);
        let _second = capacity.reserve(&limits(600, 1000)).unwrap();
        assert_eq!(capacity.reserve(&limits(1, 4001)).unwrap_err().fault, Fault::NeverFits);
    }

    #[test]
    fn what_runs_is_counted_also_where_it_is_too_much() {
        let capacity = Capacity::of(1000 * MIB, 4000);
        let large = capacity.hold(&limits(2000, 1000));
        assert_eq!(capacity.reserve(&limits(1, 1)).unwrap_err().fault, Fault::Capacity);
        drop(large);
        capacity.reserve(&limits(1000, 4000)).unwrap();
    }

    #[test]
    fn without_a_limit_all_is_promised() {
        let capacity = Capacity::unlimited();
        let _all: Vec<Place> =
            (0..100).map(|_| capacity.reserve(&limits(1 << 30, 1 << 40)).unwrap()).collect();
    }
}
