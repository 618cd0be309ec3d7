//! Makes inputs: by mutation of what is stored, and the choices that a harness's own generator makes.
//!
//! Why: without coverage to guide it, a run on stable gets far by starting from inputs that are nearly right. The
//! mutations are the usual ones of fuzzers, and one more that repeats a piece many times: that is how a decoder shows
//! that it takes quadratic time or recurses.
//! Invariants: everything follows from one seed. No input is longer than [`BYTES_MAX`].

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};

/// The longest input that is made; enough to show what grows faster than the input.
pub const BYTES_MAX: usize = 128 << 10;
/// Mutations of one input.
const STEPS_MAX: usize = 6;
/// Bytes and numbers at which readers go wrong.
const INTERESTING: [u8; 12] = [0, 1, 0x7f, 0x80, 0xff, b' ', b'\n', b'\r', b'"', b'/', b'%', b'.'];

/// A source of choices that follow from a seed.
#[derive(Debug)]
pub struct Source(StdRng);

impl Source {
    /// The choices that `seed` stands for.
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// A small number, rarely a large one.
    pub fn size(&mut self, max: usize) -> usize {
        let most = match self.below(16) {
            0 => max,
            1..5 => max.min(64),
            _ => max.min(6),
        };
        self.below(most + 1)
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        *among.choose(&mut self.0).expect("there is something to choose among")
    }

    /// Any bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill(&mut bytes[..]);
        bytes
    }

    /// Any number, with a liking for the ends of its range.
    pub fn number(&mut self) -> u64 {
        match self.below(8) {
            0 => u64::MAX,
            1 => 1 << self.below(64),
            2 => (1_u64 << self.below(64)).wrapping_sub(1),
            3 => self.0.random(),
            _ => self.0.random_range(0..1000),
        }
    }

    /// Pieces in another order.
    pub fn shuffle<T>(&mut self, pieces: &mut [T]) {
        pieces.shuffle(&mut self.0);
    }

    /// Text of pieces.
    pub fn text(&mut self, pieces: &[&str], most: usize) -> String {
        let count = self.size(most);
        (0..count).map(|_| self.pick(pieces)).collect()
    }

    /// `input`, changed in a few places. `others` are inputs to take pieces from.
    pub fn mutated(&mut self, input: &[u8], others: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(STEPS_MAX) {
            self.mutate(&mut bytes, others, words);
            bytes.truncate(BYTES_MAX);
        }
        bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>], words: &[&[u8]]) {
        let length = bytes.len();
        let at = self.below(length + 1);
        let piece = |source: &mut Self, most: usize| {
            let from = source.below(length + 1);
            (from, (from + source.size(most)).min(length))
        };
        match self.below(12) {
            0 if at < length => bytes[at] ^= 1 << self.below(8),
            1 if at < length => bytes[at] = self.pick(&INTERESTING),
            2 if at < length => bytes[at] = bytes[at].wrapping_add(self.pick(&[1, 2, 16, 255, 254])),
            3 => {
                let (from, to) = piece(self, length);
                bytes.drain(from..to);
            }
            4 => {
                let inserted = self.size(32);
                let inserted = self.bytes(inserted);
                bytes.splice(at..at, inserted);
            }
            5 => {
                let (from, to) = piece(self, length);
                let copied = bytes[from..to].to_vec();
                bytes.splice(at..at, copied);
            }
            6 => {
                let (from, to) = piece(self, 64);
                self.repeat(bytes, from, to);
            }
            7 => bytes.truncate(at),
            8 => {
                let number = self.number().to_le_bytes();
                let width = self.pick(&[1, 2, 4, 8]).min(length - at);
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            9 if !others.is_empty() => {
                let other = &others[self.below(others.len())];
                let from = self.below(other.len() + 1);
                let to = (from + self.size(other.len())).min(other.len());
                let end = (at + self.size(64)).min(length);
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            _ if !words.is_empty() => {
                let word = self.pick(words);
                let end = if self.one_in(2) { at } else { (at + word.len()).min(length) };
                bytes.splice(at..end, word.iter().copied());
            }
            _ => bytes.insert(at, self.pick(&INTERESTING)),
        }
    }

    /// Puts many copies of a piece where it stands.
    fn repeat(&mut self, bytes: &mut Vec<u8>, from: usize, to: usize) {
        if from == to {
            return;
        }
        let most = BYTES_MAX / (to - from);
        let times = if self.one_in(4) { most } else { self.size(200).min(most) };
        let copies = bytes[from..to].repeat(times);
        bytes.splice(from..from, copies);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_stands_for_the_same_inputs_every_time() {
        let make = |seed| {
            let mut source = Source::new(seed);
            (0..50).map(|_| source.mutated(b"Action=x&Version=y", &[b"other".to_vec()], &[b"word"])).collect()
        };
        let (first, again, other): (Vec<Vec<u8>>, _, _) = (make(1), make(1), make(2));
        assert_eq!(first, again);
        assert_ne!(first, other);
    }

    #[test]
    fn inputs_grow_to_the_limit_and_not_beyond() {
        let mut source = Source::new(3);
        let longest = (0..3000).map(|_| source.mutated(b"[1,", &[], &[]).len()).max();
        assert_eq!(longest, Some(BYTES_MAX));
    }
}
