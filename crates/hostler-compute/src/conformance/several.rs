//! Instances of several containers: what every backend must do with them.
//!
//! Why: they live and end together, and whoever asks must be told which of them it was.
//! Invariants: as in the rest of the suite.

use hostler_types::InstanceId;

use super::{
    Behaviour, DEADLINE, Harness, ensure, instance_id, wait_for_log, wait_for_state, wait_until_exited,
    wait_until_gone, wait_until_running,
};
use crate::{ComputeError, ExitCause, InstanceSpec, InstanceState};

/// An instance whose containers have these names and behave like this.
pub fn spec_of_several(
    harness: &impl Harness,
    id: &InstanceId,
    containers: &[(&str, Behaviour)],
) -> InstanceSpec {
    let mut whole = harness.spec(id.clone(), Behaviour::Serves);
    whole.containers.clear();
    for (name, behaviour) in containers {
        let single = harness.spec(id.clone(), behaviour.clone());
        whole.containers.extend(single.containers);
        if let Some(container) = whole.containers.last_mut() {
            (*name).clone_into(&mut container.name);
        }
    }
    whole
}

fn names_of(state: &InstanceState) -> Vec<&str> {
    state.containers().iter().map(|container| container.name.as_str()).collect()
}

/// All containers run, in the order of the spec and under its names, each at an address of its own.
pub async fn every_container_of_an_instance_runs(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let names: Vec<String> = (1..=15).map(|position| format!("container-{position}")).collect();
    let containers: Vec<(&str, Behaviour)> =
        names.iter().map(|name| (name.as_str(), Behaviour::Serves)).collect();
    let spec = spec_of_several(harness, &id, &containers);
    ensure(compute, &spec).await;
    let running = wait_until_running(compute, &id).await;
    assert_eq!(names_of(&running), names);
    let mut addresses: Vec<_> = running.containers().iter().map(|container| container.address).collect();
    assert_eq!(running.address(), addresses.first().copied());
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 15, "{running:?}");
    ensure(compute, &spec).await;
    assert_eq!(wait_until_running(compute, &id).await, running, "the same call changes nothing");
    let single = instance_id("e1", 1);
    ensure(compute, &harness.spec(single.clone(), Behaviour::Serves)).await;
    assert_eq!(wait_until_running(compute, &single).await.containers().len(), 1);
}

/// One container that ends takes the others with it, whichever it is; what it was is seen, and stays.
pub async fn the_end_of_one_container_is_the_end_of_the_instance_and_is_named(harness: &impl Harness) {
    let compute = harness.compute();
    for (ordinal, ends) in [(0, 0), (1, 1), (2, 2)] {
        let id = instance_id("e1", ordinal);
        let behaviour = |position| if position == ends { Behaviour::ExitsWith(3) } else { Behaviour::Serves };
        let names = ["first", "second", "third"];
        let containers: Vec<_> =
            names.iter().enumerate().map(|(position, name)| (*name, behaviour(position))).collect();
        let spec = spec_of_several(harness, &id, &containers);
        ensure(compute, &spec).await;
        let has_exited = |state: Option<&InstanceState>| matches!(state, Some(InstanceState::Exited { .. }));
        match wait_for_state(compute, &id, "exited", has_exited).await {
            Some(InstanceState::Exited { container, cause, log_tail }) => {
                assert_eq!((container.as_deref(), cause), (Some(names[ends]), ExitCause::Code(3)));
                assert!(log_tail.contains("bye") && !log_tail.contains("ready"), "{log_tail:?}");
            }
            other => panic!("`{id}` has not exited: {other:?}"),
        }
        ensure(compute, &spec).await;
        assert_eq!(wait_until_exited(compute, &id).await.0, ExitCause::Code(3));
    }
}

/// A removal takes all containers, and the instance is observed until the last is gone.
pub async fn a_removal_stops_every_container(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let containers = [("first", Behaviour::Serves), ("second", Behaviour::Serves)];
    let spec = spec_of_several(harness, &id, &containers);
    ensure(compute, &spec).await;
    wait_until_running(compute, &id).await;
    compute.remove(&id, DEADLINE).await.expect("removal is noted");
    wait_until_gone(compute, &id).await;
    assert_eq!(compute.list().await.expect("list"), vec![]);
    // A backend that keeps logs keeps those of all containers.
    if compute.logs(&id, None, 0, 100).await.is_ok() {
        assert_eq!(compute.logged(&id).await.expect("the logs are listed"), ["first", "second"]);
        for name in ["first", "second"] {
            assert!(compute.logs(&id, Some(name), 0, 100).await.expect("the log is readable").ended);
        }
    }
}

/// Each container has a log, found by its name; the first one's is also that of no name.
pub async fn a_log_of_each_container_is_read(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let running = instance_id("e1", 2);
    let both = [("first", Behaviour::Serves), ("second", Behaviour::Serves)];
    ensure(compute, &spec_of_several(harness, &running, &both)).await;
    wait_until_running(compute, &running).await;
    for name in ["first", "second"] {
        wait_for_log(compute, &running, Some(name), b"ready\n").await;
    }
    let prints = Behaviour::Prints(vec!["from the first".to_owned()]);
    let containers = [("first", prints), ("second", Behaviour::Serves)];
    ensure(compute, &spec_of_several(harness, &id, &containers)).await;
    wait_until_exited(compute, &id).await;
    assert_eq!(compute.logged(&id).await.expect("the logs are listed"), ["first", "second"]);
    for (container, wanted) in
        [(None, &b"from the first\n"[..]), (Some("first"), b"from the first\n"), (Some("second"), b"ready\n")]
    {
        let chunk = compute.logs(&id, container, 0, 1000).await.expect("the log is readable");
        assert!(chunk.ended, "{container:?}");
        // The second may have been stopped before it said anything.
        let said_nothing = container == Some("second") && chunk.bytes.is_empty();
        assert!(said_nothing || chunk.bytes == wanted, "{container:?}: {chunk:?}");
    }
    let unknown = compute.logs(&id, Some("third"), 0, 1000).await;
    assert!(matches!(unknown, Err(ComputeError::Unknown { .. })), "{unknown:?}");
    let single = instance_id("e1", 1);
    ensure(compute, &harness.spec(single.clone(), Behaviour::Serves)).await;
    wait_until_running(compute, &single).await;
    wait_for_log(compute, &single, None, b"ready\n").await;
    assert_eq!(compute.logged(&single).await.expect("the logs are listed"), Vec::<String>::new());
}
