//! The test model, as its users meet it: a process and bytes on a connection.

#[cfg(test)]
mod client;
mod commands;
mod endings;
mod health;
mod simulation;
