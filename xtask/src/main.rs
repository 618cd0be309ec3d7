//! The repository's own commands: `cargo xtask <command>`.
//!
//! Why: what a person or CI does to this repository beyond `cargo build` is a program with help and
//! tests, not a folder of shell scripts.
//! Invariants: this file only dispatches; each command lives in a file of its own.

mod codegen;
mod engine;
mod fuzz;
mod sim;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands that keep this repository in order.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate `crates/hostler-shapes/src/generated` from the pinned AWS service models.
    Codegen(codegen::Arguments),
    /// Run a command beside a Docker engine and two registries of its own, in namespaces of their own (root).
    Engine(engine::Arguments),
    /// Run the fuzz harnesses on stable; without arguments all of them, with a seed of chance.
    Fuzz(fuzz::Arguments),
    /// Run seeds of the simulation; without arguments those of CI.
    Sim(sim::Arguments),
    /// Run every check of this repository and print a table of them.
    Test(test::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Codegen(arguments) => codegen::run(&arguments),
        Command::Engine(arguments) => engine::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the error of a command line program belongs on stderr")]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
