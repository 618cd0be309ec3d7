//! Crashes in the middle: a killed supervisor, directories as a crash leaves them.

use std::fs;
use std::time::Duration;

use hostler_compute::conformance::{wait_until_exited, wait_until_gone, wait_until_running};
use hostler_compute::{Compute, ExitCause, InstanceState};

use crate::world::{World, id, is_alive, kill, line_of, marked, names, pid, shell, until};

#[tokio::test]
async fn a_killed_supervisor_takes_its_container_along_and_the_end_is_unseen() {
    let world = World::open().await;
    // A child in a session of its own: neither the process group nor the parent's death reaches it.
    world.ensure(&shell(id(0), "setsid sleep 1000 & echo $! > child; exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    line_of(&world.dir(&id(0)).join("child")).await;
    let groups = world.groups(&id(0));
    kill(world.supervisor(&id(0)));
    assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Unseen);
    assert_eq!(marked(&world.dir(&id(0))), Vec::<u32>::new());
    assert!(groups.iter().all(|group| !group.exists()));
    world.close().await;
}

#[tokio::test]
async fn a_supervisor_killed_while_the_server_is_away_is_found_out() {
    let world = World::open().await;
    let spec = shell(id(0), "echo $$ >> launches; setsid sleep 1000 & exec sleep 1000");
    world.ensure(&spec).await;
    let pid = pid(&wait_until_running(&world.backend, &id(0)).await);
    line_of(&world.dir(&id(0)).join("launches")).await;
    world.backend.detach().await;
    kill(world.supervisor(&id(0)));
    until("the kernel ends the container", || !is_alive(pid)).await;
    let world = world.restart().await;
    world.ensure(&spec).await;
    assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Unseen);
    assert_eq!(marked(&world.dir(&id(0))), Vec::<u32>::new());
    let launches = fs::read_to_string(world.dir(&id(0)).join("launches")).unwrap();
    assert_eq!(launches.lines().count(), 1, "it is not launched again");
    world.close().await;
}

#[tokio::test]
async fn a_killed_supervisor_leaves_nothing_on_a_machine_without_control_groups() {
    let world = World::with(|config| config.use_cgroups = false).await;
    world.ensure(&shell(id(0), "setsid sleep 1000 & echo $! > child; exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    let child = line_of(&world.dir(&id(0)).join("child")).await.parse().unwrap();
    kill(world.supervisor(&id(0)));
    assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Unseen);
    assert!(!is_alive(child));
    world.close().await;
}

/// Makes the directory of an instance as it is after `ensure` returned and the server died.
async fn noted(script: &str, change: impl FnOnce(&World)) -> World {
    let world = World::open().await;
    let spec = shell(id(0), script);
    world.ensure(&spec).await;
    wait_until_running(&world.backend, &id(0)).await;
    let spec_file = fs::read(world.dir(&id(0)).join("spec.json")).unwrap();
    world.backend.remove(&id(0), Duration::from_secs(5)).await.unwrap();
    wait_until_gone(&world.backend, &id(0)).await;
    world.backend.forget(&id(0).endpoint).await.unwrap();
    world.backend.detach().await;
    for part in ["tmp", "logs"] {
        fs::create_dir_all(world.dir(&id(0)).join(part)).unwrap();
    }
    fs::write(world.dir(&id(0)).join("spec.json"), spec_file).unwrap();
    change(&world);
    world.restart().await
}

#[tokio::test]
async fn a_server_that_died_after_noting_the_spec_goes_on() {
    let world = noted("exec sleep 1000", |_| {}).await;
    wait_until_running(&world.backend, &id(0)).await;
    world.close().await;
}

#[tokio::test]
async fn a_server_that_died_just_before_the_launch_launches() {
    let world = noted("exec sleep 1000", |world| {
        let dir = world.dir(&id(0));
        fs::write(dir.join("prepared.json"), r#"{"cache_key":null}"#).unwrap();
        fs::create_dir(dir.join("model")).unwrap();
        fs::write(dir.join("lock"), "").unwrap();
    })
    .await;
    wait_until_running(&world.backend, &id(0)).await;
    world.close().await;
}

#[tokio::test]
async fn an_instance_whose_supervisor_began_and_vanished_is_not_launched_again() {
    let world = noted("exec sleep 1000", |world| {
        // As after a machine restart: the number may be anybody's now.
        let record = format!(r#"{{"pid":{},"start_ticks":1}}"#, std::process::id());
        fs::write(world.dir(&id(0)).join("supervisor.json"), record).unwrap();
    })
    .await;
    assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Unseen);
    world.close().await;
}

#[tokio::test]
async fn a_removal_that_was_begun_is_finished() {
    let world = noted("exec sleep 1000", |world| {
        fs::write(world.dir(&id(0)).join("removing.json"), r#"{"grace_ms":1000}"#).unwrap();
    })
    .await;
    wait_until_gone(&world.backend, &id(0)).await;
    assert!(!world.dir(&id(0)).exists());
    world.backend.forget(&id(0).endpoint).await.unwrap();
    assert_eq!(names(&world.config.dir), Vec::<String>::new());
    world.close().await;
}

#[tokio::test]
async fn a_removal_begun_on_a_running_instance_is_finished() {
    let world = World::open().await;
    world.ensure(&shell(id(0), "exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    world.backend.detach().await;
    fs::write(world.dir(&id(0)).join("removing.json"), r#"{"grace_ms":1000}"#).unwrap();
    let world = world.restart().await;
    assert_eq!(world.state(&id(0)).await.unwrap_or(InstanceState::Removing), InstanceState::Removing);
    wait_until_gone(&world.backend, &id(0)).await;
    world.close().await;
}

#[tokio::test]
async fn half_made_and_half_deleted_directories_go_at_the_next_start() {
    let world = World::open().await;
    world.backend.detach().await;
    fs::create_dir_all(world.config.dir.join(".new-e1.g1.AllTraffic.0.1/tmp")).unwrap();
    fs::create_dir_all(world.config.dir.join(".removed-e1.g1.AllTraffic.1.1/tmp")).unwrap();
    let world = world.restart().await;
    assert_eq!(names(&world.config.dir), Vec::<String>::new());
    assert_eq!(world.backend.list().await.unwrap(), vec![]);
    world.close().await;
}

#[tokio::test]
async fn nobody_but_the_server_starts_a_supervisor() {
    let world = World::open().await;
    world.ensure(&shell(id(0), "echo $$ >> launches; exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    let mut by_hand = tokio::process::Command::new(&world.config.hostler_exe);
    let output = by_hand.arg("supervise").arg(world.dir(&id(0))).stdin(std::process::Stdio::null()).output();
    let output = output.await.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("only the server starts this"), "{said}");
    assert_eq!(line_of(&world.dir(&id(0)).join("launches")).await.lines().count(), 1);
    world.close().await;
}
