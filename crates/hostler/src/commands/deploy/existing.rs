//! What becomes of an endpoint that is there already: left alone, updated, or deleted first.
//!
//! Invariants: an update that is refused has changed nothing; one that fails leaves what was there, which never stopped
//! answering.

use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::{Deployment, Made, wait};
use crate::client::Refusal;
use crate::hint::Hinted;

impl Deployment<'_> {
    /// Asks for the update; a refusal is the end of the deployment.
    pub(super) async fn update(&self) -> anyhow::Result<()> {
        self.made.set(Made::Endpoint);
        let input = json!({ "EndpointName": self.names.endpoint, "EndpointConfigName": self.names.version });
        if let Err(error) = self.client.call("UpdateEndpoint", &input).await {
            if error.downcast_ref::<Refusal>().is_some() {
                self.made.set(Made::Config);
            }
            return Err(error);
        }
        self.progress.show("updating the endpoint", "");
        Ok(())
    }

    pub(super) async fn delete_existing(&self) -> anyhow::Result<()> {
        let name = &self.names.endpoint;
        self.progress.show("deleting the endpoint that was there", "");
        if wait::describe(&self.client, name).await?.is_some_and(|seen| seen["EndpointStatus"] != "Deleting")
        {
            self.has_deleted.set(true);
            self.client.call("DeleteEndpoint", &json!({ "EndpointName": name })).await?;
        }
        wait::gone(&self.client, name, Duration::from_secs(self.args.timeout)).await?;
        self.progress.done("deleted the endpoint that was there");
        Ok(())
    }
}

/// Said of an endpoint that nobody allowed to touch.
pub(super) fn refused(name: &str, description: &Value) -> anyhow::Error {
    let status = description["EndpointStatus"].as_str().unwrap_or_default();
    Hinted::wrap(
        anyhow!("endpoint `{name}` exists already ({status})"),
        "--update changes it while it goes on answering, --replace deletes it and creates it anew, or choose another \
         --name",
    )
}
