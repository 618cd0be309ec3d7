//! Who waits for what, in the order in which they came.
//!
//! Why: those who wait for different things must not stand in each other's way: a request for one variant whose
//! instances are full would hold up those behind it that another could take. So there is a line for each thing waited
//! for, and a number for each turn that says who came first.
//! Invariants: whoever is let out is the first of those who may go. Pure: no clock, no locks.

use std::collections::VecDeque;

/// Requests that wait, each with its turn.
#[derive(Debug)]
pub(crate) struct Turns<A, T> {
    lines: Vec<(A, VecDeque<(u64, T)>)>,
    len: usize,
}

impl<A, T> Default for Turns<A, T> {
    fn default() -> Self {
        Self { lines: Vec::new(), len: 0 }
    }
}

impl<A: PartialEq + Clone, T> Turns<A, T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Somebody with an earlier turn waits for the same.
    pub(crate) fn is_behind(&self, aim: &A, turn: u64) -> bool {
        let line = self.lines.iter().find(|(of, _)| of == aim);
        line.and_then(|(_, line)| line.front()).is_some_and(|(first, _)| *first < turn)
    }

    /// Stands where the turn belongs.
    pub(crate) fn insert(&mut self, turn: u64, aim: A, waiter: T) {
        let known = self.lines.iter().position(|(of, _)| *of == aim);
        let index = known.unwrap_or_else(|| {
            self.lines.push((aim, VecDeque::new()));
            self.lines.len() - 1
        });
        let line = &mut self.lines[index].1;
        let place = line.partition_point(|(other, _)| *other < turn);
        line.insert(place, (turn, waiter));
        self.len += 1;
    }

    /// The turn of the first of those who wait for something that will do.
    pub(crate) fn first(&self, will_do: impl Fn(&A) -> bool) -> Option<u64> {
        let lines = self.lines.iter().filter(|(aim, _)| will_do(aim));
        lines.filter_map(|(_, line)| line.front()).map(|(turn, _)| *turn).min()
    }

    /// Lets out whoever has that turn.
    pub(crate) fn remove(&mut self, turn: u64) -> Option<T> {
        for (index, (_, line)) in self.lines.iter_mut().enumerate() {
            let Ok(place) = line.binary_search_by_key(&turn, |(other, _)| *other) else { continue };
            let (_, waiter) = line.remove(place)?;
            if line.is_empty() {
                self.lines.swap_remove(index);
            }
            self.len -= 1;
            return Some(waiter);
        }
        None
    }

    /// Lets everybody out, the first one first.
    pub(crate) fn take_all(&mut self) -> Vec<(u64, A, T)> {
        self.len = 0;
        let lines = std::mem::take(&mut self.lines).into_iter();
        let of_line = |(aim, line): (A, VecDeque<(u64, T)>)| {
            line.into_iter().map(move |(turn, waiter)| (turn, aim.clone(), waiter))
        };
        let mut all: Vec<_> = lines.flat_map(of_line).collect();
        all.sort_unstable_by_key(|(turn, ..)| *turn);
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Join(u8),
        /// Somebody goes away.
        Leave(usize),
        /// A place for any of these.
        Place(Vec<u8>),
        /// Somebody who was let out stands where they stood.
        Return(u8),
        Everybody,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..4_u8).prop_map(Step::Join),
            2 => (0..20_usize).prop_map(Step::Leave),
            4 => proptest::collection::vec(0..4_u8, 0..4).prop_map(Step::Place),
            2 => (0..4_u8).prop_map(Step::Return),
            1 => Just(Step::Everybody),
        ]
    }

    proptest! {
        /// Held against one list in which everybody stands by their turn.
        #[test]
        fn the_first_of_those_who_may_go_is_let_out_and_nobody_is_lost(
            steps in proptest::collection::vec(step(), 1..60),
        ) {
            let (mut turns, mut list) = (Turns::default(), Vec::<(u64, u8)>::new());
            let (mut next, mut out) = (0, Vec::new());
            for step in steps {
                match step {
                    Step::Join(aim) => {
                        next += 1;
                        let is_behind = list.iter().any(|(_, of)| *of == aim);
                        prop_assert_eq!(turns.is_behind(&aim, next), is_behind);
                        turns.insert(next, aim, next);
                        list.push((next, aim));
                    }
                    Step::Leave(index) if !list.is_empty() => {
                        let (turn, _) = list.remove(index % list.len());
                        prop_assert_eq!(turns.remove(turn), Some(turn));
                        prop_assert_eq!(turns.remove(turn), None);
                    }
                    Step::Leave(_) => prop_assert_eq!(turns.len(), 0),
                    Step::Place(aims) => {
                        let place = list.iter().position(|(_, aim)| aims.contains(aim));
                        let first = turns.first(|aim| aims.contains(aim));
                        prop_assert_eq!(first, place.map(|place| list[place].0));
                        if let Some(place) = place {
                            let (turn, _) = list.remove(place);
                            prop_assert_eq!(turns.remove(turn), Some(turn));
                            out.push(turn);
                        }
                    }
                    Step::Return(aim) => {
                        if let Some(turn) = out.pop() {
                            turns.insert(turn, aim, turn);
                            list.push((turn, aim));
                            list.sort_unstable();
                        }
                    }
                    Step::Everybody => {
                        let all = turns.take_all();
                        let expected: Vec<_> = list.iter().map(|&(turn, aim)| (turn, aim, turn)).collect();
                        prop_assert_eq!(&all, &expected);
                        for (turn, aim, waiter) in all {
                            turns.insert(turn, aim, waiter);
                        }
                    }
                }
                prop_assert_eq!(turns.len(), list.len());
            }
        }
    }
}
