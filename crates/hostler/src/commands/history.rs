//! `hostler history NAME`: what happened to it, the newest last.
//!
//! Invariants: a row for each event; times are UTC to the second. What was dropped or is not shown is said beside the
//! rows, never left out in silence.

use serde_json::Value;

use crate::cli::{HistoryArgs, HistoryKind, OutputForm};
use crate::client::Client;
use crate::endpoint_name;
use crate::output;
use crate::rows::Rows;

/// The width of a moment and the space after it.
const LABEL: usize = 22;

pub(crate) async fn run(args: &HistoryArgs) -> anyhow::Result<()> {
    endpoint_name::check(&args.name)?;
    let client = Client::find(&args.find)?;
    let path = format!("{}/{}/history?limit={}", args.kind.collection(), args.name, args.limit);
    let history = match client.admin(&path).await {
        Ok(history) => history,
        Err(error) if args.kind == HistoryKind::Endpoint => {
            return Err(client.with_near_names(error, &args.name).await);
        }
        Err(error) => return Err(error),
    };
    if args.find.output == OutputForm::Json {
        output::data(&history.to_string());
        return Ok(());
    }
    if let Some(text) = older(&history) {
        output::say(&text);
    }
    let rows = Rows::new(LABEL, None);
    let events = history["Events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut former = &Value::Null;
    for event in events {
        let uid = &event["Uid"];
        if !former.is_null() && !uid.is_null() && uid != former {
            rows.row("", "--- another endpoint of the same name ---");
        }
        if !uid.is_null() {
            former = uid;
        }
        rows.row(&moment(&event["At"]), &event_words(event));
    }
    Ok(())
}

/// What is kept or known of and not shown.
fn older(history: &Value) -> Option<String> {
    let events = history["Events"].as_array()?;
    let dropped = history["Dropped"].as_u64().unwrap_or(0);
    let first = events.first().and_then(|event| event["Number"].as_u64());
    let hidden = first.map_or(0, |first| first.saturating_sub(1).saturating_sub(dropped));
    let mut texts = Vec::new();
    if events.is_empty() {
        texts.push("nothing is written down: it has not changed since the server keeps a history".to_owned());
    }
    if dropped > 0 {
        texts.push(format!("{dropped} older event(s) were dropped"));
    }
    if hidden > 0 {
        texts.push(format!("{hidden} older event(s) are not shown"));
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// `2026-11-30 17:05:09Z`.
fn moment(at: &Value) -> String {
    let moment = at.as_i64().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    moment.map_or_else(|| "-".to_owned(), |moment| moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// `g2 · UpdateEndpoint (…) · InService -> Updating · by …`, and why.
fn event_words(event: &Value) -> String {
    if let Some(unreadable) = event["Unreadable"].as_str() {
        return unreadable.to_owned();
    }
    let mut words = Vec::new();
    if let Some(generation) = event["Generation"].as_u64() {
        words.push(format!("g{generation}"));
    }
    if let Some(operation) = event["Operation"].as_str() {
        let arguments = event["Arguments"].as_object().into_iter().flatten();
        let arguments: Vec<String> =
            arguments.filter_map(|(member, value)| Some(format!("{member} {}", value.as_str()?))).collect();
        let arguments =
            if arguments.is_empty() { String::new() } else { format!(" ({})", arguments.join("; ")) };
        words.push(format!("{operation}{arguments}"));
    }
    if event["MovesStatus"] == true {
        let status = |status: &Value, none: &str| status.as_str().unwrap_or(none).to_owned();
        words.push(format!("{} -> {}", status(&event["From"], "new"), status(&event["To"], "gone")));
    }
    words.push(format!("by {}", event["Who"].as_str().unwrap_or("nobody known")));
    let why = event["Why"].as_str().map(|why| format!(": {}", why.trim())).unwrap_or_default();
    format!("{}{why}", words.join(" · "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_row() {
        let update = json!({
            "At": 1_700_000_000_123_i64, "Uid": "u", "Generation": 2, "Who": "arn:aws:iam::000000000000:root",
            "Operation": "UpdateEndpoint", "Arguments": { "EndpointConfigName": "b", "FromEndpointConfigName": "a" },
            "MovesStatus": true, "From": "InService", "To": "Updating", "Why": null,
        });
        assert_eq!(moment(&update["At"]), "2023-11-14 22:13:20Z");
        assert_eq!(
            event_words(&update),
            "g2 · UpdateEndpoint (EndpointConfigName b; FromEndpointConfigName a) · InService -> Updating · \
             by arn:aws:iam::000000000000:root"
        );
        let gone = json!({
            "Generation": 2, "Who": "hostler", "MovesStatus": true, "From": "Deleting", "To": null, "Why": "asked for",
        });
        assert_eq!(event_words(&gone), "g2 · Deleting -> gone · by hostler: asked for");
        let tags =
            json!({ "Generation": 2, "Who": "me", "Operation": "AddTags", "Arguments": { "Tags": "a, b" } });
        assert_eq!(event_words(&tags), "g2 · AddTags (Tags a, b) · by me");
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let events =
            |first: u64, dropped: u64| json!({ "Events": [{ "Number": first }], "Dropped": dropped });
        assert_eq!(older(&events(1, 0)), None);
        assert_eq!(older(&events(9, 0)).unwrap(), "8 older event(s) are not shown");
        let both = "5 older event(s) were dropped; 3 older event(s) are not shown";
        assert_eq!(older(&events(9, 5)).unwrap(), both);
        assert!(
            older(&json!({ "Events": [], "Dropped": 0 })).unwrap().starts_with("nothing is written down")
        );
    }
}
