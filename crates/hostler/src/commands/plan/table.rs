//! The moments of a plan as a table: when, what is healthy, who gets which part of the requests, what happens.
//!
//! Invariants: pure. In a terminal that is too narrow a moment has two lines.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{list, text};

/// Spaces between two columns.
const GAP: &str = "  ";

pub(super) fn lines(plan: &Value, columns: Option<usize>) -> Vec<String> {
    let moments = list(plan, "Moments");
    let steps = plan["Way"]["Steps"].as_u64().unwrap_or(1);
    let heading = ["AT", "HEALTHY", "TRAFFIC", "WHAT"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(heading)
        .chain(moments.iter().enumerate().map(|(index, moment)| {
            let before = index.checked_sub(1).map(|before| &moments[before]);
            let at = seconds(moment["AtMs"].as_i64().unwrap_or_default());
            [at, healthy(moment), traffic(moment), what(moment, before, steps)]
        }))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (at, healthy, traffic) = (width(0), width(1), width(2));
    let widest = at + healthy + traffic + width(3) + 3 * GAP.len();
    let is_narrow = columns.is_some_and(|columns| columns < widest);
    let mut lines = Vec::new();
    for [when, alive, parts, what] in &rows {
        if is_narrow {
            lines.push(format!("{when:>at$}{GAP}{what}"));
            lines.push(format!("{:at$}{GAP}{alive}{GAP}{parts}", "").trim_end().to_owned());
        } else {
            lines.push(
                format!("{when:>at$}{GAP}{alive:healthy$}{GAP}{parts:traffic$}{GAP}{what}")
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    lines
}

/// A span as people read it.
pub(super) fn seconds(ms: i64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

/// Sums over the fleets of each generation.
fn by_generation(moment: &Value) -> BTreeMap<u64, (u64, u64, f64)> {
    let mut sums: BTreeMap<u64, (u64, u64, f64)> = BTreeMap::new();
    for fleet in list(moment, "Fleets") {
        let sum = sums.entry(fleet["Generation"].as_u64().unwrap_or_default()).or_default();
        sum.0 += fleet["Healthy"].as_u64().unwrap_or_default();
        sum.1 += fleet["Wanted"].as_u64().unwrap_or_default();
        sum.2 += fleet["Traffic"].as_f64().unwrap_or_default();
    }
    sums
}

fn healthy(moment: &Value) -> String {
    let sums = by_generation(moment).into_iter().filter(|(_, (healthy, wanted, _))| healthy + wanted > 0);
    sums.map(|(generation, (healthy, wanted, _))| format!("g{generation} {healthy}/{wanted}"))
        .collect::<Vec<_>>()
        .join(GAP)
}

fn traffic(moment: &Value) -> String {
    let sums = by_generation(moment).into_iter().filter(|(_, (.., part))| *part > 0.0);
    sums.map(|(generation, (.., part))| format!("g{generation} {:.0}%", part * 100.0))
        .collect::<Vec<_>>()
        .join(GAP)
}

fn what(moment: &Value, before: Option<&Value>, steps: u64) -> String {
    let mut parts = Vec::new();
    let is_new = |key: &str| before.is_none_or(|before| before[key] != moment[key]);
    if is_new("Stage") || is_new("Step") {
        parts.extend(stage(moment, steps));
    }
    for (key, verb) in [("Launched", "launch"), ("Drained", "drain"), ("Removed", "remove")] {
        parts.extend(counted(list(moment, key), verb));
    }
    if before.is_some_and(|before| before["EndpointStatus"] != moment["EndpointStatus"]) {
        parts.push(text(&moment["EndpointStatus"]));
    }
    parts.join(", ")
}

fn stage(moment: &Value, steps: u64) -> Option<String> {
    let step = if steps > 1 { format!("step {}: ", moment["Step"]) } else { String::new() };
    match moment["Stage"].as_str()? {
        "Provisioning" if steps > 1 => {
            Some(format!("step {} ({}) starts", moment["Step"], text(&moment["StepName"])))
        }
        "Provisioning" => Some("new instances start".to_owned()),
        "Baking" => {
            let watched = moment["WatchedMs"].as_i64().unwrap_or_default();
            let watched =
                if watched > 0 { format!(", watched for {}", seconds(watched)) } else { String::new() };
            Some(format!("{step}traffic is on{watched}"))
        }
        "Finishing" => Some("the former instances leave".to_owned()),
        other => Some(other.to_owned()),
    }
}

/// `launch 2 of v g2`, for each fleet.
fn counted(instances: &[Value], verb: &str) -> Vec<String> {
    let mut counts: BTreeMap<(u64, String), usize> = BTreeMap::new();
    for instance in instances {
        let fleet = (instance["Generation"].as_u64().unwrap_or_default(), text(&instance["Variant"]));
        *counts.entry(fleet).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|((generation, variant), count)| format!("{verb} {count} of {variant} g{generation}"))
        .collect()
}
