//! Random numbers that mean the same for ever.
//!
//! Why: a seed in a bug report must still show the bug after `rand` was updated, which promises that for no generator
//! of its standard ones; SplitMix64 (Steele, Lea, Flood 2014) is five lines and passes the usual tests.

use std::time::Duration;

/// A stream of random numbers.
#[derive(Debug)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    /// One of the streams of a seed: what one of them is asked for does not move the others.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ stream.rotate_left(32) };
        Self { state: mixed.next() }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to just below `end`; 0 where `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// From `from` to `to`, both included.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// From 0 to just below 1.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True so many times in a thousand.
    pub(super) fn permille(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of them.
    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len() as u64) as usize)
    }

    /// One of them by weight: the index of the chosen.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut at = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if at < *weight {
                return index;
            }
            at -= weight;
        }
        0
    }

    /// A time of any order of magnitude up to `max`: most are short, some are long.
    pub(super) fn pause(&mut self, max: Duration) -> Duration {
        let bits = 64 - (max.as_millis() as u64).leading_zeros();
        let order = self.below(u64::from(bits) + 1);
        Duration::from_millis(self.below(1 << order)).min(max)
    }
}
