//! What a restart finds is taken up where it was.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hostler_compute::conformance::{
    Harness, instance_id, wait_until_exited, wait_until_gone, wait_until_running, with_data,
};
use hostler_compute::{Compute, ExitCause};

use crate::conformance::{World, spec};

#[tokio::test]
async fn what_runs_is_found_again_with_its_data_and_started_once() {
    let world = World::open().await;
    let id = instance_id("e1", 0);
    let wanted = with_data(spec(id.clone(), "serve", ""), "s3://b/model");
    world.backend.ensure(&wanted).await.unwrap();
    let running = wait_until_running(&world.backend, &id).await;
    let world = world.restart().await;
    // Before anything else is fetched, which may take the room of what nobody holds.
    assert_eq!(world.data.adopted.load(Ordering::SeqCst), 1);
    assert_eq!(wait_until_running(&world.backend, &id).await, running);
    world.backend.ensure(&wanted).await.unwrap();
    assert_eq!(world.data.prepared.load(Ordering::SeqCst), 1);
    assert_eq!(world.config.starts.load(Ordering::SeqCst), 1);
    world.close().await;
}

#[tokio::test]
async fn what_was_on_its_way_goes_on_and_what_had_ended_stays_ended() {
    let world = World::open().await;
    let (waits, ends) = (instance_id("e1", 0), instance_id("e1", 1));
    world.backend.ensure(&with_data(spec(waits.clone(), "serve", ""), "s3://b/held")).await.unwrap();
    world.backend.ensure(&spec(ends.clone(), "exit", "3")).await.unwrap();
    assert_eq!(wait_until_exited(&world.backend, &ends).await.0, ExitCause::Code(3));
    let world = world.restart().await;
    world.data.release.notify_one();
    wait_until_running(&world.backend, &waits).await;
    assert_eq!(wait_until_exited(&world.backend, &ends).await.0, ExitCause::Code(3));
    assert_eq!(world.config.starts.load(Ordering::SeqCst), 2);
    world.close().await;
}

#[tokio::test]
async fn what_is_held_for_an_instance_is_let_go_of_when_it_has_ended() {
    let world = World::open().await;
    let (runs, over) = (instance_id("e1", 0), instance_id("e1", 1));
    world.backend.ensure(&spec(runs.clone(), "serve", "")).await.unwrap();
    wait_until_running(&world.backend, &runs).await;
    world.backend.remove(&runs, Duration::from_secs(5)).await.unwrap();
    wait_until_gone(&world.backend, &runs).await;
    assert_eq!(world.config.events.lock().unwrap().split_off(0), ["ended", "let go"]);
    // One that ends by itself holds nothing while it waits for its removal.
    world.backend.ensure(&spec(over.clone(), "exit", "3")).await.unwrap();
    wait_until_exited(&world.backend, &over).await;
    assert_eq!(world.config.events.lock().unwrap().split_off(0), ["let go"]);
    world.close().await;
}

#[tokio::test]
async fn a_removal_that_was_noted_is_carried_out_by_the_next_server() {
    let world = World::open().await;
    let id = instance_id("e1", 0);
    world.backend.ensure(&spec(id.clone(), "serve", "")).await.unwrap();
    wait_until_running(&world.backend, &id).await;
    // Noted, and nobody left to carry it out.
    world.backend.detach().await;
    world.backend.remove(&id, Duration::from_secs(5)).await.unwrap();
    let world = world.restart().await;
    wait_until_gone(&world.backend, &id).await;
    assert_eq!(world.backend.list().await.unwrap(), []);
    world.close().await;
}
