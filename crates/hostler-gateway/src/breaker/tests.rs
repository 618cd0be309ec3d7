//! When an instance goes out and when it comes back.

use proptest::prelude::*;

use super::*;

const LONE: Fleet = Fleet { successes: 0, may_eject: false };

fn others(successes: u64) -> Fleet {
    Fleet { successes, may_eject: true }
}

fn secs(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// Fails so often, while the rest of the fleet succeeds now and then.
fn fail(breaker: &mut Breaker, failure: Failure, times: u64, now: Instant) -> Vec<Option<State>> {
    (0..times).map(|time| breaker.failed(failure, others(time), now, 1.0).map(|moved| moved.to)).collect()
}

#[test]
fn three_silences_or_a_dozen_bad_answers_in_a_row_eject_while_others_succeed() {
    let now = Instant::now();
    for (failure, count) in [(Failure::TimedOut, 3), (Failure::Answered, 12)] {
        let mut breaker = Breaker::default();
        let moves = fail(&mut breaker, failure, count, now);
        let expected: Vec<_> = (1..=count).map(|time| (time == count).then_some(State::Ejected)).collect();
        assert_eq!(moves, expected, "{failure:?}");
    }
}

#[test]
fn a_success_in_between_begins_the_row_anew() {
    let (now, mut breaker) = (Instant::now(), Breaker::default());
    for _ in 0..10 {
        assert_eq!(fail(&mut breaker, Failure::Answered, 11, now), [None; 11]);
        assert_eq!(breaker.succeeded(now), None);
        assert!(!breaker.is_suspect());
    }
}

#[test]
fn what_all_of_a_fleet_fail_ejects_nobody_and_nor_does_being_the_last() {
    let now = Instant::now();
    for fleet in [others(7), LONE] {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            assert_eq!(breaker.failed(Failure::TimedOut, fleet, now, 0.5), None);
        }
        assert_eq!(breaker.state(), State::Well);
    }
}

#[test]
fn who_cannot_be_reached_gets_nothing_until_a_probe_reaches_it() {
    let (now, mut breaker) = (Instant::now(), Breaker::default());
    let out = State::Unreachable { on_trial: false };
    let moved = breaker.failed(Failure::Unreached, LONE, now, 1.0);
    assert_eq!(moved, Some(Move { to: out, probe_in: secs(0.005) }));
    let pauses: Vec<_> = (0..9).map(|_| breaker.probed(Probed::Refused, now, 1.0).probe_in).collect();
    let expected = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.5].map(secs);
    assert_eq!(pauses, expected);
    // It is there, though it may be too busy to answer.
    assert_eq!(breaker.probed(Probed::Silent, now, 1.0), Move { to: State::Well, probe_in: None });
    let moved = breaker.failed(Failure::Unreached, LONE, now, 1.0).unwrap();
    assert_eq!(moved.probe_in, secs(0.5), "that a probe reached it is no success");
    breaker.probed(Probed::Answered(503), now, 1.0);
    breaker.succeeded(now);
    let moved = breaker.failed(Failure::Unreached, LONE, now, 1.0).unwrap();
    assert_eq!(moved.probe_in, secs(0.005));
}

#[test]
fn who_closes_connections_is_probed_each_time_and_no_later_the_more_often_it_does() {
    let (now, mut breaker) = (Instant::now(), Breaker::default());
    for _ in 0..10 {
        let moved = breaker.failed(Failure::Lost, LONE, now, 1.0);
        let out = State::Unreachable { on_trial: false };
        assert_eq!(moved, Some(Move { to: out, probe_in: secs(0.005) }));
        assert_eq!(breaker.probed(Probed::Answered(200), now, 1.0).to, State::Well);
    }
}

#[test]
fn ejections_grow_while_they_follow_each_other_and_begin_small_after_a_minute_of_health() {
    let (mut now, mut breaker) = (Instant::now(), Breaker::default());
    fail(&mut breaker, Failure::TimedOut, 2, now);
    let first = breaker.failed(Failure::TimedOut, others(9), now, 1.0).unwrap();
    assert_eq!(first, Move { to: State::Ejected, probe_in: secs(1.0) });
    // A ping that is not answered with 200 is as good as none.
    assert_eq!(breaker.probed(Probed::Answered(500), now, 1.0).probe_in, secs(2.0));
    assert_eq!(breaker.probed(Probed::Silent, now, 1.0).probe_in, secs(4.0));
    for expected in [8.0, 16.0, 30.0, 30.0] {
        assert_eq!(breaker.probed(Probed::Answered(200), now, 1.0).to, State::OnTrial);
        // Nobody else has to succeed for a trial to fail.
        let moved = breaker.failed(Failure::TimedOut, others(9), now, 1.0);
        assert_eq!(moved, Some(Move { to: State::Ejected, probe_in: secs(expected) }));
    }
    for (healthy_s, expected) in [(59, 30.0), (60, 1.0)] {
        breaker.probed(Probed::Answered(200), now, 1.0);
        assert_eq!(breaker.succeeded(now), Some(Move { to: State::Well, probe_in: None }));
        now += Duration::from_secs(healthy_s);
        fail(&mut breaker, Failure::TimedOut, 2, now);
        assert_eq!(breaker.failed(Failure::TimedOut, others(9), now, 1.0).unwrap().probe_in, secs(expected));
    }
}

#[test]
fn a_trial_outlives_some_bad_answers_and_ends_with_a_good_one() {
    let (now, mut breaker) = (Instant::now(), Breaker::default());
    fail(&mut breaker, Failure::TimedOut, 3, now);
    breaker.probed(Probed::Answered(200), now, 0.0);
    assert_eq!(fail(&mut breaker, Failure::Answered, 3, now), [None; 3]);
    assert_eq!(breaker.state(), State::OnTrial);
    breaker.succeeded(now);
    assert!(!breaker.is_suspect());
}

#[test]
fn the_last_one_is_pardoned_and_who_is_not_ejected_needs_no_pardon() {
    let (now, mut breaker) = (Instant::now(), Breaker::default());
    assert_eq!(breaker.pardoned(now), None);
    fail(&mut breaker, Failure::TimedOut, 3, now);
    assert_eq!(breaker.pardoned(now), Some(Move { to: State::Well, probe_in: None }));
    assert!(!breaker.is_suspect());
}

#[test]
fn an_ejected_one_that_nobody_could_reach_is_gone_until_a_probe_reaches_it() {
    let (now, mut breaker) = (Instant::now(), Breaker::default());
    fail(&mut breaker, Failure::TimedOut, 3, now);
    assert!(!breaker.is_gone());
    assert_eq!(breaker.failed(Failure::TimedOut, others(9), now, 1.0), None);
    assert!(!breaker.is_gone());
    assert_eq!(breaker.failed(Failure::Unreached, others(9), now, 1.0), None);
    assert!(breaker.is_gone());
    for (probed, is_gone) in [
        (Probed::Refused, true),
        (Probed::Silent, false),
        (Probed::Refused, true),
        (Probed::Answered(500), false),
    ] {
        assert_eq!(breaker.probed(probed, now, 1.0).to, State::Ejected);
        assert_eq!(breaker.is_gone(), is_gone, "{probed:?}");
    }
    breaker.failed(Failure::Unreached, others(9), now, 1.0);
    breaker.probed(Probed::Answered(200), now, 1.0);
    assert!(!breaker.is_gone());
    // That it could not be reached may be what it is ejected for.
    breaker.failed(Failure::Unreached, others(9), now, 1.0);
    assert!(breaker.state() == State::Ejected && breaker.is_gone());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Success,
    Failure(Failure, Fleet),
    Probe(Probed),
    Pardon,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let failure = prop_oneof![Just(Failure::Unreached), Just(Failure::TimedOut), Just(Failure::Answered)];
    let fleet = (0..5_u64, any::<bool>()).prop_map(|(successes, may_eject)| Fleet { successes, may_eject });
    let probed =
        prop_oneof![Just(Probed::Refused), Just(Probed::Silent), (200..600_u16).prop_map(Probed::Answered)];
    prop_oneof![
        2 => Just(Step::Success),
        6 => (failure, fleet).prop_map(|(failure, fleet)| Step::Failure(failure, fleet)),
        4 => probed.prop_map(Step::Probe),
        1 => Just(Step::Pardon),
        1 => (0..100_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_who_is_out_is_probed_within_half_a_minute_and_who_is_in_is_not(
        steps in proptest::collection::vec((step(), 0.0..1.0_f64), 1..200),
    ) {
        let (mut now, mut breaker, mut probe_in) = (Instant::now(), Breaker::default(), None);
        for (step, draw) in steps {
            let before = breaker.state();
            let moved = match step {
                Step::Success => breaker.succeeded(now),
                Step::Failure(failure, fleet) => {
                    let moved = breaker.failed(failure, fleet, now, draw);
                    if let Some(Move { to: State::Ejected, .. }) = moved {
                        prop_assert!(fleet.may_eject, "ejected although too few would be left");
                    }
                    moved
                }
                // Only who is out is probed.
                Step::Probe(_) if probe_in.is_none() => None,
                Step::Probe(probed) => Some(breaker.probed(probed, now, draw)),
                Step::Pardon => breaker.pardoned(now),
                Step::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    None
                }
            };
            if let Some(moved) = moved {
                prop_assert_eq!(moved.to, breaker.state());
                probe_in = moved.probe_in;
            } else {
                prop_assert_eq!(before, breaker.state());
            }
            let is_out = matches!(breaker.state(), State::Ejected | State::Unreachable { .. });
            prop_assert_eq!(is_out, probe_in.is_some());
            if let Some(pause) = probe_in {
                prop_assert!(pause <= EJECTIONS.1 && pause >= UNREACHED_PAUSES.0.mul_f64(0.75));
            }
        }
    }
}
