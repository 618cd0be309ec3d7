//! The binary: one program that is server, command line, supervisor and built-in model server.
//!
//! Why: nothing else has to be installed; what the server starts on this machine is itself, by another subcommand.
//! Invariants: `main` decides which of them it is, and nothing more.

mod backend;
mod bind;
mod cli;
mod client;
mod commands;
mod data_dir;
mod demo;
mod endpoint_name;
mod front;
mod hint;
mod listen;
mod logging;
mod metrics;
mod model_data;
mod model_loader;
mod model_path;
mod model_reader;
mod output;
mod profile;
mod progress;
mod registry_logins;
mod rows;
mod script;
mod serve;
mod settings;
mod strategy;
mod terminal;
mod threads;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// What a shell returns for a program that ended by SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    // The supervisor and its helper come first: they must not carry a runtime, threads or a logger.
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = hostler_compute_process::run_hidden(&arguments) {
        return code;
    }
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Runtime(args) => {
            hostler_runtime::run(args).map(|()| ExitCode::SUCCESS).map_err(anyhow::Error::from)
        }
        Command::Script(args) => script::run(&args),
        command => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(commands::run(command))),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            if hint::is_interrupted(&error) { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE }
        }
    }
}
