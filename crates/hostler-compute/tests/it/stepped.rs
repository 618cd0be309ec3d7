//! Stepped mode, and automatic mode under a paused clock.

use std::sync::Arc;
use std::time::Duration;

use hostler_compute::conformance::{instance_id, wait_until_running};
use hostler_compute::{
    Compute, Delays, Effect, ExitCause, Fault, InstanceFailure, InstanceState, Phase, SimulatedCompute,
};
use hostler_types::{FailureCause, SystemClock};
use tokio::time::Instant;

use crate::conformance::spec;

#[tokio::test]
async fn nothing_moves_unless_stepped() {
    let compute = SimulatedCompute::stepped(Arc::new(SystemClock));
    let id = instance_id("e1", 0);
    compute.ensure(&spec(id.clone(), &["serve"])).await.unwrap();
    let phase = |phase| Some(InstanceState::Preparing { phase });
    assert_eq!(compute.state(&id), phase(Phase::Fetching));
    assert_eq!(compute.step(&id), phase(Phase::Unpacking));
    assert_eq!(compute.step(&id), phase(Phase::Starting));
    assert!(matches!(compute.step(&id), Some(InstanceState::Running { .. })));
    assert!(compute.exit(&id, ExitCause::Signal(9), "the end"));
    let exited = InstanceState::Exited {
        container: None,
        cause: ExitCause::Signal(9),
        log_tail: "the end".to_owned(),
    };
    assert_eq!(compute.step(&id), Some(exited), "what ended stays ended");
    compute.remove(&id, Duration::ZERO).await.unwrap();
    assert_eq!(compute.state(&id), Some(InstanceState::Removing));
    assert_eq!(compute.step(&id), None);
    let seen = [Effect::Created, Effect::Launched, Effect::Ended, Effect::Stopping, Effect::Removed];
    assert_eq!(compute.effects(), seen.map(|effect| effect(id.clone())));
}

#[tokio::test]
async fn an_instance_can_fail_on_its_way() {
    let compute = SimulatedCompute::stepped(Arc::new(SystemClock));
    let id = instance_id("e1", 0);
    compute.ensure(&spec(id.clone(), &["serve"])).await.unwrap();
    let failure = InstanceFailure {
        fault: Fault::User,
        phase: Phase::Fetching,
        container: None,
        cause: FailureCause::Other,
        aws_sentence: None,
        detail: "there is no object".to_owned(),
    };
    assert!(compute.fail(&id, failure.clone()));
    assert_eq!(compute.state(&id), Some(InstanceState::Failed(failure)));
    assert_eq!(compute.launches(&id), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_takes_its_time_on_the_paused_clock() {
    let delays = Delays { start: Duration::from_secs(3), stop: Duration::ZERO };
    let compute = SimulatedCompute::auto(Arc::new(SystemClock), delays);
    compute.slow_next(Duration::from_secs(18));
    let (begun, id) = (Instant::now(), instance_id("e1", 0));
    compute.ensure(&spec(id.clone(), &["serve"])).await.unwrap();
    wait_until_running(&compute, &id).await;
    assert_eq!(begun.elapsed().as_secs(), 21);
    assert_eq!(compute.launches(&id), 1);
}
