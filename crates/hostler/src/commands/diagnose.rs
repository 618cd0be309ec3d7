//! `hostler diagnose NAME`: what is wrong with an endpoint and what to do about it.
//!
//! Invariants: knows no cause and no sentence: the server has them, this prints.

use serde_json::Value;

use crate::cli::{NameArgs, OutputForm};
use crate::client::Client;
use crate::endpoint_name;
use crate::output;
use crate::rows::Rows;
use crate::terminal::Tone;

/// The width of the labels.
const LABEL: usize = 11;
/// Lines of a log's end that are shown.
const LOG_LINES_MAX: usize = 15;

pub(crate) async fn run(args: &NameArgs) -> anyhow::Result<()> {
    endpoint_name::check(&args.name)?;
    let client = Client::find(&args.find)?;
    let diagnosis = match client.admin(&format!("endpoints/{}/diagnosis", args.name)).await {
        Ok(diagnosis) => diagnosis,
        Err(error) => return Err(client.with_near_names(error, &args.name).await),
    };
    if args.find.output == OutputForm::Json {
        output::data(&diagnosis.to_string());
        return Ok(());
    }
    let rows = Rows::new(LABEL, None);
    let tone = match diagnosis["Verdict"].as_str() {
        Some("Well") => Tone::Good,
        Some("Failed") => Tone::Bad,
        _ => Tone::Warning,
    };
    rows.row("endpoint", text(&diagnosis, "EndpointName"));
    rows.painted("verdict", text(&diagnosis, "Summary"), tone);
    for finding in list(&diagnosis, "Findings") {
        output::data("");
        for (label, text) in found(finding) {
            rows.row(label, &text);
        }
    }
    for note in list(&diagnosis, "Notes") {
        rows.row("note", note.as_str().unwrap_or_default());
    }
    Ok(())
}

/// Label and text of each row of a finding.
fn found(finding: &Value) -> Vec<(&'static str, String)> {
    let evidence = &finding["Evidence"];
    let mut rows = vec![
        ("phase", format!("{} ({})", text(finding, "Phase"), text(finding, "Cause"))),
        ("what", text(finding, "Sentence").to_owned()),
        ("detail", text(evidence, "Detail").to_owned()),
    ];
    if let Some(instance) = evidence["Instance"].as_str() {
        let failures = evidence["Failures"].as_u64().map(|count| format!(", {count} in a row"));
        rows.push(("instance", format!("{instance}{}", failures.unwrap_or_default())));
    }
    if let Some(container) = evidence["Container"].as_str() {
        rows.push(("container", container.to_owned()));
    }
    if let Some(code) = evidence["ExitCode"].as_i64() {
        rows.push(("exit code", code.to_string()));
    }
    if let Some(signal) = evidence["Signal"].as_i64() {
        rows.push(("signal", signal.to_string()));
    }
    let listens: Vec<&str> = list(evidence, "ListensOn").iter().filter_map(Value::as_str).collect();
    if !listens.is_empty() {
        let expected = evidence["ExpectedAddress"].as_str().unwrap_or("nobody knows where");
        rows.push(("listens on", format!("{}; it is asked at {expected}", listens.join(", "))));
    }
    let log: Vec<&str> = text(evidence, "LogTail").lines().collect();
    for (index, line) in log.iter().skip(log.len().saturating_sub(LOG_LINES_MAX)).enumerate() {
        rows.push((if index == 0 { "log" } else { "" }, format!("| {line}")));
    }
    for (index, step) in list(finding, "Next").iter().enumerate() {
        let step = step.as_str().unwrap_or_default().to_owned();
        rows.push((if index == 0 { "try" } else { "or" }, step));
    }
    rows
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_finding_is_what_happened_what_was_seen_and_what_to_try() {
        let finding = json!({
            "Phase": "Ping", "Cause": "PingRefused", "Sentence": "It listens elsewhere.", "Next": ["this", "that"],
            "Evidence": {
                "Detail": "no answer", "Instance": "u.g1.v.0.1", "Failures": 2, "ExitCode": null, "Signal": 9,
                "ListensOn": ["127.0.0.1:9000"], "ExpectedAddress": "127.0.0.1:30000", "LogTail": "one\ntwo",
            },
        });
        let expected = [
            ("phase", "Ping (PingRefused)"),
            ("what", "It listens elsewhere."),
            ("detail", "no answer"),
            ("instance", "u.g1.v.0.1, 2 in a row"),
            ("signal", "9"),
            ("listens on", "127.0.0.1:9000; it is asked at 127.0.0.1:30000"),
            ("log", "| one"),
            ("", "| two"),
            ("try", "this"),
            ("or", "that"),
        ];
        assert_eq!(found(&finding), expected.map(|(label, text)| (label, text.to_owned())));
    }
}
