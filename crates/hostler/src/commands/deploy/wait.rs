//! From CreateEndpoint to a status that stays, with what goes on meanwhile.
//!
//! Invariants: the status is DescribeEndpoint's, which the server holds until it settles; phases come from the admin
//! API and are only shown.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use anyhow::{anyhow, bail};
use hostler_types::InstanceId;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, Refusal};
use crate::hint::Hinted;
use crate::progress::Progress;

/// Statuses that pass by themselves.
const PASSING: [&str; 4] = ["Creating", "Updating", "RollingBack", "SystemUpdating"];
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
            if !PASSING.iter().any(|status| description["EndpointStatus"] == **status) {
                return Ok(description);
            }
            tokio::time::sleep(CALL_PAUSE).await;
        }
    };
    let showing = async {
        loop {
            // What cannot be looked at is not shown; the other call reports what is wrong.
            if let Ok(seen) = client.admin(&format!("endpoints/{name}")).await {
                let doing = match seen["EndpointStatus"].as_str() {
                    Some("Updating" | "SystemUpdating") => "updating the endpoint",
                    Some("RollingBack") => "going back to what it ran before",
                    _ => "creating the endpoint",
                };
                let phase = phase(&seen);
                let colon = if phase.is_empty() { "" } else { ": " };
                progress.show(&format!("{doing}{colon}{phase}"), "");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        settled = waiting => settled,
        () = showing => unreachable!("it shows until the other ends"),
        () = tokio::time::sleep_until(deadline) => Err(Hinted::wrap(
            anyhow!("endpoint `{name}` is still not done after {} s", limit.as_secs()),
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

/// What the instances are doing, in a few words.
fn phase(endpoint: &Value) -> String {
    let instances = endpoint["Instances"].as_array().map_or(&[][..], Vec::as_slice);
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

/// The last lines that the instances of a failed deployment wrote. Of an update that failed these are the newest; what
/// runs since before has nothing to do with it.
pub(super) async fn log_tail(client: &Client, name: &str) -> anyhow::Result<Vec<String>> {
    let deadline = Instant::now() + LOG_TIMEOUT;
    let mut positions: BTreeMap<String, u64> = BTreeMap::new();
    let mut tail = VecDeque::new();
    loop {
        let query: Vec<String> = positions.iter().map(|(id, position)| format!("{id}={position}")).collect();
        let answer = client.admin(&format!("endpoints/{name}/logs?{}", query.join("&"))).await?;
        let logs = answer["Logs"].as_array().map_or(&[][..], Vec::as_slice);
        let newest = logs.iter().filter_map(generation).max();
        let mut is_whole = true;
        for log in logs.iter().filter(|log| generation(log) == newest) {
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

fn generation(log: &Value) -> Option<u64> {
    let id: InstanceId = log["Id"].as_str()?.parse().ok()?;
    Some(id.generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_told_in_words_and_counted_when_there_are_several() {
        let preparing = json!({ "State": { "Preparing": { "phase": "Fetching" } } });
        let pinged = json!({ "State": { "Running": {} }, "Health": "Starting" });
        let told = |instances: Value| phase(&json!({ "Instances": instances }));
        assert_eq!(told(json!([])), "");
        assert_eq!(told(json!([preparing])), "fetching the model");
        assert_eq!(told(json!([pinged])), "waiting for /ping");
        assert_eq!(told(json!([preparing, pinged, pinged])), "1 fetching the model, 2 waiting for /ping");
    }
}
