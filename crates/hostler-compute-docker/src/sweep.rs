//! What a former life of this server left at the engine, found and removed.
//!
//! Invariants: only what carries this owner's label; a container whose instance has a directory belongs to that.

use std::sync::Arc;
use std::time::Duration;

use hostler_compute_local::directory::InstanceDir;
use hostler_types::InstanceId;

use crate::engine::EngineError;
use crate::names;
use crate::shared::Containers;

/// An image is kept for days; a container that was made when nobody wanted it any more does nothing.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Removes images that were pulled and that nobody has used for long, and containers that an engine made after its
/// instance was gone, again and again.
pub(crate) async fn sweep(shared: Arc<Containers>) {
    loop {
        for id in stale(&shared).await {
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
        tokio::time::sleep(EVERY).await;
        if let Err(error) = shared.remove_strangers().await {
            tracing::warn!(%error, "what nobody knows at the container engine could not be looked for");
        }
    }
}

async fn stale(shared: &Arc<Containers>) -> Vec<String> {
    let book = Arc::clone(shared);
    let looked = shared
        .site
        .blocking(move || Ok(book.pulled.stale(book.site.clock().now(), |id| book.uses_image(id))));
    // It cannot fail.
    looked.await.unwrap_or_default()
}

impl Containers {
    /// Removes containers of instances that nobody knows any more, and networks that nobody uses.
    pub(crate) async fn remove_strangers(&self) -> Result<(), EngineError> {
        let label = format!("{}={}", names::OWNER, self.config.owner);
        for row in self.engine.containers(&label).await? {
            let instance = row.labels.get(names::INSTANCE).and_then(|text| text.parse::<InstanceId>().ok());
            if let Some(id) = &instance
                && (self.site.state(id).is_some() || self.has_directory(id).await)
            {
                continue;
            }
            tracing::info!(container = row.id, ?instance, "a container without an instance is removed");
            self.engine.remove_container(&row.id).await?;
        }
        self.networks.sweep(&self.engine, || self.needs_network()).await
    }

    /// Also one that cannot be read: it is left alone, with what runs of it.
    async fn has_directory(&self, id: &InstanceId) -> bool {
        let path = InstanceDir::of(self.site.root(), id).path().to_owned();
        self.site.blocking(move || path.try_exists()).await.unwrap_or(true)
    }
}
