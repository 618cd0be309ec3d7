//! A few thousand invocations, measured where a client would measure them.
//!
//! Invariants: every answer is checked to be one; the figures are of this run on this machine and claim no more.

use anyhow::ensure;
use bytes::Bytes;
use tokio::time::Instant;

use super::step::Step;
use crate::client::{Client, TIMEOUT};
use crate::output;

/// Requests in flight at once: a figure of latency, not of overload.
const AT_ONCE: u32 = 2;

pub(super) async fn run(client: &Client, endpoint: &str, row: &str, invocations: u32) -> anyhow::Result<()> {
    let invocations = invocations.max(1);
    let step = Step::begin(&format!("{invocations} signed one-row invocations, {AT_ONCE} at once"));
    let begun = Instant::now();
    let body = Bytes::copy_from_slice(row.as_bytes());
    let share = |worker: u32| invocations / AT_ONCE + u32::from(worker < invocations % AT_ONCE);
    let workers = (0..AT_ONCE).map(|worker| {
        let body = body.clone();
        async move {
            let mut took = Vec::new();
            for _ in 0..share(worker) {
                let sent = Instant::now();
                let answer = client.invoke(TIMEOUT, endpoint, "text/csv", None, body.clone()).await?;
                ensure!(answer.status.is_success(), "an invocation was answered with {}", answer.status);
                took.push(sent.elapsed().as_secs_f64() * 1000.0);
            }
            Ok(took)
        }
    });
    let mut took: Vec<f64> = futures_util::future::try_join_all(workers).await?.concat();
    let seconds = begun.elapsed().as_secs_f64();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize];
    step.done("");
    output::data(&format!(
        "              p50 {:.2} ms · p99 {:.2} ms · {:.0} per second",
        at(0.50),
        at(0.99),
        f64::from(invocations) / seconds
    ));
    Ok(())
}
