//! `NextToken`.
//!
//! Held against: the tokens that the store makes. A position comes back as it was, and only in its own listing.

use hostler_store::{ListQuery, Order, PageToken, Position, SortValue};
use hostler_types::{AccountId, Kind, Millis, Region, Scope};

use crate::bounds::{times, within};
use crate::harness::Harness;

pub(crate) const HARNESS: Harness = Harness {
    name: "page_token",
    about: "page tokens; a position comes back as it was, in its own listing only",
    run,
    generate: |source| source.text(&["W", "1", "Ls", "a", "-", "_", "é", "\"", "name"], 400).into_bytes(),
    words: &[b"W", b"MQ", b"[1,\"a\",\"b\"]", b"\"", b"\\", b"\0"],
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = query(Kind::Model);
    let after = |text: &str, query: &ListQuery| {
        Position::after(&ListQuery { after: Some(PageToken(text.to_owned())), ..query.clone() })
    };
    // Whoever forges a sum names a position, nothing else; a fuzzer would have to find 64 bits.
    if let Ok(Some(position)) = within(times(8, data), || after(&text, &query)) {
        assert_eq!(position.token(&query).0.trim_end_matches('='), text.trim_end_matches('='));
    }
    let value = if data.len().is_multiple_of(2) {
        SortValue::Text(text.to_string())
    } else {
        SortValue::Number(
            data.iter().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(i64::from(*byte))),
        )
    };
    let position = Position { value, name: text.chars().rev().collect() };
    let PageToken(token) = position.token(&query);
    // The service model's longest token; names have 63 characters.
    if token.len() > 8192 {
        assert!(after(&token, &query).is_err());
        return;
    }
    assert_eq!(after(&token, &query).ok(), Some(Some(position.clone())));
    assert!(after(&token, &self::query(Kind::Endpoint)).is_err(), "a token of another listing is accepted");
    let descending = ListQuery { order: Order::Descending, ..query };
    assert!(after(&token, &descending).is_err(), "a token of the other direction is accepted");
}

fn query(kind: Kind) -> ListQuery {
    let scope = Scope { account: AccountId::new("000000000000"), region: Region::new("us-east-1") };
    ListQuery { created_from: Some(Millis(0)), ..ListQuery::all(scope, kind, 10) }
}
