//! Faults on command: before anything happened, and after it happened with the reply lost.

use std::sync::Arc;
use std::time::Duration;

use hostler_compute::conformance::instance_id;
use hostler_compute::{Call, Compute, FaultPoint, InstanceState, SimulatedCompute};
use hostler_types::SystemClock;

use crate::conformance::spec;

#[tokio::test]
async fn a_fault_before_leaves_no_trace_and_one_after_takes_effect() {
    let compute = SimulatedCompute::stepped(Arc::new(SystemClock));
    let (id, spec) = (instance_id("e1", 0), spec(instance_id("e1", 0), &["serve"]));
    compute.fault_next(Call::Ensure, FaultPoint::Before);
    compute.fault_next(Call::Ensure, FaultPoint::After);
    assert!(compute.ensure(&spec).await.is_err());
    assert_eq!(compute.state(&id), None);
    assert!(compute.ensure(&spec).await.is_err());
    assert!(matches!(compute.state(&id), Some(InstanceState::Preparing { .. })));
    compute.ensure(&spec).await.unwrap();
    assert_eq!(compute.effects().len(), 1, "the repeated call changed nothing");
}

#[tokio::test]
async fn a_lost_reply_to_remove_still_removes() {
    let compute = SimulatedCompute::stepped(Arc::new(SystemClock));
    let id = instance_id("e1", 0);
    compute.ensure(&spec(id.clone(), &["serve"])).await.unwrap();
    compute.fault_next(Call::Remove, FaultPoint::After);
    assert!(compute.remove(&id, Duration::ZERO).await.is_err());
    assert_eq!(compute.state(&id), Some(InstanceState::Removing));
}

#[tokio::test]
async fn a_fault_of_one_call_leaves_the_others_alone() {
    let compute = SimulatedCompute::stepped(Arc::new(SystemClock));
    compute.fault_next(Call::Observe, FaultPoint::Before);
    compute.fault_next(Call::List, FaultPoint::After);
    let id = instance_id("e1", 0);
    compute.ensure(&spec(id.clone(), &["serve"])).await.unwrap();
    assert!(compute.observe(&id.endpoint).await.is_err());
    assert!(compute.list().await.is_err());
    assert_eq!(compute.observe(&id.endpoint).await.unwrap().len(), 1);
    assert_eq!(compute.list().await.unwrap(), vec![id]);
}
