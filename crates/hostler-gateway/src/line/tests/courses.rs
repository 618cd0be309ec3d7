//! Requests, routes and outages in any order.

use hostler_types::{InvocationClass, InvocationFailure, VariantRoute};
use proptest::prelude::*;

use super::*;
use crate::breaker::Probed;
use crate::lane;
use crate::tally::Call;

#[derive(Clone, Debug)]
enum Step {
    Join(u8),
    /// Somebody who is at an instance is done.
    Done(usize),
    /// Somebody who waits, or was called and does not know it, goes away.
    Leave(usize),
    /// The same, and it was answered well.
    Good(usize),
    /// A route with so many instances of each variant, and of a fleet of the first that has no share yet.
    Route(u32, u32, u32),
    /// An instance cannot be reached.
    Out(usize),
    /// An instance keeps failing while another one succeeds.
    Fails(usize, usize),
    /// An instance that is out was probed.
    Probed(usize, Probed),
}

fn probed() -> impl Strategy<Value = Probed> {
    prop_oneof![Just(Probed::Refused), Just(Probed::Silent), Just(Probed::Answered(200))]
}

/// A fleet `a`, and one that follows it.
fn fleets(a: u32, b: u32, coming: u32) -> Vec<VariantRoute> {
    vec![fleet("a", 1.0, 0..a), fleet("b", 1.0, 0..b), fleet("a", 0.0, 10..10 + coming)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u8).prop_map(Step::Join),
        4 => (0..20_usize).prop_map(Step::Done),
        2 => (0..20_usize).prop_map(Step::Leave),
        1 => (0..20_usize).prop_map(Step::Good),
        1 => (0..3_u32, 0..3_u32, 0..2_u32).prop_map(|(a, b, coming)| Step::Route(a, b, coming)),
        2 => (0..5_usize).prop_map(Step::Out),
        1 => (0..5_usize, 0..5_usize).prop_map(|(one, other)| Step::Fails(one, other)),
        2 => (0..5_usize, probed()).prop_map(|(one, probed)| Step::Probed(one, probed)),
    ]
}

proptest! {
    /// Nobody waits for what is free, nobody has more than there is, and of those who wait for the same the first is
    /// called first.
    #[test]
    fn nobody_waits_for_a_place_that_is_free(steps in proptest::collection::vec(step(), 1..80)) {
        let table = table(fleets(1, 1, 1));
        let line = line(&table);
        let aims = [drawn("a"), Aim::Named(VariantName::new("b")), drawn("b"), Aim::Instance(id("a", 0))];
        let mut waiting: Vec<(usize, Ticket<'_>)> = Vec::new();
        let mut at_work: Vec<Permit> = Vec::new();
        for step in steps {
            let lanes: Vec<_> = table.find(&key()).unwrap().lanes().cloned().collect();
            let lane = |index: usize| lanes.get(index % lanes.len().max(1));
            match step {
                Step::Join(aim) => {
                    let aim = usize::from(aim);
                    let joined = join(&line, aims[aim].clone());
                    prop_assert_eq!(joined.is_err() && waiting.len() < WAITING as usize, false);
                    waiting.extend(joined.ok().map(|ticket| (aim, ticket)));
                }
                Step::Done(index) if !at_work.is_empty() => {
                    at_work.swap_remove(index % at_work.len());
                }
                Step::Leave(index) if !waiting.is_empty() => {
                    waiting.remove(index % waiting.len());
                }
                Step::Good(index) if !at_work.is_empty() => {
                    let permit = at_work.swap_remove(index % at_work.len());
                    permit.lane().succeeded();
                }
                Step::Route(a, b, coming) => publish(&table, fleets(a, b, coming)),
                Step::Out(index) => lane(index).into_iter().for_each(Lane::unreached),
                Step::Fails(one, other) => {
                    for _ in 0..3 {
                        if let Some(lane) = lane(one) {
                            lane.failed(InvocationFailure::TimedOut);
                        }
                        if let Some(permit) = lane(other).and_then(Lane::enter) {
                            Call::begin(permit, Instant::now()).ends(InvocationClass::Success);
                        }
                    }
                }
                Step::Probed(index, probed) => {
                    lane(index).map(|lane| lane::tests::probed(lane, probed));
                }
                Step::Done(_) | Step::Good(_) | Step::Leave(_) => {}
            }
            let endpoint = table.find(&key()).unwrap();
            let mut still_waits = [false; 4];
            let mut left = Vec::new();
            for (aim, mut ticket) in waiting {
                match look(&mut ticket) {
                    Some(Called::Go(permit)) => {
                        prop_assert!(!still_waits[aim], "it was called before one who came first");
                        prop_assert!(may_go(&endpoint, &aims[aim], permit.lane()));
                        at_work.push(permit);
                    }
                    Some(Called::LookAgain) => prop_assert_eq!(aim, 3),
                    None => {
                        still_waits[aim] = true;
                        left.push((aim, ticket));
                    }
                }
            }
            waiting = left;
            prop_assert_eq!(line.waiting.load(Ordering::SeqCst), waiting.len());
            for lane in endpoint.lanes() {
                prop_assert!(lane.in_flight() <= PLACES as usize);
            }
            for (aim, _) in &waiting {
                let free = place(&endpoint, &aims[*aim], &[], 0.5);
                prop_assert!(free.is_none(), "somebody waits for a place that is free");
            }
        }
    }
}
