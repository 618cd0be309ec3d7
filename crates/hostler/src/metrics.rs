//! `GET /metrics`: what every room counts, registered in one place, for Prometheus.
//!
//! Why: each room declares its own numbers and how they are read; who may read all of them together, and in which form,
//! is the binary's business.
//! Invariants: names of accounts and endpoints are in it, so beyond loopback nobody reads it without the token. A scrape
//! reads numbers that are there: it asks no store and no backend.

mod access;
mod process;
mod text;

use std::fmt;
use std::sync::Arc;

use hostler_artifacts::ArtifactCache;
use hostler_aws::Throttle;
use hostler_aws::sigv4::{RefusalReason, Refusals, Verifier};
use hostler_control::{Prober, Reconciler, register_control_metrics};
use hostler_gateway::{AnswerBody, BodyBudget, GatewayMetrics, RoutingTable};
use hostler_store_sql::SqliteStore;
use hostler_types::Clock;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub(crate) use access::MetricsAccess;
use text::Form;

use crate::listen::{Closed, Watch};

/// Whose numbers are shown.
pub(crate) struct Counted<'a> {
    pub(crate) table: &'a Arc<RoutingTable>,
    pub(crate) bodies: &'a Arc<BodyBudget>,
    pub(crate) watch: &'a Arc<Watch>,
    pub(crate) reconciler: &'a Arc<Reconciler>,
    pub(crate) prober: &'a Arc<Prober>,
    pub(crate) store: &'a SqliteStore,
    pub(crate) cache: &'a ArtifactCache,
    pub(crate) verifier: &'a Verifier,
    pub(crate) throttle: &'a Arc<Throttle>,
    pub(crate) clock: &'a dyn Clock,
}

/// The page.
pub(crate) struct Metrics {
    registry: Registry,
    access: MetricsAccess,
}

impl Metrics {
    /// Registers everything that is counted.
    pub(crate) fn new(counted: &Counted<'_>, access: MetricsAccess) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::ProcessMetrics::new(counted.clock.now())));
        let hostler = registry.sub_registry_with_prefix("hostler");
        hostler.register(
            "build",
            "Always 1; the label says which release answers. Several values in one fleet mean an upgrade half done",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        hostler
            .register_collector(Box::new(GatewayMetrics::new(counted.table.clone(), counted.bodies.clone())));
        register_control_metrics(hostler, counted.reconciler, counted.prober);
        counted.store.register_metrics(hostler);
        counted.cache.register_metrics(hostler);
        hostler.register_collector(Box::new(FrontMetrics {
            refusals: counted.verifier.refusals().clone(),
            throttle: counted.throttle.clone(),
            watch: counted.watch.clone(),
        }));
        Self { registry, access }
    }

    /// Answers a scrape.
    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response<AnswerBody> {
        if let Err(refusal) = self.access.allow(headers) {
            return respond(StatusCode::FORBIDDEN, "text/plain; charset=utf-8", refusal.to_owned());
        }
        let mut page = String::new();
        if prometheus_client::encoding::text::encode(&mut page, &self.registry).is_err() {
            let text = "writing the metrics failed".to_owned();
            return respond(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", text);
        }
        let form = Form::asked_for(headers);
        respond(StatusCode::OK, form.content_type(), form.of(page))
    }
}

fn respond(status: StatusCode, content_type: &'static str, text: String) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// What is counted at the door. Whoever refuses requests there for another reason counts them here.
struct FrontMetrics {
    refusals: Arc<Refusals>,
    throttle: Arc<Throttle>,
    watch: Arc<Watch>,
}

impl fmt::Debug for FrontMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontMetrics").field("refusals", &self.refusals).finish_non_exhaustive()
    }
}

impl Collector for FrontMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(
            "signature_refusals",
            "Requests of every API whose signature was refused, by why: unreadable (none, or a broken one), scope (another \
             region or service), time (a clock that is off, or an old signature), key (unknown or ended), mismatch (a wrong \
             secret, or a proxy that changes requests). A few are usual; time means clocks, many key or mismatch mean a \
             misconfigured client or somebody who guesses.",
            None,
            MetricType::Counter,
        )?;
        for reason in RefusalReason::ALL {
            let labels = [("reason", reason.as_str())];
            let count = self.refusals.of(reason);
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        self.encode_connections(&mut encoder)?;
        let mut metric = encoder.encode_descriptor(
            "throttled_requests",
            "Requests answered with ThrottlingException, by the class of [throttling] whose rate an account went beyond. \
             Nothing is shown where no rate is set. Clients try again by themselves; a count that grows all the time means \
             that the rate is too low for what is wanted, or that one client asks in a loop.",
            None,
            MetricType::Counter,
        )?;
        for (class, count) in self.throttle.throttled() {
            let labels = [("class", class)];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }
}

impl FrontMetrics {
    fn encode_connections(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        encoder
            .encode_descriptor(
                "connections",
                "Connections of clients that are open, most of them between two requests. At [limits] connections idle \
                 ones are closed to make room.",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&self.watch.open())?;
        let mut metric = encoder.encode_descriptor(
            "connections_closed",
            "Connections that the server closed, by why: idle no request came, slow_head a request did not get beyond its \
             head, stalled the client did not take its answer, evicted there were too many. Idle ones are usual; the \
             others mean clients that are slow, sick or hostile, evicted also that [limits] connections is too low.",
            None,
            MetricType::Counter,
        )?;
        for why in Closed::ALL {
            let labels = [("reason", why.as_str())];
            metric
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&self.watch.closed(why), None)?;
        }
        Ok(())
    }
}
