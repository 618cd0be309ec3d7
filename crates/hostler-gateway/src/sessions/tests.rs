//! Whose session goes when there is no room, and where a session is.

use std::net::SocketAddr;

use hostler_types::{
    AccountId, EndpointRoute, InstanceId, InstanceRoute, InvocationLimits, Key, Kind, Region, RouteTable,
    Scope, VariantName, VariantRoute,
};
use proptest::prelude::*;

use super::*;
use crate::table::RoutingTable;

const NOW: Millis = Millis(1_700_000_000_000);

fn uid(endpoint: usize) -> EndpointUid {
    EndpointUid::new(format!("u{endpoint}"))
}

fn key(endpoint: usize) -> Key {
    let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
    Key::new(&scope, Kind::Endpoint, &format!("e{endpoint}"))
}

/// An endpoint of so many instances, of which the first ones drain.
fn publish(table: &RoutingTable, endpoint: usize, draining: u32) {
    let instances = (0..3).map(|ordinal| InstanceRoute {
        further: Vec::new(),
        id: InstanceId {
            endpoint: uid(endpoint),
            generation: 1,
            variant: VariantName::new("v"),
            ordinal,
            attempt: 1,
        },
        address: SocketAddr::from(([127, 0, 0, 1], 1)),
        draining: ordinal < draining,
    });
    table.publish(Arc::new(EndpointRoute {
        key: key(endpoint),
        name: format!("e{endpoint}"),
        uid: uid(endpoint),
        retries_lost: false,
        limits: InvocationLimits::default(),
        variants: vec![VariantRoute {
            name: VariantName::new("v"),
            weight: 1.0,
            share: 1.0,
            instance_type: None,
            routing: None,
            pipeline: None,
            multi_model: None,
            instances: instances.collect(),
        }],
    }));
}

fn lane(table: &RoutingTable, endpoint: usize, index: usize) -> Arc<Lane> {
    table.find(&key(endpoint)).unwrap().variants[0].lanes[index].clone()
}

/// Three endpoints, and room for three sessions of each and for five overall.
fn scene() -> (RoutingTable, Sessions) {
    let table = RoutingTable::new();
    (0..3).for_each(|endpoint| publish(&table, endpoint, 0));
    (table, Sessions::bounded(Bounds { of_an_endpoint: 3, overall: 5 }))
}

fn open(sessions: &Sessions, table: &RoutingTable, (endpoint, id, at): (usize, &str, usize), in_ms: i64) {
    let opened = Opened { id, expires: NOW.plus(in_ms) };
    sessions.open(&uid(endpoint), &opened, &lane(table, endpoint, at), NOW);
}

fn find(sessions: &Sessions, table: &RoutingTable, endpoint: usize, id: &str, now: Millis) -> Place {
    sessions.find(&table.lanes, &uid(endpoint), id, now)
}

/// The ordinal of the session's instance.
fn found(sessions: &Sessions, table: &RoutingTable, endpoint: usize, id: &str, after_ms: i64) -> Option<u32> {
    match find(sessions, table, endpoint, id, NOW.plus(after_ms)) {
        Place::At(lane) => Some(lane.id.ordinal),
        Place::Unknown | Place::Gone => None,
    }
}

#[test]
fn a_session_is_found_where_it_was_opened_until_it_expires() {
    let (table, sessions) = scene();
    open(&sessions, &table, (0, "a", 2), 1000);
    assert_eq!(found(&sessions, &table, 0, "a", 999), Some(2));
    assert_eq!(found(&sessions, &table, 1, "a", 0), None, "another endpoint has it");
    assert_eq!(found(&sessions, &table, 0, "b", 0), None);
    assert_eq!(found(&sessions, &table, 0, "a", 1000), None);
    assert_eq!(sessions.count(), 0, "one that has expired is kept");
}

#[test]
fn a_session_that_ends_before_it_begins_is_none() {
    let (table, sessions) = scene();
    open(&sessions, &table, (0, "a", 0), 0);
    assert_eq!(sessions.count(), 0);
}

#[test]
fn an_instance_that_says_a_session_is_over_ends_its_own_alone() {
    let (table, sessions) = scene();
    open(&sessions, &table, (0, "a", 0), 1000);
    open(&sessions, &table, (0, "a", 1), 0);
    assert_eq!(found(&sessions, &table, 0, "a", 0), Some(0));
    open(&sessions, &table, (0, "a", 0), 0);
    assert_eq!(found(&sessions, &table, 0, "a", 0), None);
}

#[test]
fn a_session_that_is_opened_again_is_where_it_was_opened_last() {
    let (table, sessions) = scene();
    open(&sessions, &table, (0, "a", 0), 1000);
    open(&sessions, &table, (0, "a", 1), 2000);
    assert_eq!(found(&sessions, &table, 0, "a", 1500), Some(1));
    assert_eq!(sessions.count(), 1);
}

#[test]
fn a_session_ends_with_its_instance() {
    let (table, sessions) = scene();
    for (id, at) in [("a", 0), ("b", 1)] {
        open(&sessions, &table, (0, id, at), 1000);
    }
    publish(&table, 0, 1);
    assert!(matches!(find(&sessions, &table, 0, "a", NOW), Place::Gone), "its instance drains");
    assert!(matches!(find(&sessions, &table, 0, "a", NOW), Place::Unknown), "and is not asked again");
    assert_eq!(found(&sessions, &table, 0, "b", 0), Some(1));
    open(&sessions, &table, (0, "c", 0), 1000);
    assert_eq!(found(&sessions, &table, 0, "c", 0), None, "an instance that drains opened one");
    table.withdraw(&key(0));
    assert!(matches!(find(&sessions, &table, 0, "b", NOW), Place::Gone), "its endpoint is gone");
}

#[test]
fn a_session_outlives_a_time_in_which_its_instance_is_on_no_route_and_nobody_asks_for_it() {
    let (table, sessions) = scene();
    open(&sessions, &table, (0, "a", 2), 1000);
    open(&sessions, &table, (0, "b", 2), 1000);
    // As when an instance fails its pings for a while.
    table.withdraw(&key(0));
    assert!(matches!(find(&sessions, &table, 0, "b", NOW), Place::Gone));
    publish(&table, 0, 0);
    assert_eq!(found(&sessions, &table, 0, "a", 0), Some(2));
    assert_eq!(found(&sessions, &table, 0, "b", 0), None, "its client was told that it has ended");
}

#[test]
fn only_the_holder_of_a_session_closes_it() {
    let (table, sessions) = scene();
    open(&sessions, &table, (0, "a", 0), 1000);
    sessions.close(&uid(0), "a", &lane(&table, 0, 1));
    sessions.close(&uid(1), "a", &lane(&table, 1, 0));
    assert_eq!(found(&sessions, &table, 0, "a", 0), Some(0));
    sessions.close(&uid(0), "a", &lane(&table, 0, 0));
    assert_eq!(found(&sessions, &table, 0, "a", 0), None);
}

#[test]
fn the_oldest_session_of_an_endpoint_makes_room_for_its_next() {
    let (table, sessions) = scene();
    for id in ["a", "b", "c", "d"] {
        open(&sessions, &table, (0, id, 0), 1000);
    }
    assert_eq!(
        ["a", "b", "c", "d"].map(|id| found(&sessions, &table, 0, id, 0).is_some()),
        [false, true, true, true]
    );
}

#[test]
fn one_that_has_expired_makes_room_before_one_that_lives() {
    let (table, sessions) = scene();
    open(&sessions, &table, (0, "a", 0), 5000);
    open(&sessions, &table, (0, "b", 0), 1000);
    open(&sessions, &table, (0, "c", 0), 5000);
    let opened = Opened { id: "d", expires: NOW.plus(5000) };
    sessions.open(&uid(0), &opened, &lane(&table, 0, 0), NOW.plus(1000));
    assert_eq!(
        ["a", "b", "c", "d"].map(|id| found(&sessions, &table, 0, id, 1000).is_some()),
        [true, false, true, true]
    );
}

#[test]
fn whoever_has_the_most_sessions_makes_room_for_the_others() {
    let (table, sessions) = scene();
    for id in ["a", "b", "c"] {
        open(&sessions, &table, (0, id, 0), 1000);
    }
    for id in ["a", "b", "c"] {
        open(&sessions, &table, (1, id, 0), 1000);
    }
    assert_eq!(sessions.count(), 5);
    assert_eq!(["a", "b", "c"].map(|id| found(&sessions, &table, 0, id, 0).is_some()), [false, true, true]);
    open(&sessions, &table, (2, "a", 0), 1000);
    assert_eq!(["a", "b", "c"].map(|id| found(&sessions, &table, 1, id, 0).is_some()), [false, true, true]);
    assert_eq!(found(&sessions, &table, 2, "a", 0), Some(0));
}

#[test]
fn a_withdrawn_endpoint_leaves_no_sessions_behind() {
    let table = RoutingTable::new();
    publish(&table, 0, 0);
    let opened = Opened { id: "a", expires: NOW.plus(1000) };
    table.sessions.open(&uid(0), &opened, &lane(&table, 0, 0), NOW);
    assert_eq!(table.sessions.count(), 1);
    table.withdraw(&key(0));
    assert_eq!(table.sessions.count(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Open { endpoint: usize, id: usize, at: usize, in_ms: i64 },
    Close { endpoint: usize, id: usize, at: usize },
    Forget { endpoint: usize },
    Pass { ms: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_usize, 0..6_usize, 0..3_usize, -10..200_i64)
            .prop_map(|(endpoint, id, at, in_ms)| Step::Open { endpoint, id, at, in_ms }),
        2 => (0..3_usize, 0..6_usize, 0..3_usize).prop_map(|(endpoint, id, at)| Step::Close { endpoint, id, at }),
        1 => (0..3_usize).prop_map(|endpoint| Step::Forget { endpoint }),
        2 => (0..100_i64).prop_map(|ms| Step::Pass { ms }),
    ]
}

/// Sessions as a list, the oldest first: endpoint, id, instance, end.
type Listed = Vec<(usize, usize, usize, Millis)>;

/// The rules as plainly as they can be said.
fn apply(listed: &mut Listed, step: &Step, now: Millis) {
    match *step {
        Step::Open { endpoint, id, at, in_ms } => {
            if in_ms <= 0 {
                return listed.retain(|one| (one.0, one.1, one.2) != (endpoint, id, at));
            }
            listed.retain(|one| (one.0, one.1) != (endpoint, id) && one.3 > now);
            let of = |listed: &Listed, endpoint| listed.iter().filter(|one| one.0 == endpoint).count();
            let drop_oldest = |listed: &mut Listed, endpoint| {
                let oldest = listed.iter().position(|one| one.0 == endpoint).unwrap();
                listed.remove(oldest);
            };
            if of(listed, endpoint) >= 3 {
                drop_oldest(listed, endpoint);
            }
            if listed.len() >= 5 {
                let fullest = (0..3).max_by_key(|&endpoint| (of(listed, endpoint), endpoint)).unwrap();
                drop_oldest(listed, fullest);
            }
            listed.push((endpoint, id, at, now.plus(in_ms)));
        }
        Step::Close { endpoint, id, at } => {
            listed.retain(|one| (one.0, one.1, one.2) != (endpoint, id, at));
        }
        Step::Forget { endpoint } => listed.retain(|one| one.0 != endpoint),
        Step::Pass { .. } => {}
    }
}

proptest! {
    #[test]
    fn whatever_happens_sessions_are_where_the_plain_rules_say(steps in proptest::collection::vec(step(), 1..60)) {
        let (table, sessions) = scene();
        let (mut listed, mut now) = (Listed::new(), NOW);
        for step in &steps {
            match step {
                Step::Open { endpoint, id, at, in_ms } => {
                    let id = id.to_string();
                    let opened = Opened { id: &id, expires: now.plus(*in_ms) };
                    sessions.open(&uid(*endpoint), &opened, &lane(&table, *endpoint, *at), now);
                }
                Step::Close { endpoint, id, at } => {
                    sessions.close(&uid(*endpoint), &id.to_string(), &lane(&table, *endpoint, *at));
                }
                Step::Forget { endpoint } => sessions.forget(&uid(*endpoint)),
                Step::Pass { ms } => now = now.plus(*ms),
            }
            apply(&mut listed, step, now);
            prop_assert!(sessions.count() <= 5);
            prop_assert_eq!(sessions.count(), listed.len());
            let book = sessions.book();
            prop_assert_eq!(book.expiring.len(), listed.len());
            prop_assert_eq!(book.fullest.len(), book.endpoints.len());
            prop_assert!(book.endpoints.values().all(|of| of.by_age.len() == of.numbers.len() && !of.by_age.is_empty()));
        }
        for endpoint in 0..3 {
            for id in 0..6 {
                let expected = listed.iter().find(|one| (one.0, one.1) == (endpoint, id) && one.3 > now);
                let found = match find(&sessions, &table, endpoint, &id.to_string(), now) {
                    Place::At(lane) => Some(lane.id.ordinal as usize),
                    Place::Unknown | Place::Gone => None,
                };
                prop_assert_eq!(found, expected.map(|one| one.2));
            }
        }
    }
}
