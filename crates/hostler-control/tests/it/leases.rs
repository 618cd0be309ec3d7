//! Two controllers over one store: one acts, the other keeps its gateway's routes and follows when the first is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hostler_compute::{Delays, ExitCause};
use hostler_testkit::{Effects, Fate, Mishap, SimWorld, When};
use hostler_types::{EndpointRecord, EndpointStatus, InstanceId, VariantName};
use tokio::time::Instant;

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(2);
/// The simulated server's.
const LEASE_TTL: Duration = Duration::from_secs(10);

const FIRST: usize = 0;
const SECOND: usize = 1;

fn is_serving(record: Option<&EndpointRecord>, _: &[InstanceId]) -> bool {
    record.is_some_and(|record| record.status == EndpointStatus::InService)
}

/// Two servers, of which the first acts, and endpoint `e` of two instances in service.
async fn two_servers(first: Effects) -> SimWorld {
    let mut world = SimWorld::new(DELAYS);
    world.create_config(2).await;
    world.start(first);
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.start(Effects::new());
    world.create_endpoint().await;
    world.wait_until("serving", SOON, is_serving).await;
    world
}

fn routed(world: &SimWorld, server: usize) -> usize {
    world.routes_of(server).answering(&SimWorld::key(), &VariantName::new("v"))
}

async fn until(what: &str, limit: Duration, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_so() {
        assert!(Instant::now() < deadline, "not {what} in {limit:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn writes(world: &SimWorld, server: usize) -> usize {
    let acts = ["commit", "ensure", "remove", "forget"];
    world.effects_of(server).calls().iter().filter(|call| acts.contains(call)).count()
}

#[tokio::test(start_paused = true)]
async fn the_other_controller_routes_what_the_first_decides_and_does_nothing_else() {
    let mut world = two_servers(Effects::new()).await;
    until("routed at the second", SOON, || routed(&world, SECOND) == 2).await;
    let lost = world.instances().await.remove(0);
    assert!(world.compute.exit(&lost, ExitCause::Signal(9), ""));
    until("seen at the second", SOON, || routed(&world, SECOND) == 1).await;
    until("healed at the second", SOON, || routed(&world, SECOND) == 2).await;
    world.delete_endpoint().await;
    let is_gone = |record: Option<&EndpointRecord>, _: &[InstanceId]| record.is_none();
    world.wait_until("gone", SOON, is_gone).await;
    until("withdrawn at the second", SOON, || world.routes_of(SECOND).route(&SimWorld::key()).is_none())
        .await;
    assert!(writes(&world, FIRST) > 0);
    assert_eq!(writes(&world, SECOND), 0);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_dies_is_followed_when_its_lease_ends() {
    let mut world = two_servers(Effects::new()).await;
    world.effects_of(FIRST).kill();
    let lost = world.instances().await.remove(0);
    assert!(world.compute.exit(&lost, ExitCause::Signal(9), ""));
    let died_at = Instant::now();
    until("healed by the second", LEASE_TTL * 2, || {
        routed(&world, SECOND) == 2 && writes(&world, SECOND) > 0
    })
    .await;
    assert!(died_at.elapsed() > LEASE_TTL / 2, "the first one's lease was not waited for");
    world.compute.assert_no_double_launch();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_controller_whose_lease_cannot_be_renewed_stops_acting_before_it_ends() {
    let is_cut_off = Arc::new(AtomicBool::new(false));
    let cut_off = is_cut_off.clone();
    let effects = Effects::fated(move |call| {
        let is_lost = call == "lease" && cut_off.load(Ordering::Relaxed);
        Fate { mishap: is_lost.then_some(Mishap::Fault(When::Before)), ..Fate::default() }
    });
    let mut world = SimWorld::new(DELAYS);
    world.create_config(1).await;
    world.start(effects);
    world.create_endpoint().await;
    world.wait_until("serving", SOON, is_serving).await;
    is_cut_off.store(true, Ordering::Relaxed);
    tokio::time::sleep(LEASE_TTL).await;
    let lost = world.instances().await.remove(0);
    assert!(world.compute.exit(&lost, ExitCause::Signal(9), ""));
    until("the dead one is routed no more", SOON, || routed(&world, FIRST) == 0).await;
    tokio::time::sleep(LEASE_TTL * 3).await;
    assert_eq!(world.instances().await, [lost], "it went on acting");
    is_cut_off.store(false, Ordering::Relaxed);
    until("healed once it holds the lease again", SOON, || routed(&world, FIRST) == 1).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn the_next_server_of_the_same_name_waits_for_nobody() {
    let mut world = SimWorld::new(DELAYS);
    world.create_config(1).await;
    world.start(Effects::new());
    world.create_endpoint().await;
    world.wait_until("serving", SOON, is_serving).await;
    world.kill().await;
    let lost = world.instances().await.remove(0);
    assert!(world.compute.exit(&lost, ExitCause::Signal(9), ""));
    world.start(Effects::new());
    until("healed", SOON, || routed(&world, FIRST) == 1).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_the_lease_was_taken_is_not_acted_upon() {
    // The second server's look is answered when it has long become the one that acts.
    let slow = |call: &str| if call == "observe" { LEASE_TTL * 2 } else { Duration::ZERO };
    let first = Effects::fated(|call| {
        let before = if call == "ensure" { Duration::from_millis(5) } else { Duration::ZERO };
        Fate { before, ..Fate::default() }
    });
    let second = Effects::fated(move |call| Fate { after: slow(call), ..Fate::default() });
    let mut world = SimWorld::new(DELAYS);
    world.create_config(1).await;
    world.start(first);
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.start(second);
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.create_endpoint().await;
    world.wait_until("serving", SOON, is_serving).await;
    // The second has read that this one is wanted, and not seen it yet.
    let lost = world.instances().await.remove(0);
    assert!(world.compute.exit(&lost, ExitCause::Signal(9), ""));
    let is_replaced =
        |_: Option<&EndpointRecord>, instances: &[InstanceId]| instances.len() == 1 && instances[0] != lost;
    world.wait_until("replaced", SOON, is_replaced).await;
    tokio::time::sleep(SOON).await;
    world.effects_of(FIRST).kill();
    tokio::time::sleep(LEASE_TTL * 5).await;
    world.compute.assert_no_double_launch();
    world.kill().await;
}
