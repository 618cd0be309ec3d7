//! Every listing's plan, as SQLite itself explains it.

use hostler_store::conformance;
use hostler_types::{Kind, Millis};

use super::*;
use crate::sqlite::plans::{explain, is_index_walk};

/// Each sort in both orders, with each combination of the filters, first and later page.
fn queries() -> Vec<(ListQuery, Option<Position>)> {
    let mut queries = Vec::new();
    let some = |bit: u8, filters: u8| (filters & bit != 0).then(|| "word".to_owned());
    for sort_by in [SortBy::Name, SortBy::CreationTime, SortBy::Status] {
        for order in [Order::Ascending, Order::Descending] {
            for filters in 0..16 {
                let moment = (filters & 4 != 0).then_some(Millis(1));
                let query = ListQuery {
                    sort_by,
                    order,
                    status: some(1, filters),
                    name_contains: some(2, filters),
                    created_from: moment,
                    created_before: moment,
                    modified_from: moment,
                    modified_before: moment,
                    ..conformance::query(Kind::Endpoint)
                };
                let after = (filters & 8 != 0).then(|| Position::of(&conformance::endpoint("last"), sort_by));
                queries.push((query, after));
            }
        }
    }
    queries
}

#[test]
fn every_listing_is_one_walk_of_an_index() {
    for (query, after) in queries() {
        let sql = statement(&query, after.as_ref()).sql;
        let plan = explain(&sql);
        assert!(is_index_walk(&plan), "{sql}: {plan:?}");
    }
}

#[test]
fn a_later_page_begins_at_its_position_and_not_at_the_first_row() {
    for (query, after) in queries() {
        if after.is_none() || query.created_from.is_some() {
            continue;
        }
        let sql = statement(&query, after.as_ref()).sql;
        let plan = explain(&sql);
        let seeks = match query.order {
            Order::Ascending => plan[0].contains('>'),
            Order::Descending => plan[0].contains('<'),
        };
        assert!(seeks, "{sql}: {plan:?}");
    }
}

#[test]
fn the_filter_of_the_status_is_part_of_the_walk() {
    for (query, after) in queries() {
        let sql = statement(&query, after.as_ref()).sql;
        let plan = explain(&sql);
        if query.status.is_some() {
            assert!(plan[0].contains("status=?"), "{sql}: {plan:?}");
        }
    }
}
