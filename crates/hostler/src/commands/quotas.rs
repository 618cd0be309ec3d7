//! `hostler quotas`: each quota, its limit, its use, and the key that sets it.

use serde_json::Value;

use crate::cli::{ListArgs, OutputForm};
use crate::client::Client;
use crate::output;

pub(crate) async fn run(args: &ListArgs) -> anyhow::Result<()> {
    let client = Client::find(&args.find)?;
    let shown = client.admin("quotas").await?;
    match args.find.output {
        OutputForm::Json => output::data(&shown.to_string()),
        OutputForm::Text => table(&shown).iter().for_each(|line| output::data(line)),
    }
    Ok(())
}

/// A heading and a line for each quota; what has no use of its own shows a dash.
fn table(shown: &Value) -> Vec<String> {
    let rows = shown["Quotas"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let number = |row: &Value, key: &str| row[key].as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
    let width = rows.iter().map(|row| text(row, "QuotaName").len()).max().unwrap_or(0);
    let line = |quota: &str, limit: &str, used: &str, setting: &str| {
        format!("{quota:width$}  {limit:>8}  {used:>8}  {setting}")
    };
    let heading = line("QUOTA", "LIMIT", "USED", "KEY UNDER [quotas]");
    let lines = rows.iter().map(|row| {
        line(&text(row, "QuotaName"), &number(row, "Limit"), &number(row, "Used"), &text(row, "Setting"))
    });
    std::iter::once(heading).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_and_uses_stand_in_columns() {
        let row = |name: &str, limit: u64, used: Value, setting: &str| json!({ "QuotaName": name, "Limit": limit, "Used": used, "Setting": setting });
        let shown = json!({ "Quotas": [
            row("Number of endpoints", 1000, json!(12), "endpoints"),
            row("ml.m5.large for endpoint usage", 4, json!(0), "ml.m5.large"),
            row("each other", 100, Value::Null, "default_instances"),
        ] });
        let expected = [
            "QUOTA                              LIMIT      USED  KEY UNDER [quotas]",
            "Number of endpoints                 1000        12  endpoints",
            "ml.m5.large for endpoint usage         4         0  ml.m5.large",
            "each other                           100         -  default_instances",
        ];
        assert_eq!(table(&shown), expected);
    }
}
