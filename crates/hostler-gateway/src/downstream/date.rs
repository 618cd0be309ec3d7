//! The date of an answer, as text.
//!
//! Why: it changes once a second, and working it out costs as much as the rest of an answer's head.

use std::cell::RefCell;

use hostler_types::Millis;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `Thu, 01 Jan 2026 00:00:00 GMT`.
const LENGTH: usize = 29;

thread_local! {
    static LAST: RefCell<(i64, [u8; LENGTH])> = const { RefCell::new((i64::MIN, [0; LENGTH])) };
}

/// Appends it.
pub(super) fn push_date(out: &mut Vec<u8>, now: Millis) {
    let second = now.as_secs();
    LAST.with_borrow_mut(|(last, text)| {
        if *last != second {
            let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC);
            let fresh = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let Ok(fresh) = fresh.as_bytes().try_into() else { return };
            (*last, *text) = (second, fresh);
        }
    });
    LAST.with_borrow(|(_, text)| out.extend_from_slice(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_its_second() {
        // By `date -u -d @1767323045 '+%a, %d %b %Y %H:%M:%S GMT'`, and a second later.
        for (now, expected) in [
            (Millis(1_767_323_045_000), "Fri, 02 Jan 2026 03:04:05 GMT"),
            (Millis(1_767_323_045_999), "Fri, 02 Jan 2026 03:04:05 GMT"),
            (Millis(1_767_323_046_000), "Fri, 02 Jan 2026 03:04:06 GMT"),
        ] {
            let mut out = Vec::new();
            push_date(&mut out, now);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
