//! Days and months of UTC.

use hostler_types::Millis;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(Date);

impl Day {
    /// The day of a moment; of one that no calendar has, the nearest that it has.
    pub(crate) fn of(moment: Millis) -> Self {
        let edge = if moment.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let timestamp = Timestamp::from_millisecond(moment.0).unwrap_or(edge);
        Self(timestamp.to_zoned(TimeZone::UTC).date())
    }

    /// `2026-11-30`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self).filter(|day| day.to_string() == text)
    }

    /// The first day of `2026-11`.
    pub(crate) fn of_month(text: &str) -> Option<Self> {
        Self::parse(&format!("{text}-01"))
    }

    /// Its first moment.
    pub(crate) fn start(self) -> Millis {
        Millis(self.0.to_zoned(TimeZone::UTC).map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond()))
    }

    pub(crate) fn next(self) -> Self {
        Self(self.0.tomorrow().unwrap_or(self.0))
    }

    pub(crate) fn first_of_month(self) -> Self {
        Self(self.0.first_of_month())
    }

    pub(crate) fn first_of_next_month(self) -> Self {
        Self(self.0.last_of_month()).next()
    }

    /// `2026-11`.
    pub(crate) fn month(self) -> String {
        self.0.to_string()[..7].to_owned()
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The parts of a span of time that lie in each day; nothing when it ends before it begins.
pub(super) fn by_day(from: Millis, until: Millis) -> Vec<(Day, i64)> {
    let mut parts = Vec::new();
    let mut at = from;
    while at < until {
        let day = Day::of(at);
        let end = day.start().plus(DAY_MS).min(until);
        // A moment that no calendar has would be looked at for ever.
        if end <= at {
            break;
        }
        parts.push((day, end.since(at)));
        at = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_split_at_midnight_of_utc() {
        // 2028-02-28 23:59:59.000 by `date -u -d @1835395199`.
        let from = Millis(1_835_395_199_000);
        let parts: Vec<(String, i64)> = by_day(from, from.plus(1_000 + DAY_MS + 7))
            .into_iter()
            .map(|(day, ms)| (day.to_string(), ms))
            .collect();
        let expected = [("2028-02-28", 1_000), ("2028-02-29", DAY_MS), ("2028-03-01", 7)];
        assert_eq!(parts, expected.map(|(day, ms)| (day.to_owned(), ms)));
        assert!(by_day(from, from).is_empty() && by_day(from, from.plus(-1)).is_empty());
    }

    #[test]
    fn a_day_survives_its_text_and_no_other_text_is_one() {
        for text in ["2026-11-30", "2028-02-29", "1970-01-01"] {
            let day = Day::parse(text).unwrap();
            assert_eq!(day.to_string(), text);
            assert_eq!(Day::of(day.start()), day);
            assert_eq!(Day::of(day.next().start().plus(-1)), day);
        }
        for text in ["", "2026-11", "2026-13-01", "2027-02-29", "20261130", "2026-11-30T00:00:00"] {
            assert!(Day::parse(text).is_none(), "{text}");
        }
        let last = Day::parse("2026-12-31").unwrap();
        assert_eq!(last.month(), "2026-12");
        assert_eq!(
            (last.first_of_month().to_string(), last.first_of_next_month().to_string()),
            ("2026-12-01".into(), "2027-01-01".into())
        );
        assert!(by_day(Millis(i64::MAX - 1), Millis(i64::MAX)).len() <= 1);
    }
}
