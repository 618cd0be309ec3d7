//! The test model as a program; see `hostler_testkit::testmodel` for its commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    hostler_testkit::testmodel::run(std::env::args().skip(1).collect())
}
