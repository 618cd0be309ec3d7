//! What a former life of this server left at the engine, found and removed.
//!
//! Invariants: only what carries this owner's label; a container whose instance has a directory belongs to that.

use crate::backend::Shared;
use crate::engine::EngineError;
use crate::names;

impl Shared {
    /// Removes containers of instances that nobody knows any more, and networks that nobody uses.
    pub(crate) async fn sweep(&self) -> Result<(), EngineError> {
        let label = format!("{}={}", names::OWNER, self.config.owner);
        for row in self.engine.containers(&label).await? {
            let instance = row
                .labels
                .get(names::INSTANCE)
                .and_then(|text| text.parse::<hostler_types::InstanceId>().ok());
            if instance.as_ref().is_some_and(|id| self.state(id).is_some()) {
                continue;
            }
            tracing::info!(container = row.id, ?instance, "a container without an instance is removed");
            self.engine.remove_container(&row.id).await?;
        }
        self.networks.sweep(&self.engine, || self.needs_network()).await
    }
}
