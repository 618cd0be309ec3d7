//! What a deployment says at its end: where it answers, why it failed, or what an interruption leaves.
//!
//! Invariants: data goes to standard output, everything else to standard error; every command that is named finds the
//! same server again.

use std::path::Path;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::image::Engine;
use super::{Deployment, Made, wait};
use crate::cli::OutputForm;
use crate::hint::{Hinted, Interrupted};
use crate::output;

impl Deployment<'_> {
    /// Says what came of it: data on standard output, the rest beside it.
    pub(super) async fn report(
        &self,
        settled: &Value,
        image: &str,
        engine: Option<&Engine>,
    ) -> anyhow::Result<()> {
        let name = &self.names.endpoint;
        let url = format!("{}/endpoints/{name}/invocations", self.client.url());
        if self.args.find.output == OutputForm::Json {
            let mut document = json!({
                "EndpointName": name,
                "EndpointArn": settled["EndpointArn"],
                "EndpointStatus": settled["EndpointStatus"],
                "EndpointConfigName": self.names.version,
                "ModelName": self.names.version,
                "ModelDataUrl": self.names.url(),
                "Image": image,
                "Engine": engine.map(|engine| engine.name),
                "InvocationUrl": url,
            });
            if let Some(reason) = settled.get("FailureReason") {
                document["FailureReason"] = reason.clone();
            }
            output::data(&document.to_string());
        }
        if settled["EndpointStatus"] != "InService"
            || settled["EndpointConfigName"] != self.names.version.as_str()
        {
            return Err(self.failure(settled).await);
        }
        self.progress.done(&format!("endpoint {name} is InService"));
        if self.args.find.output == OutputForm::Text {
            output::data(&url);
        }
        let content_type = engine.map_or("TYPE", |engine| engine.content_type);
        let invoke = format!("hostler invoke {name} --body FILE --content-type {content_type}");
        output::say(&format!("ask it: {invoke}{}", self.find_flags()));
        Ok(())
    }

    async fn failure(&self, settled: &Value) -> anyhow::Error {
        let name = &self.names.endpoint;
        let reason = settled["FailureReason"].as_str().unwrap_or("no reason was given").trim();
        let status = settled["EndpointStatus"].as_str().unwrap_or_default();
        let has_log = match wait::log_tail(&self.client, name).await {
            Ok(lines) if !lines.is_empty() => {
                self.progress.done("the end of its log:");
                for line in lines {
                    output::say(&format!("  | {line}"));
                }
                true
            }
            Ok(_) => false,
            Err(error) => {
                output::say(&format!("its log could not be read: {error}"));
                false
            }
        };
        let flags = self.find_flags();
        // What failed to be created cannot be updated.
        let again = if status == "InService" { "--update" } else { "--replace" };
        let hint = match advice(reason) {
            _ if has_log => format!(
                "`hostler logs {name}{flags}` shows all of its log; mend the model and deploy it again with {again}"
            ),
            Some(advice) => format!("{advice}, and deploy again with {again}"),
            None => {
                format!("nothing ran, so there is no log; see to the reason and deploy again with {again}")
            }
        };
        let what = if status == "InService" {
            format!("endpoint `{name}` was not updated and goes on with what it ran before")
        } else {
            format!("endpoint `{name}` is {status}")
        };
        Hinted::wrap(anyhow!("{what}: {reason}"), hint)
    }

    /// What to say and do when the user has had enough.
    pub(super) async fn interrupted(&self) -> anyhow::Error {
        let name = &self.names.endpoint;
        // CreateEndpoint may have been on its way.
        if self.made.get() == Made::Endpoint && matches!(wait::describe(&self.client, name).await, Ok(None)) {
            self.made.set(Made::Config);
        }
        if self.made.get() < Made::Endpoint {
            let left = if self.has_deleted.get() {
                format!(": endpoint `{name}` was deleted and is not created anew")
            } else {
                ": nothing is left behind".to_owned()
            };
            return Interrupted(left).into();
        }
        Hinted::wrap(
            Interrupted(format!(": endpoint `{name}` stays and goes on")),
            format!(
                "`hostler describe {name}{flags}` shows how far it is; to delete it:\n  \
                 eval \"$(hostler env{flags})\" && aws sagemaker delete-endpoint --endpoint-name {name}",
                flags = self.find_flags()
            ),
        )
    }

    /// The flags that another command needs to find this server.
    fn find_flags(&self) -> String {
        let find = &self.args.find;
        let mut flags = String::new();
        if find.data_dir != Path::new(".hostler") {
            flags.push_str(&format!(" --data-dir {}", find.data_dir.display()));
        }
        if let Some(url) = &find.endpoint {
            flags.push_str(&format!(" --endpoint {url}"));
        }
        flags
    }
}

/// What to do when nothing ran, by AWS's sentence about it.
fn advice(reason: &str) -> Option<&'static str> {
    let advice = [
        (
            "Unable to provision requested ML compute capacity",
            "choose a --type that this machine can hold (`hostler doctor` says what it has)",
        ),
        (
            "Please make sure all images included in the model",
            "map the image to a program by [[image]] in the server's settings and start it again",
        ),
        ("Failed to download model data", "mend the archive (`hostler inspect` looks into it)"),
    ];
    advice.into_iter().find(|(sentence, _)| reason.starts_with(sentence)).map(|(_, advice)| advice)
}
