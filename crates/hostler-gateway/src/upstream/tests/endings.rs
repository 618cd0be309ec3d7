//! What ends before its time: clients that go away, containers that die, routes that are withdrawn.

use std::time::Duration;

use hostler_types::{
    AccountId, EndpointRoute, EndpointUid, InstanceId, InstanceRoute, InvocationLimits, Key, Kind, Region,
    RouteTable, Scope, VariantName, VariantRoute,
};
use tokio::time::timeout;

use super::*;
use crate::table::RoutingTable;

#[tokio::test]
async fn a_client_that_goes_away_frees_the_connection() {
    let container = Container::start(|_, _| Play::InPieces(vec![answer("never asked for")])).await;
    let kept = container.kept.clone();
    let waiting = tokio::spawn(async move { invoke(&kept, Vec::new(), Bytes::new()).await.is_ok() });
    container.until_called(1).await;
    waiting.abort();
    container.until_closed(1).await;
    assert_eq!(container.kept.len(), 0);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_to_its_end_closes_its_connection() {
    let pieces = ["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "one", "two"];
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    let container = Container::start(move |_, _| Play::InPieces(pieces.clone())).await;
    container.go_on();
    let mut body = invoke(&container.kept, Vec::new(), Bytes::new()).await.unwrap().body;
    container.go_on();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    drop(body);
    container.until_closed(1).await;
    assert_eq!(container.kept.len(), 0);
}

#[tokio::test]
async fn a_container_that_dies_within_its_answer_is_an_error_and_not_an_end() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\none",
    ] {
        let container = Container::start(|_, _| Play::AnswerAndClose(bytes.as_bytes().to_vec())).await;
        let answer = invoke(&container.kept, Vec::new(), Bytes::new()).await.unwrap();
        assert!(answer.body.collect().await.is_err(), "{bytes}");
        assert_eq!(container.kept.len(), 0);
    }
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    for bytes in ["nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "HTTP/1.1 2"] {
        let container = Container::start(|_, _| Play::AnswerAndClose(bytes.as_bytes().to_vec())).await;
        let error = ask(&container, "?").await.unwrap_err();
        assert!(!error.is_unsent(), "{bytes}");
        assert_eq!((container.calls(), container.kept.len()), (1, 0), "{bytes}");
    }
}

#[tokio::test]
async fn an_instance_that_leaves_its_route_loses_its_connections() {
    let container = Container::start(|_, _| Play::Answer(answer("yes"))).await;
    let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
    let key = Key::new(&scope, Kind::Endpoint, "demo");
    let (uid, name) = (EndpointUid::new("u"), VariantName::new("v"));
    let id =
        InstanceId { endpoint: uid.clone(), generation: 1, variant: name.clone(), ordinal: 0, attempt: 1 };
    let instances =
        vec![InstanceRoute { id, address: container.kept.address(), further: Vec::new(), draining: false }];
    let variants = vec![VariantRoute {
        name,
        weight: 1.0,
        share: 1.0,
        instance_type: None,
        routing: None,
        pipeline: None,
        multi_model: None,
        instances,
    }];
    let table = RoutingTable::new();
    table.publish(Arc::new(EndpointRoute {
        key: key.clone(),
        name: "demo".into(),
        uid,
        retries_lost: false,
        limits: InvocationLimits::default(),
        variants,
    }));
    let kept = table.find(&key).unwrap().variants[0].lanes[0].kept.clone();
    invoke(&kept, Vec::new(), Bytes::new()).await.unwrap().body.collect().await.unwrap();
    assert_eq!(kept.len(), 1);
    table.withdraw(&key);
    assert_eq!(kept.len(), 0);
    container.until_closed(1).await;
}

#[tokio::test]
async fn a_deadline_ends_the_exchange_and_its_connection() {
    let container = Container::start(|_, _| Play::InPieces(vec![answer("too late")])).await;
    let exchange = invoke(&container.kept, Vec::new(), Bytes::new());
    assert!(timeout(Duration::from_millis(50), exchange).await.is_err());
    container.until_closed(1).await;
}
