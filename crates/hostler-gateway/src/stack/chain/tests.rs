//! Chains of containers that are played: what each of them gets, and what becomes of a request that one of them breaks.

mod played;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hostler_aws::{Head, RequestId};
use hostler_types::{
    EndpointRoute, InstanceRoute, InvocationFailure, InvocationLimits, Pipeline, RouteTable,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt;
use proptest::prelude::*;

use self::played::{Asked, Played};
use super::super::tests::{gateway, id, route, scope};
use super::*;
use crate::alarm::Alarm;
use crate::answer::AnswerBody;
use crate::invocation::Form;
use crate::payload::{BodyBudget, BodyLimits};
use crate::table::RoutingTable;

const SERIAL: InferenceExecutionMode = InferenceExecutionMode::Serial;
const DIRECT: InferenceExecutionMode = InferenceExecutionMode::Direct;

/// An endpoint whose instances have these containers, named `c1`, `c2` and so on.
fn routed(mode: InferenceExecutionMode, instances: &[&[&Played]]) -> EndpointRoute {
    let mut route = route(&[]);
    let count = instances.first().map_or(0, |containers| containers.len());
    let hostnames = (1..=count).map(|position| format!("c{position}")).collect();
    route.variants[0].pipeline = Some(Arc::new(Pipeline { mode, hostnames }));
    route.variants[0].instances = instances
        .iter()
        .zip(0..)
        .map(|(containers, ordinal)| InstanceRoute {
            id: id(ordinal),
            address: containers[0].address,
            further: containers[1..].iter().map(|container| container.address).collect(),
            draining: false,
        })
        .collect();
    route
}

fn before(route: EndpointRoute) -> (Gateway, Arc<RoutingTable>) {
    let (gateway, table) = gateway(&[]);
    table.publish(Arc::new(route));
    (gateway, table)
}

/// The head of a request with these headers.
fn headers_only(headers: &HeaderMap) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.headers = headers.clone();
    parts
}

/// A request that names this container, if any.
async fn ask_one(
    gateway: &Gateway,
    (container, headers, body): (Option<&str>, &HeaderMap, Bytes),
) -> Result<Response<AnswerBody>, ApiError> {
    let scope = scope();
    let parts = headers_only(headers);
    let head = Head::of(&parts);
    let mut invocation = Invocation {
        request_id: &RequestId::random(),
        form: Form::Whole,
        scope: &scope,
        endpoint_name: "demo",
        target_variant: None,
        target_model: None,
        target_container: container,
        session: None,
        head: &head,
        has_special: true,
        body: Payload::in_memory(body),
    };
    let answer = gateway.invoke(&mut invocation, Instant::now(), &mut Alarm::default()).await;
    answer.map(Into::into)
}

async fn ask(gateway: &Gateway) -> Result<Response<AnswerBody>, ApiError> {
    ask_one(gateway, (None, &HeaderMap::new(), Bytes::from_static(b"?"))).await
}

async fn refused(gateway: &Gateway) -> ApiError {
    ask(gateway).await.map(|_| ()).unwrap_err()
}

async fn text(answer: Response<AnswerBody>) -> Bytes {
    answer.into_body().collect().await.unwrap().to_bytes()
}

/// Adds its mark to what it heard, and calls it by its own type.
fn marking(mark: u8) -> impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static {
    move |asked| {
        let body = [&asked.body[..], &[mark]].concat();
        Some(played::answer(200, &format!("type/{mark}"), &body))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn each_container_gets_what_the_one_before_it_said(count in 1..=15_usize, length in prop_oneof![0..10_usize, 60_000..300_000_usize]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut containers = Vec::new();
            for position in 0..count {
                containers.push(Played::start(marking(u8::try_from(position).unwrap())).await);
            }
            let all: Vec<&Played> = containers.iter().collect();
            let (gateway, table) = before(routed(SERIAL, &[&all]));
            let sent: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("type/client"));
            headers.insert(header::ACCEPT, HeaderValue::from_static("type/wanted"));
            headers.insert("x-amzn-sagemaker-custom-attributes", HeaderValue::from_static("trace"));
            let answer = ask_one(&gateway, (None, &headers, sent.clone().into())).await.unwrap();
            assert_eq!(answer.headers()[header::CONTENT_TYPE], format!("type/{}", count - 1));
            // The plain rule: everything that came before, in order.
            let heard = |before: usize| [&sent[..], &(0..before).map(|mark| mark as u8).collect::<Vec<_>>()].concat();
            assert_eq!(text(answer).await, heard(count));
            for (position, container) in containers.iter().enumerate() {
                let asked = container.only();
                assert_eq!(asked.body, heard(position));
                let (given, wanted) = match position {
                    0 => ("type/client".to_owned(), "*/*"),
                    _ => (format!("type/{}", position - 1), "*/*"),
                };
                let wanted = if position + 1 == count { "type/wanted" } else { wanted };
                assert_eq!(asked.header("content-type"), Some(given.as_str()));
                assert_eq!(asked.header("accept"), Some(wanted));
                assert_eq!(asked.header("x-amzn-sagemaker-custom-attributes"), Some("trace"));
            }
            assert_eq!((table.in_flight(&id(0)), gateway.bodies.taken()), (0, (0, 0)));
        });
    }
}

#[tokio::test]
async fn who_says_no_content_type_leaves_the_next_without_one() {
    let first = Played::start(|_| Some(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_vec())).await;
    let second = Played::start(marking(b'!')).await;
    let (gateway, _) = before(routed(SERIAL, &[&[&first, &second]]));
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("type/client"))]);
    let answer = ask_one(&gateway, (None, &headers, Bytes::new())).await.unwrap();
    assert_eq!(text(answer).await, "x!");
    assert_eq!(second.only().header("content-type"), None);
}

#[tokio::test]
async fn an_answer_that_is_no_success_ends_the_chain_and_names_who_gave_it() {
    let well = Played::start(marking(1)).await;
    let refusing = Played::start(|_| Some(played::answer(503, "text/plain", b"not today"))).await;
    let never = Played::start(marking(3)).await;
    let (gateway, table) = before(routed(SERIAL, &[&[&well, &refusing, &never]]));
    let error = refused(&gateway).await;
    assert_eq!(error.code(), "ModelError");
    let message = error.message().unwrap();
    assert!(
        message.starts_with("Received server error (503) from c2 with message \"not today\"."),
        "{message}"
    );
    assert_eq!((well.count(), refusing.count(), never.count()), (1, 1, 0));
    let trouble = table.trouble(&id(0)).unwrap();
    assert_eq!(trouble.failure, InvocationFailure::Answered { status: 503 });
}

#[tokio::test]
async fn a_later_container_that_is_gone_fails_the_request_and_nobody_else_gets_it() {
    let (well, gone) = (Played::start(marking(1)).await, Played::gone().await);
    let (gateway, table) = before(routed(SERIAL, &[&[&well, &gone], &[&well, &gone]]));
    let error = refused(&gateway).await;
    let message = error.message().unwrap();
    assert!(
        message.starts_with("Received server error (0) from c2 with message \"Amazon SageMaker could not")
    );
    assert_eq!(well.count(), 1, "the first container has acted on it");
    assert_eq!((table.in_flight(&id(0)), table.in_flight(&id(1))), (0, 0));
}

#[tokio::test]
async fn what_was_lost_in_the_middle_begins_anew_elsewhere_where_its_owner_allows_it() {
    let (well, closing) = (Played::start(marking(1)).await, Played::start(|_| None).await);
    let (other, last) = (Played::start(marking(2)).await, Played::start(marking(3)).await);
    let route = routed(SERIAL, &[&[&well, &closing], &[&other, &last]]);
    let (gateway, _) = before(EndpointRoute { retries_lost: true, ..route });
    for _ in 0..20 {
        assert_eq!(text(ask(&gateway).await.unwrap()).await, &b"?\x02\x03"[..]);
    }
    assert!(closing.count() >= 1, "nobody was lost");
    assert!(last.all().iter().all(|asked| asked.body == b"?\x02"), "the body was whole at the second try");
}

#[tokio::test]
async fn a_first_container_that_is_gone_sends_the_request_to_another_instance() {
    let (gone, well, last) =
        (Played::gone().await, Played::start(marking(1)).await, Played::start(marking(2)).await);
    let (gateway, _) = before(routed(SERIAL, &[&[&gone, &last], &[&well, &last]]));
    for _ in 0..20 {
        assert_eq!(text(ask(&gateway).await.unwrap()).await, &b"?\x01\x02"[..]);
    }
}

#[tokio::test]
async fn more_than_may_be_passed_on_is_an_error_and_just_so_much_is_not() {
    for (surplus, is_announced) in [(0, true), (1, true), (1, false)] {
        let length = usize::try_from(BETWEEN_BYTES_MAX).unwrap() + surplus;
        let first = Played::start(move |_| {
            let body = vec![b'x'; length];
            Some(if is_announced {
                played::answer(200, "a/b", &body)
            } else {
                // In one chunk, whose length no head announces.
                let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n");
                [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
            })
        });
        let (first, last) = (first.await, Played::start(|_| Some(played::answer(200, "a/b", b"ok"))).await);
        let (gateway, table) = before(routed(SERIAL, &[&[&first, &last]]));
        let answer = ask(&gateway).await;
        if surplus == 0 {
            assert_eq!(text(answer.unwrap()).await, "ok");
            assert_eq!(last.only().body.len(), length);
        } else {
            let error = answer.map(|_| ()).unwrap_err();
            let message = error.message().unwrap();
            assert_eq!(error.code(), "ModelError");
            assert!(message.contains("from c1 with") && message.contains("5242880 bytes"), "{message}");
            assert_eq!(last.count(), 0);
        }
        assert_eq!((table.in_flight(&id(0)), gateway.bodies.taken()), (0, (0, 0)));
    }
}

#[tokio::test]
async fn without_room_for_what_stands_between_the_request_is_refused_and_no_instance_blamed() {
    let first = Played::start(|_| Some(played::answer(200, "a/b", &vec![b'x'; 1024 * 1024]))).await;
    let last = Played::start(|_| Some(played::answer(200, "a/b", b"ok"))).await;
    let (gateway, table) = before(routed(SERIAL, &[&[&first, &last]]));
    let limits =
        BodyLimits { memory_bytes: 256 * 1024, wait: Duration::from_millis(50), ..BodyLimits::default() };
    let budget = BodyBudget::in_memory(limits);
    // The one who may go on beyond the limits is somebody else.
    let somebody = budget.clone().overdraw_for_a_test();
    let gateway = gateway.keeping_bodies_in(budget.clone());
    let error = refused(&gateway).await;
    assert_eq!(error.code(), "ServiceUnavailable");
    assert_eq!(table.trouble(&id(0)), None);
    drop(somebody);
    assert_eq!(text(ask(&gateway).await.unwrap()).await, "ok");
    assert_eq!(budget.taken(), (0, 0));
}

#[tokio::test]
async fn one_deadline_is_for_all_and_the_place_is_held_until_then() {
    let (well, hanging) = (Played::start(marking(1)).await, Played::silent().await);
    let mut route = routed(SERIAL, &[&[&well, &hanging]]);
    route.limits =
        InvocationLimits { model_timeout: Some(Duration::from_millis(400)), ..InvocationLimits::default() };
    let (gateway, table) = before(route);
    let headers = HeaderMap::new();
    let asking = ask_one(&gateway, (None, &headers, Bytes::new()));
    tokio::pin!(asking);
    let until_there = async {
        while hanging.count() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        _ = &mut asking => panic!("it ended before the second container had it"),
        () = until_there => {}
    }
    assert_eq!(table.in_flight(&id(0)), 1);
    let error = asking.await.map(|_| ()).unwrap_err();
    assert!(error.message().unwrap().contains("a response from container c2"), "{:?}", error.message());
    assert_eq!(table.in_flight(&id(0)), 0);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call_of_the_container_that_has_it() {
    let (well, hanging) = (Played::start(marking(1)).await, Played::silent().await);
    let (gateway, table) = before(routed(SERIAL, &[&[&well, &hanging]]));
    {
        let headers = HeaderMap::new();
        let asking = ask_one(&gateway, (None, &headers, Bytes::new()));
        tokio::pin!(asking);
        tokio::select! {
            _ = &mut asking => panic!("nobody answered"),
            () = hanging.until_asked() => {}
        }
    }
    hanging.until_closed().await;
    assert_eq!(table.in_flight(&id(0)), 0);
}

#[tokio::test]
async fn a_request_that_names_a_container_goes_there_and_nowhere_else() {
    let (one, two) = (Played::start(marking(1)).await, Played::start(marking(2)).await);
    let (gateway, _) = before(routed(DIRECT, &[&[&one, &two]]));
    let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("type/wanted"))]);
    let answer = ask_one(&gateway, (Some("c2"), &headers, Bytes::from_static(b"?"))).await.unwrap();
    assert_eq!(text(answer).await, &b"?\x02"[..]);
    assert_eq!((one.count(), two.only().header("accept")), (0, Some("type/wanted")));
}

#[tokio::test]
async fn a_named_container_that_is_gone_sends_the_request_to_the_same_one_of_another_instance() {
    let (well, gone) = (Played::start(marking(1)).await, Played::gone().await);
    let (gateway, _) = before(routed(DIRECT, &[&[&well, &gone], &[&well, &well]]));
    let headers = HeaderMap::new();
    for _ in 0..20 {
        let answer = ask_one(&gateway, (Some("c2"), &headers, Bytes::from_static(b"?"))).await.unwrap();
        assert_eq!(text(answer).await, &b"?\x01"[..]);
    }
}

#[tokio::test]
async fn what_a_request_says_of_a_container_must_fit_its_endpoint() {
    let (one, two) = (Played::start(marking(1)).await, Played::start(marking(2)).await);
    let headers = HeaderMap::new();
    for (mode, named, says) in [
        (DIRECT, None, "is missing a target container hostname header. Its containers are c1, c2."),
        (DIRECT, Some("c3"), "Container c3 not found for endpoint demo. Its containers are c1, c2."),
        (SERIAL, Some("c1"), "does not support target container hostname header."),
    ] {
        let (gateway, table) = before(routed(mode, &[&[&one, &two]]));
        let refused = ask_one(&gateway, (named, &headers, Bytes::new())).await;
        let error = refused.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "ValidationError");
        assert!(error.message().unwrap().ends_with(says), "{:?}", error.message());
        assert_eq!(table.in_flight(&id(0)), 0);
    }
    assert_eq!(one.count() + two.count(), 0);
}

#[tokio::test]
async fn an_instance_is_let_in_again_when_all_its_containers_are_there() {
    let (well, last) = (Played::start(marking(1)).await, Played::gone().await);
    let (mut gateway, table) = before(routed(DIRECT, &[&[&well, &last]]));
    let headers = HeaderMap::new();
    gateway.settings.hold_timeout = Duration::from_millis(300);
    // Nobody listens there, and the first container answers its probes: the instance stays out.
    ask_one(&gateway, (Some("c2"), &headers, Bytes::new())).await.map(|_| ()).unwrap_err();
    // Longer than the longest pause between two probes.
    gateway.settings.hold_timeout = Duration::from_millis(1500);
    ask_one(&gateway, (Some("c1"), &headers, Bytes::new())).await.map(|_| ()).unwrap_err();
    last.serve(marking(2)).await;
    gateway.settings.hold_timeout = Duration::from_secs(20);
    let answer = ask_one(&gateway, (Some("c2"), &headers, Bytes::from_static(b"?"))).await.unwrap();
    assert_eq!(text(answer).await, &b"?\x02"[..]);
    assert_eq!(table.in_flight(&id(0)), 0);
}
