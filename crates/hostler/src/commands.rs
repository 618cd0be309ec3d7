//! The subcommands, one file each.

mod deploy;
mod describe;
mod diagnose;
mod doctor;
mod env;
mod history;
mod inspect;
mod invoke;
mod keys;
mod logs;
mod ls;
mod papers;
mod plan;
mod quotas;
mod serve;
mod usage;

use std::process::ExitCode;

use crate::cli::Command;
use crate::demo;

pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        // These commands report what they saw by their exit code, too.
        Command::Inspect(args) => return inspect::run(&args),
        Command::Doctor(args) => return doctor::run(&args).await,
        Command::Ls(args) => return ls::run(&args).await,
        Command::Plan(args) => return plan::run(&args).await,
        Command::Serve(args) => serve::run(&args).await,
        Command::Demo(args) => demo::run(&args).await,
        Command::Deploy(args) => deploy::run(&args).await,
        Command::Env(args) => env::run(&args),
        Command::Keys(args) => keys::run(&args).await,
        Command::Quotas(args) => quotas::run(&args).await,
        Command::Usage(args) => usage::run(&args).await,
        Command::Describe(args) => describe::run(&args).await,
        Command::Logs(args) => logs::run(&args).await,
        Command::History(args) => history::run(&args).await,
        Command::Diagnose(args) => diagnose::run(&args).await,
        Command::Invoke(args) => invoke::run(&args).await,
        Command::Completions(args) => papers::completions(&args),
        Command::Man(args) => papers::man(&args),
        Command::Runtime(_) | Command::Script(_) => unreachable!("`main` runs it without this runtime"),
    }
    .map(|()| ExitCode::SUCCESS)
}

pub(crate) use serve::StopSignals;
