//! From CreateEndpoint or UpdateEndpoint to a status that stays, with what goes on meanwhile.
//!
//! Invariants: the status is DescribeEndpoint's, which the server holds until it settles; phases come from the admin
//! API and are only shown.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use anyhow::{anyhow, bail};
use hostler_types::EndpointStatus;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, Refusal};
use crate::hint::Hinted;
use crate::progress::Progress;

/// Between two looks at the phases.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Between two calls, for servers that do not hold them.
const CALL_PAUSE: Duration = Duration::from_millis(50);
/// Lines of the log that are shown after a failure.
const LOG_LINES_MAX: usize = 20;
/// How long to wait for logs to be whole: those of an instance that just failed are on their way to where they are kept.
const LOG_TIMEOUT: Duration = Duration::from_secs(5);

/// The endpoint's description; none when there is none of this name.
pub(super) async fn describe(client: &Client, name: &str) -> anyhow::Result<Option<Value>> {
    match client.call("DescribeEndpoint", &json!({ "EndpointName": name })).await {
        Ok(description) => Ok(Some(description)),
        Err(error) if error.downcast_ref::<Refusal>().is_some_and(Refusal::is_unknown_endpoint) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits until the endpoint is in no passing status; its description then.
pub(super) async fn settled(
    client: &Client,
    name: &str,
    limit: Duration,
    progress: &Progress,
) -> anyhow::Result<Value> {
    let deadline = Instant::now() + limit;
    let waiting = async {
        loop {
            let Some(description) = describe(client, name).await? else {
                bail!("endpoint `{name}` was deleted by somebody else meanwhile");
            };
            let status = description["EndpointStatus"].as_str().unwrap_or_default();
            if !status.parse().is_ok_and(EndpointStatus::is_passing) {
                return Ok(description);
            }
            tokio::time::sleep(CALL_PAUSE).await;
        }
    };
    let showing = async {
        loop {
            // What cannot be looked at is not shown; the other call reports what is wrong.
            if let Ok(seen) = client.admin(&format!("endpoints/{name}")).await {
                progress.show(&doing(&seen), "");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        settled = waiting => settled,
        () = showing => unreachable!("it shows until the other ends"),
        () = tokio::time::sleep_until(deadline) => Err(Hinted::wrap(
            anyhow!("endpoint `{name}` has not settled within {} s", limit.as_secs()),
            format!("it goes on: `hostler describe {name}` shows how far it is; --timeout waits longer"),
        )),
    }
}

/// Waits until the endpoint's name is free.
pub(super) async fn gone(client: &Client, name: &str, limit: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    while let Some(description) = describe(client, name).await? {
        if Instant::now() > deadline {
            let status = &description["EndpointStatus"];
            bail!("endpoint `{name}` is still {status} after {} s", limit.as_secs());
        }
        tokio::time::sleep(CALL_PAUSE).await;
    }
    Ok(())
}

/// What goes on with the endpoint, in a few words.
fn doing(endpoint: &Value) -> String {
    let update = &endpoint["Update"];
    let (doing, phase) = match (endpoint["EndpointStatus"].as_str(), update["Stage"].as_str()) {
        (Some("RollingBack"), _) => return "the update failed, going back to the former model".to_owned(),
        (Some("Updating"), Some("Provisioning")) => {
            ("updating the endpoint", phase(endpoint, Some(&update["To"]["Generation"])))
        }
        (Some("Updating"), Some("Baking")) => ("updating the endpoint", "the new model answers".to_owned()),
        (Some("Updating"), Some("Finishing")) => {
            ("updating the endpoint", "former instances finish their requests".to_owned())
        }
        (Some("Updating"), _) => ("updating the endpoint", String::new()),
        (Some("Deleting"), _) => ("somebody deletes the endpoint", String::new()),
        _ => ("creating the endpoint", phase(endpoint, None)),
    };
    let colon = if phase.is_empty() { "" } else { ": " };
    format!("{doing}{colon}{phase}")
}

/// What the instances (of one generation, if it is named) are doing, in a few words.
fn phase(endpoint: &Value, generation: Option<&Value>) -> String {
    let instances = endpoint["Instances"].as_array().map_or(&[][..], Vec::as_slice);
    let is_meant =
        |instance: &&Value| generation.is_none_or(|generation| instance["Generation"] == *generation);
    let instances: Vec<&Value> = instances.iter().filter(is_meant).collect();
    let words = instances.iter().map(|instance| {
        let state = &instance["State"];
        if let Some(phase) = state["Preparing"]["phase"].as_str() {
            match phase {
                "Fetching" => "fetching the model",
                "Unpacking" => "unpacking the model",
                _ => "starting the process",
            }
        } else if state.get("Running").is_some() {
            if instance["Health"] == "Healthy" { "healthy" } else { "waiting for /ping" }
        } else if state.get("Exited").is_some() || state.get("Failed").is_some() {
            "failed, trying again"
        } else {
            "waiting for its turn"
        }
    });
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for word in words {
        *counted.entry(word).or_default() += 1;
    }
    match counted.len() {
        0 => String::new(),
        1 if instances.len() == 1 => counted.into_keys().collect(),
        _ => counted.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", "),
    }
}

/// The last lines that the instances of the newest deployment wrote. What runs since before has nothing to do with its
/// failure.
pub(super) async fn log_tail(client: &Client, name: &str) -> anyhow::Result<Vec<String>> {
    let deadline = Instant::now() + LOG_TIMEOUT;
    let mut positions: BTreeMap<String, u64> = BTreeMap::new();
    let mut tail = VecDeque::new();
    let endpoint = client.admin(&format!("endpoints/{name}")).await?;
    let newest = &endpoint["NewestGeneration"];
    loop {
        let query: Vec<String> = positions.iter().map(|(id, position)| format!("{id}={position}")).collect();
        let answer = client.admin(&format!("endpoints/{name}/logs?{}", query.join("&"))).await?;
        let logs = answer["Logs"].as_array().map_or(&[][..], Vec::as_slice);
        let mut is_whole = true;
        for log in logs.iter().filter(|log| log["Generation"] == *newest) {
            let text = log["Text"].as_str().unwrap_or_default();
            is_whole &= log["Ended"] == true;
            if let (Some(id), Some(next)) = (log["Id"].as_str(), log["Next"].as_u64()) {
                positions.insert(id.to_owned(), next);
            }
            tail.extend(text.lines().map(str::to_owned));
            while tail.len() > LOG_LINES_MAX {
                tail.pop_front();
            }
        }
        if is_whole || Instant::now() > deadline {
            return Ok(tail.into());
        }
        tokio::time::sleep(CALL_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_told_in_words_and_counted_when_there_are_several() {
        let preparing = json!({ "State": { "Preparing": { "phase": "Fetching" } } });
        let pinged = json!({ "State": { "Running": {} }, "Health": "Starting" });
        let told = |instances: Value| phase(&json!({ "Instances": instances }), None);
        assert_eq!(told(json!([])), "");
        assert_eq!(told(json!([preparing])), "fetching the model");
        assert_eq!(told(json!([pinged])), "waiting for /ping");
        assert_eq!(told(json!([preparing, pinged, pinged])), "1 fetching the model, 2 waiting for /ping");
    }

    #[test]
    fn an_update_is_told_by_what_the_new_instances_do() {
        let told = |status: &str, stage: &str| {
            doing(&json!({
                "EndpointStatus": status, "Update": { "Stage": stage, "To": { "Generation": 2 } },
                "Instances": [
                    { "Generation": 1, "State": { "Running": {} }, "Health": "Healthy" },
                    { "Generation": 2, "State": { "Running": {} }, "Health": "Starting" },
                ],
            }))
        };
        assert_eq!(told("Updating", "Provisioning"), "updating the endpoint: waiting for /ping");
        assert_eq!(told("Updating", "Baking"), "updating the endpoint: the new model answers");
        assert_eq!(told("RollingBack", "RollingBack"), "the update failed, going back to the former model");
        let creating = json!({ "EndpointStatus": "Creating", "Update": null, "Instances": [] });
        assert_eq!(doing(&creating), "creating the endpoint");
    }
}
