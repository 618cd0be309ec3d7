//! Moments as signatures write them.
//!
//! Invariants: whole seconds; the text is always `YYYYMMDDTHHMMSSZ` of the years 0000 to 9999.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
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
        let two = |from: usize| (text[from] - b'0') as i8 * 10 + (text[from + 1] - b'0') as i8;
        let year = i16::from(two(0)) * 100 + i16::from(two(2));
        let civil = DateTime::new(year, two(4), two(6), two(9), two(11), two(13), 0).ok()?;
        let seconds = TimeZone::UTC.to_timestamp(civil).ok()?.as_second();
        Some(Self { text, at: Millis(seconds * 1000) })
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
    fn anything_else_is_refused() {
        for text in [
            "",
            "20260102T030405",
            "20260102 030405Z",
            "2026-01-02T03:04:05Z",
            "20261302T030405Z",
            "2026010２T0304Z",
        ] {
            assert_eq!(AmzDate::parse(text), None, "{text}");
        }
        assert_eq!(AmzDate::parse_http("yesterday"), None);
    }
}
