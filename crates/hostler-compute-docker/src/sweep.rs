//! What a former life of this server left at the engine, found and removed.
//!
//! Invariants: only what carries this owner's label; a container whose instance has a directory belongs to that.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::EngineError;
use crate::names;
use crate::shared::Containers;

/// An image is kept for days.
const IMAGES_EVERY: Duration = Duration::from_secs(60 * 60);

/// Removes images that were pulled and that nobody has used for long, again and again.
pub(crate) async fn sweep_images(shared: Arc<Containers>) {
    loop {
        for id in shared.pulled.stale(shared.site.clock().now(), |id| shared.uses_image(id)) {
            let removed = shared.engine.remove_image(&id).await;
            match &removed {
                Ok(true) => tracing::info!(image = id, "an image that nobody used for long is removed"),
                // Somebody else uses it: from now on it is theirs.
                Ok(false) => {}
                Err(error) => tracing::warn!(image = id, %error, "an image could not be removed"),
            }
            if removed.is_ok() {
                let (book, id) = (Arc::clone(&shared), id.clone());
                let forgotten = shared.site.blocking(move || {
                    book.pulled.forget(&id);
                    Ok(())
                });
                // It cannot fail.
                let _ = forgotten.await;
            }
        }
        tokio::time::sleep(IMAGES_EVERY).await;
    }
}

impl Containers {
    /// Removes containers of instances that nobody knows any more, and networks that nobody uses.
    pub(crate) async fn remove_strangers(&self) -> Result<(), EngineError> {
        let label = format!("{}={}", names::OWNER, self.config.owner);
        for row in self.engine.containers(&label).await? {
            let instance = row
                .labels
                .get(names::INSTANCE)
                .and_then(|text| text.parse::<hostler_types::InstanceId>().ok());
            if instance.as_ref().is_some_and(|id| self.site.state(id).is_some()) {
                continue;
            }
            tracing::info!(container = row.id, ?instance, "a container without an instance is removed");
            self.engine.remove_container(&row.id).await?;
        }
        self.networks.sweep(&self.engine, || self.needs_network()).await
    }
}
