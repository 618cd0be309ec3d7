//! Instance types with accelerators, on machines with and without.

use std::time::Duration;

use hostler_compute::Delays;
use hostler_control::{AcceleratorPolicy, ControlSettings};
use hostler_testkit::{Effects, SimWorld};
use hostler_types::{DeviceClass, EndpointRecord, EndpointStatus, InstanceId};
use tokio::time::Instant;

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(2);

/// A server that is about to run endpoint `e` of one `ml.g5.xlarge`.
async fn world(accelerators: AcceleratorPolicy, gpus: u32) -> SimWorld {
    let settings = ControlSettings { accelerators, ..ControlSettings::default() };
    let mut world = SimWorld::with_settings(DELAYS, settings);
    world.compute.set_devices(DeviceClass::NvidiaGpu, gpus);
    world.create_config_of("ml.g5.xlarge", 1).await;
    world.start(Effects::new());
    world.create_endpoint().await;
    world
}

fn has_status(status: EndpointStatus) -> impl Fn(Option<&EndpointRecord>, &[InstanceId]) -> bool {
    move |record, _| record.is_some_and(|record| record.status == status)
}

#[tokio::test(start_paused = true)]
async fn a_gpu_type_on_a_machine_without_one_fails_at_once_for_want_of_capacity() {
    let begun = Instant::now();
    let mut world = world(AcceleratorPolicy::Refuse, 0).await;
    world.wait_until("failed", SOON, has_status(EndpointStatus::Failed)).await;
    assert!(begun.elapsed() < Duration::from_millis(200), "it was not tried again: {:?}", begun.elapsed());
    let reason = world.record().await.unwrap().failure_reason.unwrap();
    // facts/sagemaker-api.md 3.3.
    let sentence =
        "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.";
    assert!(reason.starts_with(sentence), "{reason}");
    assert!(reason.contains("1 x NVIDIA A10G are promised and this machine has 0 NVIDIA GPUs"), "{reason}");
    world.wait_until("cleared away", SOON, |_, instances| instances.is_empty()).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn it_runs_where_the_machine_has_one() {
    let mut world = world(AcceleratorPolicy::Refuse, 1).await;
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    let spec = world.compute.spec(&world.instances().await[0]).unwrap();
    assert_eq!(spec.accelerators.map(|wanted| wanted.count), Some(1));
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn it_runs_without_where_the_operator_says_so() {
    let mut world = world(AcceleratorPolicy::Mark, 0).await;
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    world.kill().await;
}
