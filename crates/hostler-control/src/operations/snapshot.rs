//! The snapshot that an endpoint runs: a config and every model that it names.
//!
//! Why: an endpoint goes on when its config and models are deleted, so it keeps them as they were.
//! Invariants: the checks that come with a snapshot fail when something of it changed before the commit.

use std::collections::BTreeMap;

use hostler_aws::ApiError;
use hostler_store::{Check, Expect};
use hostler_types::{Deployment, EndpointConfigRecord, Fleet, ModelSnapshot, VariantName};

use crate::control::{Caller, Control};

impl Control {
    /// The config and its models as they are now, and the checks that they still are when it is committed.
    pub(super) async fn snapshot(
        &self,
        caller: &Caller,
        config_name: &str,
        generation: u64,
        checks: &mut Vec<Check>,
    ) -> Result<Deployment, ApiError> {
        let (version, config) = self.endpoint_config(caller, config_name).await?;
        checks.push(Check { key: config.key(), expect: Expect::Version(version) });
        let mut models: Vec<ModelSnapshot> = Vec::new();
        for variant in &config.request.production_variants {
            let Some(name) = &variant.model_name else { continue };
            if models.iter().any(|known| known.request.model_name.eq_ignore_ascii_case(name)) {
                continue;
            }
            let (version, model) = self.model(caller, name).await?;
            checks.push(Check { key: model.key(), expect: Expect::Version(version) });
            models.push(ModelSnapshot { created_at: model.created_at, request: model.request });
        }
        Ok(Deployment {
            generation,
            started_at: self.parts.clock.now(),
            fleets: self.fleets(&config),
            config: config.request,
            models,
            images: BTreeMap::new(),
        })
    }

    fn fleets(&self, config: &EndpointConfigRecord) -> Vec<Fleet> {
        let settings = &self.parts.settings;
        let ms =
            |seconds: Option<i32>, default: i64| seconds.map_or(default, |seconds| i64::from(seconds) * 1000);
        let fleet = |variant: &hostler_shapes::ProductionVariant| Fleet {
            variant: VariantName::new(&variant.variant_name),
            model_name: variant.model_name.clone().unwrap_or_default(),
            weight: variant.initial_variant_weight.unwrap_or(1.0),
            count: variant.initial_instance_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
            instance_type: variant.instance_type.map(|instance_type| instance_type.as_str().to_owned()),
            download_timeout_ms: ms(
                variant.model_data_download_timeout_in_seconds,
                settings.download_timeout_ms,
            ),
            startup_timeout_ms: ms(
                variant.container_startup_health_check_timeout_in_seconds,
                settings.startup_timeout_ms,
            ),
        };
        config.request.production_variants.iter().map(fleet).collect()
    }
}
