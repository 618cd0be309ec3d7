//! `hostler ls`: every endpoint, a line each.

use serde_json::Value;

use crate::cli::{ListArgs, OutputForm};
use crate::client::Client;
use crate::output;

pub(crate) async fn run(args: &ListArgs) -> anyhow::Result<()> {
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
    Ok(())
}
