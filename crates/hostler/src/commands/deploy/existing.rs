//! What becomes of an endpoint that is there already: updated, deleted first, or left alone with a reason.
//!
//! Why: an update loses no request and goes back by itself, so it is what a person means who deploys a second time.
//! Invariants: what cannot be updated is refused before anything is uploaded. The variant keeps its name, sizes and
//! instance type, unless a flag says otherwise. An update that is refused has changed nothing; one that fails leaves
//! what was there, which never stopped answering.

use std::time::Duration;

use anyhow::anyhow;
use hostler_types::EndpointStatus;
use serde_json::{Value, json};

use super::{Deployment, Made, wait};
use crate::client::Refusal;
use crate::hint::Hinted;

/// What the deployment does under the endpoint's name.
#[derive(Debug)]
pub(super) enum Way {
    Create,
    /// Deletes what is there, and creates.
    Replace,
    Update(Former),
}

/// What an endpoint runs before it is updated.
#[derive(Debug, PartialEq)]
pub(super) struct Former {
    pub(super) config: String,
    pub(super) model: String,
    pub(super) variant: String,
    pub(super) count: u64,
    pub(super) weight: f64,
    pub(super) instance_type: Option<String>,
}

impl Deployment<'_> {
    /// Looks at what is there; an error when it must be left alone.
    pub(super) async fn way(&self) -> anyhow::Result<Way> {
        let name = &self.names.endpoint;
        let Some(seen) = wait::describe(&self.client, name).await? else { return Ok(Way::Create) };
        if self.args.replace {
            return Ok(Way::Replace);
        }
        let flags = self.find_flags();
        check_status(name, seen["EndpointStatus"].as_str().unwrap_or_default(), &flags)?;
        let shown = self.client.admin(&format!("endpoints/{name}")).await?;
        Former::of(name, &shown).map(Way::Update)
    }

    /// Asks for the update; an error when it does not begin.
    pub(super) async fn update(&self) -> anyhow::Result<()> {
        self.made.set(Made::Endpoint);
        let mut input = json!({
            "EndpointName": self.names.endpoint, "EndpointConfigName": self.names.version,
            // Whoever has changed the sizes since they were looked at keeps them.
            "RetainAllVariantProperties": true,
        });
        if self.args.count.is_some() {
            input["ExcludeRetainedVariantProperties"] =
                json!([{ "VariantPropertyType": "DesiredInstanceCount" }]);
        }
        let Err(error) = self.client.call("UpdateEndpoint", &input).await else {
            self.progress.show("updating the endpoint", "");
            return Ok(());
        };
        let Some(refusal) = error.downcast_ref::<Refusal>() else {
            // The answer was lost; the update may have begun.
            return match self.is_taken_up().await {
                Some(true) => Ok(()),
                Some(false) => {
                    self.made.set(Made::Config);
                    Err(error)
                }
                None => Err(error),
            };
        };
        self.made.set(Made::Config);
        if refusal.code == "ResourceLimitExceeded" {
            let hint = "an update needs room for the former and the new instances at once (`hostler quotas` shows \
                        limits and use): raise the limit under [quotas] in the settings, or --replace, which deletes \
                        the former ones first (nothing answers in between)";
            return Err(Hinted::wrap(error, hint));
        }
        Err(error)
    }

    /// Whether the endpoint runs this deployment or is on its way there; none when nobody can say. Asks the admin API,
    /// which holds no answer back.
    pub(super) async fn is_taken_up(&self) -> Option<bool> {
        let version = self.names.version.as_str();
        match self.client.admin(&format!("endpoints/{}", self.names.endpoint)).await {
            Ok(seen) => Some(
                seen["EndpointConfigName"] == version
                    || seen["Update"]["To"]["EndpointConfigName"] == version,
            ),
            Err(error) => {
                error.downcast_ref::<Refusal>().is_some_and(Refusal::is_unknown_endpoint).then_some(false)
            }
        }
    }

    pub(super) async fn delete_existing(&self) -> anyhow::Result<()> {
        let name = &self.names.endpoint;
        self.progress.show("deleting the endpoint that was there", "");
        if wait::describe(&self.client, name).await?.is_some_and(|seen| seen["EndpointStatus"] != "Deleting")
        {
            self.has_deleted.set(true);
            if let Err(error) = self.client.call("DeleteEndpoint", &json!({ "EndpointName": name })).await {
                if error.downcast_ref::<Refusal>().is_some() {
                    self.has_deleted.set(false);
                }
                return Err(error);
            }
        }
        wait::gone(&self.client, name, Duration::from_secs(self.args.timeout)).await?;
        self.progress.done("deleted the endpoint that was there");
        Ok(())
    }
}

impl Former {
    /// What the admin API shows of an endpoint.
    fn of(name: &str, shown: &Value) -> anyhow::Result<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let variants = shown["Variants"].as_array().map_or(&[][..], Vec::as_slice);
        let [variant] = variants else {
            let names: Vec<String> =
                variants.iter().map(|variant| format!("`{}`", text(&variant["variant"]))).collect();
            return Err(Hinted::wrap(
                anyhow!(
                    "endpoint `{name}` has {} variants ({}), and a deployment has one",
                    variants.len(),
                    names.join(", ")
                ),
                "update it with boto3 or the AWS CLI (UpdateEndpoint, with a config of all its variants), choose \
                 another --name, or --replace, which deletes it and creates it anew (nothing answers in between)",
            ));
        };
        Ok(Self {
            config: text(&shown["EndpointConfigName"]),
            model: text(&variant["model_name"]),
            variant: text(&variant["variant"]),
            count: variant["count"].as_u64().unwrap_or(1),
            weight: variant["weight"].as_f64().unwrap_or(1.0),
            instance_type: variant["instance_type"].as_str().map(str::to_owned),
        })
    }
}

/// Whether an endpoint in this status can be updated.
fn check_status(name: &str, status: &str, flags: &str) -> anyhow::Result<()> {
    const REPLACE: &str = "--replace deletes it and creates it anew (nothing answers in between)";
    let Ok(known) = status.parse::<EndpointStatus>() else { return Ok(()) };
    if known == EndpointStatus::Deleting {
        return Err(Hinted::wrap(
            anyhow!("endpoint `{name}` is being deleted"),
            "wait until `hostler ls` does not show it any more and deploy again; --replace waits by itself",
        ));
    }
    if known.is_passing() {
        return Err(Hinted::wrap(
            anyhow!("endpoint `{name}` is {status}: it can be updated once that is over"),
            format!(
                "`hostler describe {name}{flags}` shows how far it is; deploy again then, or do not wait: {REPLACE}"
            ),
        ));
    }
    if !known.can_become(EndpointStatus::Updating) {
        return Err(Hinted::wrap(
            anyhow!("endpoint `{name}` is {status}, and what is {status} cannot be updated"),
            format!("{REPLACE}; `hostler describe {name}{flags}` shows why it is {status}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hint;

    #[test]
    fn what_cannot_be_updated_is_refused_with_what_to_do() {
        for status in ["InService", "OutOfService", "UpdateRollbackFailed", "SomethingNew"] {
            assert!(check_status("x", status, "").is_ok(), "{status}");
        }
        for (status, said, todo) in [
            ("Failed", "cannot be updated", "--replace deletes it and creates it anew"),
            (
                "Creating",
                "is Creating: it can be updated once that is over",
                "`hostler describe x --data-dir d`",
            ),
            ("Updating", "is Updating", "deploy again then"),
            ("SystemUpdating", "is SystemUpdating", "--replace"),
            ("RollingBack", "is RollingBack", "--replace"),
            ("Deleting", "is being deleted", "--replace waits by itself"),
        ] {
            let error = check_status("x", status, " --data-dir d").unwrap_err();
            assert!(error.to_string().contains(said), "{status}: {error}");
            assert!(hint::of(&error).unwrap().contains(todo), "{status}: {:?}", hint::of(&error));
        }
    }

    #[test]
    fn the_one_variant_of_an_endpoint_is_kept_and_several_are_left_alone() {
        let variant = |name: &str| {
            let mut variant = json!({ "variant": name, "model_name": "m", "count": 3, "weight": 0.5 });
            variant["instance_type"] = json!("ml.c5.xlarge");
            variant
        };
        let former =
            Former::of("x", &json!({ "EndpointConfigName": "c", "Variants": [variant("a")] })).unwrap();
        let expected = Former {
            config: "c".to_owned(),
            model: "m".to_owned(),
            variant: "a".to_owned(),
            count: 3,
            weight: 0.5,
            instance_type: Some("ml.c5.xlarge".to_owned()),
        };
        assert_eq!(former, expected);
        let error = Former::of("x", &json!({ "Variants": [variant("a"), variant("b")] })).unwrap_err();
        assert_eq!(error.to_string(), "endpoint `x` has 2 variants (`a`, `b`), and a deployment has one");
        assert!(hint::of(&error).unwrap().contains("UpdateEndpoint"));
    }
}
