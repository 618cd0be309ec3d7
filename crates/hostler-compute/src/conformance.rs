//! What every backend must do, as tests that run against any of them.
//!
//! Why: adapters that each have their own tests drift apart in silence; here a backend passes the suite or does not.
//! Invariants: a case knows the port and nothing of the backend; the harness says how this backend runs something
//! that serves, exits, dies or prints. Cases wait on the change feed and on predicates, with a deadline.

mod fixture;
mod several;

use std::time::Duration;

use async_trait::async_trait;
use hostler_types::{DeviceClass, EndpointUid, InstanceId, VariantName};
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout, timeout_at};

pub use self::fixture::{data_at, program_of, spec_of, with_data};
pub use self::several::{
    a_log_of_each_container_is_read, a_removal_stops_every_container, every_container_of_an_instance_runs,
    spec_of_several, the_end_of_one_container_is_the_end_of_the_instance_and_is_named,
};
use crate::{Accelerators, Compute, ComputeError, ExitCause, Fault, InstanceSpec, InstanceState};

/// How long a case waits for anything; reaching it fails the case with the last state seen.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What the instance of a case does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Prints `ready` and runs until it is asked to stop.
    Serves,
    /// Prints `bye` and returns this code.
    ExitsWith(i32),
    /// Is ended by this signal.
    DiesBySignal(i32),
    /// Prints these lines and returns 0.
    Prints(Vec<String>),
}

/// How one backend is set up for the suite.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A fresh backend of its own for one case.
    async fn open() -> Self
    where
        Self: Sized;

    /// The backend.
    fn compute(&self) -> &dyn Compute;

    /// An instance that behaves like this.
    fn spec(&self, id: InstanceId, behaviour: Behaviour) -> InstanceSpec;

    /// Cleans up and checks that nothing is left.
    async fn close(self);
}

/// An id for a case.
pub fn instance_id(endpoint: &str, ordinal: u32) -> InstanceId {
    InstanceId {
        endpoint: EndpointUid::new(endpoint),
        generation: 1,
        variant: VariantName::new("AllTraffic"),
        ordinal,
        attempt: 1,
    }
}

/// Waits until the instance's state (none: not observed) satisfies the predicate, and returns it.
pub async fn wait_for_state(
    compute: &dyn Compute,
    id: &InstanceId,
    what: &str,
    is_wanted: impl Fn(Option<&InstanceState>) -> bool,
) -> Option<InstanceState> {
    let deadline = Instant::now() + DEADLINE;
    let mut changes = compute.changes();
    loop {
        let observed = compute.observe(&id.endpoint).await.expect("observe answers in this suite");
        let state = observed.into_iter().find(|one| one.id == *id).map(|one| one.state);
        if is_wanted(state.as_ref()) {
            return state;
        }
        loop {
            let Ok(change) = timeout_at(deadline, changes.recv()).await else {
                panic!("`{id}` was not {what} in time; it is {state:?}");
            };
            match change {
                Ok(changed) if changed != *id => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                Err(broadcast::error::RecvError::Closed) => panic!("the change feed of `{id}` closed"),
            }
        }
    }
}

/// Waits until the instance runs.
pub async fn wait_until_running(compute: &dyn Compute, id: &InstanceId) -> InstanceState {
    let is_settled = |state: Option<&InstanceState>| {
        matches!(
            state,
            Some(InstanceState::Running { .. } | InstanceState::Exited { .. } | InstanceState::Failed(_))
        )
    };
    let state = wait_for_state(compute, id, "running", is_settled).await.expect("a settled state is some");
    assert!(matches!(state, InstanceState::Running { .. }), "`{id}` does not run: {state:?}");
    state
}

/// Waits until the instance ended; how, and the tail of its log.
pub async fn wait_until_exited(compute: &dyn Compute, id: &InstanceId) -> (ExitCause, String) {
    let has_exited = |state: Option<&InstanceState>| matches!(state, Some(InstanceState::Exited { .. }));
    match wait_for_state(compute, id, "exited", has_exited).await {
        Some(InstanceState::Exited { cause, log_tail, .. }) => (cause, log_tail),
        other => panic!("`{id}` has not exited: {other:?}"),
    }
}

/// Waits until the instance is observed no more.
pub async fn wait_until_gone(compute: &dyn Compute, id: &InstanceId) {
    wait_for_state(compute, id, "gone", |state| state.is_none()).await;
}

/// Waits until the log of an instance that runs, of this container of it, holds just this.
async fn wait_for_log(compute: &dyn Compute, id: &InstanceId, container: Option<&str>, wanted: &[u8]) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let chunk = compute.logs(id, container, 0, 1000).await.expect("the log is readable");
        assert!(!chunk.ended);
        if chunk.bytes == wanted {
            break;
        }
        assert!(Instant::now() < deadline, "the log holds {:?}", String::from_utf8_lossy(&chunk.bytes));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn ensure(compute: &dyn Compute, spec: &InstanceSpec) {
    compute.ensure(spec).await.expect("the instance is noted");
}

/// `ensure` twice: one instance, the same process, the same address.
pub async fn ensure_twice_changes_nothing(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let spec = harness.spec(id.clone(), Behaviour::Serves);
    ensure(compute, &spec).await;
    ensure(compute, &spec).await;
    let running = wait_until_running(compute, &id).await;
    ensure(compute, &spec).await;
    assert_eq!(wait_until_running(compute, &id).await, running);
    assert_eq!(compute.list().await.expect("list"), vec![id]);
}

/// Another spec under the same id is refused and changes nothing.
pub async fn ensure_with_another_spec_is_refused(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let spec = harness.spec(id.clone(), Behaviour::Serves);
    ensure(compute, &spec).await;
    let running = wait_until_running(compute, &id).await;
    let mut other = spec.clone();
    other.containers[0].environment.insert("OTHER".to_owned(), "1".to_owned());
    let refused = compute.ensure(&other).await;
    assert!(matches!(refused, Err(ComputeError::SpecMismatch { .. })), "{refused:?}");
    assert_eq!(wait_until_running(compute, &id).await, running);
}

/// Removing what is not there is fine, before and after.
pub async fn removing_an_unknown_id_is_fine(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    compute.remove(&id, Duration::ZERO).await.expect("an unknown id is fine");
    ensure(compute, &harness.spec(id.clone(), Behaviour::Serves)).await;
    wait_until_running(compute, &id).await;
    compute.remove(&id, DEADLINE).await.expect("removal is noted");
    wait_until_gone(compute, &id).await;
    compute.remove(&id, DEADLINE).await.expect("a removed id is fine");
}

/// A removed instance is observed and listed no more, and has no log once its endpoint is forgotten.
pub async fn a_removed_instance_vanishes(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    ensure(compute, &harness.spec(id.clone(), Behaviour::Serves)).await;
    wait_until_running(compute, &id).await;
    wait_for_log(compute, &id, None, b"ready\n").await;
    compute.remove(&id, DEADLINE).await.expect("removal is noted");
    compute.remove(&id, DEADLINE).await.expect("removal twice is fine");
    wait_until_gone(compute, &id).await;
    assert_eq!(compute.list().await.expect("list"), vec![]);
    // A backend may keep the log, whole and at its end, until the endpoint is forgotten; then it lists it.
    let listed = compute.kept(&id.endpoint).await.expect("what is kept is listed");
    match compute.logs(&id, None, 0, 100).await {
        Ok(kept) => {
            assert!(kept.ended && kept.bytes == b"ready\n", "{kept:?}");
            assert_eq!(listed, std::slice::from_ref(&id));
        }
        Err(error) => {
            assert!(matches!(error, ComputeError::Unknown { .. }), "{error:?}");
            assert_eq!(listed, []);
        }
    }
    compute.forget(&id.endpoint).await.expect("forgetting is fine");
    compute.forget(&id.endpoint).await.expect("forgetting twice is fine");
    let log = compute.logs(&id, None, 0, 100).await;
    assert!(matches!(log, Err(ComputeError::Unknown { .. })), "{log:?}");
    assert_eq!(compute.kept(&id.endpoint).await.expect("what is kept is listed"), []);
}

/// An instance that is removed while it is still on its way vanishes too.
pub async fn an_instance_removed_at_once_vanishes(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    ensure(compute, &harness.spec(id.clone(), Behaviour::Serves)).await;
    compute.remove(&id, DEADLINE).await.expect("removal is noted");
    wait_until_gone(compute, &id).await;
    assert_eq!(compute.list().await.expect("list"), vec![]);
}

/// The code of an instance that ended is seen, with its last words; it stays ended.
pub async fn an_exit_code_is_observed(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let spec = harness.spec(id.clone(), Behaviour::ExitsWith(3));
    ensure(compute, &spec).await;
    let (cause, tail) = wait_until_exited(compute, &id).await;
    assert_eq!(cause, ExitCause::Code(3));
    assert!(tail.contains("bye"), "{tail:?}");
    ensure(compute, &spec).await;
    assert_eq!(wait_until_exited(compute, &id).await.0, ExitCause::Code(3));
}

/// The signal that ended an instance is seen.
pub async fn a_deadly_signal_is_observed(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    ensure(compute, &harness.spec(id.clone(), Behaviour::DiesBySignal(11))).await;
    assert_eq!(wait_until_exited(compute, &id).await.0, ExitCause::Signal(11));
}

/// The feed tells the id of what changed.
pub async fn the_feed_tells_which_instance_changed(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let mut changes = compute.changes();
    ensure(compute, &harness.spec(id.clone(), Behaviour::Serves)).await;
    let told = timeout(DEADLINE, changes.recv()).await.expect("a change is told in time");
    assert_eq!(told.expect("the feed is open"), id);
    wait_until_running(compute, &id).await;
    while changes.try_recv().is_ok() {}
    compute.remove(&id, DEADLINE).await.expect("removal is noted");
    let told = timeout(DEADLINE, changes.recv()).await.expect("a removal is told in time");
    assert_eq!(told.expect("the feed is open"), id);
}

/// A log is read piece by piece; positions go on from where the last piece ended.
pub async fn a_log_is_read_in_pieces(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let lines: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
    let wanted = lines.join("\n") + "\n";
    ensure(compute, &harness.spec(id.clone(), Behaviour::Prints(lines))).await;
    wait_until_exited(compute, &id).await;
    let (mut read, mut from) = (Vec::new(), 0);
    for _ in 0..1000 {
        let chunk = compute.logs(&id, None, from, 16).await.expect("the log is readable");
        assert!(chunk.bytes.len() <= 16);
        assert!(chunk.next >= from, "positions never go back");
        read.extend_from_slice(&chunk.bytes);
        from = chunk.next;
        if chunk.ended {
            break;
        }
    }
    assert_eq!(String::from_utf8_lossy(&read), wanted);
    let again = compute.logs(&id, None, from, 16).await.expect("the end can be read again");
    assert!(again.ended && again.bytes.is_empty() && again.next == from, "{again:?}");
    let end = compute.logs(&id, None, u64::MAX, 0).await.expect("the end can be asked for");
    assert!(end.ended && end.bytes.is_empty() && end.next == from, "{end:?}");
}

/// The log of an instance that runs is readable, and not at its end.
pub async fn the_log_of_a_running_instance_goes_on(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    ensure(compute, &harness.spec(id.clone(), Behaviour::Serves)).await;
    wait_until_running(compute, &id).await;
    wait_for_log(compute, &id, None, b"ready\n").await;
}

/// An instance that needs more accelerators than there are fails for good, and never runs.
pub async fn more_accelerators_than_there_are_never_fit(harness: &impl Harness) {
    let compute = harness.compute();
    for (ordinal, class) in
        [DeviceClass::NvidiaGpu, DeviceClass::Neuron, DeviceClass::Other].into_iter().enumerate()
    {
        let id = instance_id("e1", u32::try_from(ordinal).expect("there are three"));
        let has = compute.capabilities().devices.get(&class).copied().unwrap_or(0);
        let mut spec = harness.spec(id.clone(), Behaviour::Serves);
        spec.accelerators = Some(Accelerators { count: has + 1, name: "Wanted".to_owned(), class });
        ensure(compute, &spec).await;
        let has_ended =
            |state: Option<&InstanceState>| !matches!(state, None | Some(InstanceState::Preparing { .. }));
        match wait_for_state(compute, &id, "refused", has_ended).await {
            Some(InstanceState::Failed(failure)) => {
                assert_eq!(failure.fault, Fault::NeverFits);
                assert!(failure.detail.contains(&format!("{} x Wanted", has + 1)), "{}", failure.detail);
            }
            other => panic!("`{id}` should not fit: {other:?}"),
        }
    }
}

/// Observing one endpoint shows its instances and no others.
pub async fn observe_shows_one_endpoint(harness: &impl Harness) {
    let compute = harness.compute();
    let ids = [instance_id("e1", 0), instance_id("e1", 1), instance_id("e11", 0)];
    let mut addresses = std::collections::BTreeSet::new();
    for id in &ids {
        ensure(compute, &harness.spec(id.clone(), Behaviour::Serves)).await;
    }
    for id in &ids {
        addresses.extend(wait_until_running(compute, id).await.address());
    }
    assert_eq!(addresses.len(), 3, "each instance has an address of its own: {addresses:?}");
    let observed = compute.observe(&ids[0].endpoint).await.expect("observe");
    let mut seen: Vec<InstanceId> = observed.into_iter().map(|one| one.id).collect();
    seen.sort();
    assert_eq!(seen, ids[..2]);
    let none = compute.observe(&EndpointUid::new("e2")).await.expect("observe");
    assert_eq!(none, vec![]);
    let mut listed = compute.list().await.expect("list");
    listed.sort();
    assert_eq!(listed, ids);
}

/// What is observed carries the hash of the spec it was made from.
pub async fn observed_carries_the_spec_hash(harness: &impl Harness) {
    let (compute, id) = (harness.compute(), instance_id("e1", 0));
    let spec = harness.spec(id.clone(), Behaviour::Serves);
    ensure(compute, &spec).await;
    wait_until_running(compute, &id).await;
    let observed = compute.observe(&id.endpoint).await.expect("observe");
    assert_eq!(observed[0].spec_hash, spec.hash());
}

/// Makes a test of every case for one [`Harness`](crate::conformance::Harness); the crate needs tokio's macros. With
/// `if CONDITION` after it a case does nothing where that is false, and whoever gives it says so.
#[macro_export]
macro_rules! compute_conformance {
    ($harness:ty) => {
        $crate::compute_conformance!($harness, if true);
    };
    ($harness:ty, if $holds:expr) => {
        $crate::compute_conformance! {
            @ $harness, $holds;
            ensure_twice_changes_nothing,
            ensure_with_another_spec_is_refused,
            removing_an_unknown_id_is_fine,
            a_removed_instance_vanishes,
            an_instance_removed_at_once_vanishes,
            an_exit_code_is_observed,
            a_deadly_signal_is_observed,
            the_feed_tells_which_instance_changed,
            a_log_is_read_in_pieces,
            the_log_of_a_running_instance_goes_on,
            more_accelerators_than_there_are_never_fit,
            every_container_of_an_instance_runs,
            the_end_of_one_container_is_the_end_of_the_instance_and_is_named,
            a_removal_stops_every_container,
            a_log_of_each_container_is_read,
            observe_shows_one_endpoint,
            observed_carries_the_spec_hash,
        }
    };
    (@ $harness:ty, $holds:expr; $($case:ident,)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                if !$holds {
                    return;
                }
                let harness = <$harness as $crate::conformance::Harness>::open().await;
                $crate::conformance::$case(&harness).await;
                $crate::conformance::Harness::close(harness).await;
            }
        )+
    };
}
