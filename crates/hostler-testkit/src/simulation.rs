//! Simulation: the real control plane through hours of bad luck, decided by one number.
//!
//! Why: the faults that lose something come together in ways that nobody writes a test for: an update goes back while
//! its controller is frozen and its successor has just lost an answer. Here a seed decides everything that happens to
//! two controllers, a store, a backend, gateways and clients; the rules are checked at every effect and after every
//! step; and a seed that breaks one does so again, with a trace.
//! Invariants: a seed is a whole run: nothing comes from a clock, a thread, a hash or a random number of the machine.
//! What is checked here is written from the design's rules, not from the code under test. When the bad luck ends, the
//! world must come to rest.

mod backend;
mod book;
mod calls;
mod census;
mod command;
mod commits;
mod dice;
mod gateway;
mod history;
mod parallel;
mod reasons;
mod run;
mod script;
mod server;
mod settle;
mod stage;
mod store;
mod weather;

pub use command::main;
pub use parallel::{Summary, run_seeds};
pub use run::{Outcome, run_seed};
