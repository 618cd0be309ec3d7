//! Rates under clocks made by hand.

use proptest::prelude::*;

use super::*;

const START: i64 = 1_767_323_045_000;

fn class(name: &str, per_s: f64, burst: u32) -> ThrottleClass {
    ThrottleClass { name: name.to_owned(), rate: Rate { per_s, burst } }
}

fn account(number: u32) -> AccountId {
    AccountId::new(format!("{number:012}"))
}

fn ask(throttle: &Throttle, operation: &str, number: u32, at: i64) -> bool {
    throttle.admit(throttle.control_class_of(operation), &account(number), Millis(at)).is_ok()
}

#[test]
fn a_burst_passes_at_once_and_then_the_rate() {
    let throttle = Throttle::new(vec![class("CreateEndpoint", 2.0, 5)]);
    let passed = |at: i64| (0..20).filter(|_| ask(&throttle, "CreateEndpoint", 1, START + at)).count();
    assert_eq!(passed(0), 5);
    assert_eq!(passed(499), 0);
    assert_eq!(passed(500), 1);
    assert_eq!(passed(2000), 3);
    // A long pause saves up one burst and no more.
    assert_eq!(passed(3_600_000), 5);
}

#[test]
fn a_slow_rate_has_its_whole_burst_and_the_fastest_and_largest_are_in_range() {
    for (per_s, burst) in [(0.001, 1_000_000), (1_000_000.0, 1), (0.001, 3), (1_000_000.0, 1_000_000)] {
        let throttle = Throttle::new(vec![class("default", per_s, burst)]);
        // As much as fits in the test's patience: of a million the first ones, and the last by a look at the time.
        let asked = burst.min(10_000);
        for at in [START, START + 9_000_000_000_000] {
            assert!((0..asked).all(|_| ask(&throttle, "AddTags", 1, at)), "{per_s} {burst}");
        }
        if burst <= 10_000 {
            assert!(!ask(&throttle, "AddTags", 1, START + 9_000_000_000_000), "{per_s} {burst}");
        }
    }
}

#[test]
fn accounts_and_classes_are_counted_apart_and_a_class_together() {
    let classes = vec![class("Describe*", 1.0, 2), class("DescribeModel", 1.0, 1), class("default", 1.0, 1)];
    let throttle = Throttle::new(classes);
    assert!(ask(&throttle, "DescribeEndpoint", 1, START));
    assert!(ask(&throttle, "DescribeEndpointConfig", 1, START));
    assert!(!ask(&throttle, "DescribeEndpoint", 1, START));
    assert!(ask(&throttle, "DescribeModel", 1, START), "it has a class of its own");
    assert!(ask(&throttle, "ListModels", 1, START));
    assert!(!ask(&throttle, "CreateModel", 1, START), "the others share one");
    assert!(ask(&throttle, "DescribeEndpoint", 2, START), "another account is another matter");
    let counted: Vec<_> = throttle.throttled().collect();
    assert_eq!(counted, [("Describe*", 1), ("DescribeModel", 0), ("default", 1)]);
}

#[test]
fn the_longest_beginning_decides_and_what_no_class_names_is_free() {
    let throttle = Throttle::new(vec![class("*", 1.0, 1), class("List*", 1.0, 1), class("ListM*", 1.0, 1)]);
    let name = |operation: &str| throttle.class_of(operation).map(|ClassIndex(index)| index);
    assert_eq!(name("ListModels"), Some(2));
    assert_eq!(name("ListTags"), Some(1));
    assert_eq!(name("AddTags"), Some(0));
    let throttle = Throttle::new(vec![class("default", 1.0, 1)]);
    assert_eq!(throttle.class_of("InvokeEndpoint"), None, "the default is the control plane's");
    assert!(throttle.control_class_of("AddTags").is_some());
    assert!((0..1000).all(|_| ask(&Throttle::default(), "AddTags", 1, START)));
}

#[test]
fn a_refusal_is_awss() {
    let throttle = Throttle::new(vec![class("default", 1.0, 1)]);
    assert!(ask(&throttle, "AddTags", 1, START));
    let refused = throttle.admit(throttle.control_class_of("AddTags"), &account(1), Millis(START));
    let error = refused.unwrap_err();
    assert_eq!((error.code(), error.message()), ("ThrottlingException", Some("Rate exceeded")));
    assert_eq!(error.status(), http::StatusCode::BAD_REQUEST);
}

#[test]
fn a_clock_that_is_set_back_holds_nobody_up() {
    let throttle = Throttle::new(vec![class("default", 1.0, 3)]);
    let passed = |at: i64| (0..20).filter(|_| ask(&throttle, "AddTags", 1, START + at)).count();
    assert_eq!(passed(0), 3);
    // An hour back: as after a start.
    assert_eq!(passed(-3_600_000), 3);
    assert_eq!(passed(-3_600_000 + 1000), 1);
    // Another thread that read the clock a moment earlier gets nothing for that.
    assert_eq!(passed(-3_600_000 + 999), 0);
    assert_eq!(passed(-3_600_000 - 500), 0);
}

#[test]
fn accounts_that_are_remembered_never_grow_past_their_limit() {
    let throttle = Throttle::new(vec![class("default", 0.001, 1)]);
    for number in 0..=ACCOUNTS_MAX as u32 {
        // The first half is long idle when there is no more room.
        let at = if (number as usize) < ACCOUNTS_MAX / 2 { START } else { START + 3_600_000 };
        assert!(ask(&throttle, "AddTags", number, at));
        assert!(throttle.accounts.read().unwrap().len() <= ACCOUNTS_MAX);
    }
    assert_eq!(throttle.accounts.read().unwrap().len(), ACCOUNTS_MAX / 2 + 1);
    let busy = ACCOUNTS_MAX as u32 - 1;
    assert!(!ask(&throttle, "AddTags", busy, START + 3_600_000), "who is not idle is remembered");
}

#[test]
fn many_threads_get_no_more_than_one() {
    let throttle = Throttle::new(vec![class("default", 1000.0, 50)]);
    let passed: usize = std::thread::scope(|scope| {
        let ask_all = |thread: i64| {
            let throttle = &throttle;
            // Each thread's clock is its own, a few milliseconds apart from the others.
            scope.spawn(move || {
                (0..2000).filter(|step| ask(throttle, "AddTags", 1, START + step / 20 + thread % 3)).count()
            })
        };
        let threads: Vec<_> = (0..8).map(ask_all).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // 102 milliseconds by any of the clocks.
    assert!(passed <= 102 + 50, "{passed}");
    assert!(passed >= 50, "{passed}");
}

proptest! {
    /// In every span between two requests, those that passed are at most `rate · span + burst`; and nobody is refused
    /// who has been under it all the time.
    #[test]
    fn no_span_of_time_sees_more_than_its_rate(
        per_s in 0.05f64..2000.0,
        burst in 1u32..50,
        pauses in prop::collection::vec(0i64..3000, 1..200),
    ) {
        let throttle = Throttle::new(vec![class("default", per_s, burst)]);
        let mut at = START;
        let mut passed: Vec<i64> = Vec::new();
        for pause in pauses {
            at += pause;
            let allowed = |from: i64| (at - from) as f64 / 1000.0 * per_s + f64::from(burst);
            // One more would still be below the bound in every span that ends now.
            let has_room = passed.iter().enumerate().all(|(index, from)| {
                ((passed.len() - index + 1) as f64) <= allowed(*from) - 1e-6 * per_s
            });
            let is_admitted = ask(&throttle, "AddTags", 1, at);
            if is_admitted {
                passed.push(at);
            }
            for (index, from) in passed.iter().enumerate() {
                prop_assert!((passed.len() - index) as f64 <= allowed(*from) + 1e-6, "{passed:?}");
            }
            prop_assert!(is_admitted || !has_room, "refused at {at} after {passed:?}");
        }
    }
}
