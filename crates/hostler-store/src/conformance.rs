//! The suite that every store passes: `store_conformance!(make_store)` in the tests of the room that has the store.
//!
//! Why: a rule that one store keeps and another does not is found in production. One text of the rules, run against
//! each, finds it here.
//! Invariants: only the port is used, so a store in another room, or in another process, can be held to it. The
//! model in [`model`] shares no code with any store.
#![expect(missing_docs, reason = "each test's name is its sentence")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::sync::Arc;

use hostler_types::{AccountId, Key, Kind, Millis, Region, Scope};

use crate::{
    Check, Document, Expect, Holdings, ListQuery, Statuses, Store, StoreError, Transaction, Unused, Write,
};

pub mod changes;
pub mod commits;
pub mod concurrency;
pub mod events;
pub mod holdings;
pub mod leases;
pub mod listings;
pub mod model;
pub mod uses;

/// What each test gets: a store of its own, empty.
pub type TestStore = Arc<dyn Store>;

/// Runs the whole suite: `$make_store` is the path of an `async fn() -> TestStore` that makes an empty store.
/// The caller needs `tokio` and `proptest` among its dev-dependencies.
#[macro_export]
macro_rules! store_conformance {
    ($make_store:path) => {
        $crate::store_conformance! { @tests $make_store, commits:
            a_document_is_read_back_as_it_was_written,
            a_document_that_was_never_written_is_absent,
            a_commit_writes_all_or_nothing,
            a_check_fails_on_every_other_state,
            checks_are_judged_before_the_writes_of_their_transaction,
            writes_are_applied_in_their_order,
            a_version_is_never_used_twice_even_after_deletion,
            the_version_that_a_caller_sets_is_ignored,
            a_touch_changes_the_version_and_nothing_else,
            a_touch_makes_a_concurrent_decision_fail,
            a_touch_of_an_absent_document_is_a_conflict,
            deleting_what_is_absent_is_fine,
            a_commit_of_nothing_is_fine,
            names_that_differ_in_case_are_one_document,
            accounts_regions_and_kinds_are_apart,
            the_keys_of_a_kind_are_told_for_all_scopes,
        }
        $crate::store_conformance! { @tests $make_store, listings:
            every_sort_has_its_order_and_its_reverse,
            ties_are_broken_by_the_lower_case_name,
            a_document_without_status_sorts_first,
            a_name_filter_is_a_plain_case_sensitive_substring,
            time_filters_include_from_and_exclude_before,
            a_status_filter_is_an_equality,
            filters_join_with_every_sort,
            a_listing_stays_in_its_scope_and_kind,
            pages_of_any_size_join_up_to_the_whole,
            a_token_survives_inserts_and_deletions_between_pages,
            a_token_of_another_query_is_refused,
            a_token_stays_good_when_only_the_limit_changes,
            a_tampered_token_is_refused,
            a_limit_of_zero_counts_as_one_and_the_largest_is_fine,
        }
        $crate::store_conformance! { @tests $make_store, changes:
            the_feed_tells_every_committed_key_in_order,
            a_refused_commit_tells_nothing,
            every_receiver_hears_every_change,
            a_receiver_that_lags_is_told_so,
        }
        $crate::store_conformance! { @tests $make_store, events:
            an_event_is_read_back_as_it_was_written,
            an_event_is_there_with_its_transaction_or_not_at_all,
            events_outlive_their_document_and_go_on_with_the_next_of_the_name,
            pages_of_events_of_any_size_join_up_in_both_directions,
            events_of_names_that_differ_in_case_are_of_one_thing,
            the_feed_does_not_tell_of_events,
            the_newest_thousand_events_of_a_key_are_kept_and_the_rest_is_counted,
        }
        $crate::store_conformance! { @tests $make_store, leases:
            a_free_lease_is_taken_and_a_held_one_is_not,
            a_holder_renews_and_keeps_its_term,
            a_lease_ends_at_its_last_moment,
            the_term_grows_only_with_a_change_of_holder,
            a_released_lease_is_free_at_once,
            only_the_holder_can_release,
            leases_of_different_names_are_apart,
        }
        $crate::store_conformance! { @tests $make_store, holdings:
            what_documents_hold_is_added_up_by_scope,
            sums_follow_every_replacement_touch_and_deletion,
            any_name_and_count_is_added_up,
            a_quota_is_exceeded_above_its_limit_and_not_at_it,
            a_quota_counts_what_the_whole_transaction_changes,
            what_does_not_grow_is_never_refused,
            quotas_are_judged_last,
            of_many_that_want_the_last_places_just_so_many_get_one,
        }
        $crate::store_conformance! { @tests $make_store, uses:
            what_is_in_use_is_not_deleted,
            use_counts_in_its_statuses_and_its_scope_only,
            use_counts_in_any_status_and_without_one,
            a_document_may_use_many_and_be_used_by_many,
            what_a_document_uses_follows_every_replacement_touch_and_deletion,
            use_is_of_a_kind_and_a_whole_name,
            checks_are_judged_before_use,
            using_what_is_in_another_scope_is_a_mistake,
        }
        $crate::store_conformance! { @tests $make_store, concurrency:
            exactly_one_of_many_conflicting_commits_wins,
            no_increment_of_a_contended_counter_is_lost,
            commits_that_do_not_touch_each_other_all_succeed,
            of_a_deletion_and_a_decision_based_on_the_document_one_fails,
            exactly_one_of_many_holders_gets_the_lease,
            pages_read_during_commits_are_in_order_and_never_repeat,
        }

        #[test]
        fn any_sequence_of_operations_agrees_with_the_model() {
            use ::proptest::prelude::*;
            let mut config = ProptestConfig::with_cases($crate::conformance::model::CASES);
            config.failure_persistence = None;
            let steps = prop::collection::vec(any::<[u8; $crate::conformance::model::STEP_BYTES]>(), 1..60);
            proptest!(config, |(steps in steps)| {
                ::tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime starts")
                    .block_on(async { $crate::conformance::model::agrees($make_store().await, &steps).await });
            });
        }
    };
    (@tests $make_store:path, $module:ident: $($test:ident,)*) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                $crate::conformance::$module::$test($make_store().await).await;
            }
        )*
    };
}

/// The namespace that the tests use when one is enough.
pub fn scope() -> Scope {
    scope_of("000000000000", "us-east-1")
}

fn scope_of(account: &str, region: &str) -> Scope {
    Scope::new(&AccountId::new(account), &Region::new(region))
}

/// The key of `name` in [`scope`].
pub fn key(kind: Kind, name: &str) -> Key {
    Key::new(&scope(), kind, name)
}

/// A plain endpoint, for tests that change what they look at.
pub fn endpoint(name: &str) -> Document {
    Document {
        key: key(Kind::Endpoint, name),
        version: 0,
        name: name.to_owned(),
        created_at: Millis(1_000),
        modified_at: Millis(1_000),
        status: Some("InService".to_owned()),
        uses: BTreeSet::new(),
        holds: Holdings::new(),
        body: "{}".to_owned(),
    }
}

/// The unfiltered listing of a kind in [`scope`], by name.
pub fn query(kind: Kind) -> ListQuery {
    ListQuery::all(scope(), kind, 100)
}

/// Writes one document without any check and tells its version.
pub async fn put(store: &dyn Store, document: Document) -> u64 {
    store.commit(writes([Write::Put(document)])).await.unwrap()[0]
}

fn writes<const N: usize>(writes: [Write; N]) -> Transaction {
    Transaction { writes: writes.into(), ..Transaction::default() }
}

fn check(key: &Key, expect: Expect) -> Check {
    Check { key: key.clone(), expect }
}

fn uses<const N: usize>(keys: [Key; N]) -> BTreeSet<Key> {
    keys.into()
}

fn unused(key: &Key, statuses: &[&str]) -> Unused {
    let statuses = Statuses::Of(statuses.iter().map(|&status| status.to_owned()).collect());
    Unused { key: key.clone(), statuses }
}

fn put_if(document: Document, expect: Expect) -> Transaction {
    Transaction {
        checks: vec![check(&document.key, expect)],
        writes: vec![Write::Put(document)],
        ..Transaction::default()
    }
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: &Key) {
    match result {
        Err(StoreError::Conflict { key }) => assert_eq!(&key, expected),
        other => panic!("expected a conflict about `{expected}`, got {other:?}"),
    }
}
