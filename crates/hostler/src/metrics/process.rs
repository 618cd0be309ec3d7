//! What the kernel says of this process, by the names that Prometheus' own libraries use.
//!
//! Why: dashboards and alerts for any server know these names.
//! Invariants: what cannot be read is left out, and is no error of the scrape.

use std::fmt;

use hostler_types::Millis;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// The kernel's ticks in `/proc`, of every architecture that matters here.
const TICKS_PER_S: f64 = 100.0;

#[derive(Debug)]
pub(super) struct ProcessMetrics {
    started_at: Millis,
}

impl ProcessMetrics {
    pub(super) fn new(started_at: Millis) -> Self {
        Self { started_at }
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut gauge = |name, help, unit: Option<&Unit>, value: Option<u64>| match value {
            None => Ok(()),
            Some(value) => {
                encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
            }
        };
        gauge(
            "process_resident_memory",
            "Memory of the server itself, without its models. It does not grow with the size of models; if it climbs for \
             days, that is a leak.",
            Some(&Unit::Bytes),
            resident_bytes(),
        )?;
        gauge(
            "process_open_fds",
            "Open files and connections. Compare with process_max_fds: at the limit no connection is accepted.",
            None,
            open_fds(),
        )?;
        gauge("process_max_fds", "What process_open_fds may grow to.", None, max_fds())?;
        if let Some(seconds) = cpu_seconds() {
            encoder
                .encode_descriptor(
                    "process_cpu",
                    "Processor time of the server itself, without its models. Its rate is the number of processors that it \
                     keeps busy.",
                    Some(&Unit::Seconds),
                    MetricType::Counter,
                )?
                .encode_counter::<NoLabelSet, _, u64>(&seconds, None)?;
        }
        encoder
            .encode_descriptor(
                "process_start_time",
                "When the server was started. Counters begin anew then; a value that changes often means that it crashes.",
                Some(&Unit::Seconds),
                MetricType::Gauge,
            )?
            .encode_gauge(&(self.started_at.0 as f64 / 1000.0))
    }
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn open_fds() -> Option<u64> {
    // The directory that is being read is one of them.
    Some((std::fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

fn max_fds() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything; fields are counted from its closing bracket.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) as f64 / TICKS_PER_S)
}
