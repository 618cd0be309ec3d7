//! `hostler describe NAME`: what DescribeEndpoint has no words for, too.

use serde_json::Value;

use crate::cli::{NameArgs, OutputForm};
use crate::client::Client;
use crate::endpoint_name;
use crate::output;
use crate::rows::Rows;

/// The width of the labels.
const LABEL: usize = 12;

pub(crate) async fn run(args: &NameArgs) -> anyhow::Result<()> {
    endpoint_name::check(&args.name)?;
    let client = Client::find(&args.find)?;
    let endpoint = match client.admin(&format!("endpoints/{}", args.name)).await {
        Ok(endpoint) => endpoint,
        Err(error) => return Err(client.with_near_names(error, &args.name).await),
    };
    if args.find.output == OutputForm::Json {
        output::data(&endpoint.to_string());
        return Ok(());
    }
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let rows = Rows::new(LABEL, None);
    for (label, key) in [
        ("name", "EndpointName"),
        ("arn", "EndpointArn"),
        ("status", "EndpointStatus"),
        ("config", "EndpointConfigName"),
        ("generation", "Generation"),
    ] {
        rows.row(label, &text(&endpoint[key]));
    }
    if let Some(reason) = endpoint["FailureReason"].as_str() {
        rows.row("failure", reason.trim());
    }
    let list = |key: &str| endpoint[key].as_array().cloned().unwrap_or_default();
    for variant in list("Variants") {
        rows.row(
            "variant",
            &format!(
                "{} · weight {} · {} instance(s) of {} · model {}",
                text(&variant["variant"]),
                variant["weight"],
                variant["count"],
                text(&variant["instance_type"]),
                text(&variant["model_name"]),
            ),
        );
    }
    for instance in list("Instances") {
        rows.row(
            "instance",
            &format!(
                "{} · {} · pid {} · {} · {} in flight",
                text(&instance["Id"]),
                text(&instance["Health"]),
                text(&instance["Pid"]),
                text(&instance["Address"]),
                instance["InFlight"],
            ),
        );
    }
    for place in list("Places") {
        if let Some(failure) = place["last_failure"].as_str() {
            rows.row(
                "",
                &format!(
                    "last failure of {}/{}: {failure} ({} in a row)",
                    text(&place["variant"]),
                    place["ordinal"],
                    place["failures"]
                ),
            );
        }
    }
    for note in list("Notes") {
        rows.row("note", &text(&note));
    }
    Ok(())
}
