//! How streams begin, go on and end, seen from both sides of the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hostler_aws::ApiError;
use hostler_aws::event_stream::{Decoder, Message};
use hostler_types::{InvocationClass, InvocationFailure, RouteTable};
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{sleep, timeout};

use crate::answer::AnswerBody;
use crate::gateway::Gateway;
use crate::invocation::Form;
use crate::stack::tests::{ask_for, gateway, id, scope};
use crate::table::RoutingTable;
use crate::tally::{Silence, Totals};
use crate::upstream::tests::container::{Container, Play, answer};

const PATIENCE: Duration = Duration::from_secs(20);
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A container that gives these pieces of an answer, each when it is told to.
async fn in_pieces<const N: usize>(pieces: [&[u8]; N]) -> Container {
    let pieces = pieces.map(<[u8]>::to_vec).to_vec();
    Container::start(move |_, _| Play::InPieces(pieces.clone())).await
}

async fn ask(gateway: &Gateway) -> Result<Response<AnswerBody>, ApiError> {
    ask_for(Form::Events, gateway).await
}

/// The next message; none at the end.
async fn next(body: &mut AnswerBody) -> Option<Message> {
    let mut decoder = Decoder::new();
    loop {
        let frame = timeout(PATIENCE, body.frame()).await.expect("something comes")?;
        decoder.push(&frame.expect("a stream's body never breaks off").into_data().unwrap());
        if let Some(message) = decoder.next_message().unwrap() {
            assert!(decoder.is_between_messages());
            return Some(message);
        }
    }
}

/// The payload of a part; of a failure its type and text.
fn said(message: Option<Message>) -> String {
    let message = message.expect("it is not the end");
    let payload = String::from_utf8(message.payload.to_vec()).unwrap();
    match message.text(":exception-type") {
        Some(kind) => format!("{kind} {payload}"),
        None => payload,
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "it did not happen: {what}");
}

fn counted(table: &RoutingTable) -> Totals {
    let (shown, mut totals) = table.book.read();
    for tally in &shown {
        totals.add(tally);
    }
    totals
}

fn classes(table: &RoutingTable, class: InvocationClass) -> (u64, u64) {
    let classes = counted(table).classes;
    (classes[class as usize], classes.iter().sum())
}

#[tokio::test]
async fn each_chunk_is_passed_on_before_the_next_one_comes() {
    let container = in_pieces([HEAD, b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"]).await;
    let (gateway, table) = gateway(&[container.kept.address()]);
    for round in 1..=2 {
        container.go_on();
        container.go_on();
        let mut body = ask(&gateway).await.unwrap().into_body();
        assert_eq!(said(next(&mut body).await), "one");
        container.go_on();
        assert_eq!(said(next(&mut body).await), "two");
        assert_eq!(table.in_flight(&id(0)), 1);
        assert_eq!(classes(&table, InvocationClass::Success), (round - 1, round - 1), "it has not ended");
        container.go_on();
        assert_eq!(next(&mut body).await, None);
        assert!(body.is_end_stream());
        assert_eq!((table.in_flight(&id(0)), classes(&table, InvocationClass::Success)), (0, (round, round)));
    }
    assert_eq!(container.connections(), 1, "the connection of a stream was not used again");
}

#[tokio::test]
async fn the_head_waits_for_the_first_byte() {
    let container = in_pieces([HEAD, b"3\r\none\r\n0\r\n\r\n"]).await;
    let (gateway, _) = gateway(&[container.kept.address()]);
    container.go_on();
    let mut asking = Box::pin(ask(&gateway));
    assert!(timeout(Duration::from_millis(50), &mut asking).await.is_err(), "there is no byte yet");
    container.go_on();
    let mut body = asking.await.unwrap().into_body();
    assert_eq!(said(next(&mut body).await), "one");
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn a_model_that_is_lost_before_its_first_byte_is_a_plain_error_and_after_it_an_event() {
    let early = Container::start(|_, _| Play::AnswerAndClose(HEAD.to_vec())).await;
    let (before, table) = gateway(&[early.kept.address()]);
    let error = ask(&before).await.map(drop).unwrap_err();
    assert_eq!((error.code(), error.status().as_u16()), ("ModelError", 424));
    assert_eq!(classes(&table, InvocationClass::ServerError), (1, 1));

    let late = Container::start(|_, _| Play::AnswerAndClose([HEAD, b"3\r\none\r\n5\r\nha"].concat())).await;
    let (after, table) = gateway(&[late.kept.address()]);
    for round in 1..=2 {
        let mut body = ask(&after).await.unwrap().into_body();
        let mut parts = said(next(&mut body).await);
        let failure = loop {
            match said(next(&mut body).await) {
                failure if failure.starts_with("ModelStreamError") => break failure,
                part => parts += &part,
            }
        };
        assert_eq!(parts, "oneha");
        assert!(failure.contains("StreamBroken") && failure.contains("demo"), "{failure}");
        assert_eq!(next(&mut body).await, None);
        assert!(body.is_end_stream());
        assert_eq!(table.in_flight(&id(0)), 0);
        assert_eq!(classes(&table, InvocationClass::ServerError), (round, round));
        assert_eq!(counted(&table).silences[Silence::Lost as usize], round);
        let trouble = table.trouble(&id(0)).unwrap();
        assert_eq!((trouble.failure, trouble.in_a_row), (InvocationFailure::Lost, round));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_models_call_at_once() {
    let container = in_pieces([HEAD, b"3\r\none\r\n", b"3\r\ntwo\r\n"]).await;
    let (gateway, table) = gateway(&[container.kept.address()]);
    container.go_on();
    container.go_on();
    let mut body = ask(&gateway).await.unwrap().into_body();
    assert_eq!(said(next(&mut body).await), "one");
    drop(body);
    assert_eq!(table.in_flight(&id(0)), 0);
    assert_eq!(classes(&table, InvocationClass::Abandoned), (1, 1));
    container.until_closed(1).await;
}

#[tokio::test]
async fn a_stream_ends_at_its_limit_with_what_came() {
    let container = in_pieces([HEAD, b"3\r\none\r\n", b"3\r\ntwo\r\n"]).await;
    let (mut gateway, table) = gateway(&[container.kept.address()]);
    gateway.settings.stream_timeout = Duration::from_millis(100);
    container.go_on();
    container.go_on();
    let mut body = ask(&gateway).await.unwrap().into_body();
    assert_eq!(said(next(&mut body).await), "one");
    let failure = said(next(&mut body).await);
    assert!(
        failure.starts_with("ModelStreamError") && failure.contains("ModelInvocationTimeExceeded"),
        "{failure}"
    );
    assert_eq!(next(&mut body).await, None);
    container.until_closed(1).await;
    assert_eq!(classes(&table, InvocationClass::ServerError), (1, 1));
    assert_eq!(counted(&table).silences[Silence::Timeout as usize], 1);
}

#[tokio::test]
async fn the_limit_holds_for_a_client_that_reads_nothing_and_is_not_the_models_fault() {
    let container = in_pieces([HEAD, b"3\r\none\r\n", b"3\r\ntwo\r\n"]).await;
    let (mut gateway, table) = gateway(&[container.kept.address()]);
    gateway.settings.stream_timeout = Duration::from_millis(100);
    container.go_on();
    container.go_on();
    let mut body = ask(&gateway).await.unwrap().into_body();
    until("the permit is given back", || table.in_flight(&id(0)) == 0).await;
    container.until_closed(1).await;
    assert_eq!(classes(&table, InvocationClass::Abandoned), (1, 1));
    assert_eq!(table.trouble(&id(0)), None);
    assert_eq!(said(next(&mut body).await), "one");
    assert!(said(next(&mut body).await).contains("ModelInvocationTimeExceeded"));
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn a_limit_of_the_endpoint_stands_in_the_place_of_the_servers() {
    let container = in_pieces([HEAD, b"3\r\none\r\n", b"3\r\ntwo\r\n"]).await;
    let (gateway, table) = gateway(&[container.kept.address()]);
    let route =
        table.find(&hostler_types::Key::new(&scope(), hostler_types::Kind::Endpoint, "demo")).unwrap();
    assert_eq!(route.limits.stream_timeout, None);
    table.publish(Arc::new(hostler_types::EndpointRoute {
        limits: hostler_types::InvocationLimits {
            stream_timeout: Some(Duration::from_millis(100)),
            ..hostler_types::InvocationLimits::default()
        },
        ..crate::stack::tests::route(&[container.kept.address()])
    }));
    container.go_on();
    container.go_on();
    let mut body = ask(&gateway).await.unwrap().into_body();
    assert_eq!(said(next(&mut body).await), "one");
    assert!(said(next(&mut body).await).contains("ModelInvocationTimeExceeded"));
}

#[tokio::test]
async fn what_is_lost_before_its_first_byte_is_tried_again_only_where_the_owner_allows_it() {
    let lost = Arc::new(AtomicU64::new(0));
    let losing = lost.clone();
    let plays = move |_, call| match call {
        0 => {
            losing.fetch_add(1, Ordering::SeqCst);
            Play::AnswerAndClose(HEAD.to_vec())
        }
        _ => Play::Answer(answer("yes")),
    };
    let first = Container::start(plays).await;
    let second = Container::start(|_, _| Play::Answer(answer("yes"))).await;
    let addresses = [first.kept.address(), second.kept.address()];
    let (gateway, table) = gateway(&addresses);
    let route = crate::stack::tests::route(&addresses);
    table.publish(Arc::new(hostler_types::EndpointRoute { retries_lost: true, ..route }));
    for _ in 0..10 {
        let mut body = ask(&gateway).await.unwrap().into_body();
        assert_eq!(said(next(&mut body).await), "yes");
        assert_eq!(next(&mut body).await, None);
    }
    assert!(first.calls() > 0, "nobody asked the one that fails");
    assert_eq!(counted(&table).retries, lost.load(Ordering::SeqCst));
}

#[tokio::test]
async fn streams_are_told_when_the_server_ends_them() {
    let container = in_pieces([HEAD, b"3\r\none\r\n", b"3\r\ntwo\r\n"]).await;
    let (gateway, table) = gateway(&[container.kept.address()]);
    container.go_on();
    container.go_on();
    let mut body = ask(&gateway).await.unwrap().into_body();
    assert_eq!(said(next(&mut body).await), "one");
    let mut ending = Box::pin(next(&mut body));
    assert!(timeout(Duration::ZERO, &mut ending).await.is_err(), "the stream goes on");
    gateway.end_streams();
    let failure = said(ending.await);
    assert!(failure.starts_with("InternalStreamFailure") && failure.contains("stopped"), "{failure}");
    assert_eq!(next(&mut body).await, None);
    container.until_closed(1).await;
    assert_eq!(classes(&table, InvocationClass::ServerError), (1, 1));
    assert_eq!(table.trouble(&id(0)), None, "it is not the model's fault");
}
