//! The metrics of endpoints with many models, under SageMaker's names for them.
//!
//! Invariants: only variants that have many models have these series.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::{Row, Series};
use crate::tally::Step;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, rows: &BTreeMap<Series, Row>) -> fmt::Result {
    let many = || rows.iter().filter_map(|(series, row)| Some((series, row, row.totals.many.as_ref()?)));
    let mut lookups = encoder.encode_descriptor(
        "model_cache_lookups",
        "Requests to endpoints with many models, by whether the instance had their model: the share of hits is SageMaker's \
         ModelCacheHit. Many misses mean that there is no memory for the models that are asked for: add instances or \
         larger ones.",
        None,
        MetricType::Counter,
    )?;
    for (series, _, many) in many() {
        for (result, count) in [("hit", many.hits), ("miss", many.misses)] {
            let labels = (series.as_slice(), [("result", result)]);
            lookups.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
    }
    for step in Step::ALL {
        let (name, help) = words(step);
        let mut metric =
            encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (series, _, many) in many() {
            let reading = &many.steps[step as usize];
            metric.encode_family(series)?.encode_histogram::<NoLabelSet>(
                reading.sum_s(),
                reading.count(),
                &reading.buckets,
                None,
            )?;
        }
    }
    let mut loaded = encoder.encode_descriptor(
        "loaded_models",
        "SageMaker's LoadedModelCount: models that the instances of the variant have loaded now, those of all its instances \
         added up. At a level with ever new loads, memory is full and models take turns.",
        None,
        MetricType::Gauge,
    )?;
    for (series, row, _) in many() {
        loaded.encode_family(series)?.encode_gauge(&row.loaded_models)?;
    }
    Ok(())
}

const fn words(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Wait => (
            "model_loading_wait",
            "SageMaker's ModelLoadingWaitTime: how long requests waited for their model to be fetched and loaded. It is what \
             clients feel of a miss.",
        ),
        Step::Download => (
            "model_downloading",
            "SageMaker's ModelDownloadingTime: from wanting a model's files until they are at the instance. Near zero when \
             the machine has them already; otherwise the network to the object store and the size of the archive.",
        ),
        Step::Load => (
            "model_loading",
            "SageMaker's ModelLoadingTime: how long containers took to load a model. It is the model server's own work.",
        ),
        Step::Unload => (
            "model_unloading",
            "SageMaker's ModelUnloadingTime: how long containers took to let a model go. New models wait for it when memory is \
             full.",
        ),
    }
}
