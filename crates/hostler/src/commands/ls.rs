//! `hostler ls`: every endpoint, a line each; with `--watch` for as long as somebody looks.

mod screen;
mod table;
mod watch;

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::{LsArgs, OutputForm};
use crate::client::Client;
use crate::output;

pub(crate) async fn run(args: &LsArgs) -> anyhow::Result<ExitCode> {
    if args.watch {
        return watch::run(args).await;
    }
    let client = Client::find(&args.find)?;
    let endpoints = client.endpoints().await?;
    match args.find.output {
        OutputForm::Json => output::data(&Value::Array(endpoints).to_string()),
        OutputForm::Text if endpoints.is_empty() => output::say("there are no endpoints"),
        OutputForm::Text => {
            let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let width = endpoints.iter().map(|row| text(row, "EndpointName").len()).max().unwrap_or(0);
            for row in &endpoints {
                output::data(&format!(
                    "{:width$}  {}",
                    text(row, "EndpointName"),
                    text(row, "EndpointStatus")
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
