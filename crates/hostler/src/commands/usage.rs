//! `hostler usage`: instance-hours and invocations per endpoint and variant, or per value of a tag.
//!
//! Invariants: numbers are the server's; nothing is added up here but what the last line shows.

use anyhow::anyhow;
use serde_json::Value;

use crate::cli::{OutputForm, UsageArgs};
use crate::client::Client;
use crate::output;
use crate::rows::printable;

/// Numbers of each row and of the total, with the heading of their column.
const NUMBERS: [(&str, &str); 6] = [
    ("InstanceHours", "HOURS"),
    ("Invocations", "INVOCATIONS"),
    ("Invocations2xx", "2XX"),
    ("Invocations4xx", "4XX"),
    ("Invocations5xx", "5XX"),
    ("InvocationsAbandoned", "ABANDONED"),
];

pub(crate) async fn run(args: &UsageArgs) -> anyhow::Result<()> {
    let query = query(args)?;
    let client = Client::find(&args.find)?;
    let shown = client.admin(&format!("usage?{query}")).await?;
    if args.csv {
        csv(&shown).iter().for_each(|line| output::data(line));
    } else if args.find.output == OutputForm::Json {
        output::data(&shown.to_string());
    } else {
        table(&shown).iter().for_each(|line| output::data(line));
    }
    Ok(())
}

fn query(args: &UsageArgs) -> anyhow::Result<String> {
    let (mut since, mut until) = (args.since.clone(), args.until.clone());
    if let Some(month) = &args.month {
        let next =
            next_month(month).ok_or_else(|| anyhow!("--month {month} is not a month such as 2026-11"))?;
        (since, until) = (Some(format!("{month}-01")), Some(format!("{next}-01")));
    }
    let pairs = [
        ("since", since),
        ("until", until),
        ("endpoint", args.name.clone()),
        ("by-tag", args.by_tag.clone()),
    ];
    let pairs = pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

fn next_month(month: &str) -> Option<String> {
    let (year, number) =
        month.split_once('-').filter(|(year, number)| (year.len(), number.len()) == (4, 2))?;
    let (year, number): (u32, u32) = (year.parse().ok()?, number.parse().ok()?);
    match number {
        1..=11 => Some(format!("{year:04}-{:02}", number + 1)),
        12 => Some(format!("{:04}-01", year + 1)),
        _ => None,
    }
}

/// For a query that is signed as it stands.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn rows(shown: &Value) -> &[Value] {
    shown["Usage"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What a row is about: the members that are no numbers.
fn subjects(shown: &Value) -> Vec<(&'static str, &'static str)> {
    if shown["TagKey"].is_null() {
        vec![
            ("EndpointName", "ENDPOINT"),
            ("EndpointUid", "ID"),
            ("VariantName", "VARIANT"),
            ("InstanceType", "TYPE"),
        ]
    } else {
        vec![("TagValue", "VALUE"), ("InstanceType", "TYPE")]
    }
}

fn cell(row: &Value, member: &str) -> String {
    match (&row[member], member) {
        (Value::Null, "TagValue") => "(untagged)".to_owned(),
        (Value::Null, _) => "-".to_owned(),
        (Value::String(text), _) => printable(text),
        (value, "InstanceHours") => format!("{:.3}", value.as_f64().unwrap_or_default()),
        (value, _) => value.to_string(),
    }
}

/// A heading, a line for each row, and the sum.
fn table(shown: &Value) -> Vec<String> {
    let subjects = subjects(shown);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let by = shown["TagKey"].as_str().map(|key| format!(", by tag {}", printable(key))).unwrap_or_default();
    let days = format!("{} until before {} (UTC){by}", text(&shown["Since"]), text(&shown["Until"]));
    let heading = subjects.iter().chain(&NUMBERS).map(|(_, heading)| (*heading).to_owned()).collect();
    let cells = |row: &Value| -> Vec<String> {
        subjects.iter().chain(&NUMBERS).map(|(member, _)| cell(row, member)).collect()
    };
    let mut lines: Vec<Vec<String>> = vec![heading];
    lines.extend(rows(shown).iter().map(cells));
    let mut total = cells(&shown["Total"]);
    total.iter_mut().take(subjects.len()).for_each(String::clear);
    "TOTAL".clone_into(&mut total[0]);
    lines.push(total);
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let padded = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < subjects.len() { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    std::iter::once(days).chain(padded).collect()
}

/// A heading of the members' names, and a line for each row; no sum.
fn csv(shown: &Value) -> Vec<String> {
    let subjects = subjects(shown);
    let members: Vec<&str> = subjects.iter().chain(&NUMBERS).map(|(member, _)| *member).collect();
    let lines = rows(shown).iter().map(|row| {
        let cells = members.iter().map(|member| match &row[*member] {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            value => value.to_string(),
        });
        cells.collect::<Vec<_>>().join(",")
    });
    std::iter::once(members.join(",")).chain(lines).collect()
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_stand_in_columns_and_the_sum_below() {
        let numbers = |hours: f64, count: u64| {
            json!({
                "InstanceHours": hours, "InstanceSeconds": hours * 3600.0, "Invocations": count, "Invocations2xx": count,
                "Invocations4xx": 0, "Invocations5xx": 0, "InvocationsAbandoned": 0
            })
        };
        let mut row = numbers(1.5, 12);
        row["TagValue"] = json!("vision, \"new\"");
        row["InstanceType"] = json!("ml.m5.large");
        let mut untagged = numbers(0.25, 3);
        untagged["TagValue"] = Value::Null;
        untagged["InstanceType"] = Value::Null;
        let shown = json!({
            "Since": "2026-11-01", "Until": "2026-12-01", "TagKey": "team", "Usage": [untagged, row],
            "Total": numbers(1.75, 15)
        });
        let expected = [
            "2026-11-01 until before 2026-12-01 (UTC), by tag team",
            "VALUE          TYPE         HOURS  INVOCATIONS  2XX  4XX  5XX  ABANDONED",
            "(untagged)     -            0.250            3    3    0    0          0",
            "vision, \"new\"  ml.m5.large  1.500           12   12    0    0          0",
            "TOTAL                       1.750           15   15    0    0          0",
        ];
        assert_eq!(table(&shown), expected);
        let expected = [
            "TagValue,InstanceType,InstanceHours,Invocations,Invocations2xx,Invocations4xx,Invocations5xx,\
             InvocationsAbandoned",
            ",,0.25,3,3,0,0,0",
            "\"vision, \"\"new\"\"\",ml.m5.large,1.5,12,12,0,0,0",
        ];
        assert_eq!(csv(&shown), expected);
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        assert_eq!(next_month("2026-11").as_deref(), Some("2026-12"));
        assert_eq!(next_month("2026-12").as_deref(), Some("2027-01"));
        for text in ["2026", "2026-13", "2026-00", "26-11", "2026-1", "x-y"] {
            assert_eq!(next_month(text), None, "{text}");
        }
    }

    #[test]
    fn a_tag_of_any_letters_goes_into_the_query() {
        assert_eq!(encoded("cost center/ä+&"), "cost%20center%2F%C3%A4%2B%26");
    }
}
