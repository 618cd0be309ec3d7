//! Control's part of the metrics: endpoints, instances, reconcile runs, the queue of keys, health checks.
//!
//! Why: one place says what is counted and how each number is to be read.
//! Invariants: labels are words of enums, or names of endpoints and variants that exist, as many as have a place; all
//! others together are `_others`, a name that no endpoint can have.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hostler_types::EndpointStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::prober::Prober;
use crate::reconcile::{InstanceStanding, QueueDepths, Reconciler, VariantStanding};

/// Under this label stands what has no series of its own.
const OTHERS: &str = "_others";
/// Accounts and regions with endpoints that have series of their own.
const SCOPES_SHOWN_MAX: usize = 100;
/// Upper bounds in seconds: a run is some milliseconds, most of them the store's.
const RUN_BOUNDS_S: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How a reconcile run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the words of the label")]
pub(crate) enum RunOutcome {
    applied,
    overtaken,
    gone,
    followed,
    failed,
    abandoned,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RunLabels {
    outcome: RunOutcome,
}

/// What the reconciler counts of its runs.
#[derive(Debug)]
pub(crate) struct RunMetrics {
    runs: Family<RunLabels, Counter>,
    durations: Histogram,
}

impl RunMetrics {
    pub(crate) fn new() -> Self {
        let runs = Family::<RunLabels, Counter>::default();
        for outcome in [
            RunOutcome::applied,
            RunOutcome::overtaken,
            RunOutcome::gone,
            RunOutcome::followed,
            RunOutcome::failed,
            RunOutcome::abandoned,
        ] {
            // A series that is there from the beginning shows its first increase.
            drop(runs.get_or_create(&RunLabels { outcome }));
        }
        Self { runs, durations: Histogram::new(RUN_BOUNDS_S) }
    }

    pub(crate) fn ended(&self, outcome: RunOutcome, took: std::time::Duration) {
        self.runs.get_or_create(&RunLabels { outcome }).inc();
        self.durations.observe(took.as_secs_f64());
    }
}

/// Registers what control counts.
pub fn register_control_metrics(registry: &mut Registry, reconciler: &Arc<Reconciler>, prober: &Arc<Prober>) {
    let runs = reconciler.run_metrics();
    registry.register(
        "reconcile_runs",
        "Runs of the reconciler, by how they ended: applied is the usual one, overtaken means that the record changed \
         meanwhile and the run was repeated, gone that the endpoint is, followed that another controller acts. failed runs \
         are repeated with a growing pause: if they keep coming the log says which endpoint is stuck. abandoned is a bug",
        runs.runs.clone(),
    );
    registry.register_with_unit(
        "reconcile_run_duration",
        "How long a run of the reconciler takes, from reading the record to the last effect. Milliseconds; more means a \
         slow disk under the store or a slow backend",
        Unit::Seconds,
        runs.durations.clone(),
    );
    let (reconciler, prober) = (reconciler.clone(), prober.clone());
    registry.register_collector(Box::new(ControlMetrics { reconciler, prober }));
}

/// What is read at the moment of the scrape.
struct ControlMetrics {
    reconciler: Arc<Reconciler>,
    prober: Arc<Prober>,
}

impl fmt::Debug for ControlMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlMetrics").finish_non_exhaustive()
    }
}

/// Account and region.
type ScopeLabels = [(&'static str, String); 2];
/// Account, region, endpoint and variant.
type VariantLabels = [(&'static str, String); 4];

#[derive(Default)]
struct Tables {
    statuses: BTreeMap<ScopeLabels, [u64; EndpointStatus::ALL.len()]>,
    variants: BTreeMap<VariantLabels, VariantStanding>,
}

impl ControlMetrics {
    fn tables(&self) -> Tables {
        let (endpoints, past_restarts) = self.reconciler.standings().read();
        let mut tables = Tables::default();
        let mut others = VariantStanding { restarts: past_restarts, ..VariantStanding::default() };
        let mut has_others = past_restarts > 0;
        for (key, standing) in &endpoints {
            let (account, region) = (key.scope().account.to_string(), key.scope().region.to_string());
            let mut scope = [("account", account.clone()), ("region", region.clone())];
            if tables.statuses.len() >= SCOPES_SHOWN_MAX && !tables.statuses.contains_key(&scope) {
                scope = ["account", "region"].map(|name| (name, OTHERS.to_owned()));
            }
            tables.statuses.entry(scope).or_default()[standing.status as usize] += 1;
            for (variant, numbers) in &standing.variants {
                if !standing.is_shown {
                    others.add(numbers);
                    has_others = true;
                    continue;
                }
                let labels = [
                    ("account", account.clone()),
                    ("region", region.clone()),
                    ("endpoint", standing.name.clone()),
                    ("variant", variant.to_string()),
                ];
                tables.variants.entry(labels).or_default().add(numbers);
            }
        }
        if has_others {
            let labels = ["account", "region", "endpoint", "variant"].map(|name| (name, OTHERS.to_owned()));
            tables.variants.insert(labels, others);
        }
        tables
    }
}

impl Collector for ControlMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Tables { statuses, variants } = self.tables();
        let mut metric = encoder.encode_descriptor(
            "endpoints",
            "Endpoints by status, of every account and region that has any. Failed and UpdateRollbackFailed want a person: \
             `hostler describe` says why; one that stays Creating or Updating for long waits for an instance.",
            None,
            MetricType::Gauge,
        )?;
        for (scope, counts) in &statuses {
            for status in EndpointStatus::ALL {
                let labels = (scope.as_slice(), [("status", status.as_str())]);
                metric.encode_family(&labels)?.encode_gauge(&counts[status as usize])?;
            }
        }
        let mut metric = encoder.encode_descriptor(
            "instances",
            "Instances by how they stand: starting (fetched for, started or not yet healthy), healthy, sick (runs, and fails \
             its health check), failed (ended, or never started), draining (finishes its requests), removing. Fewer healthy \
             ones than instances_desired for more than a few minutes means that requests have less than was asked for.",
            None,
            MetricType::Gauge,
        )?;
        for (labels, numbers) in &variants {
            for standing in InstanceStanding::ALL {
                let labels = (labels.as_slice(), [("state", standing.as_str())]);
                metric.encode_family(&labels)?.encode_gauge(&numbers.instances[standing as usize])?;
            }
        }
        let mut metric = encoder.encode_descriptor(
            "instances_desired",
            "Instances that the endpoint's deployment asks for; during an update those of the former one. What instances in \
             state healthy are compared with.",
            None,
            MetricType::Gauge,
        )?;
        for (labels, numbers) in &variants {
            metric.encode_family(labels)?.encode_gauge(&numbers.desired)?;
        }
        let mut metric = encoder.encode_descriptor(
            "instance_restarts",
            "Instances that were started in the place of one that had failed. Should stand still; one that climbs is a model \
             that crashes or fails its health check again and again: `hostler logs` shows its last words.",
            None,
            MetricType::Counter,
        )?;
        for (labels, numbers) in &variants {
            metric.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(&numbers.restarts, None)?;
        }
        self.encode_queue(&mut encoder)?;
        self.encode_probes(&mut encoder)
    }
}

impl ControlMetrics {
    fn encode_queue(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let QueueDepths { due, later, running } = self.reconciler.queue_depths();
        let mut metric = encoder.encode_descriptor(
            "reconcile_queue",
            "Endpoints in the reconciler's queue: due ones wait for a run, later ones have a time to be looked at, running \
             ones are being looked at. Due is 0 nearly always; if it stays above, the reconciler cannot keep up, and \
             statuses lag behind.",
            None,
            MetricType::Gauge,
        )?;
        for (state, count) in [("due", due), ("later", later), ("running", running)] {
            metric.encode_family(&[("state", state)])?.encode_gauge(&(count as u64))?;
        }
        Ok(())
    }

    fn encode_probes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (passed, failed) = self.prober.results();
        let mut metric = encoder.encode_descriptor(
            "probes",
            "Health checks (GET /ping) of instances, by result. Failed ones are usual while a model starts; from models that \
             were healthy they mean trouble: three in a row make an instance sick.",
            None,
            MetricType::Counter,
        )?;
        for (result, count) in [("passed", passed), ("failed", failed)] {
            metric
                .encode_family(&[("result", result)])?
                .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }
}
