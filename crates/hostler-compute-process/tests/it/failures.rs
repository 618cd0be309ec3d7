//! Instances that never get to run, and what is said about it.

use std::time::Duration;

use hostler_compute::conformance::{wait_until_gone, wait_until_running};
use hostler_compute::{
    Accelerators, Compute, ComputeError, Fault, InstanceSpec, InstanceState, Phase, Program,
};
use hostler_types::{DeviceClass, FailureCause};

use crate::world::{World, command, failure, id, shell, with_additional, with_data};

#[tokio::test]
async fn a_command_that_does_not_exist_is_the_users_mistake() {
    let world = World::open().await;
    let failed = failure(&world, &command(id(0), &["/does/not/exist", "serve"])).await;
    assert_eq!((failed.fault, failed.phase), (Fault::User, Phase::Starting));
    assert_eq!(failed.cause, FailureCause::CommandMissing);
    assert_eq!(failed.detail, "starting `/does/not/exist` failed: No such file or directory (os error 2)");
    // The same after a restart, and nothing is tried again.
    let world = world.restart().await;
    assert_eq!(world.state(&id(0)).await, Some(InstanceState::Failed(failed)));
    world.close().await;
}

#[tokio::test]
async fn a_command_that_is_not_executable_is_the_users_mistake() {
    let world = World::open().await;
    let failed = failure(&world, &command(id(0), &["/etc/passwd"])).await;
    assert_eq!((failed.fault, &failed.cause), (Fault::User, &FailureCause::CommandRefused));
    assert!(failed.detail.contains("Permission denied"), "{}", failed.detail);
    world.close().await;
}

#[tokio::test]
async fn a_working_directory_that_does_not_exist_is_named() {
    let world = World::open().await;
    let mut spec = shell(id(0), "true");
    if let Program::Command { working_dir, .. } = &mut spec.containers[0].program {
        *working_dir = Some("/does/not/exist".to_owned());
    }
    let failed = failure(&world, &spec).await;
    assert_eq!(failed.detail, "the working directory `/does/not/exist` does not exist");
    world.close().await;
}

#[tokio::test]
async fn additional_data_that_is_missing_is_named_and_nothing_is_launched() {
    let world = World::open().await;
    let spec = with_data(shell(id(0), "true"), "s3://b/model");
    let failed = failure(&world, &with_additional(spec, "draft_model", "s3://b/missing")).await;
    assert_eq!(failed.fault, Fault::User);
    let named = "for container \"container_1\" from URL: \"s3://b/missing\"";
    assert!(failed.aws_sentence.unwrap().contains(named));
    assert!(!world.dir(&id(0)).join("launch.json").exists());
    world.close().await;
}

#[tokio::test]
async fn missing_model_data_is_told_in_the_words_of_aws() {
    let world = World::open().await;
    let failed = failure(&world, &with_data(shell(id(0), "true"), "s3://b/missing")).await;
    assert_eq!((failed.fault, failed.phase), (Fault::User, Phase::Fetching));
    let sentence = failed.aws_sentence.unwrap();
    let begins =
        " Failed to download model data for container \"container_1\" from URL: \"s3://b/missing\". ";
    assert!(sentence.starts_with(begins), "{sentence}");
    assert_eq!(failed.cause, FailureCause::DataMissing);
    assert_eq!(failed.detail, "there is no object at `s3://b/missing`");
    world.close().await;
}

#[tokio::test]
async fn a_download_that_takes_too_long_is_given_up() {
    let world = World::open().await;
    let mut spec = with_data(shell(id(0), "true"), "s3://b/slow");
    spec.download_timeout_ms = 20;
    let failed = failure(&world, &spec).await;
    assert_eq!(failed.phase, Phase::Fetching);
    assert_eq!(failed.cause, FailureCause::DataLate { timeout_ms: 20 });
    assert!(failed.detail.contains("ModelDataDownloadTimeoutInSeconds"), "{}", failed.detail);
    world.close().await;
}

#[tokio::test]
async fn an_instance_that_still_downloads_can_be_removed() {
    let world = World::open().await;
    world.ensure(&with_data(shell(id(0), "true"), "s3://b/slow")).await;
    world.backend.remove(&id(0), Duration::from_secs(5)).await.unwrap();
    wait_until_gone(&world.backend, &id(0)).await;
    world.close().await;
}

#[tokio::test]
async fn an_instance_that_was_downloading_goes_on_after_a_restart() {
    let world = World::open().await;
    world.ensure(&with_data(shell(id(0), "true"), "s3://b/slow")).await;
    let world = world.restart().await;
    let state = world.state(&id(0)).await;
    assert_eq!(state, Some(InstanceState::Preparing { phase: Phase::Fetching }));
    world.close().await;
}

#[tokio::test]
async fn more_memory_than_this_server_gives_never_fits() {
    let world = World::with(|config| config.memory_bytes_max = Some(1 << 30)).await;
    let mut spec = shell(id(0), "true");
    spec.limits.memory_bytes = Some(1 << 31);
    let failed = failure(&world, &spec).await;
    assert_eq!(failed.fault, Fault::NeverFits);
    assert_eq!(failed.cause, FailureCause::MemoryOverLimit);
    assert!(failed.detail.contains("2147483648"), "{}", failed.detail);
    world.close().await;
}

#[tokio::test]
async fn an_instance_that_needs_gpus_runs_where_the_machine_shows_as_many() {
    let devices = tempfile::tempdir().unwrap();
    for node in ["nvidia0", "nvidia1", "nvidiactl"] {
        std::fs::write(devices.path().join(node), "").unwrap();
    }
    let world = World::with(|config| config.device_dir = devices.path().to_owned()).await;
    let wanting = |ordinal: u32, count: u32| {
        let name = "NVIDIA A10G".to_owned();
        let accelerators = Some(Accelerators { count, name, class: DeviceClass::NvidiaGpu });
        InstanceSpec { accelerators, ..shell(id(ordinal), "exec sleep 1000") }
    };
    world.ensure(&wanting(0, 2)).await;
    wait_until_running(&world.backend, &id(0)).await;
    let failed = failure(&world, &wanting(1, 4)).await;
    assert_eq!(failed.fault, Fault::NeverFits);
    assert_eq!(failed.cause, FailureCause::AcceleratorMissing);
    let detail = failed.detail;
    assert!(
        detail.starts_with("4 x NVIDIA A10G are promised and this machine has 2 NVIDIA GPUs"),
        "{detail}"
    );
    assert!(detail.contains("accelerators = \"mark\""), "{detail}");
    world.close().await;
}

#[tokio::test]
async fn no_free_port_is_a_lack_of_capacity() {
    let world = World::with(|config| config.ports = 19_500..=19_500).await;
    // Held for the whole test, whether or not somebody else has it.
    let _held = std::net::TcpListener::bind(("127.0.0.1", 19_500));
    let failed = failure(&world, &shell(id(0), "true")).await;
    assert_eq!(failed.fault, Fault::Capacity);
    assert_eq!(failed.cause, FailureCause::NoRoom);
    assert!(failed.detail.contains("19500..=19500"), "{}", failed.detail);
    world.close().await;
}

#[tokio::test]
async fn an_image_is_refused_with_a_word_on_what_to_do() {
    let world = World::open().await;
    let mut spec = shell(id(0), "true");
    spec.containers[0].program = Program::Image;
    let refused = world.backend.ensure(&spec).await.unwrap_err();
    assert!(matches!(refused, ComputeError::Unsupported { .. }));
    let text = refused.to_string();
    assert!(text.contains("[[image]]") && text.contains("docker"), "{text}");
    assert_eq!(world.backend.list().await.unwrap(), vec![]);
    world.close().await;
}

#[tokio::test]
async fn a_supervisor_that_cannot_be_started_is_not_the_users_mistake() {
    let world = World::with(|config| config.hostler_exe = "/does/not/exist/hostler".into()).await;
    let failed = failure(&world, &shell(id(0), "true")).await;
    assert_eq!(failed.fault, Fault::Infrastructure);
    assert!(failed.detail.starts_with("starting the supervisor failed"), "{}", failed.detail);
    world.close().await;
}

#[tokio::test]
async fn a_data_directory_with_a_long_name_is_fine() {
    let world =
        World::with(|config| config.dir = config.dir.join("x".repeat(200)).join("y".repeat(200))).await;
    world.ensure(&shell(id(0), "exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    world.close().await;
}
