//! Who is told to close, when, and who is not.

use std::task::{Context, Waker};

use tokio::time::advance;

use super::super::pulse::RequestUnderWay;
use super::*;

const LIMITS: ConnectionLimits = ConnectionLimits {
    connections_max: 100,
    head_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(100),
    stall_timeout: Duration::from_secs(20),
};

fn order(pulse: &Pulse) -> Order {
    pulse.order(&Context::from_waker(Waker::noop()))
}

/// Looks once a second for so many seconds, doing something before each look.
async fn pass(watch: &Watch, seconds: u64, mut each: impl FnMut()) {
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        each();
        watch.look();
    }
}

fn resting(watch: &Watch) -> Arc<Pulse> {
    let pulse = watch.over();
    pulse.rests(true);
    pulse
}

fn busy(watch: &Watch) -> (Arc<Pulse>, RequestUnderWay) {
    let pulse = watch.over();
    let request = pulse.begin_request();
    (pulse, request)
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_rests_and_is_closed_at_last() {
    let watch = Watch::new(LIMITS);
    let pulse = watch.over();
    pass(&watch, 4, || {}).await;
    assert_eq!(order(&pulse), Order::Nothing);
    pass(&watch, 2, || {}).await;
    assert_eq!(order(&pulse), Order::Rest);
    pulse.rests(true);
    pulse.done_with(Order::Rest);
    pass(&watch, 93, || {}).await;
    assert_eq!(order(&pulse), Order::Nothing);
    pass(&watch, 2, || {}).await;
    assert_eq!(order(&pulse), Order::CloseIdle);
    assert_eq!((watch.closed(Closed::Idle), watch.closed(Closed::SlowHead)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_begins_its_idle_time_anew() {
    let watch = Watch::new(LIMITS);
    let pulse = resting(&watch);
    for _ in 0..5 {
        pass(&watch, 90, || {}).await;
        drop(pulse.begin_request());
    }
    assert_eq!(order(&pulse), Order::Nothing);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_has_the_time_of_a_whole_one() {
    let watch = Watch::new(LIMITS);
    let pulse = watch.over();
    pulse.has_read(1);
    pass(&watch, 10, || pulse.has_read(1)).await;
    assert_eq!(order(&pulse), Order::Nothing);
    pass(&watch, 2, || pulse.has_read(1)).await;
    assert_eq!(order(&pulse), Order::Close);
    assert_eq!(watch.closed(Closed::SlowHead), 1);
}

#[tokio::test(start_paused = true)]
async fn a_model_may_take_its_time_but_a_client_that_takes_nothing_may_not() {
    let watch = Watch::new(LIMITS);
    let (waiting, _waits) = busy(&watch);
    let (slow, _slow) = busy(&watch);
    let (stalled, _stalls) = busy(&watch);
    pass(&watch, 500, || {
        slow.cannot_write();
        stalled.cannot_write();
        slow.has_written(1);
        slow.cannot_write();
    })
    .await;
    assert_eq!(order(&waiting), Order::Nothing);
    assert_eq!(order(&slow), Order::Nothing);
    assert_eq!(order(&stalled), Order::Close);
    assert_eq!(watch.closed(Closed::Stalled), 1);
}

#[tokio::test(start_paused = true)]
async fn room_is_made_by_those_that_have_been_idle_the_longest() {
    let watch = Watch::new(LIMITS);
    let (old, (at_work, _works)) = (resting(&watch), busy(&watch));
    pass(&watch, 5, || {}).await;
    let young = resting(&watch);
    pass(&watch, 5, || {}).await;
    watch.evict();
    assert_eq!(order(&old), Order::CloseIdle);
    assert_eq!((order(&young), order(&at_work)), (Order::Nothing, Order::Nothing));
    watch.evict();
    assert_eq!((order(&young), order(&at_work)), (Order::CloseIdle, Order::Nothing));
    watch.evict();
    assert_eq!(order(&at_work), Order::Nothing);
    assert_eq!(watch.closed(Closed::Evicted), 2);
}

#[tokio::test(start_paused = true)]
async fn room_is_made_by_heads_that_do_not_come_but_not_by_those_that_have_just_begun() {
    let watch = Watch::new(LIMITS);
    let pulse = watch.over();
    pulse.has_read(1);
    pass(&watch, 1, || {}).await;
    watch.evict();
    assert_eq!(order(&pulse), Order::Nothing);
    pass(&watch, 3, || {}).await;
    watch.evict();
    assert_eq!(order(&pulse), Order::Close);
}

#[tokio::test(start_paused = true)]
async fn what_has_gone_is_forgotten_and_what_comes_after_a_stop_is_told() {
    let watch = Watch::new(LIMITS);
    let (gone, stays) = (watch.over(), watch.over());
    drop(gone);
    assert_eq!(watch.open(), 1);
    watch.look();
    assert_eq!(watch.lock().len(), 1);
    watch.stop();
    assert_eq!(order(&stays), Order::Stop);
    assert_eq!(order(&watch.over()), Order::Stop);
}
