//! The simulation itself: a seed is a whole run, and many of them break no rule.

use hostler_testkit::simulation::{run_seed, run_seeds};

#[test]
fn the_same_seed_is_the_same_run_to_the_last_line() {
    let mut lines_in_all = 0;
    for seed in 0..25 {
        let (first, second) = (run_seed(seed, true), run_seed(seed, true));
        lines_in_all += first.trace.len();
        let mut lines = first.trace.iter().zip(&second.trace);
        let apart = lines.find(|(first, second)| first != second);
        assert_eq!(apart, None, "seed {seed}");
        assert_eq!(first, second, "seed {seed}");
    }
    // A server may die before anybody calls; not in most runs.
    assert!(lines_in_all > 25 * 50, "nothing happens: {lines_in_all} lines");
}

#[test]
fn a_run_is_the_same_whether_or_not_it_is_traced_and_whatever_runs_beside_it() {
    let summary = run_seeds(0..25, 2);
    assert_eq!((summary.runs, summary.failures), (25, Vec::new()));
    for seed in 0..25 {
        assert_eq!(run_seed(seed, true).complaints, Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn seeds_differ_and_what_is_promised_happens_in_some_of_them() {
    let traces: Vec<String> = (0..60).map(|seed| run_seed(seed, true).trace.join("\n")).collect();
    let promised = [
        "-> InService",
        "Creating -> Failed",
        "Updating -> RollingBack",
        "RollingBack -> InService",
        "Finishing",
        "Baking { step: 1 }",
        "-> Deleting",
        ": gone",
        "takes the lease",
        "is dead",
        "stands still",
        "falls ill",
        "vanishes",
        "a request begins",
        "ResourceLimitExceeded",
        "\"BlueGreenUpdatePolicy\"",
        "\"RollingUpdatePolicy\"",
        "\"Type\":\"CANARY\"",
        "\"Type\":\"LINEAR\"",
        "it is calm",
    ];
    for what in promised {
        let seen = traces.iter().filter(|trace| trace.contains(what)).count();
        assert!(seen > 0, "`{what}` is seen in {seen} of {} runs", traces.len());
    }
}
