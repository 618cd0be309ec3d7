//! What is counted of the cache: uses, bytes that were fetched, models that had to go.
//!
//! Why: a cache that is too small is seen in nothing but the time that starts take; these numbers say so before.
//! Invariants: labels are words of an enum.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use super::{ArtifactCache, Shared};

/// How a use of the cache ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the words of the label")]
pub(super) enum Use {
    hit,
    miss,
    failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Use,
}

#[derive(Debug)]
pub(super) struct CacheMetrics {
    uses: Family<Labels, Counter>,
    pub(super) fetched_bytes: Counter,
    pub(super) evictions: Counter,
}

impl CacheMetrics {
    pub(super) fn new() -> Self {
        let uses = Family::<Labels, Counter>::default();
        for outcome in [Use::hit, Use::miss, Use::failed] {
            // A series that is there from the beginning shows its first increase.
            drop(uses.get_or_create(&Labels { outcome }));
        }
        Self { uses, fetched_bytes: Counter::default(), evictions: Counter::default() }
    }

    pub(super) fn used(&self, outcome: Use) {
        self.uses.get_or_create(&Labels { outcome }).inc();
    }
}

impl ArtifactCache {
    /// Registers what is counted here.
    pub fn register_metrics(&self, registry: &mut Registry) {
        let metrics = &self.shared.metrics;
        registry.register(
            "artifact_cache_uses",
            "Instances that asked the cache for their model: hit it was on disk, miss it was fetched (or shared another's \
             fetch), failed it could not be had. Many misses beside evictions mean that the cache is too small",
            metrics.uses.clone(),
        );
        registry.register_with_unit(
            "artifact_fetched",
            "Bytes of models that were fetched whole, as they are stored in the bucket",
            Unit::Bytes,
            metrics.fetched_bytes.clone(),
        );
        registry.register(
            "artifact_cache_evictions",
            "Models that went to make room for others. Their next use fetches them again",
            metrics.evictions.clone(),
        );
        registry.register_collector(Box::new(CacheSize(self.shared.clone())));
    }
}

/// Read at the moment of the scrape.
struct CacheSize(Arc<Shared>);

impl fmt::Debug for CacheSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheSize").finish()
    }
}

impl Collector for CacheSize {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let bytes = self.0.lock().bytes();
        encoder
            .encode_descriptor(
                "artifact_cache",
                "Bytes of unpacked models on this machine's disk, those in use and those that are only kept.",
                Some(&Unit::Bytes),
                MetricType::Gauge,
            )?
            .encode_gauge(&bytes)?;
        encoder
            .encode_descriptor(
                "artifact_cache_limit",
                "What artifact_cache_bytes may grow to. Near it, models that nobody uses go.",
                Some(&Unit::Bytes),
                MetricType::Gauge,
            )?
            .encode_gauge(&self.0.limits.cache_bytes)
    }
}
