//! Page tokens: the position of the last row of a page, bound to the query it belongs to.
//!
//! Why: a position in the order survives inserts and deletions between pages, which an offset does not. The sum over
//! query and position makes a token of another listing, or a damaged one, an error instead of a wrong page. It is no
//! secret: a forged token names a position in a listing that its sender may read anyway.
//! Invariants: every store makes and reads tokens here, so that a token outlives a change of the store. The text
//! depends on nothing that differs between two runs or two builds.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hostler_types::Millis;
use serde::{Deserialize, Serialize};

use crate::{Document, ListQuery, PageToken, SortBy, StoreError, StoreResult};

/// The longest `NextToken` of the service model.
const TOKEN_BYTES_MAX: usize = 8192;

/// Stands first in the sum: a token of an older form is refused, not misread.
const FORM: &str = "hostler-page-2";

/// The value of the column that a listing is ordered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortValue {
    /// Milliseconds since the epoch.
    Number(i64),
    /// The lower-case name or the status.
    Text(String),
}

impl SortValue {
    /// The value of `document` in the column `sort_by`.
    pub fn of(document: &Document, sort_by: SortBy) -> Self {
        match sort_by {
            SortBy::Name => Self::Text(document.key.name().to_owned()),
            SortBy::CreationTime => Self::Number(document.created_at.0),
            SortBy::Status => Self::Text(document.status.clone().unwrap_or_default()),
        }
    }
}

/// The place of a row in a listing: the order is by value, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The sort value.
    pub value: SortValue,
    /// The lower-case name.
    pub name: String,
}

impl Position {
    /// The position of `document` in a listing that is ordered by `sort_by`.
    pub fn of(document: &Document, sort_by: SortBy) -> Self {
        Self { value: SortValue::of(document, sort_by), name: document.key.name().to_owned() }
    }

    /// The position after which the page that `query` asks for begins; none for the first page.
    pub fn after(query: &ListQuery) -> StoreResult<Option<Self>> {
        let Some(PageToken(text)) = &query.after else {
            return Ok(None);
        };
        if text.len() > TOKEN_BYTES_MAX {
            return Err(StoreError::BadToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| StoreError::BadToken)?;
        let (sum, value, name): (u64, SortValue, String) =
            serde_json::from_slice(&bytes).map_err(|_| StoreError::BadToken)?;
        let position = Self { value, name };
        if sum == position.sum(query) { Ok(Some(position)) } else { Err(StoreError::BadToken) }
    }

    /// The token with which `query` continues after this position.
    pub fn token(&self, query: &ListQuery) -> PageToken {
        let content = serde_json::json!([self.sum(query), self.value, self.name]);
        PageToken(URL_SAFE_NO_PAD.encode(content.to_string()))
    }

    /// A sum over the position and all that makes the query a listing of its own.
    fn sum(&self, query: &ListQuery) -> u64 {
        let ListQuery {
            scope,
            kind,
            name_contains,
            created_from,
            created_before,
            modified_from,
            modified_before,
            status,
            sort_by,
            order,
            limit: _,
            after: _,
        } = query;
        let mut text = String::from(FORM);
        let mut part = |value: Option<&str>| {
            // The length keeps two parts from being read as one.
            let _ = match value {
                Some(value) => write!(text, "|{}:{value}", value.len()),
                None => write!(text, "|-"),
            };
        };
        part(Some(scope.account.as_str()));
        part(Some(scope.region.as_str()));
        part(Some(kind.as_str()));
        part(name_contains.as_deref());
        for moment in [created_from, created_before, modified_from, modified_before] {
            part(moment.map(|Millis(ms)| ms.to_string()).as_deref());
        }
        part(status.as_deref());
        part(Some(&format!("{sort_by:?} {order:?}")));
        match &self.value {
            SortValue::Number(number) => part(Some(&format!("number {number}"))),
            SortValue::Text(value) => part(Some(&format!("text {value}"))),
        }
        part(Some(&self.name));
        fnv1a(text.as_bytes())
    }
}

/// FNV-1a, 64 bits: stable, and any change of one byte changes the sum.
fn fnv1a(bytes: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_fnv_1a() {
        // The published test vectors of the function's authors.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_token_longer_than_the_model_allows_is_refused_unread() {
        let mut query = crate::conformance::query(hostler_types::Kind::Model);
        query.after = Some(PageToken("A".repeat(TOKEN_BYTES_MAX + 1)));
        assert!(matches!(Position::after(&query), Err(StoreError::BadToken)));
    }
}
