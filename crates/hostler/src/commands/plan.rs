//! `hostler plan NAME --config C`: what an update would do, without doing it.
//!
//! Invariants: everything shown is the server's answer; here it is only put in order. The exit code says whether it
//! would be accepted.

mod table;

use std::process::ExitCode;

use http::Method;
use serde_json::{Value, json};

use crate::cli::{OutputForm, PlanArgs};
use crate::client::Client;
use crate::endpoint_name;
use crate::output;
use crate::rows::Rows;
use crate::strategy;
use crate::terminal::{Terminal, Tone};

/// The width of the labels.
const LABEL: usize = 11;
const GIB_IN_MIB: f64 = 1024.0;

pub(crate) async fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    endpoint_name::check(&args.name)?;
    let mut input = json!({ "EndpointConfigName": args.config });
    if let Some(config) = strategy::deployment_config(&args.strategy)? {
        input["DeploymentConfig"] = config;
    }
    if args.retain_sizes {
        input["RetainAllVariantProperties"] = json!(true);
    }
    if args.retain_deployment_config {
        input["RetainDeploymentConfig"] = json!(true);
    }
    let client = Client::find(&args.find)?;
    let path = format!("endpoints/{}/plan", args.name);
    let plan = client.admin_call(Method::POST, &path, input.to_string()).await?;
    Ok(show(&plan, args.find.output))
}

/// Shows a plan; the exit code that it means.
pub(crate) fn show(plan: &Value, form: OutputForm) -> ExitCode {
    match form {
        OutputForm::Json => output::data(&plan.to_string()),
        OutputForm::Text => {
            let rows = Rows::new(LABEL, None);
            head(rows, plan);
            // What can never start goes no way at all.
            if list(plan, "Obstacles").is_empty() && !list(plan, "Moments").is_empty() {
                output::data("");
                for line in table::lines(plan, Terminal::stdout().columns) {
                    output::data(&line);
                }
                output::data("");
            }
            for (label, text) in sentences(plan) {
                rows.row(label, &text);
            }
        }
    }
    if plan["Accepted"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn head(rows: Rows, plan: &Value) {
    let operation = text(&plan["Operation"]);
    let obstacles = list(plan, "Obstacles");
    if plan["Accepted"] == true && !obstacles.is_empty() {
        rows.painted("plan", &format!("{operation} would be accepted"), Tone::Warning);
    } else if plan["Accepted"] == true {
        rows.painted("plan", &format!("{operation} would be accepted"), Tone::Good);
    } else {
        rows.painted("plan", &format!("{operation} would be refused"), Tone::Bad);
    }
    for refusal in list(plan, "Refusals") {
        rows.row("refused", &format!("{}: {}", text(&refusal["Code"]), text(&refusal["Message"])));
    }
    for obstacle in obstacles {
        rows.painted("and fail", &text(obstacle), Tone::Bad);
    }
    if operation == "CreateEndpoint" {
        rows.row("endpoint", "there is none of this name: this is what creating it would do");
    }
    let named =
        |side: &Value| format!("{} (generation {})", text(&side["EndpointConfigName"]), side["Generation"]);
    if !plan["From"].is_null() {
        rows.row("from", &named(&plan["From"]));
    }
    if !plan["To"].is_null() {
        let steps = plan["Way"]["Steps"].as_u64().unwrap_or(1);
        let steps = if steps > 1 { format!(" in {steps} steps") } else { String::new() };
        let way = if plan["From"].is_null() {
            String::new()
        } else {
            format!(", {}{steps}", text(&plan["Way"]["Type"]))
        };
        rows.row("to", &format!("{}{way}", named(&plan["To"])));
    }
    for change in list(plan, "Changes") {
        rows.row("changes", &text(change));
    }
}

fn sentences(plan: &Value) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if plan["Moments"].is_null() {
        return rows;
    }
    if list(plan, "Obstacles").is_empty() {
        rows.push(match (plan["DurationMs"].as_i64(), plan["NotFollowed"].as_str()) {
            (Some(ms), _) => {
                ("takes", format!("at least {}; then it is {}", table::seconds(ms), text(&plan["EndStatus"])))
            }
            (None, why) => ("takes", format!("it was followed no further: {}", why.unwrap_or("-"))),
        });
        rows.push(("instances", format!("{} launched, {} removed", plan["Launches"], plan["Removals"])));
        rows.extend(list(plan, "Serving").iter().map(|row| ("serving", serving(row))));
    }
    rows.extend(list(plan, "Peak").iter().map(|row| ("at peak", peak(row))));
    let mut each = |key: &str, label: &'static str| {
        rows.extend(list(plan, key).iter().map(|sentence| (label, text(sentence))));
    };
    each("Unchanged", "unchanged");
    each("Assumptions", "assumed");
    each("Notes", "note");
    rows.push(("on failure", text(&plan["OnFailure"])));
    rows
}

fn serving(row: &Value) -> String {
    let variant = text(&row["Variant"]);
    if row["Fewest"] == row["Before"] {
        return format!("{variant}: never fewer instances than the {} that take requests now", row["Before"]);
    }
    let at = table::seconds(row["AtMs"].as_i64().unwrap_or_default());
    format!(
        "{variant}: {} instances take requests now, at the least {} do, from {at} on",
        row["Before"], row["Fewest"]
    )
}

fn peak(row: &Value) -> String {
    let accelerators = match &row["Accelerators"] {
        Value::Null => String::new(),
        some => format!(", {} x {}", some["Count"], text(&some["Name"])),
    };
    let quota = &row["Quota"];
    format!(
        "{} x {} ({} now, {} afterwards): {} vCPUs, {} GiB{accelerators}; quota {}, used {} now and {} meanwhile",
        row["Peak"],
        text(&row["InstanceType"]),
        row["Before"],
        row["After"],
        row["Vcpus"],
        row["MemoryMib"].as_f64().unwrap_or_default() / GIB_IN_MIB,
        quota["Limit"],
        quota["Used"],
        quota["UsedMeanwhile"],
    )
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}
