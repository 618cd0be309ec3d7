//! What every List operation shares: defaults, filters and pages.
//!
//! Invariants: `…After` is at or after, `…Before` strictly before, as AWS documents them. Ten rows unless asked.

use hostler_aws::ApiError;
use hostler_shapes::{OrderKey, Timestamp};
use hostler_store::{ListQuery, Order, Page, PageToken, SortBy};
use hostler_types::{Kind, Millis};

use crate::control::{Caller, Control, store_failed};

/// AWS's page length where none is asked for.
const PAGE_LENGTH_DEFAULT: usize = 10;

/// The members that List operations have in common.
pub(super) struct Listing {
    pub(super) sort_by: Option<&'static str>,
    pub(super) sort_order: Option<OrderKey>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i32>,
    pub(super) name_contains: Option<String>,
    pub(super) created_before: Option<Timestamp>,
    pub(super) created_after: Option<Timestamp>,
    pub(super) modified_before: Option<Timestamp>,
    pub(super) modified_after: Option<Timestamp>,
    pub(super) status: Option<String>,
}

impl Control {
    pub(super) async fn list_page(
        &self,
        caller: &Caller,
        kind: Kind,
        listing: Listing,
    ) -> Result<Page, ApiError> {
        let millis = |time: Option<Timestamp>| time.map(|time| Millis(time.as_millis()));
        let query = ListQuery {
            scope: caller.scope.clone(),
            kind,
            name_contains: listing.name_contains.filter(|text| !text.is_empty()),
            created_from: millis(listing.created_after),
            created_before: millis(listing.created_before),
            modified_from: millis(listing.modified_after),
            modified_before: millis(listing.modified_before),
            status: listing.status,
            sort_by: match listing.sort_by {
                Some("Name") => SortBy::Name,
                Some("Status") => SortBy::Status,
                _ => SortBy::CreationTime,
            },
            order: match listing.sort_order {
                Some(OrderKey::Ascending) => Order::Ascending,
                Some(OrderKey::Descending) | None => Order::Descending,
            },
            limit: listing
                .max_results
                .and_then(|rows| usize::try_from(rows).ok())
                .unwrap_or(PAGE_LENGTH_DEFAULT),
            after: listing.next_token.filter(|token| !token.is_empty()).map(PageToken),
        };
        self.parts.store.list(&query).await.map_err(store_failed)
    }
}
