//! What is gathered for a diagnosis.

use std::time::Duration;

use hostler_compute::Delays;
use hostler_testkit::{Effects, SimWorld};
use hostler_types::{EndpointRecord, EndpointStatus, InstanceId};
use serde_json::Value;

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn of_a_large_log_its_end_is_shown_in_whole_lines() {
    let mut world = SimWorld::new(DELAYS);
    world.start(Effects::new());
    world.create_config(1).await;
    world.create_endpoint().await;
    let is_in_service = |record: Option<&EndpointRecord>, _: &[InstanceId]| {
        record.is_some_and(|record| record.status == EndpointStatus::InService)
    };
    world.wait_until("in service", SOON, is_in_service).await;
    let (id, state) = world.compute.states().remove(0);
    let address = state.address().expect("it runs");
    // 24 MiB, of the 32 that a backend keeps.
    let line = |number: usize| format!("line {number:>10}\n");
    let lines = 24 * 1024 * 1024 / line(0).len();
    let log: String = (0..lines).map(line).collect();
    world.compute.append_log(&id, &log);
    // It is asked every few seconds, and is replaced only when it has not answered for longer than this.
    world.ping.make_sick(address);
    let mut shown = Value::Null;
    for _ in 0..600 {
        let diagnosis = world.admin("GET", "endpoints/e/diagnosis", &Value::Null).await.unwrap();
        shown = diagnosis["Findings"][0]["Evidence"]["LogTail"].clone();
        if shown.is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let shown = shown.as_str().expect("it was found sick");
    // Whole lines of 16 bytes, as many as 2,000 bytes hold.
    let expected: String = (lines - 124..lines).map(line).collect();
    assert_eq!(shown.lines().last(), expected.lines().last());
    assert!(expected.ends_with(shown) && shown.len() >= expected.len() - 16, "{shown}");
    world.kill().await;
}
