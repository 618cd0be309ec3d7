//! Listings: order, filters, pages and tokens.
//!
//! Why: paginators of every SDK walk these; a row lost or doubled between two pages is invisible to its user.

use hostler_types::{Key, Kind, Millis};

use super::{TestStore, endpoint, key, put, query, scope_of, writes};
use crate::{Document, ListQuery, Order, Page, PageToken, SortBy, StoreError, Write};

const SORTS: [SortBy; 3] = [SortBy::Name, SortBy::CreationTime, SortBy::Status];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

/// name, created, modified, status
const ROWS: [(&str, i64, i64, &str); 6] = [
    ("delta", 10, 90, "InService"),
    ("Alpha", 40, 80, "Failed"),
    ("charlie", 20, 70, "InService"),
    ("Bravo", 30, 60, "Creating"),
    ("echo_5", 60, 50, "InService"),
    ("Foxtrot", 50, 40, "Failed"),
];

async fn fill(store: &TestStore) {
    for (name, created, modified, status) in ROWS {
        let document = Document {
            created_at: Millis(created),
            modified_at: Millis(modified),
            status: Some(status.to_owned()),
            ..endpoint(name)
        };
        put(&**store, document).await;
    }
}

fn names(page: &Page) -> Vec<&str> {
    page.documents.iter().map(|document| document.name.as_str()).collect()
}

/// Lists with `query` and compares the names, all on one page.
async fn expect(store: &TestStore, query: &ListQuery, expected: &[&str]) {
    let page = store.list(query).await.unwrap();
    assert_eq!(names(&page), expected, "{query:?}");
    assert_eq!(page.next, None);
}

fn sorted(sort_by: SortBy, order: Order) -> ListQuery {
    ListQuery { sort_by, order, ..query(Kind::Endpoint) }
}

pub async fn every_sort_has_its_order_and_its_reverse(store: TestStore) {
    fill(&store).await;
    for (sort_by, mut expected) in [
        (SortBy::Name, ["Alpha", "Bravo", "charlie", "delta", "echo_5", "Foxtrot"]),
        (SortBy::CreationTime, ["delta", "charlie", "Bravo", "Alpha", "Foxtrot", "echo_5"]),
        (SortBy::Status, ["Bravo", "Alpha", "Foxtrot", "charlie", "delta", "echo_5"]),
    ] {
        expect(&store, &sorted(sort_by, Order::Ascending), &expected).await;
        expected.reverse();
        expect(&store, &sorted(sort_by, Order::Descending), &expected).await;
    }
}

pub async fn ties_are_broken_by_the_lower_case_name(store: TestStore) {
    // By bytes `B` would come before `a`, and the order of writing is neither.
    for name in ["b-two", "C-three", "a-one"] {
        put(&*store, endpoint(name)).await;
    }
    for sort_by in SORTS {
        expect(&store, &sorted(sort_by, Order::Ascending), &["a-one", "b-two", "C-three"]).await;
        expect(&store, &sorted(sort_by, Order::Descending), &["C-three", "b-two", "a-one"]).await;
    }
}

pub async fn a_document_without_status_sorts_first(store: TestStore) {
    put(&*store, endpoint("a-with")).await;
    for name in ["b-without", "c-without"] {
        put(&*store, Document { status: None, ..endpoint(name) }).await;
    }
    let ascending = sorted(SortBy::Status, Order::Ascending);
    expect(&store, &ascending, &["b-without", "c-without", "a-with"]).await;
    expect(&store, &sorted(SortBy::Status, Order::Descending), &["a-with", "c-without", "b-without"]).await;
    let mut paged = ListQuery { limit: 1, ..ascending };
    for (name, is_last) in [("b-without", false), ("c-without", false), ("a-with", true)] {
        let page = store.list(&paged).await.unwrap();
        assert_eq!((names(&page), page.next.is_none()), (vec![name], is_last));
        paged.after = page.next;
    }
}

pub async fn a_name_filter_is_a_plain_case_sensitive_substring(store: TestStore) {
    fill(&store).await;
    for (part, expected) in [
        ("l", &["Alpha", "charlie", "delta"][..]),
        ("A", &["Alpha"]),
        ("a", &["Alpha", "Bravo", "charlie", "delta"]),
        ("Foxtrot", &["Foxtrot"]),
        ("foxtrot", &[]),
        ("", &["Alpha", "Bravo", "charlie", "delta", "echo_5", "Foxtrot"]),
        // Wildcards of SQL are plain characters.
        ("_", &["echo_5"]),
        ("%", &[]),
        ("*", &[]),
    ] {
        let query = ListQuery { name_contains: Some(part.to_owned()), ..query(Kind::Endpoint) };
        expect(&store, &query, expected).await;
    }
}

pub async fn time_filters_include_from_and_exclude_before(store: TestStore) {
    fill(&store).await;
    let plain = || query(Kind::Endpoint);
    let at = |ms| Some(Millis(ms));
    let created_from = ListQuery { created_from: at(40), ..plain() };
    expect(&store, &created_from, &["Alpha", "echo_5", "Foxtrot"]).await;
    let created_before = ListQuery { created_before: at(40), ..plain() };
    expect(&store, &created_before, &["Bravo", "charlie", "delta"]).await;
    let modified_from = ListQuery { modified_from: at(70), ..plain() };
    expect(&store, &modified_from, &["Alpha", "charlie", "delta"]).await;
    let modified_before = ListQuery { modified_before: at(70), ..plain() };
    expect(&store, &modified_before, &["Bravo", "echo_5", "Foxtrot"]).await;
    let between =
        ListQuery { created_from: at(20), created_before: at(50), modified_from: at(70), ..plain() };
    expect(&store, &between, &["Alpha", "charlie"]).await;
    expect(&store, &ListQuery { created_from: at(40), created_before: at(40), ..plain() }, &[]).await;
}

pub async fn a_status_filter_is_an_equality(store: TestStore) {
    fill(&store).await;
    let filtered = |status: &str| ListQuery { status: Some(status.to_owned()), ..query(Kind::Endpoint) };
    expect(&store, &filtered("InService"), &["charlie", "delta", "echo_5"]).await;
    expect(&store, &filtered("inservice"), &[]).await;
    expect(&store, &filtered("InServic"), &[]).await;
    put(&*store, Document { status: None, ..endpoint("bare") }).await;
    expect(&store, &filtered(""), &[]).await;
}

pub async fn filters_join_with_every_sort(store: TestStore) {
    fill(&store).await;
    for (status, name_contains, by_name, by_time, by_status) in [
        (
            Some("InService"),
            None,
            &["charlie", "delta", "echo_5"][..],
            &["delta", "charlie", "echo_5"][..],
            &["charlie", "delta", "echo_5"][..],
        ),
        (
            None,
            Some("r"),
            &["Bravo", "charlie", "Foxtrot"],
            &["charlie", "Bravo", "Foxtrot"],
            &["Bravo", "Foxtrot", "charlie"],
        ),
        (Some("InService"), Some("l"), &["charlie", "delta"], &["delta", "charlie"], &["charlie", "delta"]),
    ] {
        for (sort_by, expected) in
            [(SortBy::Name, by_name), (SortBy::CreationTime, by_time), (SortBy::Status, by_status)]
        {
            for order in ORDERS {
                let mut expected = expected.to_vec();
                if order == Order::Descending {
                    expected.reverse();
                }
                let query = ListQuery {
                    status: status.map(str::to_owned),
                    name_contains: name_contains.map(str::to_owned),
                    ..sorted(sort_by, order)
                };
                expect(&store, &query, &expected).await;
                assert_eq!(walk(&store, ListQuery { limit: 1, ..query }).await, expected);
            }
        }
    }
}

pub async fn a_listing_stays_in_its_scope_and_kind(store: TestStore) {
    fill(&store).await;
    let here = scope_of("111111111111", "eu-west-1");
    for other in [
        Key::new(&here, Kind::Model, "mine"),
        Key::new(&here, Kind::Endpoint, "not-asked-for"),
        Key::new(&scope_of("111111111111", "eu-west-2"), Kind::Model, "other-region"),
        Key::new(&scope_of("222222222222", "eu-west-1"), Kind::Model, "other-account"),
    ] {
        let name = other.name().to_owned();
        put(&*store, Document { key: other, status: None, ..endpoint(&name) }).await;
    }
    for sort_by in SORTS {
        for order in ORDERS {
            let query = ListQuery { scope: here.clone(), sort_by, order, ..query(Kind::Model) };
            expect(&store, &query, &["mine"]).await;
        }
    }
}

/// All names, page after page.
async fn walk(store: &TestStore, mut query: ListQuery) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        assert!(page.documents.len() <= query.limit);
        assert!(page.next.is_none() || page.documents.len() == query.limit, "a page with a next one is full");
        all.extend(page.documents.into_iter().map(|document| document.name));
        match page.next {
            Some(token) => query.after = Some(token),
            None => return all,
        }
    }
}

pub async fn pages_of_any_size_join_up_to_the_whole(store: TestStore) {
    fill(&store).await;
    for sort_by in SORTS {
        for order in ORDERS {
            let whole = store.list(&sorted(sort_by, order)).await.unwrap();
            for limit in 1..=7 {
                let joined = walk(&store, ListQuery { limit, ..sorted(sort_by, order) }).await;
                assert_eq!(joined, names(&whole), "{sort_by:?} {order:?} by {limit}");
            }
        }
    }
}

pub async fn a_token_survives_inserts_and_deletions_between_pages(store: TestStore) {
    fill(&store).await;
    let mut query = ListQuery { limit: 2, ..sorted(SortBy::CreationTime, Order::Ascending) };
    let first = store.list(&query).await.unwrap();
    assert_eq!(names(&first), ["delta", "charlie"]);
    // Before the position, just before, just after, and at the end; then the row of the position itself goes.
    for (name, created) in [("new-early", 5), ("a-tie-before", 20), ("d-tie-after", 20), ("new-late", 99)] {
        put(&*store, Document { created_at: Millis(created), ..endpoint(name) }).await;
    }
    store.commit(writes([Write::Delete(key(Kind::Endpoint, "charlie"))])).await.unwrap();
    store.commit(writes([Write::Delete(key(Kind::Endpoint, "alpha"))])).await.unwrap();
    query.after = first.next;
    assert_eq!(walk(&store, query).await, ["d-tie-after", "Bravo", "Foxtrot", "echo_5", "new-late"]);
}

/// Every query that differs from `query` in one member other than the limit.
fn others(query: &ListQuery) -> Vec<ListQuery> {
    let text = || Some("other".to_owned());
    let other = |change: &dyn Fn(&mut ListQuery)| {
        let mut other = query.clone();
        change(&mut other);
        other
    };
    vec![
        other(&|query| query.scope = scope_of("111111111111", "us-east-1")),
        other(&|query| query.scope = scope_of("000000000000", "us-east-2")),
        other(&|query| query.kind = Kind::Model),
        other(&|query| query.name_contains = text()),
        other(&|query| query.name_contains = Some(String::new())),
        other(&|query| query.created_from = Some(Millis(1))),
        other(&|query| query.created_before = Some(Millis(1))),
        other(&|query| query.modified_from = Some(Millis(1))),
        other(&|query| query.modified_before = Some(Millis(1))),
        other(&|query| query.status = text()),
        other(&|query| query.sort_by = SortBy::CreationTime),
        other(&|query| query.sort_by = SortBy::Status),
        other(&|query| query.order = Order::Descending),
    ]
}

async fn first_token(store: &TestStore) -> (ListQuery, PageToken) {
    fill(store).await;
    let query = ListQuery { limit: 2, ..query(Kind::Endpoint) };
    let token = store.list(&query).await.unwrap().next.unwrap();
    (query, token)
}

pub async fn a_token_of_another_query_is_refused(store: TestStore) {
    let (query, token) = first_token(&store).await;
    for other in others(&query) {
        let result = store.list(&ListQuery { after: Some(token.clone()), ..other.clone() }).await;
        assert!(matches!(result, Err(StoreError::BadToken)), "{other:?}: {result:?}");
    }
}

pub async fn a_token_stays_good_when_only_the_limit_changes(store: TestStore) {
    let (query, token) = first_token(&store).await;
    let rest = ListQuery { limit: 50, after: Some(token), ..query };
    expect(&store, &rest, &["charlie", "delta", "echo_5", "Foxtrot"]).await;
}

pub async fn a_tampered_token_is_refused(store: TestStore) {
    let (query, PageToken(token)) = first_token(&store).await;
    let mut tampered: Vec<String> = ["", "=", "2", "AAAA", "bm90IGEgdG9rZW4", "\u{0}", "\u{1f980}"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    for at in 0..token.len() {
        tampered.push(token[..at].to_owned());
        for replacement in ["A", "b", "7", "_"] {
            let changed = format!("{}{replacement}{}", &token[..at], &token[at + 1..]);
            if changed != token {
                tampered.push(changed);
            }
        }
    }
    tampered.push(format!("{token}A"));
    tampered.push(format!("{token}{token}"));
    for text in tampered {
        let after = Some(PageToken(text.clone()));
        let result = store.list(&ListQuery { after, ..query.clone() }).await;
        assert!(matches!(result, Err(StoreError::BadToken)), "{text:?}: {result:?}");
    }
}

pub async fn a_limit_of_zero_counts_as_one_and_the_largest_is_fine(store: TestStore) {
    fill(&store).await;
    let page = store.list(&ListQuery { limit: 0, ..query(Kind::Endpoint) }).await.unwrap();
    assert_eq!((names(&page), page.next.is_some()), (vec!["Alpha"], true));
    let exact = store.list(&ListQuery { limit: ROWS.len(), ..query(Kind::Endpoint) }).await.unwrap();
    assert_eq!((exact.documents.len(), exact.next), (ROWS.len(), None));
    let largest = store.list(&ListQuery { limit: usize::MAX, ..query(Kind::Endpoint) }).await.unwrap();
    assert_eq!((largest.documents.len(), largest.next), (ROWS.len(), None));
}
