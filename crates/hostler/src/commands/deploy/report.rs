//! What a deployment says at its end: where it answers, why it failed, or what an interruption leaves.
//!
//! Invariants: data goes to standard output, everything else to standard error; every command that is named finds the
//! same server again.

use std::path::Path;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::existing::Former;
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
        let runs = settled["EndpointConfigName"].as_str().unwrap_or_default();
        let is_taken = runs == self.names.version;
        if self.args.find.output == OutputForm::Json {
            let mut document = json!({
                "EndpointName": name,
                "EndpointArn": settled["EndpointArn"],
                "EndpointStatus": settled["EndpointStatus"],
                "EndpointConfigName": runs,
                "Image": image,
                "Engine": engine.map(|engine| engine.name),
                "InvocationUrl": url,
            });
            if is_taken {
                document["ModelName"] = json!(self.names.version);
                document["ModelDataUrl"] = json!(self.names.url());
            }
            if let Some(former) = self.former.get() {
                document["FormerEndpointConfigName"] = json!(former.config);
                document["FormerModelName"] = json!(former.model);
            }
            if let Some(reason) = settled.get("FailureReason") {
                document["FailureReason"] = reason.clone();
            }
            output::data(&document.to_string());
        }
        if settled["EndpointStatus"] != "InService" || !is_taken {
            return Err(self.failure(settled).await);
        }
        self.progress.done(&match self.former.get() {
            Some(former) => {
                format!("endpoint {name} is InService with the new model, before it was {}", former.model)
            }
            None => format!("endpoint {name} is InService"),
        });
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
        let status = settled["EndpointStatus"].as_str().unwrap_or_default();
        let end = End::of(settled, self.former.get());
        if end == End::Overtaken {
            return anyhow!(
                "somebody else has updated endpoint `{name}` meanwhile: it runs the config `{}`",
                settled["EndpointConfigName"].as_str().unwrap_or_default()
            );
        }
        let reason = settled["FailureReason"].as_str().unwrap_or("no reason was given").trim();
        let has_log = self.show_log().await;
        let flags = self.find_flags();
        let again = if end == End::Failed { "deploy it again with --replace" } else { "deploy it again" };
        let hint = match advice(reason) {
            _ if has_log => {
                format!("`hostler logs {name}{flags}` shows all of its log; mend the model and {again}")
            }
            Some(advice) => format!("{advice}, and {again}"),
            None => format!("nothing ran, so there is no log; see to the reason and {again}"),
        };
        let former = self.former.get().map_or("", |former| &former.model);
        let error = match end {
            End::WentBack => {
                // Nothing uses what was made for it.
                self.made.set(Made::Config);
                anyhow!(
                    "endpoint `{name}` was not updated, its former model `{former}` still answers: {reason}"
                )
            }
            End::HalfWay => anyhow!(
                "endpoint `{name}` is {status}: instances of the former model `{former}` and of the new one answer, \
                 until the next deployment replaces both: {reason}"
            ),
            End::Failed | End::Overtaken => anyhow!("endpoint `{name}` is {status}: {reason}"),
        };
        Hinted::wrap(error, hint)
    }

    /// Shows the end of what the instances wrote that failed; whether there was anything.
    async fn show_log(&self) -> bool {
        match wait::log_tail(&self.client, &self.names.endpoint).await {
            Ok(lines) if !lines.is_empty() => {
                self.progress.done("the end of the log of what failed:");
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
        }
    }

    /// What to say and do when the user has had enough.
    pub(super) async fn interrupted(&self) -> anyhow::Error {
        let name = &self.names.endpoint;
        // CreateEndpoint or UpdateEndpoint may have been on its way.
        if self.made.get() == Made::Endpoint && self.is_taken_up().await == Some(false) {
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
        let flags = self.find_flags();
        if let Some(former) = self.former.get() {
            return Hinted::wrap(
                Interrupted(format!(": the update of endpoint `{name}` goes on")),
                format!(
                    "`hostler describe {name}{flags}` shows how far it is; the former model `{}` answers until the \
                     new one is healthy, and stays if it never is",
                    former.model
                ),
            );
        }
        Hinted::wrap(
            Interrupted(format!(": endpoint `{name}` stays and goes on")),
            format!(
                "`hostler describe {name}{flags}` shows how far it is; to delete it:\n  \
                 eval \"$(hostler env{flags})\" && aws sagemaker delete-endpoint --endpoint-name {name}"
            ),
        )
    }

    /// The flags that another command needs to find this server.
    pub(super) fn find_flags(&self) -> String {
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

/// How a deployment ended that did not come through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The endpoint serves nothing.
    Failed,
    /// The update went back to what was there.
    WentBack,
    /// The update went back in part.
    HalfWay,
    /// Somebody's later update came through.
    Overtaken,
}

impl End {
    fn of(settled: &Value, former: Option<&Former>) -> Self {
        let has_reason = settled["FailureReason"].is_string();
        let is_former = former.is_some_and(|former| settled["EndpointConfigName"] == former.config.as_str());
        match settled["EndpointStatus"].as_str() {
            Some("UpdateRollbackFailed") => Self::HalfWay,
            Some("InService") if is_former && has_reason => Self::WentBack,
            Some("InService") => Self::Overtaken,
            _ => Self::Failed,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_update_is_told_by_status_config_and_reason() {
        let former = Former {
            config: "former".to_owned(),
            model: "m".to_owned(),
            variant: "v".to_owned(),
            count: 1,
            weight: 1.0,
            instance_type: None,
        };
        let end = |status: &str, config: &str, reason: Option<&str>| {
            let settled =
                json!({ "EndpointStatus": status, "EndpointConfigName": config, "FailureReason": reason });
            End::of(&settled, Some(&former))
        };
        assert_eq!(end("InService", "former", Some("why")), End::WentBack);
        assert_eq!(end("InService", "former", None), End::Overtaken, "somebody has updated it back");
        assert_eq!(end("InService", "other", None), End::Overtaken);
        assert_eq!(end("InService", "other", Some("why")), End::Overtaken, "what went back was not this one");
        assert_eq!(end("UpdateRollbackFailed", "former", Some("why")), End::HalfWay);
        assert_eq!(End::of(&json!({ "EndpointStatus": "Failed" }), None), End::Failed);
    }
}
