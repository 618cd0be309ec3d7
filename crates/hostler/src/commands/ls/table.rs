//! The list of endpoints as lines of a table.
//!
//! Invariants: pure; no line is wider than it may be.

use hostler_types::{EndpointStatus, Millis};
use serde_json::Value;

use crate::terminal::Tone;

/// A line and what its status means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) tone: Option<Tone>,
}

/// A heading and a line for each endpoint; cut at `columns` where they are given.
pub(super) fn lines(listed: &Value, columns: Option<usize>) -> Vec<Line> {
    let now = Millis(listed["Now"].as_i64().unwrap_or_default());
    let endpoints = listed["Endpoints"].as_array().map_or(&[][..], Vec::as_slice);
    let heading = ["NAME", "STATUS", "HEALTHY", "AGE", "CONFIG"].map(str::to_owned);
    let rows: Vec<[String; 5]> =
        std::iter::once(heading).chain(endpoints.iter().map(|endpoint| row(endpoint, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let tones = std::iter::once(Some(Tone::Quiet)).chain(endpoints.iter().map(tone));
    let pairs = rows.iter().zip(tones);
    pairs
        .map(|([name, status, healthy, age, config], tone)| {
            let [n, s, h, a] = widths;
            let text = format!("{name:n$}  {status:s$}  {healthy:>h$}  {age:>a$}  {config}");
            Line { text: cut(text.trim_end(), columns), tone }
        })
        .collect()
}

/// What is compared to find a change: everything but how old it is.
pub(super) fn news(listed: &Value) -> Value {
    listed["Endpoints"].clone()
}

/// At most so many characters, with a sign that there was more.
pub(super) fn cut(text: &str, columns: Option<usize>) -> String {
    match columns {
        Some(columns) if text.chars().count() > columns => {
            text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
        }
        _ => text.to_owned(),
    }
}

fn row(endpoint: &Value, now: Millis) -> [String; 5] {
    let text = |key: &str| endpoint[key].as_str().unwrap_or("-").to_owned();
    let config = match endpoint["NextEndpointConfigName"].as_str() {
        Some(next) => format!("{} -> {next}", text("EndpointConfigName")),
        None => text("EndpointConfigName"),
    };
    let created = Millis(endpoint["CreationTime"].as_i64().unwrap_or_default());
    let healthy = format!("{}/{}", endpoint["Healthy"], endpoint["Desired"]);
    [text("EndpointName"), text("EndpointStatus"), healthy, age(now.since(created)), config]
}

fn tone(endpoint: &Value) -> Option<Tone> {
    let status: EndpointStatus = endpoint["EndpointStatus"].as_str()?.parse().ok()?;
    Some(match status {
        EndpointStatus::InService => Tone::Good,
        EndpointStatus::RollingBack | EndpointStatus::OutOfService => Tone::Warning,
        EndpointStatus::Failed | EndpointStatus::UpdateRollbackFailed => Tone::Bad,
        EndpointStatus::Creating
        | EndpointStatus::Updating
        | EndpointStatus::SystemUpdating
        | EndpointStatus::Deleting => Tone::Hint,
    })
}

/// In the largest unit that is there twice; a clock that was set back makes nothing younger than nothing.
fn age(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn endpoints_stand_in_columns_that_are_cut_at_the_edge() {
        let listed = json!({ "Now": 190_000, "Endpoints": [
            {
                "EndpointName": "digits", "EndpointStatus": "InService", "EndpointConfigName": "c1",
                "NextEndpointConfigName": null, "Healthy": 2, "Desired": 2, "CreationTime": 10_000,
            },
            {
                "EndpointName": "b", "EndpointStatus": "Updating", "EndpointConfigName": "c1",
                "NextEndpointConfigName": "c2", "Healthy": 12, "Desired": 14, "CreationTime": 189_000,
            },
        ] });
        let texts = |columns| lines(&listed, columns).into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(
            texts(None),
            [
                "NAME    STATUS     HEALTHY  AGE  CONFIG",
                "digits  InService      2/2   3m  c1",
                "b       Updating     12/14   1s  c1 -> c2",
            ]
        );
        assert_eq!(texts(Some(37))[2], "b       Updating     12/14   1s  c1 …");
    }

    #[test]
    fn an_age_has_one_unit() {
        let ages = [-5, 119, 120, 7_199, 7_200, 172_799, 172_800].map(|seconds| age(seconds * 1000));
        assert_eq!(ages, ["0s", "119s", "2m", "119m", "2h", "47h", "2d"]);
    }
}
