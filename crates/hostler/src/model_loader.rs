//! Brings the models of multi-model endpoints to their instances, for the gateway.
//!
//! Why: the gateway knows which model is wanted, the backend's node fetches it; they meet here and nowhere else.
//! Invariants: works in the shared runtime, not on the threads of connections; a fetch goes on when its asker leaves.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hostler_compute::{Compute, PlaceError};
use hostler_gateway::{LoaderError, ModelLoader};
use hostler_types::InstanceId;
use tokio::runtime::Handle;
use tracing::warn;

pub(crate) struct ComputeModels {
    pub(crate) compute: Arc<dyn Compute>,
    pub(crate) runtime: Handle,
}

impl ModelLoader for ComputeModels {
    fn place(
        &self,
        instance: InstanceId,
        name: String,
        target: String,
    ) -> BoxFuture<'static, Result<String, LoaderError>> {
        let compute = self.compute.clone();
        let placing = self.runtime.spawn(async move { compute.place_model(&instance, &name, &target).await });
        Box::pin(async move {
            let placed = placing.await;
            let placed = placed.map_err(|error| LoaderError::Failed { detail: error.to_string() })?;
            placed.map_err(|error| match error {
                PlaceError::Missing { uri } => LoaderError::Missing { uri },
                PlaceError::Refused { detail } => LoaderError::Refused { detail },
                PlaceError::NoRoom { detail } => LoaderError::NoRoom { detail },
                error @ (PlaceError::Unknown { .. } | PlaceError::Failed { .. }) => {
                    LoaderError::Failed { detail: error.to_string() }
                }
            })
        })
    }

    fn drop_model(&self, instance: InstanceId, name: String) -> BoxFuture<'static, ()> {
        let compute = self.compute.clone();
        let dropping = self.runtime.spawn(async move {
            if let Err(error) = compute.drop_model(&instance, &name).await {
                warn!(%instance, name, %error, "the files of a model that was unloaded stay until its instance goes");
            }
        });
        Box::pin(async move {
            // A panic was told by the runtime; there is nothing to do about it here.
            let _ = dropping.await;
        })
    }
}
