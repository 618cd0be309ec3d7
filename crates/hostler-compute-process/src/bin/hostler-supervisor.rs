//! The hidden subcommands alone: what this crate's tests start in place of the real binary.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    hostler_compute_process::run_hidden(&arguments).unwrap_or(ExitCode::FAILURE)
}
