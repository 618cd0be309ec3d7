//! Instances of several containers: one supervisor starts, watches and ends them together.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hostler_compute::conformance::{wait_for_state, wait_until_exited, wait_until_gone, wait_until_running};
use hostler_compute::{Compute, ComputeError, ExitCause, InstanceSpec, InstanceState};
use hostler_types::FailureCause;

use crate::world::{World, failure, id, is_alive, kill, line_of, shell, until, with_additional, with_data};

/// An instance with a container for each script, named `c1`, `c2` and so on.
fn several(ordinal: u32, scripts: &[&str]) -> InstanceSpec {
    let mut whole = shell(id(ordinal), "");
    whole.containers.clear();
    for script in scripts {
        whole.containers.extend(shell(id(ordinal), script).containers);
        let position = whole.containers.len();
        whole.containers[position - 1].name = format!("c{position}");
    }
    whole
}

/// What a container writes about itself, and goes on.
const TELLS: &str =
    "echo $SAGEMAKER_BIND_TO_PORT $SAGEMAKER_SAFE_PORT_RANGE $HOME $TMPDIR $PWD > told; exec sleep 1000";

#[tokio::test]
async fn each_container_has_ports_a_home_and_model_data_of_its_own() {
    let world = World::open().await;
    let mut spec = several(0, &[TELLS, TELLS]);
    for container in &mut spec.containers {
        container.model_data = with_data(shell(id(0), ""), "s3://b/model").containers[0].model_data.clone();
    }
    let draft = with_additional(shell(id(0), ""), "draft", "s3://b/draft");
    spec.containers[1].additional_model_data = draft.containers[0].additional_model_data.clone();
    world.ensure(&spec).await;
    let running = wait_until_running(&world.backend, &id(0)).await;
    let mut ports = BTreeSet::new();
    for (container, own) in running.containers().iter().zip(["01-c1", "02-c2"]) {
        let home = world.dir(&id(0)).join("containers").join(own);
        let told = line_of(&home.join("told")).await;
        let words: Vec<&str> = told.split(' ').collect();
        let port = container.address.port();
        let (home_text, tmp) = (home.display().to_string(), home.join("tmp").display().to_string());
        assert_eq!(words[0], port.to_string());
        assert_eq!(words[1], format!("{}-{}", port + 1, port + 7));
        assert_eq!(words[2..], [home_text.as_str(), &tmp, &home_text]);
        assert!(home.join("tmp").is_dir());
        assert_eq!(fs::read_to_string(home.join("model/weights")).unwrap(), "42");
        ports.extend(port..=port + 7);
    }
    assert_eq!(ports.len(), 16, "no port is of both");
    let drafts = ["01-c1", "02-c2"].map(|own| {
        world.dir(&id(0)).join("containers").join(own).join("additional-model-data-sources/draft")
    });
    assert_eq!(drafts.map(|draft| draft.exists()), [false, true]);
    world.close().await;
}

#[tokio::test]
async fn when_one_container_is_killed_the_others_are_asked_to_stop_and_the_instance_has_ended() {
    let world = World::open().await;
    let polite =
        "trap 'echo heard > ../../../heard; exit 0' TERM; echo up > up; while :; do sleep 0.01; done";
    world.ensure(&several(0, &[polite, "exec sleep 1000"])).await;
    let running = wait_until_running(&world.backend, &id(0)).await;
    line_of(&world.dir(&id(0)).join("containers/01-c1/up")).await;
    kill(running.containers()[1].pid.unwrap());
    let has_exited = |state: Option<&InstanceState>| matches!(state, Some(InstanceState::Exited { .. }));
    let exited = wait_for_state(&world.backend, &id(0), "exited", has_exited).await.unwrap();
    let InstanceState::Exited { container, cause, .. } = exited else { panic!("{exited:?}") };
    assert_eq!((container.as_deref(), cause), (Some("c2"), ExitCause::Signal(9)));
    let heard = world.config.dir.join("heard");
    assert_eq!(line_of(&heard).await, "heard");
    fs::remove_file(heard).unwrap();
    assert!(!is_alive(running.containers()[0].pid.unwrap()));
    // The same after a restart.
    let world = world.restart().await;
    match world.state(&id(0)).await {
        Some(InstanceState::Exited { container, .. }) => assert_eq!(container.as_deref(), Some("c2")),
        other => panic!("{other:?}"),
    }
    world.close().await;
}

#[tokio::test]
async fn a_container_that_does_not_stop_is_killed_soon_after_another_has_ended() {
    let world = World::open().await;
    let stubborn = "trap '' TERM; echo $$ > ../../../stubborn; while :; do sleep 0.01; done";
    world
        .ensure(&several(0, &["until [ -s ../../../stubborn ]; do sleep 0.01; done; exit 3", stubborn]))
        .await;
    let pid = line_of(&world.config.dir.join("stubborn")).await.parse().unwrap();
    assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Code(3));
    assert!(!is_alive(pid));
    fs::remove_file(world.config.dir.join("stubborn")).unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_container_that_cannot_be_started_is_named_and_those_before_it_are_ended() {
    let world = World::open().await;
    let first = "echo $$ > ../../../first; trap '' TERM; while :; do sleep 0.01; done";
    let mut spec = several(0, &[first, "true", "true"]);
    if let hostler_compute::Program::Command { command, .. } = &mut spec.containers[1].program {
        *command = vec!["/does/not/exist".to_owned()];
    }
    let failed = failure(&world, &spec).await;
    assert_eq!((failed.container.as_deref(), failed.cause), (Some("c2"), FailureCause::CommandMissing));
    if let Ok(pid) = fs::read_to_string(world.config.dir.join("first")) {
        assert!(!is_alive(pid.trim().parse().unwrap()));
        fs::remove_file(world.config.dir.join("first")).unwrap();
    }
    world.close().await;
}

#[tokio::test]
async fn missing_data_of_one_container_names_it_and_nothing_is_launched() {
    let world = World::open().await;
    let mut spec = several(0, &["true", "true"]);
    let missing = with_data(shell(id(0), ""), "s3://b/missing");
    spec.containers[1].model_data = missing.containers[0].model_data.clone();
    let failed = failure(&world, &spec).await;
    assert_eq!(failed.container.as_deref(), Some("c2"));
    assert!(failed.aws_sentence.unwrap().contains("for container \"c2\" from URL: \"s3://b/missing\""));
    assert!(!world.dir(&id(0)).join("launch.json").exists());
    // Of the only container of an instance the name is no news.
    let alone = failure(&world, &with_data(shell(id(1), "true"), "s3://b/missing")).await;
    assert_eq!(alone.container, None);
    world.close().await;
}

#[tokio::test]
async fn a_restart_finds_all_containers_their_data_and_their_ports() {
    let world = World::open().await;
    let script = "echo $$ >> launches; exec sleep 1000";
    let mut spec = several(0, &[script, script, script]);
    for container in &mut spec.containers {
        container.model_data = with_data(shell(id(0), ""), "s3://b/model").containers[0].model_data.clone();
    }
    world.ensure(&spec).await;
    let before = wait_until_running(&world.backend, &id(0)).await;
    let world = world.restart().await;
    assert_eq!(world.state(&id(0)).await.as_ref(), Some(&before));
    until("the model data is adopted", || world.data.adopted.load(Ordering::SeqCst) == 3).await;
    world.ensure(&several(1, &["exec sleep 1000", "exec sleep 1000"])).await;
    let other = wait_until_running(&world.backend, &id(1)).await;
    let addresses: BTreeSet<_> =
        [&before, &other].iter().flat_map(|state| state.containers()).map(|one| one.address).collect();
    assert_eq!(addresses.len(), 5);
    world.ensure(&spec).await;
    for own in ["01-c1", "02-c2", "03-c3"] {
        let launches = line_of(&world.dir(&id(0)).join("containers").join(own).join("launches")).await;
        assert_eq!(launches.lines().count(), 1, "{own}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_removal_asks_every_container_and_kills_those_that_do_not_hear() {
    let world = World::open().await;
    let polite =
        "trap 'echo heard > ../../../heard; exit 0' TERM; echo up > up; while :; do sleep 0.01; done";
    let stubborn = "trap '' TERM; echo up > up; while :; do sleep 0.01; done";
    world.ensure(&several(0, &[stubborn, polite])).await;
    let running = wait_until_running(&world.backend, &id(0)).await;
    for own in ["01-c1", "02-c2"] {
        line_of(&world.dir(&id(0)).join("containers").join(own).join("up")).await;
    }
    world.backend.remove(&id(0), Duration::from_millis(300)).await.unwrap();
    assert_eq!(line_of(&world.config.dir.join("heard")).await, "heard");
    wait_until_gone(&world.backend, &id(0)).await;
    assert!(running.containers().iter().all(|container| !is_alive(container.pid.unwrap())));
    fs::remove_file(world.config.dir.join("heard")).unwrap();
    world.close().await;
}

#[tokio::test]
async fn the_containers_of_a_supervisor_that_was_killed_die_with_it() {
    let world = World::open().await;
    world.ensure(&several(0, &["exec sleep 1000", "sleep 1000 & exec sleep 1000"])).await;
    let running = wait_until_running(&world.backend, &id(0)).await;
    kill(world.supervisor(&id(0)));
    let (cause, _) = wait_until_exited(&world.backend, &id(0)).await;
    assert_eq!(cause, ExitCause::Unseen);
    assert!(running.containers().iter().all(|container| !is_alive(container.pid.unwrap())));
    world.close().await;
}

#[tokio::test]
async fn two_containers_of_one_name_and_names_that_are_paths_are_refused() {
    let world = World::open().await;
    let mut twice = several(0, &["true", "true"]);
    twice.containers[1].name = "c1".to_owned();
    let mut path = several(0, &["true", "true"]);
    path.containers[1].name = "../x".to_owned();
    let mut none = several(0, &["true"]);
    none.containers.clear();
    for spec in [twice, path, none] {
        let refused = world.backend.ensure(&spec).await;
        assert!(matches!(refused, Err(ComputeError::Unsupported { .. })), "{refused:?}");
    }
    assert_eq!(world.backend.list().await.unwrap(), vec![]);
    world.close().await;
}
