//! A deadline for whatever a connection waits for, set anew with each request.
//!
//! Why: a timer that is set and taken back for every request costs more than the routing of it: a place in the runtime's
//! wheel, under its lock, twice. Requests have deadlines of a minute and come by the thousand, so one timer is left
//! standing: it rings at the oldest deadline, and is then set to the one that counts.
//! Invariants: nothing is waited for longer than to its deadline. Who is not waited for rings for nobody.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// One for all waits of a connection, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

/// The deadline is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rung;

impl Alarm {
    /// Waits until it is done, or the deadline is over.
    pub(crate) async fn at<T>(
        &mut self,
        deadline: Instant,
        doing: impl Future<Output = T>,
    ) -> Result<T, Rung> {
        let mut doing = pin!(doing);
        poll_fn(|context| match doing.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll(deadline, context).map(|()| Err(Rung)),
        })
        .await
    }

    fn poll(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::time::{advance, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_done_in_time_is_given_back_and_what_is_not_ends_at_its_deadline() {
        let (mut alarm, begun) = (Alarm::default(), Instant::now());
        assert_eq!(alarm.at(begun, ready(1)).await, Ok(1));
        assert_eq!(alarm.at(begun + SECOND, pending::<()>()).await, Err(Rung));
        assert_eq!(begun.elapsed(), SECOND);
        assert_eq!(alarm.at(begun + SECOND, pending::<()>()).await, Err(Rung), "a deadline that is over");
    }

    proptest! {
        #[test]
        fn every_wait_ends_at_its_own_deadline(
            waits in prop::collection::vec((0..40_u64, 1..20_u64, prop::option::of(1..20_u64)), 1..12),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(async {
                let mut alarm = Alarm::default();
                for (pause, limit, takes) in waits {
                    advance(SECOND * u32::try_from(pause).unwrap()).await;
                    let begun = Instant::now();
                    let doing = async {
                        match takes {
                            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
                            None => pending().await,
                        }
                    };
                    let done = alarm.at(begun + Duration::from_secs(limit), doing).await;
                    let took = begun.elapsed().as_secs();
                    let expected = takes.map_or(limit, |takes| takes.min(limit));
                    assert_eq!(took, expected);
                    // At the same moment either may be first.
                    assert!(takes == Some(limit) || done.is_ok() == (takes == Some(took)), "{done:?}");
                }
            });
        }
    }
}
