//! `hostler logs NAME [-f]`: what the instances wrote, each line with its instance where there are several.

use std::collections::BTreeMap;
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
        let logs = answer["Logs"].as_array().cloned().unwrap_or_default();
        let mut has_news = false;
        for log in &logs {
            let (Some(id), Some(text), Some(next)) =
                (log["Id"].as_str(), log["Text"].as_str(), log["Next"].as_u64())
            else {
                continue;
            };
            positions.insert(id.to_owned(), next);
            has_news |= !text.is_empty();
            show(args, log, id, text, logs.len() > 1);
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

fn show(args: &LogsArgs, log: &Value, id: &str, text: &str, has_others: bool) {
    let generation = &log["Generation"];
    if args.find.output == OutputForm::Json {
        for line in text.lines() {
            let line = json!({ "instance": id, "generation": generation, "line": Value::from(line) });
            output::data(&line.to_string());
        }
    } else if has_others {
        for line in text.lines() {
            output::data(&format!("{id} | {line}"));
        }
    } else {
        output::bytes(text.as_bytes());
    }
}
