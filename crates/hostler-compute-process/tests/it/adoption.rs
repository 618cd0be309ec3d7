//! A server that goes away and comes back finds its instances as they are.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hostler_compute::conformance::{wait_until_exited, wait_until_gone, wait_until_running};
use hostler_compute::{Compute, ExitCause, InstanceState};

use crate::world::{World, id, is_alive, kill, line_of, pid, shell, until, with_additional, with_data};

#[tokio::test]
async fn a_restart_finds_the_same_processes_and_launches_nothing() {
    let world = World::open().await;
    let script = "echo $$ >> launches; exec sleep 1000";
    let specs = [0, 1].map(|ordinal| with_data(shell(id(ordinal), script), "s3://b/model"));
    let mut before = Vec::new();
    for spec in &specs {
        world.ensure(spec).await;
        before.push(wait_until_running(&world.backend, &spec.id).await);
        line_of(&world.dir(&spec.id).join("launches")).await;
    }
    let world = world.restart().await;
    for (spec, before) in specs.iter().zip(&before) {
        assert_eq!(world.state(&spec.id).await.as_ref(), Some(before), "shown before anything happens");
        world.ensure(spec).await;
        let launches = fs::read_to_string(world.dir(&spec.id).join("launches")).unwrap();
        assert_eq!(launches.lines().count(), 1);
    }
    until("the model data is adopted", || world.data.adopted.load(Ordering::SeqCst) == 2).await;
    assert_eq!(world.data.prepared.load(Ordering::SeqCst), 2, "nothing is prepared again");
    // A new instance gets a port that no adopted one has.
    world.ensure(&shell(id(2), "exec sleep 1000")).await;
    let third = wait_until_running(&world.backend, &id(2)).await;
    let address = |state: &InstanceState| state.address().unwrap();
    assert!(before.iter().all(|state| address(state) != address(&third)));
    world.close().await;
}

#[tokio::test]
async fn a_restart_keeps_all_data_of_an_instance_in_place() {
    let world = World::open().await;
    let spec = with_data(shell(id(0), "exec sleep 1000"), "s3://b/model");
    let spec = with_additional(with_additional(spec, "one", "s3://b/1"), "two", "s3://b/2");
    world.ensure(&spec).await;
    wait_until_running(&world.backend, &id(0)).await;
    assert_eq!(world.data.prepared.load(Ordering::SeqCst), 3);
    let world = world.restart().await;
    until("all three are adopted", || world.data.adopted.load(Ordering::SeqCst) == 3).await;
    world.close().await;
}

#[tokio::test]
async fn an_exit_during_the_servers_absence_is_seen_at_the_next_start() {
    let world = World::open().await;
    world.ensure(&shell(id(0), "until [ -e go ]; do sleep 0.01; done; exit 7")).await;
    wait_until_running(&world.backend, &id(0)).await;
    let supervisor = world.supervisor(&id(0));
    world.backend.detach().await;
    fs::write(world.dir(&id(0)).join("go"), "").unwrap();
    until("the supervisor ends", || !is_alive(supervisor)).await;
    let world = world.restart().await;
    let state = world.state(&id(0)).await;
    assert!(matches!(state, Some(InstanceState::Exited { cause: ExitCause::Code(7), .. })), "{state:?}");
    world.close().await;
}

#[tokio::test]
async fn the_exit_of_an_adopted_instance_is_seen() {
    let world = World::open().await;
    world.ensure(&shell(id(0), "exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    let world = world.restart().await;
    let pid = pid(&wait_until_running(&world.backend, &id(0)).await);
    kill(pid);
    assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Signal(9));
    world.close().await;
}

#[tokio::test]
async fn an_adopted_instance_can_be_removed() {
    let world = World::open().await;
    world.ensure(&shell(id(0), "exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    let world = world.restart().await;
    world.backend.remove(&id(0), Duration::from_secs(5)).await.unwrap();
    wait_until_gone(&world.backend, &id(0)).await;
    world.close().await;
}

#[tokio::test]
async fn letting_go_waits_for_file_work_that_runs() {
    let world = World::open().await;
    let spec = with_data(shell(id(0), "exec sleep 1000"), "s3://b/held");
    world.ensure(&spec).await;
    // A pipe where a file will be written: the work stands still there until somebody reads.
    let dir = world.dir(&id(0));
    let pipe = dir.join(format!(".prepared.json.{}", std::process::id()));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    world.data.release.notify_one();
    // The link is made just before, by the same work.
    until("the work has begun", || dir.join("model").is_symlink()).await;
    let early = tokio::time::timeout(Duration::from_millis(100), world.backend.detach()).await;
    let read = tokio::task::spawn_blocking(move || fs::read(pipe)).await.unwrap();
    assert!(early.is_err(), "it let go of a directory that is written to");
    assert_eq!(read.unwrap(), br#"{"cache_key":"key-1"}"#);
    world.backend.detach().await;
    fs::remove_file(dir.join("prepared.json")).unwrap();
    let world = world.restart().await;
    world.data.release.notify_one();
    wait_until_running(&world.backend, &id(0)).await;
    world.close().await;
}

#[tokio::test]
async fn restarts_at_any_moment_of_a_start_launch_once() {
    let mut world = World::open().await;
    for ordinal in 0..12 {
        let spec = shell(id(ordinal), "echo $$ >> launches; exec sleep 1000");
        world.ensure(&spec).await;
        // A little later each time: before, during and after the launch.
        tokio::time::sleep(Duration::from_micros(u64::from(ordinal) * 700)).await;
        world = world.restart().await;
        wait_until_running(&world.backend, &spec.id).await;
        line_of(&world.dir(&spec.id).join("launches")).await;
    }
    for ordinal in 0..12 {
        let launches = fs::read_to_string(world.dir(&id(ordinal)).join("launches")).unwrap();
        assert_eq!(launches.lines().count(), 1, "instance {ordinal}");
    }
    world.close().await;
}
