//! The artifact cache as the backends of this machine see it.
//!
//! Why: their port for model data is their own, so that they do not know how or where artifacts are kept.

use async_trait::async_trait;
use hostler_artifacts::{ArtifactCache, DataSource, FetchError, PreparePhase};
use hostler_compute::Phase;
use hostler_compute_local::{Lease, ModelData, PreparedModel};

pub(crate) struct CachedModelData(pub(crate) ArtifactCache);

#[async_trait]
impl ModelData for CachedModelData {
    async fn prepare(
        &self,
        source: &DataSource,
        on_phase: &(dyn Fn(Phase) + Send + Sync),
    ) -> Result<PreparedModel, FetchError> {
        let progress = |phase: PreparePhase| match phase {
            PreparePhase::Looking | PreparePhase::Fetching { .. } => on_phase(Phase::Fetching),
            PreparePhase::Ready { .. } => on_phase(Phase::Unpacking),
        };
        let prepared = self.0.prepare(source, progress).await?;
        Ok(PreparedModel {
            path: prepared.path.clone(),
            cache_key: prepared.key.to_string(),
            lease: Box::new(prepared),
        })
    }

    async fn adopt(&self, cache_key: &str) -> Option<Lease> {
        let key = cache_key.parse().ok()?;
        let prepared = self.0.adopt(&key)?;
        Some(Box::new(prepared))
    }
}
