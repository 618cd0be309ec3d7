//! The waker of a connection's driver: it wakes whoever waits for the connection at the moment.
//!
//! Why: a connection changes hands with every request, and hyper remembers the waker it was polled with; this one
//! stays. And hyper wakes its driver whenever a part of a body is taken out, to read more at once: here who took it
//! asks the driver the next time anyway, and need not wake itself.
//! Invariants: only a wake-up that comes out of one's own [`Bell::hush`] is left out, none of another thread.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

thread_local! {
    static IS_HUSHED: Cell<bool> = const { Cell::new(false) };
}

/// Who is to be woken.
pub(super) struct Bell {
    waiting: Mutex<Waker>,
}

impl Bell {
    /// Nobody waits yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::new(Waker::noop().clone()) })
    }

    /// From now on wakes the task of `context`.
    pub(super) fn wakes(&self, context: &Context<'_>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.will_wake(context.waker()) {
            waiting.clone_from(context.waker());
        }
    }

    /// From now on wakes nobody.
    pub(super) fn wakes_nobody(&self) {
        self.wakes(&Context::from_waker(Waker::noop()));
    }

    /// Does something that needs no wake-up: what it leads to will be looked for.
    pub(super) fn hush<T>(action: impl FnOnce() -> T) -> T {
        let before = IS_HUSHED.replace(true);
        let done = action();
        IS_HUSHED.set(before);
        done
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !IS_HUSHED.get() {
            // Woken without the lock: a waker may do anything.
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone();
            waiting.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn count(counter: &Counter) -> usize {
        counter.0.load(Ordering::SeqCst)
    }

    #[test]
    fn it_wakes_whoever_came_last() {
        let (bell, first, second) = (Bell::new(), Arc::<Counter>::default(), Arc::<Counter>::default());
        let waker = Waker::from(bell.clone());
        waker.wake_by_ref();
        for counter in [&first, &second] {
            bell.wakes(&Context::from_waker(&Waker::from(counter.clone())));
            waker.wake_by_ref();
        }
        assert_eq!((count(&first), count(&second)), (1, 1));
        bell.wakes_nobody();
        waker.wake();
        assert_eq!((count(&first), count(&second)), (1, 1));
        assert_eq!(Arc::strong_count(&second), 1, "a task is held that nobody wakes any more");
    }

    #[test]
    fn a_hushed_thread_does_not_wake_but_others_do() {
        let (bell, counter) = (Bell::new(), Arc::<Counter>::default());
        bell.wakes(&Context::from_waker(&Waker::from(counter.clone())));
        let waker = Waker::from(bell);
        Bell::hush(|| waker.wake_by_ref());
        assert_eq!(count(&counter), 0);
        Bell::hush(|| thread::scope(|scope| scope.spawn(|| waker.wake_by_ref()).join()).unwrap());
        assert_eq!(count(&counter), 1);
        waker.wake();
        assert_eq!(count(&counter), 2);
    }
}
