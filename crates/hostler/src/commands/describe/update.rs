//! The rows about a change: from what to what, how far it is, what both sides have, and why the last one went back.
//!
//! Invariants: pure; every moment is reckoned by the server's clock, which is in its answer.

use hostler_aws::sigv4::AmzDate;
use hostler_types::Millis;
use serde_json::Value;

use super::{list, text};

/// Which side of a change something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Former,
    New,
    /// Of an update that neither came through nor went back.
    Stranded,
    /// Of a deployment that is not in play any more.
    Gone,
}

impl Side {
    /// The side of a generation; none where only one deployment is in play and this is it.
    pub(super) fn of(endpoint: &Value, generation: &Value) -> Option<Self> {
        let update = &endpoint["Update"];
        let stranded = &endpoint["Stranded"]["Generation"];
        let is_running = *generation == endpoint["Generation"];
        if update["Kind"] == "Deploy" && *generation == update["To"]["Generation"] {
            Some(Self::New)
        } else if !stranded.is_null() && generation == stranded {
            Some(Self::Stranded)
        } else if !is_running {
            Some(Self::Gone)
        } else {
            (update["Kind"] == "Deploy" || !stranded.is_null()).then_some(Self::Former)
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Former => "former",
            Self::New => "new",
            Self::Stranded => "half-way",
            Self::Gone => "gone",
        }
    }
}

/// Why it failed, why it goes back, or why the last change went back.
pub(super) fn reason_row(endpoint: &Value) -> Option<(&'static str, String)> {
    let reason = endpoint["FailureReason"].as_str()?.trim();
    Some(match endpoint["EndpointStatus"].as_str() {
        Some("InService" | "Updating") => ("last change", format!("failed and went back: {reason}")),
        Some("RollingBack") => ("failure", format!("the change goes back: {reason}")),
        _ => ("failure", reason.to_owned()),
    })
}

/// The change on its way, or what one has left behind; nothing for an endpoint that rests.
pub(super) fn update_rows(endpoint: &Value) -> Vec<(&'static str, String)> {
    let update = &endpoint["Update"];
    let mut rows = Vec::new();
    if !update.is_null() {
        let now = Millis(endpoint["Now"].as_i64().unwrap_or_default());
        rows.push(("update", format!("{}, {}", change(update), since(&update["StartedAt"], now))));
        rows.push(("stage", format!("{}, {}", stage(update, now), since(&update["StageSince"], now))));
    }
    if !update.is_null() || !endpoint["Stranded"].is_null() {
        rows.extend(list(endpoint, "Fleets").iter().map(|fleet| fleet_row(endpoint, fleet)));
    }
    rows
}

fn change(update: &Value) -> String {
    let named = |side: &Value| {
        format!("config {} (generation {})", text(&side["EndpointConfigName"]), side["Generation"])
    };
    if update["Kind"] == "Deploy" {
        return format!("from {} to {}", named(&update["From"]), named(&update["To"]));
    }
    let sizes = list(update, "Sizes").iter().map(|size| {
        let mut parts = Vec::new();
        if size["Count"] != size["NewCount"] {
            parts.push(format!("{} to {} instance(s)", size["Count"], size["NewCount"]));
        }
        if size["Weight"] != size["NewWeight"] {
            parts.push(format!("weight {} to {}", size["Weight"], size["NewWeight"]));
        }
        let parts = if parts.is_empty() { "as it is".to_owned() } else { parts.join(" and ") };
        format!("{}: {parts}", text(&size["Variant"]))
    });
    format!("of sizes; {}", sizes.collect::<Vec<_>>().join("; "))
}

fn stage(update: &Value, now: Millis) -> String {
    let is_deploy = update["Kind"] == "Deploy";
    let words = match (update["Stage"].as_str(), is_deploy) {
        (Some("Provisioning"), true) => "new instances start",
        (Some("Provisioning"), false) => "instances that are added start",
        (Some("Baking"), true) => "new instances take requests and are watched",
        (Some("Baking"), false) => "the new weights hold",
        (Some("Finishing"), true) => "former instances finish their requests and leave",
        (Some("Finishing"), false) => "instances that are too many finish their requests and leave",
        (Some("RollingBack"), true) => "it goes back: the former instances answer, the new ones leave",
        (Some("RollingBack"), false) => "it goes back to the former sizes",
        _ => return text(&update["Stage"]),
    };
    let step = match (update["Step"].as_u64(), update["Steps"].as_u64(), update["StepName"].as_str()) {
        (Some(step), Some(steps), Some(name)) if steps > 1 => format!("step {step} of {steps} ({name}): "),
        _ => String::new(),
    };
    let until = match update["StageUntil"].as_i64().map(|until| Millis(until).since(now)) {
        Some(left_ms) if left_ms > 0 => format!(" for another {}", span(left_ms)),
        _ => String::new(),
    };
    format!("{step}{words}{until}")
}

fn fleet_row(endpoint: &Value, fleet: &Value) -> (&'static str, String) {
    let label = Side::of(endpoint, &fleet["Generation"]).map_or("now", Side::word);
    let leaving = match fleet["Leaving"].as_u64() {
        Some(leaving) if leaving > 0 => format!(" · {leaving} leaving"),
        _ => String::new(),
    };
    let row = format!(
        "{} · {} of {} healthy{leaving} · {} of the requests · model {}",
        text(&fleet["Variant"]),
        fleet["Healthy"],
        fleet["Wanted"],
        percent(fleet["Traffic"].as_f64().unwrap_or_default()),
        text(&fleet["ModelName"]),
    );
    (label, row)
}

/// `since 2026-11-25 09:46:40 UTC (12 s)`
fn since(moment: &Value, now: Millis) -> String {
    let moment = Millis(moment.as_i64().unwrap_or_default());
    let digits = AmzDate::from_millis(moment);
    let digits = digits.as_str();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "since {}-{}-{} {}:{}:{} UTC ({})",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(9, 11),
        part(11, 13),
        part(13, 15),
        span(now.since(moment)),
    )
}

/// A span as a person says it: `12 s`, `3 min 20 s`, `2 h 5 min`.
fn span(ms: i64) -> String {
    let seconds = ms.max(0).saturating_add(500) / 1000;
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

fn percent(part: f64) -> String {
    let percent = part * 100.0;
    let has_tenths = (percent - percent.round()).abs() >= 0.05;
    if has_tenths { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const START: i64 = 1_795_600_000_000;

    fn updating() -> Value {
        json!({
            "EndpointStatus": "Updating", "Generation": 1, "Now": START + 12_000, "Stranded": null,
            "Update": {
                "Kind": "Deploy", "StartedAt": START, "StageSince": START + 10_000,
                "From": { "EndpointConfigName": "a", "Generation": 1 },
                "To": { "EndpointConfigName": "b", "Generation": 2 },
                "Stage": "Baking", "Step": 1, "Steps": 2, "StepName": "canary", "StageUntil": START + 40_000,
            },
            "Fleets": [
                { "Generation": 1, "Variant": "v", "ModelName": "m1", "Wanted": 3, "Healthy": 3, "Leaving": 0,
                  "Traffic": 0.9 },
                { "Generation": 2, "Variant": "v", "ModelName": "m2", "Wanted": 3, "Healthy": 2, "Leaving": 1,
                  "Traffic": 0.105 },
            ],
        })
    }

    #[test]
    fn an_update_is_told_from_what_to_what_how_far_and_with_both_sides() {
        // `date -u -d @1795600000`
        let expected = [
            (
                "update",
                "from config a (generation 1) to config b (generation 2), since 2026-11-25 09:46:40 UTC (12 s)",
            ),
            (
                "stage",
                "step 1 of 2 (canary): new instances take requests and are watched for another 28 s, \
                 since 2026-11-25 09:46:50 UTC (2 s)",
            ),
            ("former", "v · 3 of 3 healthy · 90 % of the requests · model m1"),
            ("new", "v · 2 of 3 healthy · 1 leaving · 10.5 % of the requests · model m2"),
        ];
        assert_eq!(update_rows(&updating()), expected.map(|(label, text)| (label, text.to_owned())));
    }

    #[test]
    fn what_rests_has_no_rows_and_what_is_half_way_has_both_sides() {
        let mut endpoint = updating();
        endpoint["Update"] = Value::Null;
        assert_eq!(update_rows(&endpoint), []);
        endpoint["Stranded"] = json!({ "EndpointConfigName": "b", "Generation": 2 });
        let labels: Vec<&str> = update_rows(&endpoint).iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, ["former", "half-way"]);
    }

    #[test]
    fn a_change_of_sizes_says_what_changes_of_each_variant() {
        let mut endpoint = updating();
        endpoint["Update"]["Kind"] = json!("Scale");
        endpoint["Update"]["Stage"] = json!("Provisioning");
        endpoint["Update"]["Sizes"] = json!([
            { "Variant": "v", "Count": 1, "NewCount": 3, "Weight": 1.0, "NewWeight": 0.5 },
            { "Variant": "w", "Count": 1, "NewCount": 1, "Weight": 1.0, "NewWeight": 1.0 },
        ]);
        let (_, row) = &update_rows(&endpoint)[0];
        assert!(
            row.starts_with("of sizes; v: 1 to 3 instance(s) and weight 1.0 to 0.5; w: as it is, since "),
            "{row}"
        );
        assert_eq!(Side::of(&endpoint, &json!(1)), None);
    }

    #[test]
    fn the_reason_of_a_change_that_went_back_is_told_from_that_of_a_failure() {
        let row = |status: &str| reason_row(&json!({ "EndpointStatus": status, "FailureReason": " why " }));
        assert_eq!(row("Failed"), Some(("failure", "why".to_owned())));
        assert_eq!(row("RollingBack"), Some(("failure", "the change goes back: why".to_owned())));
        let (label, text) = row("InService").unwrap();
        assert_eq!((label, text.as_str()), ("last change", "failed and went back: why"));
        assert_eq!(reason_row(&json!({ "EndpointStatus": "InService" })), None);
    }

    #[test]
    fn spans_and_parts_are_said_as_people_say_them() {
        for (ms, said) in
            [(-5, "0 s"), (999, "1 s"), (60_000, "1 min"), (200_000, "3 min 20 s"), (7_500_000, "2 h 5 min")]
        {
            assert_eq!(span(ms), said);
        }
        for (part, said) in [(0.0, "0 %"), (1.0, "100 %"), (0.125, "12.5 %"), (0.9, "90 %")] {
            assert_eq!(percent(part), said);
        }
    }
}
