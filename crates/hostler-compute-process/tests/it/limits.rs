//! Memory and CPU limits, by the kernel of the machine that runs the test.

use std::fs;

use hostler_compute::conformance::{wait_until_exited, wait_until_running};
use hostler_compute::{Compute, ExitCause};

use crate::world::{self, World, command, id, shell};

const MEMORY: u64 = 64 * 1024 * 1024;

fn can(holds: bool, what: &str) -> bool {
    world::can(holds, &format!("this machine has no usable {what} control group"))
}

#[tokio::test]
async fn a_memory_kill_is_told_apart_from_a_crash() {
    let world = World::open().await;
    if can(world.backend.capabilities().limits_memory, "memory") {
        // `tail` keeps everything until it sees a line end.
        let mut greedy = command(id(0), &["tail", "/dev/zero"]);
        greedy.limits.memory_bytes = Some(MEMORY);
        let mut behind_a_shell = shell(id(1), "tail /dev/zero; exit $?");
        behind_a_shell.limits.memory_bytes = Some(MEMORY);
        let mut crash = shell(id(2), "kill -9 $$");
        crash.limits.memory_bytes = Some(MEMORY);
        for spec in [&greedy, &behind_a_shell, &crash] {
            world.ensure(spec).await;
        }
        for ordinal in [0, 1] {
            let (cause, tail) = wait_until_exited(&world.backend, &id(ordinal)).await;
            assert_eq!(cause, ExitCause::OutOfMemory { limit_bytes: MEMORY }, "instance {ordinal}");
            assert!(tail.contains("for memory (limit 67108864 bytes)"), "{tail}");
        }
        assert_eq!(wait_until_exited(&world.backend, &id(2)).await.0, ExitCause::Signal(9));
    }
    world.close().await;
}

#[tokio::test]
async fn a_cpu_limit_is_set() {
    let world = World::open().await;
    if can(world.backend.capabilities().limits_cpu, "cpu") {
        let mut spec = shell(id(0), "exec sleep 1000");
        spec.limits.cpu_millis = Some(500);
        world.ensure(&spec).await;
        wait_until_running(&world.backend, &id(0)).await;
        let read =
            |file: &str| world.groups(&id(0)).iter().find_map(|dir| fs::read_to_string(dir.join(file)).ok());
        // Half of the kernel's period of 100 ms, as version 1 or version 2 tells it.
        match read("cpu.cfs_quota_us") {
            Some(quota) => assert_eq!(quota.trim(), "50000"),
            None => assert_eq!(read("cpu.max").as_deref().map(str::trim), Some("50000 100000")),
        }
    }
    world.close().await;
}

#[tokio::test]
async fn an_instance_may_open_as_many_files_as_it_is_told_and_not_as_the_server() {
    let world = World::with(|config| config.open_files_max = Some(123)).await;
    world.ensure(&shell(id(0), "echo soft $(ulimit -Sn), hard $(ulimit -Hn); exit 1")).await;
    let (_, tail) = wait_until_exited(&world.backend, &id(0)).await;
    // The hard one stays, for programs that raise theirs themselves.
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let hard = hard.map_or("unlimited".to_owned(), |most| most.to_string());
    assert!(tail.contains(&format!("soft 123, hard {hard}")), "{tail}");
    world.close().await;
}

#[tokio::test]
async fn every_process_of_an_instance_is_in_its_groups() {
    let world = World::open().await;
    world.ensure(&shell(id(0), "sleep 1000 & echo started; exec sleep 1000")).await;
    wait_until_running(&world.backend, &id(0)).await;
    for group in world.groups(&id(0)) {
        world::until("both processes are in the group", || {
            fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|text| text.lines().count() == 2)
        })
        .await;
    }
    world.close().await;
}

#[tokio::test]
async fn without_control_groups_it_runs_and_says_what_does_not_hold() {
    let world = World::with(|config| config.use_cgroups = false).await;
    let capabilities = world.backend.capabilities();
    assert!(!capabilities.limits_memory && !capabilities.limits_cpu);
    let mut spec = shell(id(0), "exec sleep 1000");
    spec.limits.memory_bytes = Some(MEMORY);
    world.ensure(&spec).await;
    wait_until_running(&world.backend, &id(0)).await;
    world.close().await;
}
