//! The queue of keys: what to look at, and when.
//!
//! Why: events carry news that may be old by the time it is read; a key carries none. Many signals for one endpoint
//! become one run, and a signal during its run becomes exactly one more.
//! Invariants: a key is handed out to one run at a time; of two wishes for a key the earlier moment wins.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_types::Key;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many keys the queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueDepths {
    /// They could run now.
    pub(crate) due: usize,
    /// Their time has not come.
    pub(crate) later: usize,
    /// They run.
    pub(crate) running: usize,
}

#[derive(Default)]
pub(super) struct KeyQueue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    due: BTreeSet<(Instant, Key)>,
    keys: HashMap<Key, KeyState>,
}

#[derive(Default)]
struct KeyState {
    due_at: Option<Instant>,
    is_running: bool,
    failures: u32,
}

impl KeyQueue {
    /// Look at `key` now, or right after its present run.
    pub(super) fn enqueue(&self, key: &Key) {
        self.enqueue_at(key, Instant::now());
    }

    pub(super) fn enqueue_at(&self, key: &Key, at: Instant) {
        self.state().schedule(key, at);
        self.changed.notify_one();
    }

    /// The next key that is due; it counts as running until [`KeyQueue::done`].
    pub(super) async fn next(&self) -> Key {
        loop {
            let wait_until = {
                let mut state = self.state();
                match state.take_due(Instant::now()) {
                    Ok(key) => return key,
                    Err(next_due) => next_due,
                }
            };
            match wait_until {
                Some(at) => {
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep_until(at) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// The run of `key` succeeded; look again after `requeue`, if given.
    pub(super) fn done(&self, key: &Key, requeue: Option<Duration>) {
        let mut state = self.state();
        if let Some(requeue) = requeue {
            state.schedule(key, Instant::now() + requeue);
        }
        state.finish(key, 0);
        drop(state);
        self.changed.notify_one();
    }

    /// The run of `key` failed for the returned number of times in a row; look again after `pause` of that number.
    pub(super) fn failed(&self, key: &Key, pause: impl Fn(u32) -> Duration) -> u32 {
        let mut state = self.state();
        let failures = state.keys.get(key).map_or(1, |known| known.failures.saturating_add(1));
        state.schedule(key, Instant::now() + pause(failures));
        state.finish(key, failures);
        drop(state);
        self.changed.notify_one();
        failures
    }

    pub(super) fn depths(&self) -> QueueDepths {
        let state = self.state();
        let now = Instant::now();
        let due = state.due.iter().take_while(|(at, _)| *at <= now).count();
        let running = state.keys.values().filter(|known| known.is_running).count();
        QueueDepths { due, later: state.due.len() - due, running }
    }

    /// The broken rules: a key waits once, and not while it runs; what neither waits nor runs is forgotten.
    pub(super) fn lint(&self) -> Vec<String> {
        let state = self.state();
        let mut broken = Vec::new();
        for (key, known) in &state.keys {
            let waits = state.due.iter().filter(|(_, due)| due == key).count();
            if waits != usize::from(known.due_at.is_some() && !known.is_running) {
                broken.push(format!("`{key}` waits {waits} times in the queue"));
            }
            if known.due_at.is_none() && !known.is_running {
                broken.push(format!("`{key}` is kept in the queue for nothing"));
            }
        }
        if let Some((_, key)) = state.due.iter().find(|(_, key)| !state.keys.contains_key(key)) {
            broken.push(format!("`{key}` waits in the queue unknown"));
        }
        broken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn schedule(&mut self, key: &Key, at: Instant) {
        let known = self.keys.entry(key.clone()).or_default();
        if known.due_at.is_some_and(|earlier| earlier <= at) {
            return;
        }
        if let Some(later) = known.due_at.replace(at)
            && !known.is_running
        {
            self.due.remove(&(later, key.clone()));
        }
        if !known.is_running {
            self.due.insert((at, key.clone()));
        }
    }

    fn take_due(&mut self, now: Instant) -> Result<Key, Option<Instant>> {
        let Some((at, key)) = self.due.first().cloned() else { return Err(None) };
        if at > now {
            return Err(Some(at));
        }
        self.due.pop_first();
        let known = self.keys.entry(key.clone()).or_default();
        known.due_at = None;
        known.is_running = true;
        Ok(key)
    }

    fn finish(&mut self, key: &Key, failures: u32) {
        let Some(known) = self.keys.get_mut(key) else { return };
        known.is_running = false;
        known.failures = failures;
        match known.due_at {
            Some(at) => {
                self.due.insert((at, key.clone()));
            }
            None => {
                self.keys.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hostler_types::{AccountId, Kind, Region, Scope};

    use super::*;

    fn key(name: &str) -> Key {
        let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
        Key::new(&scope, Kind::Endpoint, name)
    }

    async fn is_idle(queue: &KeyQueue) -> bool {
        tokio::time::timeout(Duration::from_secs(3600), queue.next()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn many_signals_become_one_run() {
        let queue = KeyQueue::default();
        for _ in 0..10 {
            queue.enqueue(&key("a"));
        }
        assert_eq!(queue.next().await, key("a"));
        queue.done(&key("a"), None);
        assert!(is_idle(&queue).await);
    }

    #[tokio::test(start_paused = true)]
    async fn signals_during_a_run_become_exactly_one_more_after_it() {
        let queue = KeyQueue::default();
        queue.enqueue(&key("a"));
        assert_eq!(queue.next().await, key("a"));
        queue.enqueue(&key("a"));
        queue.enqueue(&key("a"));
        assert!(is_idle(&queue).await, "a key was handed to two runs at once");
        queue.done(&key("a"), None);
        assert_eq!(queue.next().await, key("a"));
        queue.done(&key("a"), None);
        assert!(is_idle(&queue).await);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_moments_the_earlier_wins() {
        let queue = KeyQueue::default();
        let start = Instant::now();
        queue.enqueue_at(&key("a"), start + Duration::from_secs(60));
        queue.enqueue_at(&key("a"), start + Duration::from_secs(5));
        queue.enqueue_at(&key("a"), start + Duration::from_secs(30));
        queue.next().await;
        assert_eq!(start.elapsed().as_secs(), 5);
        queue.done(&key("a"), Some(Duration::from_secs(7)));
        queue.next().await;
        assert_eq!(start.elapsed().as_secs(), 12);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_are_counted_and_forgotten_after_a_success() {
        let queue = KeyQueue::default();
        let pause = |failures: u32| Duration::from_secs(u64::from(failures));
        queue.enqueue(&key("a"));
        for expected in 1..4 {
            queue.next().await;
            assert_eq!(queue.failed(&key("a"), pause), expected);
        }
        queue.next().await;
        queue.done(&key("a"), Some(Duration::from_secs(1)));
        queue.next().await;
        assert_eq!(queue.failed(&key("a"), pause), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_are_done_leave_nothing_behind() {
        let queue = KeyQueue::default();
        for name in ["a", "b", "c"] {
            queue.enqueue(&key(name));
        }
        for _ in 0..3 {
            let key = queue.next().await;
            queue.done(&key, None);
        }
        assert!(queue.state().keys.is_empty() && queue.state().due.is_empty());
    }
}
