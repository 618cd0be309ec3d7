//! `hostler ls`: every endpoint, a line each.

use serde_json::{Value, json};

use crate::cli::{ListArgs, OutputForm};
use crate::client::Client;
use crate::output;

pub(crate) async fn run(args: &ListArgs) -> anyhow::Result<()> {
    let client = Client::find(&args.find)?;
    let mut endpoints = Vec::new();
    let mut token = None;
    loop {
        let mut input = json!({ "SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 100 });
        if let Some(token) = token.take() {
            input["NextToken"] = token;
        }
        let mut page = client.call("ListEndpoints", &input).await?;
        if let Some(Value::Array(rows)) = page.get_mut("Endpoints").map(Value::take) {
            endpoints.extend(rows);
        }
        match page.get_mut("NextToken").map(Value::take) {
            Some(Value::String(next)) => token = Some(Value::String(next)),
            _ => break,
        }
    }
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
