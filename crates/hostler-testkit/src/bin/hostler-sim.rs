//! Runs seeds of the simulation; `cargo xtask sim` calls it.

use std::process::ExitCode;

fn main() -> ExitCode {
    hostler_testkit::simulation::main(std::env::args().skip(1).collect())
}
