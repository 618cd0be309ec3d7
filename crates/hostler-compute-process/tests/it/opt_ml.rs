//! `/opt/ml/model` in a mount namespace of the instance's own, and what is said where the kernel refuses one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use hostler_compute::conformance::{wait_until_exited, wait_until_running};
use hostler_compute::{ExitCause, Fault, InstanceSpec, Program};
use hostler_compute_process::{ProcessConfig, try_opt_ml_model};

use crate::world::{
    self, World, failure, id, is_alive, kill, line_of, pid, shell, until, with_additional, with_data,
};

fn needing_opt_ml(ordinal: u32, script: &str) -> InstanceSpec {
    let mut spec = with_data(shell(id(ordinal), script), "s3://b/model");
    if let Program::Command { needs_opt_ml, .. } = &mut spec.containers[0].program {
        *needs_opt_ml = true;
    }
    spec
}

/// A world whose supervisor is started through a command, such as one that takes rights away.
async fn world_behind(wrapper: &str) -> World {
    World::with(|config| {
        fs::create_dir_all(&config.dir).unwrap();
        let script = config.dir.parent().unwrap().join("supervisor");
        let real = config.hostler_exe.display();
        fs::write(&script, format!("#!/bin/sh\n{}\n", wrapper.replace("{}", &format!("{real} \"$@\""))))
            .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        config.hostler_exe = script;
    })
    .await
}

/// Whether a command of this machine works, with which the test makes its own.
fn can(command: &[&str]) -> bool {
    let done = Command::new(command[0]).args(&command[1..]).output();
    let works = done.is_ok_and(|output| output.status.success());
    world::can(works, &format!("`{}` does not work here", command.join(" ")))
}

fn names_in(dir: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn mounts_below_opt() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    mounts.lines().filter(|line| line.contains(" /opt")).map(str::to_owned).collect()
}

/// What a script may find out about its `/opt`; each line is checked by the caller.
const LOOK: &str = "cat /opt/ml/model/weights; echo; \
                    (echo x > /opt/ml/model/written) 2>/dev/null && echo writable || echo read-only; \
                    ls -A /opt | sort | tr '\\n' ' '; echo; readlink /proc/self/ns/mnt";

async fn looks_as_it_should(world: World) {
    let before = (names_in("/opt"), names_in("/opt/ml"), mounts_below_opt());
    world.ensure(&needing_opt_ml(0, &format!("({LOOK}) > seen; mv seen told; exec sleep 1000"))).await;
    let state = wait_until_running(&world.backend, &id(0)).await;
    let seen = line_of(&world.dir(&id(0)).join("told")).await;
    let lines: Vec<&str> = seen.lines().collect();
    let [weights, writable, opt, namespace] = lines[..] else { panic!("{state:?}: {seen}") };
    assert_eq!((weights, writable), ("42", "read-only"));
    let mut wanted = before.0.clone();
    wanted.extend((!wanted.contains(&"ml".to_owned())).then(|| "ml".to_owned()));
    wanted.sort();
    assert_eq!(opt.split_whitespace().collect::<Vec<_>>(), wanted, "the host's own /opt is there too");
    let own = fs::read_link("/proc/self/ns/mnt").unwrap();
    assert_ne!(Path::new(namespace), own);
    let after = (names_in("/opt"), names_in("/opt/ml"), mounts_below_opt());
    assert_eq!(after, before, "nothing of it is seen outside");
    world.close().await;
}

#[tokio::test]
async fn a_program_finds_its_model_in_opt_ml_model_and_the_host_is_untouched() {
    if can(&["unshare", "-Um", "true"]) {
        looks_as_it_should(World::open().await).await;
    }
}

#[tokio::test]
async fn whether_it_can_be_had_is_told_without_an_instance() {
    if can(&["unshare", "-Um", "true"]) {
        let before = mounts_below_opt();
        let model = tempfile::tempdir().unwrap();
        let config = ProcessConfig::new(model.path(), env!("CARGO_BIN_EXE_hostler-supervisor"));
        assert_eq!(try_opt_ml_model(&config, model.path()).await.unwrap(), None);
        assert_eq!(mounts_below_opt(), before);
    }
}

#[tokio::test]
async fn additional_data_is_where_sagemaker_puts_it_and_the_host_is_untouched() {
    if !can(&["unshare", "-Um", "true"]) {
        return;
    }
    let before = (names_in("/opt"), names_in("/opt/ml"), mounts_below_opt());
    let world = World::open().await;
    let look = "cd /opt/ml/additional-model-data-sources; echo *; cat draft_model/weights; echo; \
                (echo x > draft_model/written) 2>/dev/null && echo writable || echo read-only; \
                cat /opt/ml/model/weights; echo; echo $HOSTLER_ADDITIONAL_DIR {additional_dir}";
    let spec =
        needing_opt_ml(0, &format!("({look}) > $TMPDIR/seen; mv $TMPDIR/seen $HOME/told; exec sleep 1000"));
    let spec = with_additional(with_additional(spec, "draft_model", "s3://b/1"), "b.2", "s3://b/2");
    world.ensure(&spec).await;
    let state = wait_until_running(&world.backend, &id(0)).await;
    let seen = line_of(&world.dir(&id(0)).join("told")).await;
    let there = "/opt/ml/additional-model-data-sources";
    let wanted = ["b.2 draft_model", "42", "read-only", "42", &format!("{there} {there}")];
    assert_eq!(seen.lines().collect::<Vec<_>>(), wanted, "{state:?}");
    assert_eq!((names_in("/opt"), names_in("/opt/ml"), mounts_below_opt()), before);
    world.close().await;
}

#[tokio::test]
async fn a_server_without_the_right_to_mount_gives_it_in_a_user_namespace() {
    let take_away = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];
    if can(&[&take_away[..], &["unshare", "-U", "true"]].concat()) {
        looks_as_it_should(world_behind(&format!("exec {} {{}}", take_away.join(" "))).await).await;
    }
}

#[tokio::test]
async fn a_kernel_that_refuses_is_named_with_what_to_do() {
    // Limits of a user namespace hold for those below it: the same refusal as that of a machine set so.
    let refuse = "exec unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_mnt_namespaces && exec \"$@\"' sh {}";
    if can(&["unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_mnt_namespaces"]) {
        let world = world_behind(refuse).await;
        let failed = failure(&world, &needing_opt_ml(0, "exec sleep 1000")).await;
        assert_eq!(failed.fault, Fault::User);
        for part in [
            "`/opt/ml/model`",
            "unshare(CLONE_NEWNS) failed: No space left on device",
            "user.max_mnt_namespaces",
            "{model_dir}",
        ] {
            assert!(failed.detail.contains(part), "{part}: {}", failed.detail);
        }
        let told = try_opt_ml_model(&world.config, Path::new("/proc")).await.unwrap().unwrap();
        assert_eq!(told.what, "unshare(CLONE_NEWNS) failed: No space left on device (os error 28)");
        assert!(failed.detail.contains(&told.to_do), "a look says what an instance would: {}", told.to_do);
        // AWS's sentence and where the log is have to fit beside it.
        assert!(failed.detail.chars().count() < 800, "{}", failed.detail);
        world.close().await;
    }
}

#[tokio::test]
async fn two_instances_see_each_its_own_and_crash_as_any_other() {
    if !can(&["unshare", "-Um", "true"]) {
        return;
    }
    let world = World::open().await;
    for ordinal in [0, 1] {
        world
            .ensure(&needing_opt_ml(ordinal, "exec 3< /opt/ml/model/weights; echo ready; exec sleep 1000"))
            .await;
    }
    wait_until_running(&world.backend, &id(1)).await;
    let pid = pid(&wait_until_running(&world.backend, &id(0)).await);
    kill(pid);
    assert_eq!(wait_until_exited(&world.backend, &id(0)).await.0, ExitCause::Signal(9));
    world.close().await;
}

#[tokio::test]
async fn a_killed_supervisor_takes_it_along_also_out_of_a_user_namespace() {
    let take_away = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];
    if !can(&[&take_away[..], &["unshare", "-U", "true"]].concat()) {
        return;
    }
    let world = world_behind(&format!("exec {} {{}}", take_away.join(" "))).await;
    world.ensure(&needing_opt_ml(0, "exec sleep 1000")).await;
    let pid = pid(&wait_until_running(&world.backend, &id(0)).await);
    world.backend.detach().await;
    kill(world.supervisor(&id(0)));
    until("the kernel ends the container", || !is_alive(pid)).await;
    world.restart().await.close().await;
}
