//! That draining is counted to its end, and that lines learn of the newest route.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;

use hostler_types::{
    AccountId, EndpointUid, InstanceRoute, InvocationLimits, Kind, Region, Scope, VariantRoute,
};

use super::*;

fn key() -> Key {
    let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
    Key::new(&scope, Kind::Endpoint, "demo")
}

fn id(attempt: u32) -> InstanceId {
    InstanceId {
        endpoint: EndpointUid::new("u"),
        generation: 1,
        variant: VariantName::new("v"),
        ordinal: 0,
        attempt,
    }
}

fn route(instances: &[(u32, bool)]) -> Arc<EndpointRoute> {
    let instances = instances.iter().map(|&(attempt, draining)| InstanceRoute {
        id: id(attempt),
        address: SocketAddr::from(([127, 0, 0, 1], 1)),
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
    Arc::new(EndpointRoute {
        key: key(),
        name: "demo".into(),
        uid: EndpointUid::new("u"),
        retries_lost: false,
        limits: InvocationLimits::default(),
        variants: vec![variant],
    })
}

fn lane(table: &RoutingTable, index: usize) -> Arc<Lane> {
    table.find(&key()).unwrap().variants[0].lanes[index].clone()
}

#[test]
fn a_draining_instance_takes_nothing_new_and_tells_when_it_is_empty() {
    let table = RoutingTable::new();
    let told = Arc::new(AtomicUsize::new(0));
    let counter = told.clone();
    table.on_drained(Box::new(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    }));
    table.publish(route(&[(1, false)]));
    let permit = lane(&table, 0).enter().unwrap();
    table.publish(route(&[(1, true)]));
    assert!(lane(&table, 0).enter().is_none());
    assert_eq!(table.in_flight(&id(1)), 1);
    drop(permit);
    assert_eq!(table.in_flight(&id(1)), 0);
    assert!(told.load(Ordering::SeqCst) >= 1);
}

#[test]
fn requests_of_a_withdrawn_endpoint_are_counted_to_their_end() {
    let table = RoutingTable::new();
    table.publish(route(&[(1, false)]));
    let held = lane(&table, 0);
    let permit = held.enter().unwrap();
    table.withdraw(&key());
    assert!(table.find(&key()).is_none());
    assert!(held.enter().is_none(), "a withdrawn instance took a request");
    assert_eq!(table.in_flight(&id(1)), 1);
    assert_eq!(table.lanes.pin().len(), 1);
    drop(permit);
    assert_eq!(table.in_flight(&id(1)), 0);
    assert!(table.lanes.pin().is_empty(), "an instance that is gone is remembered");
}

#[test]
fn of_two_routes_that_come_at_once_the_one_that_is_found_is_the_one_that_the_line_knows() {
    let table = RoutingTable::new();
    for _ in 0..2_000 {
        std::thread::scope(|scope| {
            scope.spawn(|| table.publish(route(&[(1, false)])));
            table.publish(route(&[(1, false), (2, false)]));
        });
        let found = table.find(&key()).unwrap();
        let known = found.line.route();
        assert!(
            known.is_some_and(|known| Arc::ptr_eq(&known, &found)),
            "who waits knows no route, or an old one"
        );
    }
}
