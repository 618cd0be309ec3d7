//! What is counted of the invocations of one variant's fleet: how they ended, and how long they took.
//!
//! Why: the numbers are for metrics and for what was used. An invocation finds its tally by the lane that it goes along,
//! so counting costs it a few atomic additions: no lock, no look-up, no memory.
//! Invariants: an invocation that got a lane is counted once, whatever becomes of it; one that is passed on to another
//! instance is counted where it ends. Counts only grow.

mod book;
mod histogram;
mod many;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hostler_types::{InvocationClass, InvocationCounts, Metered};
use tokio::time::Instant;

pub(crate) use book::{Book, Totals};
pub(crate) use histogram::{Histogram, Reading};
pub(crate) use many::{Many, ManyTotals, Step};

use crate::lane::{Lane, Permit};

/// Upper bounds in microseconds, from a model that only looks something up to AWS's limit of a minute.
const MODEL_BOUNDS_US: [u64; 16] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// Upper bounds in microseconds: fifty are usual, tenths of a second mean waiting for an instance.
const OVERHEAD_BOUNDS_US: [u64; 13] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 1_000_000, 5_000_000, 10_000_000];

/// What AWS calls the only container of an instance.
pub(crate) const PRIMARY: &str = "primary";

/// Why there was no answer of the model's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It took longer than it may.
    Timeout,
    /// It could not be reached, or it died with the request.
    Lost,
    /// There was no instance, for as long as a request may wait.
    NoInstance,
    /// All instances were busy, and as many waited for them as may.
    LineFull,
    /// All instances were busy, for as long as a request may wait.
    WaitedTooLong,
}

impl Silence {
    pub(crate) const ALL: [Self; 5] =
        [Self::Timeout, Self::Lost, Self::NoInstance, Self::LineFull, Self::WaitedTooLong];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::NoInstance => "no_instance",
            Self::LineFull => "line_full",
            Self::WaitedTooLong => "waited_too_long",
        }
    }
}

/// The counts of one fleet's kind: an endpoint, a variant, a type of instance.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) of: Metered,
    /// It has series of its own in the metrics.
    pub(crate) is_shown: bool,
    /// Its variant is routed.
    is_live: AtomicBool,
    classes: [AtomicU64; InvocationClass::ALL.len()],
    silences: [AtomicU64; Silence::ALL.len()],
    retries: AtomicU64,
    ejections: AtomicU64,
    /// How many wait now.
    pub(crate) waiting: AtomicU64,
    model: Histogram<{ MODEL_BOUNDS_US.len() }>,
    overhead: Histogram<{ OVERHEAD_BOUNDS_US.len() }>,
    /// Of a variant with many models.
    many: OnceLock<Box<Many>>,
    /// How many of `classes` were written down as used.
    told: [AtomicU64; InvocationClass::ALL.len()],
}

impl Tally {
    fn new(of: Metered, is_shown: bool) -> Self {
        Self {
            of,
            is_shown,
            is_live: AtomicBool::new(true),
            classes: Default::default(),
            silences: Default::default(),
            retries: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            model: Histogram::new(&MODEL_BOUNDS_US),
            overhead: Histogram::new(&OVERHEAD_BOUNDS_US),
            many: OnceLock::new(),
            told: Default::default(),
        }
    }

    fn ended(&self, class: InvocationClass) {
        self.classes[class as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// It looked in vain for an instance since it arrived.
    pub(crate) fn found_no_place(&self, arrived: Instant, why: Silence) {
        self.ended(InvocationClass::ServerError);
        self.silences[why as usize].fetch_add(1, Ordering::Relaxed);
        self.overhead.observe(arrived.elapsed());
    }

    /// What is counted of its many models; whoever asks has some.
    pub(crate) fn many(&self) -> &Many {
        self.many.get_or_init(Box::default)
    }

    /// An instance of it was ejected.
    pub(crate) fn ejected(&self) {
        self.ejections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> InvocationCounts {
        std::array::from_fn(|class| self.classes[class].load(Ordering::Relaxed))
    }

    fn untold(&self) -> InvocationCounts {
        let counts = self.counts();
        std::array::from_fn(|class| counts[class].saturating_sub(self.told[class].load(Ordering::Relaxed)))
    }
}

/// One invocation on its way to an instance. Dropped before it has ended it was abandoned.
pub(crate) struct Call {
    permit: Permit,
    arrived: Instant,
    sent: Instant,
    /// The position of the container that has it.
    container: usize,
    has_ended: bool,
}

impl Call {
    /// It arrived then, and is sent now.
    pub(crate) fn begin(permit: Permit, arrived: Instant) -> Self {
        Self { permit, arrived, sent: Instant::now(), container: 0, has_ended: false }
    }

    pub(crate) fn lane(&self) -> &Arc<Lane> {
        self.permit.lane()
    }

    /// What it holds of its instance.
    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The container at this position has it from now on.
    pub(crate) fn is_with(&mut self, container: usize) {
        self.container = container;
    }

    /// What the client is told of the container that has it: its hostname where there are several.
    pub(crate) fn container(&self) -> &str {
        let pipeline = self.lane().pipeline.as_ref();
        let hostname = pipeline.and_then(|pipeline| pipeline.hostnames.get(self.container));
        hostname.map_or(PRIMARY, String::as_str)
    }

    /// When it was sent.
    pub(crate) fn sent(&self) -> Instant {
        self.sent
    }

    /// Nothing counts after its end.
    pub(crate) fn ends(&mut self, class: InvocationClass) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let tally = &self.permit.lane().tally;
        tally.ended(class);
        if class != InvocationClass::Abandoned {
            tally.model.observe(self.sent.elapsed());
            tally.overhead.observe(self.sent.duration_since(self.arrived));
        }
    }

    /// There is no answer.
    pub(crate) fn ends_without_answer(&mut self, silence: Silence) {
        if !self.has_ended {
            self.permit.lane().tally.silences[silence as usize].fetch_add(1, Ordering::Relaxed);
        }
        self.ends(InvocationClass::ServerError);
    }

    /// Another instance gets it.
    pub(crate) fn passed_on(mut self) {
        self.has_ended = true;
        self.permit.lane().tally.retries.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.ends(InvocationClass::Abandoned);
    }
}
