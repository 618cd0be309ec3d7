//! The model server from outside: real sockets, and the real program where the process matters.

#![expect(clippy::unwrap_used, reason = "a test that fails should stop where it fails")]

mod client;
mod contract;
mod limits;
mod program;
