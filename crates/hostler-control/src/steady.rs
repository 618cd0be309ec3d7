//! Wall time that never goes back while the server runs.
//!
//! Why: records hold moments and the planner compares them with now. If the machine's clock is set back by an hour,
//! every pause, drain and timeout that runs would last an hour longer, and LastModifiedTime would go back. So what
//! control calls now is the wall's time, or what it was before plus the time that passed since, whichever is later.
//! Signatures and sessions are judged by the wall's time itself, because their other side has a clock of its own.
//! Invariants: never earlier than at any call before; never slower than the runtime's clock; with the wall's time for
//! as long as that one goes forward, however far it jumps.
//! Failure: what it knows is lost with the process; `reconcile/moments.rs` then deals with records from the future.

use std::sync::{Arc, Mutex, PoisonError};

use hostler_types::{Clock, Millis};
use tokio::time::Instant;
use tracing::warn;

/// The wall's time trails by a little for many reasons; this much is somebody's doing and worth a line in the log.
const SET_BACK_MS_MIN: i64 = 1_000;

/// A [`Clock`] over the wall's that never goes back.
pub struct SteadyClock {
    wall: Arc<dyn Clock>,
    anchor: Mutex<Anchor>,
}

struct Anchor {
    at: Instant,
    moment: Millis,
    /// How far the wall's time was behind when that was last told.
    told_behind_ms: i64,
}

impl SteadyClock {
    /// Begins with the wall's time.
    pub fn new(wall: Arc<dyn Clock>) -> Self {
        let anchor = Anchor { at: Instant::now(), moment: wall.now(), told_behind_ms: 0 };
        Self { wall, anchor: Mutex::new(anchor) }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Millis {
        // A panic while holding it cannot leave it half changed.
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, at) = (self.wall.now(), Instant::now());
        let passed_ms = i64::try_from(at.duration_since(anchor.at).as_millis()).unwrap_or(i64::MAX);
        let steady = anchor.moment.plus(passed_ms);
        if wall >= steady {
            *anchor = Anchor { at, moment: wall, told_behind_ms: 0 };
            return wall;
        }
        let behind_ms = steady.since(wall);
        if behind_ms.saturating_sub(anchor.told_behind_ms) >= SET_BACK_MS_MIN {
            anchor.told_behind_ms = behind_ms;
            warn!(
                behind_ms,
                "the machine's clock was set back; times of resources go on from where they were until it has caught up \
                 or the server is started again"
            );
        }
        steady
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    /// A wall clock that is set by hand.
    #[derive(Default)]
    struct Wall(AtomicI64);

    impl Wall {
        fn move_by(&self, ms: i64) {
            self.0.fetch_add(ms, Ordering::Relaxed);
        }
    }

    impl Clock for Wall {
        fn now(&self) -> Millis {
            Millis(self.0.load(Ordering::Relaxed))
        }
    }

    /// A steady clock over a wall clock that shows ten hours.
    fn at_ten() -> (Arc<Wall>, SteadyClock) {
        let wall = Arc::new(Wall::default());
        wall.move_by(10 * HOUR_MS);
        (wall.clone(), SteadyClock::new(wall))
    }

    /// Both clocks run.
    async fn pass(wall: &Wall, ms: i64) {
        wall.move_by(ms);
        tokio::time::advance(Duration::from_millis(ms.unsigned_abs())).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_shows_the_walls_time_while_that_goes_forward() {
        let (wall, steady) = at_ten();
        pass(&wall, 1_500).await;
        assert_eq!(steady.now(), Millis(10 * HOUR_MS + 1_500));
        // A machine that slept: the wall's time jumps, the runtime's clock does not.
        wall.move_by(8 * HOUR_MS);
        assert_eq!(steady.now(), Millis(18 * HOUR_MS + 1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn set_back_by_an_hour_it_goes_on_at_its_pace() {
        let (wall, steady) = at_ten();
        pass(&wall, 1_000).await;
        wall.move_by(-HOUR_MS);
        assert_eq!(steady.now(), Millis(10 * HOUR_MS + 1_000));
        pass(&wall, 60_000).await;
        assert_eq!(steady.now(), Millis(10 * HOUR_MS + 61_000));
        // Set back once more, and right again.
        wall.move_by(-HOUR_MS);
        pass(&wall, 1_000).await;
        assert_eq!(steady.now(), Millis(10 * HOUR_MS + 62_000));
        wall.move_by(2 * HOUR_MS + 5_000);
        assert_eq!(steady.now(), Millis(10 * HOUR_MS + 67_000));
    }
}
