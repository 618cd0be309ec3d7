//! What becomes of a request when what it waits for is gone: its session's ejected instance, or the route.

use std::time::Duration;

use hostler_types::{InvocationClass, Millis};
use tokio::time::timeout;

use super::overload::{Instance, Mood, PATIENCE, few, hold};
use super::*;
use crate::sessions::{Opened, SessionAsked};
use crate::tally::Totals;

/// A gateway before two instances. Nobody listens at the first; it was ejected, and holds session `s`.
async fn scene(hold_timeout: Duration) -> (Gateway, Arc<RoutingTable>, SocketAddr, Instance) {
    let gone = Instance::start(Mood::Answers).await.stop().await;
    let other = Instance::start(Mood::Answers).await;
    let (gateway, table) = limited(&[gone, other.address], few(5, 5), hold(hold_timeout));
    let endpoint = table.find(&Key::new(&scope(), Kind::Endpoint, "demo")).unwrap();
    let lanes = &endpoint.variants[0].lanes;
    for _ in 0..3 {
        lanes[0].failed(InvocationFailure::TimedOut);
        Call::begin(lanes[1].enter().unwrap(), Instant::now()).ends(InvocationClass::Success);
    }
    assert!(lanes[0].is_ejected());
    let now = gateway.now();
    let opened = Opened { id: "s", expires: Millis(now.0 + 600_000) };
    table.sessions.open(&endpoint.uid, &opened, &lanes[0], now);
    (gateway, table, gone, other)
}

async fn ask_in_session(gateway: &Gateway) -> Result<Response<AnswerBody>, ApiError> {
    let (scope, head) = (scope(), Head::default());
    let mut invocation = Invocation {
        request_id: &RequestId::random(),
        form: Form::Whole,
        scope: &scope,
        endpoint_name: "demo",
        target_variant: None,
        target_model: None,
        target_container: None,
        session: Some(SessionAsked::Known("s")),
        head: &head,
        has_special: true,
        body: Payload::in_memory(Bytes::from_static(b"?")),
    };
    let answer = gateway.invoke(&mut invocation, Instant::now(), &mut Alarm::default()).await;
    answer.map(Into::into)
}

/// How often requests were passed on.
fn retries(table: &RoutingTable) -> u64 {
    let mut totals = Totals::default();
    table.book.read().0.iter().for_each(|tally| totals.add(tally));
    totals.retries
}

#[tokio::test]
async fn a_session_whose_ejected_instance_is_gone_is_refused_in_time_and_tried_once() {
    let (gateway, table, ..) = scene(Duration::from_millis(300)).await;
    let answer = timeout(Duration::from_millis(900), ask_in_session(&gateway)).await;
    let error =
        answer.expect("it was held for longer than three times as long as it may").map(drop).unwrap_err();
    assert_eq!(error.code(), "ModelError");
    assert_eq!(retries(&table), 1);
}

#[tokio::test]
async fn a_session_goes_on_when_a_probe_has_reached_its_ejected_instance() {
    let (gateway, table, gone, _other) = scene(PATIENCE).await;
    let back = async {
        while retries(&table) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Instance::start_at(gone, Mood::Answers).await
    };
    let (answer, back) = tokio::join!(ask_in_session(&gateway), back);
    assert_eq!(text(answer.unwrap()).await, "yes");
    assert_eq!((back.calls(), retries(&table)), (1, 1));
}

#[tokio::test]
async fn who_is_sent_to_look_again_and_again_looks_no_longer_than_others_wait() {
    let (gateway, table) = limited(&[], few(5, 5), hold(Duration::from_millis(60)));
    // A line that knows no route, though the endpoint has one.
    table.find(&Key::new(&scope(), Kind::Endpoint, "demo")).unwrap().line.close();
    let answer = timeout(PATIENCE, ask(&gateway)).await;
    assert_eq!(answer.expect("it looks for ever").map(drop).unwrap_err().code(), "ModelError");
}
