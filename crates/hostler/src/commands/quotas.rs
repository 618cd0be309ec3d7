//! `hostler quotas`: each quota, its limit, its use, and the key that sets it.

use serde_json::Value;

use crate::cli::{ListArgs, OutputForm};
use crate::client::Client;
use crate::output;
use crate::terminal::{Terminal, wrap};

pub(crate) async fn run(args: &ListArgs) -> anyhow::Result<()> {
    let client = Client::find(&args.find)?;
    let shown = client.admin("quotas").await?;
    match args.find.output {
        OutputForm::Json => output::data(&shown.to_string()),
        OutputForm::Text => {
            for line in table(&shown, Terminal::stdout().columns) {
                output::data(&line);
            }
        }
    }
    Ok(())
}

/// A heading and a line for each quota; what has no use of its own shows a dash. In a terminal that is too narrow for
/// it each quota has lines of its own.
fn table(shown: &Value, columns: Option<usize>) -> Vec<String> {
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
    let lines: Vec<String> = std::iter::once(heading).chain(lines).collect();
    let Some(columns) = columns.filter(|columns| lines.iter().any(|line| line.chars().count() > *columns))
    else {
        return lines;
    };
    let indented = |text: String, indent: usize| {
        let pieces = wrap(&text, columns.saturating_sub(indent).max(1));
        pieces.into_iter().map(move |piece| format!("{:indent$}{piece}", ""))
    };
    rows.iter()
        .flat_map(|row| {
            let (limit, used) = (number(row, "Limit"), number(row, "Used"));
            let numbers = format!("limit {limit}, used {used}, key {}", text(row, "Setting"));
            indented(text(row, "QuotaName"), 0).chain(indented(numbers, 2))
        })
        .collect()
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
        assert_eq!(table(&shown, None), expected);
        assert_eq!(table(&shown, Some(71)), expected);
        let narrow = [
            "Number of endpoints",
            "  limit 1000, used 12, key endpoints",
            "ml.m5.large for endpoint usage",
            "  limit 4, used 0, key ml.m5.large",
            "each other",
            "  limit 100, used -, key",
            "  default_instances",
        ];
        assert_eq!(table(&shown, Some(36)), narrow);
    }
}
