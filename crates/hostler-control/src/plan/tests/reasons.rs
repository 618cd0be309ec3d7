//! FailureReason: AWS's sentence first, never over its limit.

use hostler_compute::{ExitCause, Fault, InstanceFailure, Phase};
use hostler_types::FailureCause;
use proptest::prelude::*;

use super::super::WhyFailed;
use super::{endpoint, id};
use crate::prober::PingTrouble;

fn reason(why: &WhyFailed, container: &str) -> String {
    why.failure_reason(&endpoint(&[("v", 1)]), &id("v", 0, 1), container)
}

#[test]
fn a_failed_ping_is_told_in_awss_words_for_either_kind_of_container() {
    let why = WhyFailed::PingTimeout("it answered 404 Not Found".into());
    let tail = "did not pass the ping health check. Please check CloudWatch logs for this endpoint.";
    let primary = reason(&why, "primary");
    assert!(primary.starts_with(&format!("The primary container for production variant v {tail}")));
    assert!(primary.contains("404 Not Found") && primary.ends_with("See `hostler logs Demo`."), "{primary}");
    assert!(
        reason(&why, "encoder")
            .starts_with(&format!("The encoder container for production variant v {tail}"))
    );
}

#[test]
fn which_of_several_containers_it_was_is_told_with_where_its_log_is() {
    let second = || Some("second".to_owned());
    let cause = ExitCause::Code(3);
    let exited = WhyFailed::Exited { container: second(), cause, log_tail: String::new() };
    let sick = WhyFailed::Sick(PingTrouble { container: second(), .."it answered 500".into() });
    let never_ran = WhyFailed::NeverRan(InstanceFailure {
        fault: Fault::User,
        phase: Phase::Starting,
        container: second(),
        cause: FailureCause::CommandMissing,
        aws_sentence: None,
        detail: "starting `x` failed".to_owned(),
    });
    for (why, says, end) in [
        (exited, "the container `second` exited with code 3.", "`hostler logs Demo --container second`."),
        (
            sick,
            "the last try: container `second`: it answered 500.",
            "`hostler logs Demo --container second`.",
        ),
        (never_ran, "container `second`: starting `x` failed.", "`hostler diagnose Demo`."),
    ] {
        assert_eq!(why.container(), Some("second"));
        let text = reason(&why, "second");
        assert!(text.starts_with("The second container for production variant v did not pass"), "{text}");
        assert!(text.contains(says) && text.ends_with(end), "{text}");
    }
}

#[test]
fn the_last_line_that_says_something_is_quoted() {
    let cause = ExitCause::Signal(9);
    let why = WhyFailed::Exited { container: None, cause, log_tail: "one\n  two  \n\n \n".to_owned() };
    let text = reason(&why, "primary");
    assert!(text.contains("signal 9") && text.contains("Its last words: two. See"), "{text}");
}

#[test]
fn no_sentence_runs_into_the_next_and_a_cut_is_shown() {
    let ended = |last: &str| {
        let why = WhyFailed::Exited { container: None, cause: ExitCause::Code(1), log_tail: last.to_owned() };
        reason(&why, "primary").split_once(" Hostler: ").unwrap().1.to_owned()
    };
    let (begin, end) = ("the container exited with code 1. Its last words: ", " See `hostler logs Demo`.");
    for (last, told) in [("no weights", "no weights."), ("Stopped.", "Stopped."), ("Killed!", "Killed!")] {
        assert_eq!(ended(last), format!("{begin}{told}{end}"));
    }
    let long = ended(&"x".repeat(3000));
    assert!(long.starts_with(begin) && long.ends_with(&format!("x…{end}")), "{long}");
    let why = WhyFailed::PingTimeout("connection refused.".into());
    assert!(reason(&why, "primary").ends_with(&format!("connection refused.{end}")));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_reason_keeps_to_1024_characters_and_awss_sentence(detail in "\\PC{0,3000}", user in any::<bool>()) {
        let sentence = "Failed to download model data.";
        let why = WhyFailed::NeverRan(InstanceFailure {
            fault: if user { Fault::User } else { Fault::Capacity },
            phase: Phase::Fetching,
            container: None,
            cause: FailureCause::Other,
            aws_sentence: user.then(|| sentence.to_owned()),
            detail: detail.clone(),
        });
        let text = reason(&why, "primary");
        prop_assert!(text.chars().count() <= 1024);
        let first = if user { sentence } else { "Unable to provision requested ML compute capacity" };
        prop_assert!(text.starts_with(first));
        // What never ran has no log.
        prop_assert!(text.ends_with(" See `hostler diagnose Demo`."));
        let why = WhyFailed::Exited { container: None, cause: ExitCause::Code(1), log_tail: detail };
        prop_assert!(reason(&why, "primary").chars().count() <= 1024);
    }
}
