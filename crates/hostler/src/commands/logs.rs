//! `hostler logs NAME [-f]`: what the instances wrote, each line with its instance and container where there are several.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{LogsArgs, OutputForm};
use crate::client::Client;
use crate::endpoint_name;
use crate::output;

/// How soon a follower asks again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(300);

pub(crate) async fn run(args: &LogsArgs) -> anyhow::Result<()> {
    endpoint_name::check(&args.name)?;
    let client = Client::find(&args.find)?;
    let mut positions: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let query: Vec<String> = positions.iter().map(|(id, position)| format!("{id}={position}")).collect();
        let asked = client.admin(&format!("endpoints/{}/logs?{}", args.name, query.join("&"))).await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(error) => return Err(client.with_near_names(error, &args.name).await),
        };
        let mut logs = answer["Logs"].as_array().cloned().unwrap_or_default();
        let names: BTreeSet<String> =
            logs.iter().filter_map(|log| log["Container"].as_str().map(str::to_owned)).collect();
        if let Some(container) = &args.container
            && !logs.is_empty()
        {
            ensure_known(container, &names)?;
            logs.retain(|log| log["Container"] == container.as_str());
        }
        let mut has_news = false;
        for log in &logs {
            let (Some(key), Some(text), Some(next)) =
                (log["Key"].as_str(), log["Text"].as_str(), log["Next"].as_u64())
            else {
                continue;
            };
            positions.insert(key.to_owned(), next);
            has_news |= !text.is_empty();
            show(args, log, key, text, logs.len() > 1);
        }
        if has_news {
            continue;
        }
        if !args.follow {
            if logs.is_empty()
                && let Some(reason) = answer["FailureReason"].as_str()
            {
                output::say(reason.trim());
            }
            return Ok(());
        }
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}

/// The name that was asked for is one of those that are there.
fn ensure_known(container: &str, names: &BTreeSet<String>) -> anyhow::Result<()> {
    if names.contains(container) {
        return Ok(());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names[..] {
        [] => anyhow::bail!("its instances have one container each: leave --container out"),
        _ => anyhow::bail!("there is no container `{container}`: there are {}", names.join(", ")),
    }
}

fn show(args: &LogsArgs, log: &Value, key: &str, text: &str, has_others: bool) {
    let (id, container, generation) = (&log["Id"], &log["Container"], &log["Generation"]);
    if args.find.output == OutputForm::Json {
        for line in text.lines() {
            let mut line = json!({ "instance": id, "generation": generation, "line": Value::from(line) });
            if !container.is_null() {
                line["container"] = container.clone();
            }
            output::data(&line.to_string());
        }
    } else if has_others {
        for line in text.lines() {
            output::data(&format!("{key} | {line}"));
        }
    } else {
        output::bytes(text.as_bytes());
    }
}
