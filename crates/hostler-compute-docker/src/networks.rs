//! The network of this backend's containers.
//!
//! Why: a container is reached at its own address in a bridge network of this server: no port of the machine is taken,
//! no proxy of the engine stands between, and nothing is published to anybody else. Containers of different instances
//! do not reach each other. An isolated container is in no network at all (`relay.rs`).
//! Invariants: made when first needed, removed when no instance is left that could use it; both under one lock, so that
//! it is not removed in the moment in which another instance counts on it.

use tokio::sync::Mutex;

use crate::engine::{Engine, EngineError, NetworkConfig};
use crate::names;

/// What the engine calls being in no network.
pub(crate) const NONE: &str = "none";

pub(crate) struct Networks {
    owner: String,
    turn: Mutex<()>,
}

impl Networks {
    pub(crate) fn new(owner: &str) -> Self {
        Self { owner: owner.to_owned(), turn: Mutex::new(()) }
    }

    /// The name of the network, which is there now.
    pub(crate) async fn ensure(&self, engine: &Engine) -> Result<String, EngineError> {
        let _turn = self.turn.lock().await;
        let name = names::network(&self.owner);
        if !engine.has_network(&name).await? {
            let config = NetworkConfig {
                name: name.clone(),
                driver: "bridge",
                check_duplicate: true,
                options: [("com.docker.network.bridge.enable_icc", "false")].into(),
                labels: [names::of_owner(&self.owner)].into(),
            };
            engine.create_network(&config).await?;
        }
        Ok(name)
    }

    /// Removes it when nobody uses it.
    pub(crate) async fn sweep(
        &self,
        engine: &Engine,
        is_used: impl FnOnce() -> bool,
    ) -> Result<(), EngineError> {
        let _turn = self.turn.lock().await;
        let name = names::network(&self.owner);
        if !is_used() && engine.has_network(&name).await? {
            engine.remove_network(&name).await?;
        }
        Ok(())
    }
}
