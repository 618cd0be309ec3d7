//! Sessions as they stand in headers: what a request asks for, what a container opens.
//!
//! Source: a public notebook shows `<id>; Expires=2024-10-22T03:53:48Z`; the ids' pattern is the service model's.
//! Invariants: an id that no request could bear opens nothing. A session always ends: what a container does not say, or
//! says unreadably, has the usual end, and none is later than the latest.

use hostler_types::Millis;
use http::HeaderValue;
use jiff::Timestamp;

/// What a request says to open a session.
const NEW: &str = "NEW_SESSION";

/// The service model's limit.
const ID_CHARS_MAX: usize = 256;

/// A session whose container does not say when it ends; model servers take twenty minutes where nobody says.
const USUAL_MS: i64 = 20 * 60 * 1000;

/// However late a container says that a session ends.
const LONGEST_MS: i64 = 24 * 60 * 60 * 1000;

/// What a request's `SessionId` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionAsked<'a> {
    /// A new one.
    New,
    /// To go on with this one.
    Known(&'a str),
}

impl<'a> SessionAsked<'a> {
    /// The header was checked against the service model.
    pub(crate) fn read(header: &'a str) -> Self {
        if header == NEW { Self::New } else { Self::Known(header) }
    }
}

/// A session that a container has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened<'a> {
    pub(crate) id: &'a str,
    pub(crate) expires: Millis,
}

/// What a container's header opens.
pub(crate) fn opened(header: &HeaderValue, now: Millis) -> Option<Opened<'_>> {
    let mut parts = header.to_str().ok()?.split(';').map(str::trim);
    let id = parts.next().filter(|id| is_id(id))?;
    let said = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("expires").then(|| value.trim())
    });
    let said = said.and_then(|said| said.parse::<Timestamp>().ok());
    let expires = said.map_or_else(|| now.plus(USUAL_MS), |said| Millis(said.as_millisecond()));
    Some(Opened { id, expires: expires.min(now.plus(LONGEST_MS)) })
}

/// `^[a-zA-Z0-9](-*[a-zA-Z0-9])*$`: letters and digits, and dashes between them.
fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(is_part)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use hostler_shapes::{runtime_operation, validate_headers};
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis(1_729_569_228_000);

    #[track_caller]
    fn check(header: &str, expected: Option<(&str, i64)>) {
        let header = HeaderValue::from_str(header).unwrap();
        let expected = expected.map(|(id, in_s)| Opened { id, expires: NOW.plus(in_s * 1000) });
        assert_eq!(opened(&header, NOW), expected, "{header:?}");
    }

    #[test]
    fn a_container_names_a_session_and_its_end() {
        // 1729569228 is 2024-10-22T03:53:48Z, by `date -u -d @1729569228`.
        check("c7a54a55-8ee2; Expires=2024-10-22T03:54:48Z", Some(("c7a54a55-8ee2", 60)));
        check("a;expires = 2024-10-22T04:53:48+00:00 ; Path=/", Some(("a", 3600)));
    }

    #[test]
    fn an_end_that_is_missing_or_unreadable_is_the_usual_one() {
        for header in
            ["a", "a;", "a; Expires=", "a; Expires=soon", "a; Expires=Tue, 22 Oct 2024 03:54:48 GMT"]
        {
            check(header, Some(("a", 20 * 60)));
        }
    }

    #[test]
    fn no_session_lives_longer_than_a_day() {
        check("a; Expires=2099-01-01T00:00:00Z", Some(("a", 24 * 60 * 60)));
        check("a; Expires=2024-10-21T03:53:48Z", Some(("a", -24 * 60 * 60)));
    }

    #[test]
    fn an_id_that_no_request_could_bear_opens_nothing() {
        for id in ["", "; Expires=2024-10-22T03:54:48Z", "-a", "a-", "a_b", "a b", "NEW_SESSION", "a,b"] {
            check(id, None);
        }
        check(&"x".repeat(256), Some((&"x".repeat(256), 20 * 60)));
        check(&"x".repeat(257), None);
        assert_eq!(opened(&HeaderValue::from_bytes(b"a\xff").unwrap(), NOW), None);
    }

    proptest! {
        #[test]
        fn an_id_opens_a_session_exactly_when_a_request_could_bear_it(
            id in prop_oneof!["[a-zA-Z0-9-]{0,8}", "[ -:<-~]{0,8}", "[a-z]{250,260}"],
            rest in "(;[ -~]{0,24})?",
        ) {
            // The operation that takes ids alone, and no word for a new session.
            let operation = runtime_operation("InvokeEndpointWithResponseStream").unwrap();
            let header = HeaderValue::from_str(&format!("{id}{rest}")).unwrap();
            let id = id.trim();
            let bears = |name: &str| (name == "X-Amzn-SageMaker-Session-Id").then_some(id);
            let may_bear = !id.is_empty() && validate_headers(operation, "e", bears).is_ok();
            let opened = opened(&header, NOW);
            prop_assert_eq!(opened.map(|opened| opened.id), may_bear.then_some(id));
            prop_assert!(opened.is_none_or(|opened| opened.expires <= NOW.plus(LONGEST_MS)));
        }
    }

    #[test]
    fn a_request_asks_for_a_new_session_or_goes_on() {
        assert_eq!(SessionAsked::read("NEW_SESSION"), SessionAsked::New);
        assert_eq!(SessionAsked::read("new-session"), SessionAsked::Known("new-session"));
    }
}
