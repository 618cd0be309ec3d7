//! Conditional requests and ranges.
//!
//! Why: the artifact fetcher reads with `If-Match`, so that an object which is overwritten meanwhile is never mixed
//! from two; boto3's downloads read in ranges.
//! Invariants: the order of RFC 9110 section 13.2.2; a range that cannot be read is ignored, one outside the object is
//! an error.

use http::HeaderMap;

use hostler_aws::ApiError;
use hostler_aws::sigv4::AmzDate;

use super::attributes::unquoted;
use super::call::Call;
use super::fault;
use crate::folder::{Condition, ObjectRecord};

/// The names of the four conditions: of a read, or of a copy's source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    if_match: &'static str,
    if_none_match: &'static str,
    if_modified_since: &'static str,
    if_unmodified_since: &'static str,
}

/// A read's own conditions.
pub(crate) const READ: Names = Names {
    if_match: "if-match",
    if_none_match: "if-none-match",
    if_modified_since: "if-modified-since",
    if_unmodified_since: "if-unmodified-since",
};

/// The conditions on what is copied.
pub(crate) const COPY_SOURCE: Names = Names {
    if_match: "x-amz-copy-source-if-match",
    if_none_match: "x-amz-copy-source-if-none-match",
    if_modified_since: "x-amz-copy-source-if-modified-since",
    if_unmodified_since: "x-amz-copy-source-if-unmodified-since",
};

/// What the conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

/// Weighs the conditions against the object.
pub(crate) fn weigh(headers: &HeaderMap, names: Names, record: &ObjectRecord) -> Verdict {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let date = |name: &str| text(name).and_then(AmzDate::parse_http).map(|date| date.millis().as_secs());
    let modified = record.modified_ms.as_secs();
    let is_refused = match text(names.if_match) {
        Some(etags) => !lists(etags, &record.etag),
        None => date(names.if_unmodified_since).is_some_and(|limit| modified > limit),
    };
    let is_known = match text(names.if_none_match) {
        Some(etags) => lists(etags, &record.etag),
        None => date(names.if_modified_since).is_some_and(|since| modified <= since),
    };
    match (is_refused, is_known) {
        (true, _) => Verdict::Failed,
        (false, true) => Verdict::NotModified,
        (false, false) => Verdict::Proceed,
    }
}

/// The condition of a put.
pub(crate) fn of_put(call: &Call) -> Result<Condition, ApiError> {
    match (call.header("if-none-match")?, call.header("if-match")?) {
        (None, None) => Ok(Condition::Always),
        (Some("*"), None) => Ok(Condition::Absent),
        (None, Some(etag)) if etag != "*" => Ok(Condition::ETag(unquoted(etag).to_owned())),
        _ => Err(fault::not_implemented("if-none-match, if-match")),
    }
}

/// The bytes `start..=end` that a `Range` header asks for; none when there is nothing to respect.
pub(crate) fn range(text: &str, size: u64) -> Result<Option<(u64, u64)>, ApiError> {
    let Some((first, last)) = text.trim().strip_prefix("bytes=").and_then(|spec| spec.split_once('-')) else {
        return Ok(None);
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok());
    match (first, number(first).flatten(), last, number(last).flatten()) {
        ("", _, _, Some(0)) => Err(fault::invalid_range()),
        ("", _, _, Some(_)) if size == 0 => Err(fault::invalid_range()),
        ("", _, _, Some(suffix)) => Ok(Some((size.saturating_sub(suffix), size - 1))),
        (_, Some(start), "", _) if start < size => Ok(Some((start, size - 1))),
        (_, Some(start), _, Some(end)) if start > end => Ok(None),
        (_, Some(start), _, Some(end)) if start < size => Ok(Some((start, end.min(size - 1)))),
        (_, Some(_), "", _) | (_, Some(_), _, Some(_)) => Err(fault::invalid_range()),
        _ => Ok(None),
    }
}

fn lists(etags: &str, etag: &str) -> bool {
    etags.split(',').any(|listed| {
        let listed = listed.trim();
        listed == "*" || unquoted(listed.strip_prefix("W/").unwrap_or(listed)) == etag
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hostler_types::Millis;

    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        let check = |text: &str, size: u64, expected: Option<(u64, u64)>| {
            assert_eq!(range(text, size).unwrap(), expected, "{text} of {size}");
        };
        check("bytes=0-0", 10, Some((0, 0)));
        check("bytes=2-5", 10, Some((2, 5)));
        check("bytes=2-", 10, Some((2, 9)));
        check("bytes=2-99", 10, Some((2, 9)));
        check("bytes=-3", 10, Some((7, 9)));
        check("bytes=-99", 10, Some((0, 9)));
        for ignored in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "items=0-1",
            "bytes=+1-2",
        ] {
            check(ignored, 10, None);
        }
        for (outside, size) in
            [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)]
        {
            assert_eq!(range(outside, size).unwrap_err().code(), "InvalidRange", "{outside}");
        }
    }

    #[test]
    fn conditions_are_weighed_in_order() {
        let record = ObjectRecord {
            version: 1,
            key: "k".into(),
            size: 1,
            etag: "abc".into(),
            // Fri, 02 Jan 2026 03:04:05 GMT and a bit
            modified_ms: Millis(1_767_323_045_678),
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            checksum: None,
            part_sizes: Vec::new(),
        };
        let (same, later, earlier) = (
            "Fri, 02 Jan 2026 03:04:05 GMT",
            "Fri, 02 Jan 2026 03:04:06 GMT",
            "Fri, 02 Jan 2026 03:04:04 GMT",
        );
        for (headers, expected) in [
            (&[][..], Verdict::Proceed),
            (&[("if-match", "\"abc\"")], Verdict::Proceed),
            (&[("if-match", "*")], Verdict::Proceed),
            (&[("if-match", "\"x\", \"abc\"")], Verdict::Proceed),
            (&[("if-match", "\"x\"")], Verdict::Failed),
            (&[("if-none-match", "\"abc\"")], Verdict::NotModified),
            (&[("if-none-match", "W/\"abc\"")], Verdict::NotModified),
            (&[("if-none-match", "\"x\"")], Verdict::Proceed),
            (&[("if-modified-since", same)], Verdict::NotModified),
            (&[("if-modified-since", earlier)], Verdict::Proceed),
            (&[("if-modified-since", "nonsense")], Verdict::Proceed),
            (&[("if-unmodified-since", same)], Verdict::Proceed),
            (&[("if-unmodified-since", earlier)], Verdict::Failed),
            (&[("if-match", "\"abc\""), ("if-unmodified-since", earlier)], Verdict::Proceed),
            (&[("if-none-match", "\"x\""), ("if-modified-since", later)], Verdict::Proceed),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(weigh(&map, READ, &record), expected, "{headers:?}");
        }
    }
}
