//! Who gets to an instance on trial, which probe's news counts, and that a lane with a route is known.

use std::time::Duration;

use hostler_types::{InvocationClass, InvocationFailure, RouteTable};
use tokio::time::Instant;

use super::*;
use crate::breaker::Probed;
use crate::line::Aim;
use crate::line::tests::{drawn, fill, fleet, has_place, id, join, key, publish, table};
use crate::table::RoutingTable;
use crate::tally::Call;

fn lanes(table: &RoutingTable) -> Vec<Arc<Lane>> {
    table.find(&key()).unwrap().variants[0].lanes.clone()
}

/// Fails until it is ejected, while the other one succeeds.
fn eject(lane: &Arc<Lane>, other: &Arc<Lane>) {
    for _ in 0..3 {
        lane.failed(InvocationFailure::TimedOut);
        Call::begin(other.enter().unwrap(), Instant::now()).ends(InvocationClass::Success);
    }
    assert_eq!(lane.watched().breaker.state(), State::Ejected);
}

/// A probe has come back; nobody probes who is not out.
pub(crate) fn probed(lane: &Arc<Lane>, probed: Probed) -> Option<Duration> {
    let watched = lane.watched();
    let outage = watched.outage;
    if !matches!(watched.breaker.state(), State::Ejected | State::Unreachable { .. }) {
        return None;
    }
    drop(watched);
    lane.was_probed(outage, probed)
}

fn on_trial() -> (RoutingTable, Arc<Lane>, Permit) {
    let table = table(vec![fleet("v", 1.0, [0, 1])]);
    let both = lanes(&table);
    let old = both[0].enter().unwrap();
    eject(&both[0], &both[1]);
    assert_eq!(probed(&both[0], Probed::Answered(200)), None);
    (table, both[0].clone(), old)
}

#[test]
fn on_trial_one_request_is_there_at_a_time_whatever_old_ones_end_and_routes_come() {
    let (table, lane, old) = on_trial();
    let trial = lane.enter().unwrap();
    assert!(lane.enter().is_none(), "two on trial");
    drop(old);
    assert!(lane.enter().is_none(), "two on trial since an old one has ended");
    publish(&table, vec![fleet("v", 1.0, [0, 1])]);
    assert!(lane.enter().is_none(), "two on trial since a route has come");
    let alone = lane.enter_alone().unwrap();
    drop((trial, alone));
    let next = lane.enter();
    assert!(next.is_some() && lane.enter().is_none());
}

#[test]
fn the_next_on_trial_goes_when_the_last_has_ended() {
    let (table, lane, old) = on_trial();
    let line = lane.line.clone();
    // The other instance's places and the trial.
    let mut held = fill(&line, &drawn("v"));
    assert_eq!(held.len(), 3);
    let mut waiting = join(&line, drawn("v")).ok().unwrap();
    drop(old);
    assert!(has_place(&mut waiting).is_none(), "two on trial");
    held.retain(|permit| permit.lane().id != id("v", 0));
    assert!(has_place(&mut waiting).is_some_and(|permit| permit.lane().id == id("v", 0)));
    drop(table);
}

#[test]
fn who_stays_from_a_former_trial_is_in_nobodys_way_at_the_next() {
    let (table, lane, old) = on_trial();
    drop(old);
    let stays = lane.enter().unwrap();
    lane.failed(InvocationFailure::TimedOut);
    assert!(lane.is_ejected() && !lane.is_up());
    probed(&lane, Probed::Answered(200));
    let next = lane.enter().unwrap();
    drop(stays);
    assert!(lane.enter().is_none(), "the end of a former trial made room in this one");
    drop(next);
    assert!(lane.enter().is_some());
    drop(table);
}

#[test]
fn what_a_probe_found_in_a_former_outage_is_no_news_of_this_one() {
    let table = table(vec![fleet("v", 1.0, [0, 1])]);
    let both = lanes(&table);
    eject(&both[0], &both[1]);
    let former = both[0].watched().outage;
    // The other goes out, so that this one is pardoned, and comes back.
    both[1].unreached();
    assert_eq!(both[0].watched().breaker.state(), State::Well);
    probed(&both[1], Probed::Answered(200));
    eject(&both[0], &both[1]);
    assert_eq!(both[0].was_probed(former, Probed::Answered(200)), None);
    assert_eq!(both[0].watched().breaker.state(), State::Ejected);
}

#[test]
fn a_lane_that_has_left_and_is_routed_again_is_known_again() {
    let table = table(vec![fleet("v", 1.0, [0])]);
    let lane = lanes(&table)[0].clone();
    // As when its last request ends after the new route has looked it up.
    lane.retire();
    assert!(table.lanes.pin().is_empty());
    lane.is_routed(false, 2);
    let permit = lane.enter();
    assert!(permit.is_some());
    assert_eq!(table.in_flight(&id("v", 0)), 1);
}

#[test]
fn a_lane_is_known_while_it_is_routed_however_its_last_request_and_the_route_meet() {
    let table = table(vec![fleet("v", 1.0, [0])]);
    for _ in 0..2_000 {
        let held = lanes(&table)[0].enter().unwrap();
        publish(&table, vec![fleet("v", 1.0, [])]);
        std::thread::scope(|scope| {
            scope.spawn(move || drop(held));
            publish(&table, vec![fleet("v", 1.0, [0])]);
        });
        let _permit = lanes(&table)[0].enter().unwrap();
        assert_eq!(table.in_flight(&id("v", 0)), 1, "a routed lane is not known");
    }
}

#[test]
fn who_can_go_nowhere_else_waits_for_an_ejected_one_that_is_gone_until_any_probe_reaches_it() {
    let table = table(vec![fleet("v", 1.0, [0, 1])]);
    let both = lanes(&table);
    eject(&both[0], &both[1]);
    assert!(both[0].enter_alone().is_some());
    both[0].unreached();
    assert!(both[0].enter_alone().is_none());
    let line = both[0].line.clone();
    let mut waiting = join(&line, Aim::Instance(id("v", 0))).ok().unwrap();
    probed(&both[0], Probed::Refused);
    assert!(has_place(&mut waiting).is_none());
    // It is there, though not yet for everybody.
    probed(&both[0], Probed::Silent);
    assert!(has_place(&mut waiting).is_some());
    assert!(both[0].enter().is_none());
}
