//! Harnesses for every decoder that meets bytes from outside, and the program that runs them without a fuzzer.
//!
//! Why: what a coverage-guided fuzzer runs for hours and what CI runs for a minute must be the same check, so there is
//! one function per decoder here and both call it. A harness asks for more than "no panic": what was decoded is held
//! against an independent decoder or written and read again, and memory against a stated function of the input's size.
//! Invariants: a harness depends on its input alone and leaves nothing behind. Nobody depends on this crate but
//! `fuzz/`, because it counts every allocation of the program it is in.

pub mod bounds;
pub mod corpus;
pub mod generate;
mod harness;
mod harnesses;

pub use harness::{HARNESSES, Harness, harness, run};
