//! The built-in model server as a program of its own, for tests and benchmarks.
//!
//! Why: the binary starts it as `hostler runtime`; alone it can be measured and tested without the rest.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use hostler_runtime::RuntimeArgs;

#[derive(Parser)]
#[command(name = "hostler-runtime", about, version)]
struct Cli {
    #[command(flatten)]
    runtime: RuntimeArgs,
}

fn main() -> ExitCode {
    let Err(error) = hostler_runtime::run(Cli::parse().runtime) else {
        return ExitCode::SUCCESS;
    };
    let mut message = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    // Nobody is left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::FAILURE
}
