//! In which order places are given out, and that none is lost, whatever happens to those who wait.

use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use hostler_types::{
    AccountId, EndpointRoute, EndpointUid, InstanceRoute, InvocationLimits, Key, Kind, Region, RouteTable,
    Scope, VariantRoute,
};

use super::*;
use crate::limits::AdmissionLimits;
use crate::table::RoutingTable;

mod courses;

const PLACES: u32 = 2;
const WAITING: u32 = 5;

pub(crate) fn key() -> Key {
    let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
    Key::new(&scope, Kind::Endpoint, "demo")
}

pub(crate) fn id(variant: &str, ordinal: u32) -> InstanceId {
    let (endpoint, variant) = (EndpointUid::new("u"), VariantName::new(variant));
    InstanceId { endpoint, generation: 1, variant, ordinal, attempt: 1 }
}

pub(crate) fn fleet(name: &str, share: f64, ordinals: impl IntoIterator<Item = u32>) -> VariantRoute {
    let instances = ordinals.into_iter().map(|ordinal| InstanceRoute {
        id: id(name, ordinal),
        address: SocketAddr::from(([127, 0, 0, 1], 1)),
        further: Vec::new(),
        draining: false,
    });
    VariantRoute {
        name: VariantName::new(name),
        weight: 1.0,
        share,
        instance_type: None,
        routing: None,
        pipeline: None,
        multi_model: None,
        instances: instances.collect(),
    }
}

pub(crate) fn publish(table: &RoutingTable, fleets: Vec<VariantRoute>) {
    table.publish(Arc::new(EndpointRoute {
        key: key(),
        name: "demo".into(),
        uid: EndpointUid::new("u"),
        retries_lost: false,
        limits: InvocationLimits {
            in_flight_per_instance: Some(PLACES),
            waiting: Some(WAITING),
            ..InvocationLimits::default()
        },
        variants: fleets,
    }));
}

pub(crate) fn table(fleets: Vec<VariantRoute>) -> RoutingTable {
    let table = RoutingTable::new().limited_by(AdmissionLimits::default());
    publish(&table, fleets);
    table
}

fn line(table: &RoutingTable) -> Arc<Line> {
    table.find(&key()).unwrap().line.clone()
}

pub(crate) fn drawn(name: &str) -> Aim {
    Aim::Drawn(VariantName::new(name))
}

pub(crate) fn join(line: &Line, aim: Aim) -> Result<Ticket<'_>, LineIsFull> {
    line.join(aim, &mut None, &[], 0.5)
}

/// What a ticket was called with so far.
fn look(ticket: &mut Ticket<'_>) -> Option<Called> {
    ticket.called.try_recv().ok()
}

pub(crate) fn has_place(ticket: &mut Ticket<'_>) -> Option<Permit> {
    match look(ticket) {
        Some(Called::Go(permit)) => Some(permit),
        Some(Called::LookAgain) => panic!("it was sent to look again"),
        None => None,
    }
}

/// Takes every place there is.
pub(crate) fn fill(line: &Line, aim: &Aim) -> Vec<Permit> {
    std::iter::from_fn(|| has_place(&mut join(line, aim.clone()).ok()?)).collect()
}

#[test]
fn places_are_given_in_the_order_in_which_requests_came_and_one_wakes_one() {
    let table = table(vec![fleet("v", 1.0, [0, 1])]);
    let line = line(&table);
    let mut held = fill(&line, &drawn("v"));
    assert_eq!(held.len(), 4, "two instances of two places each");
    let mut waiting: Vec<_> = (0..3).map(|_| join(&line, drawn("v")).ok().unwrap()).collect();
    for next in 0..3 {
        drop(held.remove(0));
        let woken: Vec<_> = waiting.iter_mut().map(has_place).collect();
        let who: Vec<_> = woken.iter().map(Option::is_some).collect();
        assert_eq!(who, (0..3).map(|index| index == next).collect::<Vec<_>>());
        held.extend(woken.into_iter().flatten());
    }
    assert!(line.is_empty());
}

#[test]
fn as_many_wait_as_may_and_the_next_is_refused_at_once() {
    let table = table(vec![fleet("v", 1.0, [0])]);
    let line = line(&table);
    let held = fill(&line, &drawn("v"));
    let mut waiting: Vec<_> = (0..WAITING).map(|_| join(&line, drawn("v")).ok().unwrap()).collect();
    assert!(join(&line, drawn("v")).is_err());
    // One that was let in before is let in again, where it stood: before all turns.
    let mut turn = Some(0);
    let mut again = line.join(drawn("v"), &mut turn, &[], 0.5).ok().unwrap();
    drop(held);
    assert!(has_place(&mut again).is_some());
    assert!(has_place(&mut waiting[0]).is_some());
}

#[test]
fn a_place_given_to_somebody_who_has_gone_is_given_to_the_next() {
    let table = table(vec![fleet("v", 1.0, [0])]);
    let line = line(&table);
    let mut held = fill(&line, &drawn("v"));
    let (first, second) = (join(&line, drawn("v")).ok().unwrap(), join(&line, drawn("v")).ok().unwrap());
    let mut third = join(&line, drawn("v")).ok().unwrap();
    held.pop();
    // It has been called and does not know it yet.
    drop(first);
    // The place is the second's now; it goes too, before it looks.
    assert!(third.called.try_recv().is_err());
    drop(second);
    assert!(has_place(&mut third).is_some());
    assert!(line.is_empty());
}

#[test]
fn who_waits_for_another_variant_is_in_nobodys_way() {
    let table = table(vec![fleet("a", 1.0, [0]), fleet("b", 1.0, [0])]);
    let line = line(&table);
    let (_a, mut b) = (fill(&line, &drawn("a")), fill(&line, &drawn("b")));
    let mut for_a = join(&line, drawn("a")).ok().unwrap();
    let mut for_b = join(&line, Aim::Named(VariantName::new("b"))).ok().unwrap();
    let mut for_one = join(&line, Aim::Instance(id("b", 0))).ok().unwrap();
    b.pop();
    assert!(has_place(&mut for_b).is_some_and(|permit| permit.lane().id == id("b", 0)));
    assert!(has_place(&mut for_one).is_some());
    assert!(has_place(&mut for_a).is_none());
}

#[test]
fn a_new_route_wakes_as_many_as_it_has_places_for() {
    let table = table(vec![fleet("v", 1.0, [])]);
    let line = line(&table);
    let mut waiting: Vec<_> = (0..WAITING).map(|_| join(&line, drawn("v")).ok().unwrap()).collect();
    publish(&table, vec![fleet("v", 1.0, [0])]);
    let held: Vec<_> = waiting.iter_mut().map(has_place).collect();
    let who: Vec<_> = held.iter().map(Option::is_some).collect();
    assert_eq!(who, [true, true, false, false, false]);
    publish(&table, vec![fleet("v", 1.0, [0, 1])]);
    let more: Vec<_> = waiting.iter_mut().map(has_place).collect();
    let who: Vec<_> = more.iter().map(Option::is_some).collect();
    assert_eq!(who, [false, false, true, true, false]);
    drop(held);
}

#[test]
fn who_waits_goes_where_an_update_to_another_variant_leads_and_who_named_it_is_told() {
    let table = table(vec![fleet("old", 1.0, [])]);
    let line = line(&table);
    let mut drawn_one = join(&line, drawn("old")).ok().unwrap();
    let mut named_one = join(&line, Aim::Named(VariantName::new("old"))).ok().unwrap();
    let mut pinned_one = join(&line, Aim::Instance(id("old", 0))).ok().unwrap();
    publish(&table, vec![fleet("new", 1.0, [0])]);
    assert!(has_place(&mut drawn_one).is_some_and(|permit| permit.lane().id == id("new", 0)));
    assert!(matches!(look(&mut named_one), Some(Called::LookAgain)));
    assert!(matches!(look(&mut pinned_one), Some(Called::LookAgain)));
}

#[test]
fn who_comes_from_the_line_of_a_deleted_endpoint_is_nobody_else_in_that_of_its_successor() {
    let table = table(vec![fleet("v", 1.0, [])]);
    let former = line(&table);
    let mut turn = None;
    let mut first = former.join(drawn("v"), &mut turn, &[], 0.5).ok().unwrap();
    table.withdraw(&key());
    assert!(matches!(look(&mut first), Some(Called::LookAgain)));
    publish(&table, vec![fleet("v", 1.0, [])]);
    let line = line(&table);
    assert!(!Arc::ptr_eq(&line, &former));
    let mut other = join(&line, drawn("v")).ok().unwrap();
    drop(line.join(drawn("v"), &mut turn, &[], 0.5).ok().unwrap());
    publish(&table, vec![fleet("v", 1.0, [0])]);
    assert!(has_place(&mut other).is_some(), "it left in the other's stead");
}

#[test]
fn a_fleet_that_has_no_share_yet_is_not_used_because_the_other_is_full() {
    let table = table(vec![fleet("v", 1.0, [0]), fleet("v", 0.0, [1])]);
    let line = line(&table);
    let held = fill(&line, &drawn("v"));
    assert!(held.iter().all(|permit| permit.lane().id == id("v", 0)) && held.len() == 2);
    let mut waiting = join(&line, drawn("v")).ok().unwrap();
    // Nobody of the other is left: better the coming fleet than none.
    publish(&table, vec![fleet("v", 1.0, []), fleet("v", 0.0, [1])]);
    assert!(has_place(&mut waiting).is_some_and(|permit| permit.lane().id == id("v", 1)));
}

#[test]
fn a_fleet_that_has_no_share_yet_takes_whoever_waits_when_the_last_of_the_other_goes_out() {
    let table = table(vec![fleet("v", 1.0, [0]), fleet("v", 0.0, [1])]);
    let line = line(&table);
    let _held = fill(&line, &drawn("v"));
    let mut waiting: Vec<_> = (0..3).map(|_| join(&line, drawn("v")).ok().unwrap()).collect();
    table.find(&key()).unwrap().variants[0].lanes[0].unreached();
    let placed: Vec<_> = waiting.iter_mut().map(has_place).collect();
    assert_eq!(placed.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
    assert!(placed.iter().flatten().all(|permit| permit.lane().id == id("v", 1)));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_its_time_is_up_and_at_once_when_the_endpoint_is_deleted() {
    let table = table(vec![fleet("v", 1.0, [0])]);
    let line = line(&table);
    let _held = fill(&line, &drawn("v"));
    let began = Instant::now();
    let ticket = join(&line, drawn("v")).ok().unwrap();
    assert!(ticket.called(began + Duration::from_secs(10)).await.is_none());
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(line.is_empty());
    let ticket = join(&line, drawn("v")).ok().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut called = Box::pin(ticket.called(deadline));
    assert!(futures_poll(&mut called).is_pending());
    table.withdraw(&key());
    assert!(matches!(called.await, Some(Called::LookAgain)));
    assert!(Instant::now() < deadline);
    assert!(matches!(look(&mut join(&line, drawn("v")).ok().unwrap()), Some(Called::LookAgain)));
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[test]
fn no_place_is_lost_and_none_is_given_twice_among_threads() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 2_000;
    let table = Arc::new(table(vec![fleet("v", 1.0, [0])]));
    let served: usize = std::thread::scope(|scope| {
        let works: Vec<_> = (0..THREADS)
            .map(|thread| {
                let table = table.clone();
                scope.spawn(move || {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                    runtime.block_on(async {
                        let line = line(&table);
                        let mut served = 0;
                        for round in 0..ROUNDS {
                            let ticket = join(&line, drawn("v")).ok().unwrap();
                            if (round + thread) % 7 == 0 {
                                // This client goes away, called or not.
                                continue;
                            }
                            let until = Instant::now() + Duration::from_secs(60);
                            let Some(Called::Go(permit)) = ticket.called(until).await else {
                                panic!("a place was lost: nobody was called for a minute")
                            };
                            assert!(permit.lane().in_flight() <= PLACES as usize);
                            served += 1;
                        }
                        served
                    })
                })
            })
            .collect();
        works.into_iter().map(|work| work.join().unwrap()).sum()
    });
    assert!(served > THREADS * ROUNDS * 4 / 5);
    assert!(line(&table).is_empty());
    assert_eq!(table.in_flight(&id("v", 0)), 0);
}
