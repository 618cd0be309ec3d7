//! Request rates of an account: so many a second of each class, with a burst, and AWS's refusal past that.
//!
//! Why: one account's loop must not starve the others, and a client's retries want the answer that they know. Control
//! plane and gateway throttle by the same rules, so they share this room.
//! Invariants: asked after the signature was found right, so that a stranger uses up nobody's rate. Of a class an account
//! gets at most `rate · time + burst` in any span of time, whichever threads it asks on. Memory is bounded by accounts
//! times classes; a decision takes no lock but a shared one for reading.

mod bucket;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hostler_types::{AccountId, Millis};

use self::bucket::{Bucket, Pace};
use crate::ApiError;

/// Accounts whose use is remembered; one that is idle costs nothing to forget.
const ACCOUNTS_MAX: usize = 10_000;

/// How fast, and how much at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests a second; what is below one in a quarter of an hour counts as that.
    pub per_s: f64,
    /// Requests that may come at once after a pause; 1 to 1,000,000.
    pub burst: u32,
}

/// Requests that are counted together.
#[derive(Clone, Debug, PartialEq)]
pub struct ThrottleClass {
    /// An operation, the beginning of some and a `*`, or [`DEFAULT_CLASS`].
    pub name: String,
    /// What an account may ask of it.
    pub rate: Rate,
}

/// The class of the control plane's operations that no other names.
pub const DEFAULT_CLASS: &str = "default";

/// A class that was found for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassIndex(usize);

/// Decides who asks too often.
#[derive(Debug, Default)]
pub struct Throttle {
    classes: Vec<Class>,
    accounts: RwLock<HashMap<AccountId, Arc<[Bucket]>>>,
}

#[derive(Debug)]
struct Class {
    name: String,
    pace: Pace,
    throttled: AtomicU64,
}

impl Throttle {
    /// Throttles these classes, and nothing else.
    pub fn new(classes: Vec<ThrottleClass>) -> Self {
        let class = |ThrottleClass { name, rate }| {
            let pace = Pace::new(rate.per_s, rate.burst);
            Class { name, pace, throttled: AtomicU64::new(0) }
        };
        Self { classes: classes.into_iter().map(class).collect(), accounts: RwLock::default() }
    }

    /// The class of an operation: its own, else the longest beginning. None: it is not throttled.
    pub fn class_of(&self, operation: &str) -> Option<ClassIndex> {
        let exact = self.classes.iter().position(|class| class.name == operation);
        let by_beginning = || {
            let begun = self.classes.iter().enumerate().filter_map(|(index, class)| {
                let beginning = class.name.strip_suffix('*')?;
                operation.starts_with(beginning).then_some((beginning.len(), index))
            });
            begun.max().map(|(_, index)| index)
        };
        exact.or_else(by_beginning).map(ClassIndex)
    }

    /// The same for the control plane, whose other operations share [`DEFAULT_CLASS`].
    pub fn control_class_of(&self, operation: &str) -> Option<ClassIndex> {
        self.class_of(operation).or_else(|| self.class_of(DEFAULT_CLASS))
    }

    /// Counts a request of `account` in, or refuses it.
    pub fn admit(&self, class: Option<ClassIndex>, account: &AccountId, now: Millis) -> Result<(), ApiError> {
        let Some(ClassIndex(index)) = class else { return Ok(()) };
        let class = &self.classes[index];
        if self.buckets(account, now)[index].take(&class.pace, now) {
            return Ok(());
        }
        class.throttled.fetch_add(1, Ordering::Relaxed);
        Err(ApiError::throttling())
    }

    /// How many requests of each class were refused since the start.
    pub fn throttled(&self) -> impl Iterator<Item = (&str, u64)> {
        self.classes.iter().map(|class| (class.name.as_str(), class.throttled.load(Ordering::Relaxed)))
    }

    fn buckets(&self, account: &AccountId, now: Millis) -> Arc<[Bucket]> {
        let known = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(buckets) = known.get(account) {
            return Arc::clone(buckets);
        }
        drop(known);
        let mut known = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ACCOUNTS_MAX && !known.contains_key(account) {
            known.retain(|_, buckets| buckets.iter().any(|bucket| !bucket.is_idle(now)));
            // More accounts than there can be keys: forgetting gives each one burst more.
            if known.len() >= ACCOUNTS_MAX {
                known.clear();
            }
        }
        let fresh = || self.classes.iter().map(|_| Bucket::default()).collect();
        Arc::clone(known.entry(account.clone()).or_insert_with(fresh))
    }
}

#[cfg(test)]
mod tests;
