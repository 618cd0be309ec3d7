//! A backend of this machine with nothing but what the room gives: a way to run instances in which nothing runs.

mod conformance;
#[cfg(test)]
mod restart;
mod scripted;
