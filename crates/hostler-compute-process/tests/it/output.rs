//! Logs that rotate and are followed, and what an instance gets to see.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use hostler_compute::conformance::{wait_until_exited, wait_until_gone, wait_until_running};
use hostler_compute::{Compute, ComputeError};

use crate::world::{World, id, line_of, shell, until, with_additional, with_data};

#[tokio::test]
async fn a_log_is_bounded_and_its_positions_grow() {
    let world = World::open().await;
    // Ten thousand lines of 11 bytes against four segments of 1024 bytes.
    world.ensure(&shell(id(0), "i=10000; while [ $i -lt 20000 ]; do echo line=$i; i=$((i+1)); done")).await;
    wait_until_exited(&world.backend, &id(0)).await;
    let (mut from, mut text) = (0, Vec::new());
    loop {
        let chunk = world.backend.logs(&id(0), None, from, 1000).await.unwrap();
        text.extend_from_slice(&chunk.bytes);
        from = chunk.next;
        if chunk.ended {
            break;
        }
    }
    assert_eq!(from, 110_000, "positions count every byte that was written");
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(text.len() <= 4 * 1024 && lines.len() > 250, "{} bytes", text.len());
    assert!(lines.iter().all(|line| line.len() == 10), "only whole lines");
    assert_eq!(lines.last(), Some(&"line=19999"));
    let segments = fs::read_dir(world.dir(&id(0)).join("logs")).unwrap().count();
    assert_eq!(segments, 4);
    world.close().await;
}

#[tokio::test]
async fn a_log_is_followed_while_it_grows_and_across_a_restart() {
    let world = World::open().await;
    let script = "echo one; until [ -e go ]; do sleep 0.01; done; echo two >&2; exec sleep 1000";
    world.ensure(&shell(id(0), script)).await;
    wait_until_running(&world.backend, &id(0)).await;
    let segment = world.dir(&id(0)).join("logs/0000000000000000.log");
    assert_eq!(line_of(&segment).await, "one");
    let first = world.backend.logs(&id(0), None, 0, 1000).await.unwrap();
    assert_eq!((first.bytes.as_slice(), first.ended), (b"one\n".as_slice(), false));
    let world = world.restart().await;
    fs::write(world.dir(&id(0)).join("go"), "").unwrap();
    until("the second line", || fs::read_to_string(&segment).unwrap().lines().count() == 2).await;
    let second = world.backend.logs(&id(0), None, first.next, 1000).await.unwrap();
    assert_eq!((second.bytes.as_slice(), second.ended), (b"two\n".as_slice(), false));
    world.close().await;
}

#[tokio::test]
async fn an_instance_sees_its_own_environment_and_nothing_of_the_servers() {
    let world = World::open().await;
    let mut spec = shell(id(0), "exec env");
    spec.containers[0].environment.insert("MODEL_SETTING".to_owned(), "a b".to_owned());
    world.ensure(&spec).await;
    wait_until_exited(&world.backend, &id(0)).await;
    let port = world.json(&id(0), "launch.json")["port"].to_string();
    let chunk = world.backend.logs(&id(0), None, 0, 100_000).await.unwrap();
    let text = String::from_utf8(chunk.bytes).unwrap();
    let seen: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    // `PWD` and its like are the shell's own.
    let names: Vec<&str> =
        seen.keys().copied().filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    let wanted = [
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "HOME",
        "HOSTLER_INSTANCE_DIR",
        "HOSTLER_MODEL_DIR",
        "LANG",
        "MODEL_SETTING",
        "PATH",
        "SAGEMAKER_BASE_DIR",
        "SAGEMAKER_BIND_TO_PORT",
        "SAGEMAKER_SAFE_PORT_RANGE",
        "TMPDIR",
    ];
    assert_eq!(names, wanted);
    assert_eq!(seen["MODEL_SETTING"], "a b");
    assert_eq!(seen["SAGEMAKER_BIND_TO_PORT"], port);
    let (first, last) = seen["SAGEMAKER_SAFE_PORT_RANGE"].split_once('-').unwrap();
    let [port, first, last] = [&port, first, last].map(|text| text.parse::<u16>().unwrap());
    assert_eq!(first, port + 1);
    assert!(last > first);
    assert_eq!(seen["AWS_REGION"], "us-east-1");
    world.close().await;
}

#[tokio::test]
async fn the_log_of_a_removed_instance_is_kept_until_its_endpoint_is_forgotten() {
    let world = World::open().await;
    world.ensure(&shell(id(0), "echo why; exit 1")).await;
    wait_until_exited(&world.backend, &id(0)).await;
    world.backend.remove(&id(0), Duration::ZERO).await.unwrap();
    wait_until_gone(&world.backend, &id(0)).await;
    let world = world.restart().await;
    let kept = world.backend.logs(&id(0), None, 0, 100).await.unwrap();
    assert_eq!((kept.bytes.as_slice(), kept.ended), (b"why\n".as_slice(), true));
    world.backend.forget(&id(0).endpoint).await.unwrap();
    let gone = world.backend.logs(&id(0), None, 0, 100).await;
    assert!(matches!(gone, Err(ComputeError::Unknown { .. })), "{gone:?}");
    world.close().await;
}

#[tokio::test]
async fn a_supervisor_has_no_environment() {
    let world = World::open().await;
    assert!(std::env::vars_os().count() > 0, "there is something to leak");
    world.ensure(&shell(id(0), "exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    let environment = fs::read(format!("/proc/{}/environ", world.supervisor(&id(0)))).unwrap();
    assert_eq!(environment, b"");
    world.close().await;
}

#[tokio::test]
async fn the_model_data_is_where_the_command_is_told() {
    let world = World::open().await;
    world
        .ensure(&with_data(shell(id(0), "cat {model_dir}/weights; ls $HOSTLER_MODEL_DIR"), "s3://b/model"))
        .await;
    let (_, tail) = wait_until_exited(&world.backend, &id(0)).await;
    assert_eq!(tail, "42weights");
    world.close().await;
}

#[tokio::test]
async fn the_path_of_the_model_data_leads_over_no_link() {
    let world = World::open().await;
    let look =
        "cd -P {model_dir} && [ $(pwd) = {model_dir} ] && [ $(pwd) = $HOSTLER_MODEL_DIR ] && echo same";
    world.ensure(&with_data(shell(id(0), look), "s3://b/model")).await;
    let (_, tail) = wait_until_exited(&world.backend, &id(0)).await;
    assert_eq!(tail, "same");
    world.close().await;
}

#[tokio::test]
async fn additional_model_data_lies_beside_the_model() {
    let world = World::open().await;
    let script = "ls $HOSTLER_ADDITIONAL_DIR; cat {additional_dir}/draft_model/weights $SAGEMAKER_BASE_DIR/additional-model-data-sources/b.2/weights";
    let spec = with_data(shell(id(0), script), "s3://b/model");
    let spec = with_additional(with_additional(spec, "draft_model", "s3://b/1"), "b.2", "s3://b/2");
    world.ensure(&spec).await;
    let (_, tail) = wait_until_exited(&world.backend, &id(0)).await;
    assert_eq!(tail, "b.2\ndraft_model\n4242");
    world.close().await;
}
