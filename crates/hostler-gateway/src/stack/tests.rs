//! Which instance gets a request when the first one fails, and how long a request counts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hostler_aws::sigv4::Verifier;
use hostler_aws::{Head, KeyRing, RequestId, TokenSealer};
use hostler_types::{
    AccountId, EndpointRoute, EndpointUid, InstanceId, InstanceRoute, InvocationLimits, Key, Kind, Region,
    RouteTable, Scope, SystemClock, VariantName, VariantRoute,
};
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;

use super::reply::WHOLE_ANSWER_BYTES_MAX;
use super::*;
use crate::answer::AnswerBody;
use crate::gateway::GatewaySettings;
use crate::payload::Payload;
use crate::table::RoutingTable;
use crate::upstream::tests::container::{Container, Play, answer};

pub(super) fn scope() -> Scope {
    Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"))
}

pub(super) fn id(ordinal: u32) -> InstanceId {
    let (endpoint, variant) = (EndpointUid::new("u"), VariantName::new("v"));
    InstanceId { endpoint, generation: 1, variant, ordinal, attempt: 1 }
}

mod gone;
mod overload;
mod own_failures;

/// A gateway before one endpoint, whose instances listen there.
pub(super) fn gateway(addresses: &[SocketAddr]) -> (Gateway, Arc<RoutingTable>) {
    limited(addresses, InvocationLimits::default(), GatewaySettings::default())
}

fn limited(
    addresses: &[SocketAddr],
    limits: InvocationLimits,
    settings: GatewaySettings,
) -> (Gateway, Arc<RoutingTable>) {
    let table = Arc::new(RoutingTable::new());
    publish(&table, addresses, limits);
    let clock = Arc::new(SystemClock);
    let keys = Arc::new(KeyRing::new(TokenSealer::new([0; 32])));
    let verifier = Arc::new(Verifier::new(keys, clock.clone()));
    (Gateway::new(table.clone(), verifier, clock, settings), table)
}

fn publish(table: &RoutingTable, addresses: &[SocketAddr], limits: InvocationLimits) {
    let instances: Vec<_> = addresses.iter().map(|&address| (address, false)).collect();
    publish_draining(table, &instances, limits);
}

/// Some of the instances drain.
fn publish_draining(table: &RoutingTable, instances: &[(SocketAddr, bool)], limits: InvocationLimits) {
    table.publish(Arc::new(EndpointRoute { limits, ..draining_route(instances) }));
}

/// The route of one endpoint, whose instances listen there.
pub(super) fn route(addresses: &[SocketAddr]) -> EndpointRoute {
    let instances: Vec<_> = addresses.iter().map(|&address| (address, false)).collect();
    draining_route(&instances)
}

fn draining_route(instances: &[(SocketAddr, bool)]) -> EndpointRoute {
    let instances = instances.iter().zip(0..).map(|(&(address, draining), ordinal)| InstanceRoute {
        id: id(ordinal),
        address,
        further: Vec::new(),
        draining,
    });
    let variant = VariantRoute {
        name: VariantName::new("v"),
        weight: 1.0,
        share: 1.0,
        instance_type: None,
        routing: None,
        pipeline: None,
        multi_model: None,
        instances: instances.collect(),
    };
    EndpointRoute {
        key: Key::new(&scope(), Kind::Endpoint, "demo"),
        name: "demo".into(),
        uid: EndpointUid::new("u"),
        retries_lost: false,
        limits: InvocationLimits::default(),
        variants: vec![variant],
    }
}

async fn ask(gateway: &Gateway) -> Result<Response<AnswerBody>, ApiError> {
    ask_for(Form::Whole, gateway).await
}

pub(super) async fn ask_for(form: Form, gateway: &Gateway) -> Result<Response<AnswerBody>, ApiError> {
    let head = Head::default();
    let scope = scope();
    let mut invocation = Invocation {
        request_id: &RequestId::random(),
        form,
        scope: &scope,
        endpoint_name: "demo",
        target_variant: None,
        target_model: None,
        target_container: None,
        session: None,
        head: &head,
        has_special: true,
        body: Payload::in_memory(Bytes::from_static(b"?")),
    };
    let answer = gateway.invoke(&mut invocation, Instant::now(), &mut Alarm::default()).await;
    answer.map(Into::into)
}

async fn text(answer: Response<AnswerBody>) -> Bytes {
    answer.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_request_that_reached_nobody_goes_to_another_instance() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let container = Container::start(|_, _| Play::Answer(answer("yes"))).await;
    let (gateway, _) = gateway(&[gone, container.kept.address()]);
    // Which of two idle instances is asked first is drawn anew each time.
    for _ in 0..20 {
        assert_eq!(text(ask(&gateway).await.unwrap()).await, "yes");
    }
    assert_eq!(container.calls(), 20);
}

#[tokio::test]
async fn a_request_that_was_written_goes_to_nobody_else() {
    let (one, other) =
        (Container::start(|_, _| Play::Close).await, Container::start(|_, _| Play::Close).await);
    let (gateway, table) = gateway(&[one.kept.address(), other.kept.address()]);
    for round in 1..=10 {
        let error = ask(&gateway).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "ModelError");
        assert_eq!(one.calls() + other.calls(), round);
    }
    assert_eq!((table.in_flight(&id(0)), table.in_flight(&id(1))), (0, 0));
}

#[tokio::test]
async fn a_streamed_answer_counts_until_its_last_byte() {
    let length = 2 * WHOLE_ANSWER_BYTES_MAX;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let first = [head.into_bytes(), vec![b'x'; length - 1]].concat();
    let container = Container::start(move |_, _| Play::InPieces(vec![first.clone(), b"x".to_vec()])).await;
    let (gateway, table) = gateway(&[container.kept.address()]);
    container.go_on();
    let mut body = ask(&gateway).await.unwrap().into_body();
    let mut read = 0;
    while read < length - 1 {
        read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    assert_eq!(table.in_flight(&id(0)), 1);
    container.go_on();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
    assert!(body.is_end_stream());
    drop(body);
    assert_eq!(table.in_flight(&id(0)), 0);
    assert_eq!(text(ask_again(&gateway, &container).await).await.len(), length);
    assert_eq!(container.connections(), 1, "the connection of a streamed answer was not used again");
}

/// An answer too large to be kept, of which the last byte is missing.
fn all_but_the_last_byte() -> Vec<u8> {
    let length = 2 * WHOLE_ANSWER_BYTES_MAX;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    [head.into_bytes(), vec![b'x'; length - 1]].concat()
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_a_streamed_answer_holds_no_place_after_the_time_of_an_answer() {
    let container =
        Container::start(|_, _| Play::InPieces(vec![all_but_the_last_byte(), b"x".to_vec()])).await;
    let limits =
        InvocationLimits { model_timeout: Some(Duration::from_millis(300)), ..InvocationLimits::default() };
    let (gateway, table) = limited(&[container.kept.address()], limits, GatewaySettings::default());
    container.go_on();
    let mut body = ask(&gateway).await.unwrap().into_body();
    assert_eq!(table.in_flight(&id(0)), 1);
    container.until_closed(1).await;
    assert_eq!(table.in_flight(&id(0)), 0);
    // What was read before its time was over is the client's, if it still wants it.
    assert!(body.frame().await.unwrap().is_ok());
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test]
async fn a_streamed_answer_that_breaks_off_is_its_instances_trouble_and_one_that_ends_is_not() {
    let plays = |_, call| match call {
        0 => Play::Answer([all_but_the_last_byte(), b"x".to_vec()].concat()),
        _ => Play::AnswerAndClose(all_but_the_last_byte()),
    };
    let container = Container::start(plays).await;
    let (gateway, table) = gateway(&[container.kept.address()]);
    text(ask(&gateway).await.unwrap()).await;
    assert_eq!(table.trouble(&id(0)), None);
    let broken = ask(&gateway).await.unwrap().into_body().collect().await;
    assert!(broken.is_err());
    let trouble = table.trouble(&id(0)).map(|trouble| (trouble.failure, trouble.in_a_row));
    assert_eq!(trouble, Some((InvocationFailure::Lost, 1)));
}

async fn ask_again(gateway: &Gateway, container: &Container) -> Response<AnswerBody> {
    container.go_on();
    container.go_on();
    ask(gateway).await.unwrap()
}
