//! The gateway's part of the metrics.
//!
//! Why: what is shown is read where it is counted, at the moment of the scrape; nothing is kept twice, and what is gone
//! has no series.
//! Invariants: labels are endpoints and variants that are routed, as many as have a place; all others together are
//! `_others`, a name that no endpoint can have.

mod many;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hostler_types::{InvocationClass, Metered};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::payload::BodyBudget;
use crate::table::RoutingTable;
use crate::tally::{Reading, Silence, Tally, Totals};

/// Under this label stands what has no series of its own.
const OTHERS: &str = "_others";

/// Counts of invocations, their times, and the requests under way.
pub struct GatewayMetrics {
    table: Arc<RoutingTable>,
    bodies: Arc<BodyBudget>,
}

impl GatewayMetrics {
    /// What goes by this table, with bodies in this room.
    pub fn new(table: Arc<RoutingTable>, bodies: Arc<BodyBudget>) -> Self {
        Self { table, bodies }
    }
}

impl fmt::Debug for GatewayMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayMetrics").finish_non_exhaustive()
    }
}

/// Account, region, endpoint, variant.
type Series = [(&'static str, String); 4];

#[derive(Default)]
struct Row {
    totals: Totals,
    in_flight: u64,
    /// Instances.
    ejected: u64,
    /// Of endpoints with many.
    loaded_models: u64,
}

impl GatewayMetrics {
    /// The variants that are shown, by their labels; fleets of several types count together.
    fn rows(&self) -> BTreeMap<Series, Row> {
        let (shown, others) = self.table.book.read();
        let mut rows: BTreeMap<Series, Row> = BTreeMap::new();
        for tally in &shown {
            rows.entry(series(&tally.of)).or_default().totals.add(tally);
        }
        let mut others = Row { totals: others, ..Row::default() };
        for lane in self.table.lanes.pin().values() {
            let row = match &*lane.tally {
                Tally { is_shown: true, of, .. } => rows.get_mut(&series(of)),
                _ => Some(&mut others),
            };
            if let Some(row) = row {
                row.in_flight += lane.in_flight() as u64;
                row.ejected += u64::from(lane.is_ejected() && !lane.is_draining());
                row.loaded_models += lane.models.as_ref().map_or(0, |models| models.loaded() as u64);
            }
        }
        let Row { totals, in_flight, .. } = &others;
        if totals.classes.iter().any(|count| *count > 0) || totals.waiting + in_flight > 0 {
            rows.insert(
                ["account", "region", "endpoint", "variant"].map(|name| (name, OTHERS.to_owned())),
                others,
            );
        }
        rows
    }
}

fn series(of: &Metered) -> Series {
    let scope = of.key.scope();
    [
        ("account", scope.account.to_string()),
        ("region", scope.region.to_string()),
        ("endpoint", of.name.clone()),
        ("variant", of.variant.to_string()),
    ]
}

impl Collector for GatewayMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let rows = self.rows();
        let mut invocations = encoder.encode_descriptor(
            "invocations",
            "Invocations that reached a variant, by how they ended: 2xx the model answered, 4xx the model refused the \
             request, 5xx the model failed, was silent or had no instance, abandoned the client went away first. \
             Requests that were refused before a variant was found are not here. A share of 5xx that grows means a sick \
             model: `hostler logs` shows why.",
            None,
            MetricType::Counter,
        )?;
        for (series, row) in &rows {
            for class in InvocationClass::ALL {
                let labels = (series.as_slice(), [("status_class", class.as_str())]);
                invocations
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&row.totals.classes[class as usize], None)?;
            }
        }
        let mut unanswered = encoder.encode_descriptor(
            "invocations_unanswered",
            "Those of the 5xx that had no answer of the model's: timeout it took longer than it may, lost it could not \
             be reached or died with the request, no_instance none was healthy for as long as a request may wait, \
             line_full and waited_too_long all instances were busy and as many requests waited as may, or for as long \
             as one may. Should be 0: see timeouts as a model that is too slow, lost as one that crashes, all others as \
             too few instances. Clients were told to try again by the last two.",
            None,
            MetricType::Counter,
        )?;
        for (series, row) in &rows {
            for silence in Silence::ALL {
                let labels = (series.as_slice(), [("reason", silence.as_str())]);
                unanswered
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&row.totals.silences[silence as usize], None)?;
            }
        }
        let retries = encoder.encode_descriptor(
            "invocation_retries",
            "Invocations that were passed on to another instance, because one could not be connected to or, where the \
             endpoint allows it, died with the request. No client saw an error by it; many of them mean instances that \
             come and go.",
            None,
            MetricType::Counter,
        )?;
        counters(retries, &rows, |row| row.totals.retries)?;
        let model = encoder.encode_descriptor(
            "model_latency",
            "SageMaker's ModelLatency: from sending a request to an instance until its answer was read to the end. Grows \
             with the model's own work and with its queue: if requests in flight grow too, add instances.",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        histograms(model, &rows, |row| &row.totals.model)?;
        let overhead = encoder.encode_descriptor(
            "overhead_latency",
            "SageMaker's OverheadLatency: from the head of a request until it was sent to an instance, the upload of its \
             body, its signature, and waiting for an instance included. Below a millisecond for small bodies; more means \
             slow clients, no healthy instance, or a machine that has no processor time left.",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        histograms(overhead, &rows, |row| &row.totals.overhead)?;
        many::encode(&mut encoder, &rows)?;
        self.encode_now(encoder, &rows)
    }
}

impl GatewayMetrics {
    /// What is so at this moment.
    fn encode_now(&self, mut encoder: DescriptorEncoder<'_>, rows: &BTreeMap<Series, Row>) -> fmt::Result {
        let in_flight = encoder.encode_descriptor(
            "requests_in_flight",
            "Requests that instances have and have not answered to the end. About how many work at the same time; near \
             the number that the instances can do at once, latency begins to grow.",
            None,
            MetricType::Gauge,
        )?;
        gauges(in_flight, rows, |row| row.in_flight)?;
        gauges(
            encoder.encode_descriptor(
                "requests_waiting",
                "Requests that wait for a place at an instance of the variant, because all are busy or none is healthy. \
                 Short peaks are what the line is for; if it is never empty, add instances or have them take more at \
                 once.",
                None,
                MetricType::Gauge,
            )?,
            rows,
            |row| row.totals.waiting,
        )?;
        gauges(
            encoder.encode_descriptor(
                "instances_ejected",
                "Instances that get no requests, or one at a time on trial, because they failed several in a row while \
                 others of their variant succeeded. Should be 0: `hostler diagnose` and `hostler logs` say how they fail.",
                None,
                MetricType::Gauge,
            )?,
            rows,
            |row| row.ejected,
        )?;
        let ejections = encoder.encode_descriptor(
            "instance_ejections",
            "How often an instance was ejected, also anew because it failed its ping or its trial. One that is ejected \
             again and again is worth being replaced.",
            None,
            MetricType::Counter,
        )?;
        counters(ejections, rows, |row| row.totals.ejections)?;
        self.bodies(&mut encoder)?;
        let held = self.table.held.load(Ordering::Relaxed);
        encoder
            .encode_descriptor(
                "requests_held",
                "All requests that wait for a place at an instance, of all endpoints together: see \
                 hostler_requests_waiting for which.",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&held)?;
        let sessions = self.table.sessions.count() as u64;
        encoder
            .encode_descriptor(
                "sessions_open",
                "Sessions that instances hold, of all endpoints; those that have expired count until something is opened. \
                 Fifty thousand is the most: then the oldest of the endpoint that has the most make room.",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&sessions)
    }

    fn bodies(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (in_memory, on_disk) = self.bodies.taken();
        let mut bytes = encoder.encode_descriptor(
            "request_body",
            "What request bodies take up, from their first byte until no instance can need them again, by where they \
             are. In memory it stays below body_memory_bytes; bytes on disk mean that this was too little. Much of \
             either means large bodies, slow clients or slow models.",
            Some(&Unit::Bytes),
            MetricType::Gauge,
        )?;
        for (place, taken) in [("memory", in_memory), ("disk", on_disk)] {
            bytes.encode_family(&[("place", place)])?.encode_gauge(&taken)?;
        }
        encoder
            .encode_descriptor(
                "request_bodies_refused",
                "Requests that were refused with ServiceUnavailable because there was no room for their bodies for as \
                 long as they may wait. Should be 0: otherwise raise body_memory_bytes or body_disk_bytes, or add \
                 instances, so that bodies are needed for less long.",
                None,
                MetricType::Counter,
            )?
            .encode_counter::<NoLabelSet, _, u64>(&self.bodies.refused(), None)
    }
}

fn gauges(
    mut metric: MetricEncoder<'_>,
    rows: &BTreeMap<Series, Row>,
    value: impl Fn(&Row) -> u64,
) -> fmt::Result {
    for (series, row) in rows {
        metric.encode_family(series)?.encode_gauge(&value(row))?;
    }
    Ok(())
}

fn counters(
    mut metric: MetricEncoder<'_>,
    rows: &BTreeMap<Series, Row>,
    value: impl Fn(&Row) -> u64,
) -> fmt::Result {
    for (series, row) in rows {
        metric.encode_family(series)?.encode_counter::<NoLabelSet, _, u64>(&value(row), None)?;
    }
    Ok(())
}

fn histograms(
    mut metric: MetricEncoder<'_>,
    rows: &BTreeMap<Series, Row>,
    value: impl Fn(&Row) -> &Reading,
) -> fmt::Result {
    for (series, row) in rows {
        let reading = value(row);
        metric.encode_family(series)?.encode_histogram::<NoLabelSet>(
            reading.sum_s(),
            reading.count(),
            &reading.buckets,
            None,
        )?;
    }
    Ok(())
}
