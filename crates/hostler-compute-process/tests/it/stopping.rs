//! How instances end when they are asked to, and that nothing outlives them.

use std::fs;
use std::time::Duration;

use hostler_compute::conformance::{wait_until_exited, wait_until_gone, wait_until_running};
use hostler_compute::{Compute, ExitCause, InstanceState};
use tokio::time::Instant;

use crate::world::{World, id, is_alive, line_of, shell, until};

/// Says that it heard, and ends.
const POLITE: &str = "trap 'echo heard > ../heard; exit 0' TERM; echo up > up; while :; do sleep 0.01; done";
/// Hears and goes on.
const STUBBORN: &str = "trap '' TERM; echo up > up; while :; do sleep 0.01; done";

#[tokio::test]
async fn a_polite_instance_is_asked_and_ends_by_itself() {
    let world = World::open().await;
    world.ensure(&shell(id(0), POLITE)).await;
    line_of(&world.dir(&id(0)).join("up")).await;
    world.backend.remove(&id(0), Duration::from_mins(10)).await.unwrap();
    wait_until_gone(&world.backend, &id(0)).await;
    assert_eq!(line_of(&world.config.dir.join("heard")).await, "heard");
    fs::remove_file(world.config.dir.join("heard")).unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_stubborn_instance_is_killed_after_its_grace() {
    let world = World::open().await;
    world.ensure(&shell(id(0), STUBBORN)).await;
    line_of(&world.dir(&id(0)).join("up")).await;
    let (begun, grace) = (Instant::now(), Duration::from_millis(300));
    world.backend.remove(&id(0), grace).await.unwrap();
    wait_until_gone(&world.backend, &id(0)).await;
    assert!(begun.elapsed() >= grace, "not before its grace was over");
    world.close().await;
}

#[tokio::test]
async fn a_shorter_grace_shortens_a_removal_that_runs() {
    let world = World::open().await;
    world.ensure(&shell(id(0), STUBBORN)).await;
    line_of(&world.dir(&id(0)).join("up")).await;
    world.backend.remove(&id(0), Duration::from_hours(1)).await.unwrap();
    assert_eq!(world.state(&id(0)).await, Some(InstanceState::Removing));
    world.backend.remove(&id(0), Duration::from_millis(10)).await.unwrap();
    wait_until_gone(&world.backend, &id(0)).await;
    world.close().await;
}

#[tokio::test]
async fn grandchildren_in_sessions_of_their_own_end_with_the_main_process() {
    for use_cgroups in [true, false] {
        let world = World::with(|config| config.use_cgroups = use_cgroups).await;
        let script = "setsid sh -c 'echo $$ > ../deep; trap \"\" TERM; while :; do sleep 1000; done' & \
                      until [ -s ../deep ]; do sleep 0.01; done; exit 4";
        world.ensure(&shell(id(0), script)).await;
        assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Code(4));
        let deep = line_of(&world.config.dir.join("deep")).await.parse().unwrap();
        assert!(!is_alive(deep), "control groups: {use_cgroups}");
        fs::remove_file(world.config.dir.join("deep")).unwrap();
        world.close().await;
    }
}

#[tokio::test]
async fn orphans_of_a_running_instance_are_reaped() {
    let world = World::open().await;
    // The child's child outlives it, becomes the supervisor's, and ends.
    world
        .ensure(&shell(id(0), "sh -c 'sh -c \"echo \\$\\$ > orphan; sleep 0.05\" &'; exec sleep 1000"))
        .await;
    wait_until_running(&world.backend, &id(0)).await;
    let orphan = line_of(&world.dir(&id(0)).join("orphan")).await;
    until("no zombie is left", || !std::path::Path::new(&format!("/proc/{orphan}")).exists()).await;
    assert!(matches!(world.state(&id(0)).await, Some(InstanceState::Running { .. })));
    world.close().await;
}

#[tokio::test]
async fn a_supervisor_that_is_asked_to_stop_records_how_the_container_ended() {
    let world = World::open().await;
    world.ensure(&shell(id(0), "exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    let supervisor = rustix::process::Pid::from_raw(world.supervisor(&id(0)).cast_signed()).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::TERM).unwrap();
    assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Signal(15));
    world.close().await;
}

#[tokio::test]
async fn ports_are_unique_among_many() {
    let world = World::open().await;
    let mut ports = std::collections::BTreeSet::new();
    for ordinal in 0..10 {
        world.ensure(&shell(id(ordinal), "exec sleep 1000")).await;
    }
    for ordinal in 0..10 {
        let address = wait_until_running(&world.backend, &id(ordinal)).await.address().unwrap();
        assert!(address.ip().is_loopback());
        ports.insert(address.port());
    }
    assert_eq!(ports.len(), 10);
    world.close().await;
}
