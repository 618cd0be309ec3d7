//! The life of an endpoint under a server that nothing happens to.

use std::time::Duration;

use hostler_compute::{Delays, ExitCause, Fault, InstanceFailure, InstanceState, Outcome, Phase};
use hostler_store::{Transaction, Write};
use hostler_testkit::{Effects, SimWorld};
use hostler_types::{EndpointRecord, EndpointStatus, FailureCause, InstanceId, VariantName};
use tokio::time::Instant;

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(2);

fn has_status(status: EndpointStatus) -> impl Fn(Option<&EndpointRecord>, &[InstanceId]) -> bool {
    move |record, _| record.is_some_and(|record| record.status == status)
}

fn is_nothing_left(record: Option<&EndpointRecord>, instances: &[InstanceId]) -> bool {
    record.is_none() && instances.is_empty()
}

async fn in_service(delays: Delays, instances: u32) -> SimWorld {
    let mut world = SimWorld::new(delays);
    world.start(Effects::new());
    world.create_config(instances).await;
    world.create_endpoint().await;
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    world
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_created_serves_and_is_deleted() {
    let mut world = in_service(DELAYS, 2).await;
    let route = world.routes().route(&SimWorld::key()).unwrap();
    assert_eq!(route.variants[0].instances.len(), 2);
    world.delete_endpoint().await;
    world.wait_until("gone", SOON, is_nothing_left).await;
    assert!(world.routes().route(&SimWorld::key()).is_none());
    world.compute.assert_no_double_launch();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn signals_and_not_the_sweep_make_it_fast() {
    let begun = Instant::now();
    let mut world = in_service(DELAYS, 1).await;
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_follows_its_instance_step_by_step() {
    let mut world = SimWorld::stepped();
    world.start(Effects::new());
    world.create_config(1).await;
    world.create_endpoint().await;
    world.wait_until("launched", SOON, |_, instances| instances.len() == 1).await;
    let id = world.instances().await.remove(0);
    for _ in 0..2 {
        world.compute.step(&id);
        tokio::time::sleep(SOON).await;
        assert_eq!(world.record().await.unwrap().status, EndpointStatus::Creating);
    }
    world.compute.step(&id);
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    world.delete_endpoint().await;
    let is_leaving = |state: Option<InstanceState>| state == Some(InstanceState::Removing);
    world.wait_until("removing", SOON, |_, _| is_leaving(world.compute.state(&id))).await;
    tokio::time::sleep(SOON).await;
    assert!(world.record().await.is_some(), "the record stays for as long as the instance");
    world.compute.step(&id);
    world.wait_until("gone", SOON, is_nothing_left).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_instance_is_replaced_while_the_other_serves() {
    let mut world = in_service(DELAYS, 2).await;
    let published = world.routes().history().len();
    let dead = world.instances().await.remove(0);
    assert!(world.compute.exit(&dead, ExitCause::Signal(9), ""));
    let healed = |record: Option<&EndpointRecord>, instances: &[InstanceId]| {
        !instances.contains(&dead)
            && instances.len() == 2
            && record.is_some_and(|record| record.instances.iter().all(|known| known.healthy_at.is_some()))
    };
    world.wait_until("healed", SOON, healed).await;
    for route in &world.routes().history()[published..] {
        let answering = route.variants[0].instances.iter().filter(|instance| !instance.draining);
        assert!(answering.count() >= 1, "nobody answers: {route:?}");
    }
    assert_eq!(world.routes().answering(&SimWorld::key(), &VariantName::new("v")), 2);
    world.compute.assert_no_double_launch();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_sick_instance_gets_no_new_requests_and_finishes_the_old_ones() {
    let mut world = in_service(DELAYS, 1).await;
    let sick = world.instances().await.remove(0);
    world.routes().begin(&sick);
    let address = world.compute.state(&sick).and_then(|state| state.address()).expect("it runs");
    world.ping.make_sick(address);
    let replaced = |_: Option<&EndpointRecord>, instances: &[InstanceId]| instances.len() == 2;
    world.wait_until("a replacement beside it", Duration::from_secs(20), replaced).await;
    let has_fresh_route = |_: Option<&EndpointRecord>, _: &[InstanceId]| {
        world.routes().answering(&SimWorld::key(), &VariantName::new("v")) == 1
    };
    world.wait_until("the replacement routed", SOON, has_fresh_route).await;
    assert!(world.routes().is_routed(&sick), "it still counts its requests");
    let ended = Instant::now();
    world.routes().end(&sick);
    world.wait_until("removed", SOON, |_, instances| !instances.contains(&sick)).await;
    assert!(ended.elapsed() < Duration::from_millis(100), "the last request's end is a signal");
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn deletion_waits_for_requests_in_flight() {
    let mut world = in_service(DELAYS, 1).await;
    let id = world.instances().await.remove(0);
    world.routes().begin(&id);
    world.delete_endpoint().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(matches!(world.compute.state(&id), Some(InstanceState::Running { .. })));
    assert!(world.routes().route(&SimWorld::key()).is_none(), "and takes no new ones");
    world.routes().end(&id);
    world.wait_until("gone", SOON, is_nothing_left).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_ends_holds_deletion_up_for_65_seconds_and_no_more() {
    let mut world = in_service(DELAYS, 1).await;
    let id = world.instances().await.remove(0);
    world.routes().begin(&id);
    let begun = Instant::now();
    world.delete_endpoint().await;
    world.wait_until("gone", Duration::from_secs(70), is_nothing_left).await;
    assert_eq!(begun.elapsed().as_secs(), 65);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_users_fault_shows_in_the_reason_and_leaves_nothing_running() {
    let mut world = SimWorld::new(DELAYS);
    world.compute.decide(|_| {
        Outcome::Fails(InstanceFailure {
            fault: Fault::User,
            phase: Phase::Fetching,
            container: None,
            cause: FailureCause::Other,
            aws_sentence: Some("Failed to download model data.".to_owned()),
            detail: "there is no object".to_owned(),
        })
    });
    world.start(Effects::new());
    world.create_config(3).await;
    world.create_endpoint().await;
    let has_failed = has_status(EndpointStatus::Failed);
    let is_done =
        |record: Option<&EndpointRecord>, ids: &[InstanceId]| has_failed(record, ids) && ids.is_empty();
    world.wait_until("failed and clean", SOON, is_done).await;
    let reason = world.record().await.unwrap().failure_reason.unwrap();
    assert!(reason.starts_with("Failed to download model data.") && reason.contains("no object"), "{reason}");
    world.delete_endpoint().await;
    world.wait_until("gone", SOON, is_nothing_left).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_gives_up_after_three_launches() {
    let mut world = SimWorld::new(DELAYS);
    let cause = ExitCause::Code(1);
    world.compute.decide(move |_| Outcome::Exits {
        after: Duration::ZERO,
        cause: cause.clone(),
        log: "ImportError: digits".to_owned(),
    });
    world.start(Effects::new());
    world.create_config(1).await;
    world.create_endpoint().await;
    world.wait_until("failed", SOON, has_status(EndpointStatus::Failed)).await;
    assert!(world.record().await.unwrap().failure_reason.unwrap().contains("ImportError: digits"));
    world.wait_until("clean", SOON, |_, instances| instances.is_empty()).await;
    let launched = world.compute.effects().into_iter();
    let launched = launched.filter(|effect| matches!(effect, hostler_compute::Effect::Launched(_)));
    assert_eq!(launched.count(), 3);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_for_no_endpoint_is_removed_by_the_sweep() {
    let mut world = in_service(DELAYS, 1).await;
    world.kill().await;
    let writes = vec![Write::Delete(SimWorld::key())];
    world.store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
    world.start(Effects::new());
    world.wait_until("removed", Duration::from_secs(25), |_, instances| instances.is_empty()).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_for_an_endpoint_whose_record_cannot_be_read_is_left_alone() {
    let mut world = in_service(DELAYS, 2).await;
    world.kill().await;
    let mut document = world.store.get(&SimWorld::key()).await.unwrap().unwrap();
    let body = std::mem::replace(&mut document.body, "{\"schema\":4711}".to_owned());
    let put = |document| Transaction { writes: vec![Write::Put(document)], ..Transaction::default() };
    world.store.commit(put(document.clone())).await.unwrap();
    world.start(Effects::new());
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(world.instances().await.len(), 2);
    // A newer server can read it again.
    document.body = body;
    world.store.commit(put(document)).await.unwrap();
    let is_routed = |_: Option<&EndpointRecord>, _: &[InstanceId]| {
        world.routes().answering(&SimWorld::key(), &VariantName::new("v")) == 2
    };
    world.wait_until("routed again", Duration::from_secs(60), is_routed).await;
    world.compute.assert_no_double_launch();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_for_an_endpoint_that_another_controller_forgot_is_removed_too() {
    let mut world = in_service(DELAYS, 1).await;
    let writes = vec![Write::Delete(SimWorld::key())];
    world.store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
    world.wait_until("removed", Duration::from_secs(35), |_, instances| instances.is_empty()).await;
    assert!(world.routes().route(&SimWorld::key()).is_none());
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_given_anew_keeps_nothing_of_its_former_bearer() {
    let mut world = in_service(DELAYS, 1).await;
    let former = world.instances().await;
    let writes = vec![Write::Delete(SimWorld::key())];
    // Both happen before the server looks: it meets another endpoint under the key it knows.
    world.store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
    world.create_endpoint().await;
    let is_clean = |record: Option<&EndpointRecord>, instances: &[InstanceId]| {
        instances.len() == 1
            && !former.contains(&instances[0])
            && record.is_some_and(|record| record.status == EndpointStatus::InService)
    };
    world.wait_until("the former removed", Duration::from_secs(35), is_clean).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn the_next_server_adopts_what_runs() {
    let mut world = in_service(DELAYS, 3).await;
    let (instances, effects) = (world.instances().await, world.compute.effects());
    world.kill().await;
    world.start(Effects::new());
    let begun = Instant::now();
    let is_routed = |_: Option<&EndpointRecord>, _: &[InstanceId]| {
        world.routes().answering(&SimWorld::key(), &VariantName::new("v")) == 3
    };
    world.wait_until("routed again", SOON, is_routed).await;
    assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.instances().await, instances);
    assert_eq!(world.compute.effects(), effects, "nothing was launched or removed");
    world.kill().await;
}
