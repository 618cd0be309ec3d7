//! What only this backend has to do: what a container is given, what a restart finds, how a container ends.

use std::fs;
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hostler_compute::conformance::{
    DEADLINE, wait_for_state, wait_until_exited, wait_until_gone, wait_until_running,
};
use hostler_compute::{Compute, ExitCause, Fault, InstanceFailure, InstanceSpec, InstanceState, Limits};
use hostler_compute_docker::EngineAddress;
use hostler_types::FailureCause;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::world::{World, case, docker, id, is_there, with_data};

const MIB: u64 = 1024 * 1024;

fn inspect(container: &str) -> Value {
    let all: Value = serde_json::from_str(&docker(&["inspect", container])).unwrap();
    all[0].clone()
}

/// The one container of a world.
fn only(world: &World) -> String {
    let all = world.containers();
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

async fn log_of(world: &World, spec: &InstanceSpec, wanted: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let chunk = world.backend.logs(&spec.id, None, 0, 10_000).await.unwrap();
        let text = String::from_utf8(chunk.bytes).unwrap();
        if text == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "the log holds {text:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn failure(world: &World, spec: &InstanceSpec) -> InstanceFailure {
    world.ensure(spec).await;
    let is_settled =
        |state: Option<&InstanceState>| !matches!(state, Some(InstanceState::Preparing { .. }) | None);
    match wait_for_state(&world.backend, &spec.id, "failed", is_settled).await {
        Some(InstanceState::Failed(failure)) => failure,
        other => panic!("it should have failed: {other:?}"),
    }
}

#[tokio::test]
async fn a_container_gets_what_its_instance_grants_and_no_more() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let mut spec = with_data(case(id(0), "serves"), "s3://b/model");
    // More CPUs than any machine has: as many as there are.
    spec.limits = Limits { memory_bytes: Some(64 * MIB), cpu_millis: Some(1_000_000) };
    spec.containers[0].environment.insert("AWS_REGION".to_owned(), "mars-1".to_owned());
    world.ensure(&spec).await;
    wait_until_running(&world.backend, &spec.id).await;
    let seen = inspect(&only(&world));
    let host = &seen["HostConfig"];
    assert_eq!(host["Memory"], json!(64 * MIB));
    assert_eq!(host["MemorySwap"], json!(64 * MIB), "no swap");
    assert_eq!(host["ShmSize"], json!(32 * MIB));
    let cpus: u64 = docker(&["info", "--format", "{{.NCPU}}"]).parse().unwrap();
    assert_eq!(host["NanoCpus"], json!(cpus * 1_000_000_000));
    assert_eq!(host["SecurityOpt"], json!(["no-new-privileges"]));
    assert_eq!(host["Privileged"], json!(false));
    let ports = host["PortBindings"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(ports, 0, "no port of the machine is taken");
    assert_eq!(host["RestartPolicy"]["Name"], json!("no"));
    assert_eq!(seen["Args"], json!(["serve"]));
    let mount = &seen["Mounts"][0];
    assert_eq!((&mount["Destination"], &mount["RW"]), (&json!("/opt/ml/model"), &json!(false)));
    assert_eq!(mount["Source"], json!(world.unpacked()), "the model is not copied");
    let environment = seen["Config"]["Env"].as_array().unwrap();
    assert!(environment.contains(&json!("AWS_REGION=mars-1")), "the model's own word: {environment:?}");
    assert!(environment.contains(&json!("AWS_DEFAULT_REGION=us-east-1")), "{environment:?}");
    let labels = &seen["Config"]["Labels"];
    for (name, value) in [
        ("hostler.data-dir", world.config.owner.clone()),
        ("hostler.instance", spec.id.to_string()),
        ("hostler.endpoint", "demo".to_owned()),
        ("hostler.generation", "1".to_owned()),
        ("hostler.variant", "AllTraffic".to_owned()),
        ("hostler.ordinal", "0".to_owned()),
        ("hostler.attempt", "1".to_owned()),
        ("hostler.spec-hash", spec.hash()),
    ] {
        assert_eq!(labels[name], json!(value), "{name}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_restart_finds_what_runs_and_launches_nothing_twice() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let spec = with_data(case(id(0), "serves"), "s3://b/model");
    world.ensure(&spec).await;
    let running = wait_until_running(&world.backend, &spec.id).await;
    log_of(&world, &spec, "ready\n").await;
    let container = only(&world);
    let started = inspect(&container)["State"]["StartedAt"].clone();
    // However far the last server came with its notes.
    let mut world = world;
    for forgotten in [&[][..], &["running.json"], &["running.json", "prepared.json", "images.json"]] {
        world.backend.detach().await;
        for file in forgotten {
            fs::remove_file(world.dir(&spec.id).join(file)).unwrap();
        }
        let prepared = world.data.prepared.load(Ordering::SeqCst);
        world = world.restart().await;
        world.ensure(&spec).await;
        let again = wait_until_running(&world.backend, &spec.id).await;
        if forgotten.is_empty() {
            assert_eq!(again, running);
            assert_eq!(world.data.prepared.load(Ordering::SeqCst), prepared, "nothing is fetched again");
        }
        assert_eq!(only(&world), container);
        assert_eq!(inspect(&container)["State"]["StartedAt"], started);
    }
    assert!(world.data.adopted.load(Ordering::SeqCst) >= 1, "the model data is held again");
    let world = world.restart().await;
    log_of(&world, &spec, "ready\n").await;
    world.close().await;
}

#[tokio::test]
async fn what_a_former_server_left_behind_is_removed() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let (lost, created) = (case(id(0), "serves"), case(id(1), "serves"));
    for spec in [&lost, &created] {
        world.ensure(spec).await;
        wait_until_running(&world.backend, &spec.id).await;
    }
    world.backend.detach().await;
    fs::remove_dir_all(world.dir(&lost.id)).unwrap();
    let world = world.restart().await;
    let left = only(&world);
    assert_eq!(inspect(&left)["Config"]["Labels"]["hostler.instance"], json!(created.id.to_string()));
    world.close().await;
}

#[tokio::test]
async fn an_end_that_nobody_watched_is_found_with_all_its_words() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let spec = case(id(0), "serves");
    world.ensure(&spec).await;
    wait_until_running(&world.backend, &spec.id).await;
    log_of(&world, &spec, "ready\n").await;
    let container = only(&world);
    world.backend.detach().await;
    docker(&["stop", &container]);
    let world = world.restart().await;
    assert_eq!(wait_until_exited(&world.backend, &spec.id).await, (ExitCause::Code(0), "ready".to_owned()));
    log_of(&world, &spec, "ready\n").await;
    // And that it was found is remembered.
    docker(&["rm", &container]);
    let world = world.restart().await;
    assert_eq!(wait_until_exited(&world.backend, &spec.id).await.0, ExitCause::Code(0));
    world.close().await;
}

#[tokio::test]
async fn a_container_that_somebody_else_took_away_ended_unseen() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let spec = case(id(0), "serves");
    world.ensure(&spec).await;
    wait_until_running(&world.backend, &spec.id).await;
    docker(&["rm", "-f", &only(&world)]);
    let (cause, _) = wait_until_exited(&world.backend, &spec.id).await;
    // The engine may tell of the kill before it forgets the container.
    assert!(matches!(cause, ExitCause::Unseen | ExitCause::Signal(9)), "{cause:?}");
    world.close().await;
}

#[tokio::test]
async fn memory_over_the_limit_is_told_from_other_ends() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let limit_bytes = 32 * MIB;
    let limits = Limits { memory_bytes: Some(limit_bytes), cpu_millis: None };
    let mut small = case(id(0), "eat 8");
    small.limits = limits;
    let mut large = case(id(1), "eat 256");
    large.limits = limits;
    for (spec, wanted) in [(small, ExitCause::Code(0)), (large, ExitCause::OutOfMemory { limit_bytes })] {
        world.ensure(&spec).await;
        assert_eq!(wait_until_exited(&world.backend, &spec.id).await.0, wanted);
    }
    let killed = case(id(2), "serves");
    world.ensure(&killed).await;
    wait_until_running(&world.backend, &killed.id).await;
    docker(&["kill", &format!("hostler-{}-{}-0", &world.config.owner[..12], killed.id)]);
    assert_eq!(wait_until_exited(&world.backend, &killed.id).await.0, ExitCause::Signal(9));
    world.close().await;
}

#[tokio::test]
async fn who_does_not_stop_when_asked_is_killed_after_the_grace() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let (deaf, polite) = (case(id(0), "deaf"), case(id(1), "serves"));
    for spec in [&deaf, &polite] {
        world.ensure(spec).await;
        wait_until_running(&world.backend, &spec.id).await;
        // By now it has said how it takes a signal.
        log_of(&world, spec, "ready\n").await;
    }
    let began = Instant::now();
    let grace = Duration::from_secs(2);
    world.backend.remove(&deaf.id, grace).await.unwrap();
    wait_until_gone(&world.backend, &deaf.id).await;
    assert!(began.elapsed() >= grace, "it was killed after {:?}", began.elapsed());
    // Patience can be lost.
    world.backend.remove(&polite.id, DEADLINE * 100).await.unwrap();
    wait_until_gone(&world.backend, &polite.id).await;
    let deaf = case(id(2), "deaf");
    world.ensure(&deaf).await;
    log_of(&world, &deaf, "ready\n").await;
    world.backend.remove(&deaf.id, DEADLINE * 100).await.unwrap();
    world.backend.remove(&deaf.id, Duration::ZERO).await.unwrap();
    wait_until_gone(&world.backend, &deaf.id).await;
    world.close().await;
}

#[tokio::test]
async fn an_isolated_container_finds_no_way_out() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    // Somebody at an address of this machine that is not in the containers' networks.
    let gateway = docker(&["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]);
    let listener = TcpListener::bind((gateway.as_str(), 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let neighbour = case(id(9), "serves");
    world.ensure(&neighbour).await;
    let address = wait_until_running(&world.backend, &neighbour.id).await.address().unwrap();
    for (ordinal, is_isolated, target, wanted) in [
        (0, false, format!("{gateway} {port}"), "connected"),
        (1, true, format!("{gateway} {port}"), "Network is unreachable"),
        (2, true, "192.0.2.1 80".to_owned(), "Network is unreachable"),
        (3, true, format!("{} 8080", address.ip()), "Network is unreachable"),
    ] {
        let mut spec = case(id(ordinal), &format!("dial {target}"));
        spec.is_isolated = is_isolated;
        world.ensure(&spec).await;
        let ended = wait_until_exited(&world.backend, &spec.id).await;
        assert_eq!(ended, (ExitCause::Code(0), wanted.to_owned()), "isolated: {is_isolated}, to {target}");
    }
    world.close().await;
}

#[tokio::test]
async fn an_isolated_container_is_reached_all_the_same_also_after_a_restart() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let mut spec = case(id(0), "answer");
    spec.is_isolated = true;
    world.ensure(&spec).await;
    let address = wait_until_running(&world.backend, &spec.id).await.address().unwrap();
    log_of(&world, &spec, "ready\n").await;
    let answer = async || {
        let mut text = String::new();
        TcpStream::connect(address).await.unwrap().read_to_string(&mut text).await.unwrap();
        text
    };
    assert_eq!(answer().await, "hello\n");
    // As its own processes see it, for who wonders why nobody answers.
    assert_eq!(world.backend.listens(&spec.id).await.unwrap(), ["0.0.0.0:8080".parse().unwrap()]);
    let world = world.restart().await;
    let again = wait_until_running(&world.backend, &spec.id).await.address().unwrap();
    assert_eq!(again, address);
    assert_eq!(answer().await, "hello\n");
    assert_eq!(world.networks(), "", "it needs no network");
    world.close().await;
}

#[tokio::test]
async fn what_cannot_be_had_is_said() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    // Nobody is a registry there.
    let mut spec = case(id(0), "serves");
    spec.containers[0].image = "127.0.0.1:1/team/model:1".to_owned();
    let failed = failure(&world, &spec).await;
    assert_eq!((failed.fault, &failed.cause), (Fault::Infrastructure, &FailureCause::ImageUnreachable));
    assert!(failed.aws_sentence.unwrap().starts_with("Please make sure all images included in the model"));
    assert!(failed.detail.contains("connection refused"), "{}", failed.detail);
    let data = with_data(case(id(1), "serves"), "s3://b/missing");
    assert_eq!(failure(&world, &data).await.cause, FailureCause::DataMissing);
    let mut late = with_data(case(id(2), "serves"), "s3://b/slow");
    late.download_timeout_ms = 10;
    assert_eq!(failure(&world, &late).await.cause, FailureCause::DataLate { timeout_ms: 10 });
    assert_eq!(world.containers().len(), 0);
    world.close().await;
}

#[tokio::test]
async fn an_engine_that_is_away_is_named() {
    if !is_there() {
        return;
    }
    let world = World::open().await;
    let nowhere = world.dir(&id(0)).with_file_name("no.sock");
    let away = World::with(|config| config.address = EngineAddress::Unix(nowhere)).await;
    let failed = failure(&away, &case(id(0), "serves")).await;
    assert_eq!((failed.fault, &failed.cause), (Fault::Infrastructure, &FailureCause::EngineUnreachable));
    assert!(failed.detail.contains("no.sock"), "{}", failed.detail);
    away.backend.detach().await;
    world.close().await;
}
