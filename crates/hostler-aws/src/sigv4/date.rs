//! Moments as signatures write them.
//!
//! Invariants: whole seconds; the text is always `YYYYMMDDTHHMMSSZ` of the years 0000 to 9999.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use hostler_types::Millis;

/// A moment in the form of `X-Amz-Date`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AmzDate {
    text: [u8; 16],
    at: Millis,
}

impl AmzDate {
    /// Cuts `now` to whole seconds.
    pub fn from_millis(now: Millis) -> Self {
        let seconds = now.as_secs().clamp(0, 253_402_300_799);
        let text = utc(seconds).strftime("%Y%m%dT%H%M%SZ").to_string();
        let text = text.as_bytes().try_into().expect("years of four digits make sixteen characters");
        Self { text, at: Millis(seconds * 1000) }
    }

    /// Reads `YYYYMMDDTHHMMSSZ`; none when it is anything else or no real moment.
    pub fn parse(text: &str) -> Option<Self> {
        let text: [u8; 16] = text.as_bytes().try_into().ok()?;
        let is_form = text[8] == b'T'
            && text[15] == b'Z'
            && [&text[..8], &text[9..15]].iter().all(|part| part.iter().all(u8::is_ascii_digit));
        if !is_form {
            return None;
        }
        let two = |from: usize| i64::from(text[from] - b'0') * 10 + i64::from(text[from + 1] - b'0');
        let year = two(0) * 100 + two(2);
        let [month, day, hour, minute, second] = [4, 6, 9, 11, 13].map(two);
        let is_moment = (1..=12).contains(&month)
            && (1..=days_in(month, year)).contains(&day)
            && (hour < 24 && minute < 60 && second < 60);
        let seconds = || ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        is_moment.then(|| Self { text, at: Millis(seconds() * 1000) })
    }

    /// Reads an HTTP `Date` header, which may stand in for `X-Amz-Date`; the basic form is accepted there too.
    pub fn parse_http(text: &str) -> Option<Self> {
        if let Some(date) = Self::parse(text) {
            return Some(date);
        }
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Self::from_millis(Millis(zoned.timestamp().as_second().checked_mul(1000)?)))
    }

    /// `YYYYMMDDTHHMMSSZ`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).expect("digits and two letters")
    }

    /// `YYYYMMDD`, as in a scope.
    pub fn day(&self) -> &str {
        &self.as_str()[..8]
    }

    /// The moment.
    pub fn millis(&self) -> Millis {
        self.at
    }

    /// `Thu, 01 Jan 2026 00:00:00 GMT`, as in HTTP's `Date`.
    pub fn http_date(&self) -> String {
        utc(self.at.as_secs()).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

impl fmt::Display for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AmzDate").field(&self.as_str()).finish()
    }
}

// Every signed request has a date: jiff took a thousand instructions for each.

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Of years that begin with March, so that the day that comes and goes is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From March on, months have 31, 30, 31, 30, 31 days, again and again.
    let days_before = (153 * months + 2) / 5;
    year * 365 + leap_days + days_before + day - 1 - 719_468
}

fn utc(seconds: i64) -> jiff::Zoned {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2026-01-02T03:04:05Z, by `date -u -d 2026-01-02T03:04:05Z +%s`.
    const AT: Millis = Millis(1_767_323_045_000);

    #[test]
    fn a_moment_has_its_two_texts() {
        let date = AmzDate::from_millis(AT.plus(999));
        assert_eq!(date.as_str(), "20260102T030405Z");
        assert_eq!(date.day(), "20260102");
        assert_eq!(date.http_date(), "Fri, 02 Jan 2026 03:04:05 GMT");
        assert_eq!(date.millis(), AT);
    }

    #[test]
    fn both_texts_are_read() {
        assert_eq!(AmzDate::parse("20260102T030405Z").unwrap().millis(), AT);
        let date = AmzDate::parse_http("Fri, 02 Jan 2026 03:04:05 GMT").unwrap();
        assert_eq!((date.as_str(), date.millis()), ("20260102T030405Z", AT));
    }

    #[test]
    fn every_day_is_the_one_that_jiff_says() {
        for year in 0..=9998_i16 {
            for (month, day) in (1..=12).flat_map(|month| [1, 28, 29, 30, 31].map(move |day| (month, day))) {
                let date = AmzDate::parse(&format!("{year:04}{month:02}{day:02}T235958Z"));
                let civil = jiff::civil::DateTime::new(year, month, day, 23, 59, 58, 0).ok();
                let expected = civil.map(|civil| TimeZone::UTC.to_timestamp(civil).unwrap().as_second());
                assert_eq!(date.map(|date| date.millis().as_secs()), expected, "{year}-{month}-{day}");
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "20260102T030405",
            "20260102 030405Z",
            "2026-01-02T03:04:05Z",
            "20261302T030405Z",
            "20260002T030405Z",
            "20260100T030405Z",
            "20260102T240405Z",
            "20260102T036005Z",
            "20260102T030460Z",
            "2026010２T0304Z",
        ] {
            assert_eq!(AmzDate::parse(text), None, "{text}");
        }
        assert_eq!(AmzDate::parse_http("yesterday"), None);
    }
}
