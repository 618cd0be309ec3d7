//! The question: from when until when, of which endpoint, by which tag.
//!
//! Invariants: days are whole and UTC's; the end is not included. What is older than usage is kept is not asked for.

use hostler_aws::ApiError;
use hostler_types::Millis;
use percent_encoding::percent_decode_str;

use super::day::{DAY_MS, Day};

/// As it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) since: Day,
    pub(super) until: Day,
    pub(super) endpoint: Option<String>,
    pub(super) by_tag: Option<String>,
}

impl Query {
    /// This month up to today, of all endpoints, where nothing else is said.
    pub(super) fn parse(text: &str, now: Millis, days: u32) -> Result<Self, ApiError> {
        let today = Day::of(now);
        let mut query =
            Self { since: today.first_of_month(), until: today.next(), endpoint: None, by_tag: None };
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "since" => query.since = day(name, &value)?,
                "until" => query.until = day(name, &value)?,
                "endpoint" => query.endpoint = Some(value),
                "by-tag" => query.by_tag = Some(value),
                _ => {
                    return Err(ApiError::validation(format!(
                        "`{name}` is nothing that usage can be asked by"
                    )));
                }
            }
        }
        if query.since >= query.until {
            let Self { since, until, .. } = query;
            return Err(ApiError::validation(format!("there is no day from {since} until before {until}")));
        }
        let kept = Day::of(now.plus(-i64::from(days) * DAY_MS));
        if query.until <= kept || query.since > today {
            let Self { since, until, .. } = query;
            return Err(ApiError::validation(format!(
                "nothing is known of {since} until before {until}: usage is kept from {kept} on, and today is {today}"
            )));
        }
        query.since = query.since.max(kept);
        query.until = query.until.min(today.next());
        Ok(query)
    }

    pub(super) fn has(&self, day: &str) -> bool {
        Day::parse(day).is_some_and(|day| (self.since..self.until).contains(&day))
    }

    pub(super) fn is_of(&self, endpoint: &str) -> bool {
        self.endpoint.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(endpoint))
    }
}

fn day(name: &str, value: &str) -> Result<Day, ApiError> {
    Day::parse(value)
        .ok_or_else(|| ApiError::validation(format!("{name}={value} is not a day such as 2026-11-30")))
}
