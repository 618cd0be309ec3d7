//! The subcommands, one file each.

mod describe;
mod env;
mod invoke;
mod logs;
mod ls;
mod quotas;
mod serve;

use crate::cli::Command;
use crate::demo;

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(&args).await,
        Command::Demo(args) => demo::run(&args).await,
        Command::Env(find) => env::run(&find),
        Command::Ls(args) => ls::run(&args).await,
        Command::Quotas(args) => quotas::run(&args).await,
        Command::Describe(args) => describe::run(&args).await,
        Command::Logs(args) => logs::run(&args).await,
        Command::Invoke(args) => invoke::run(&args).await,
        Command::Runtime(_) => unreachable!("`main` runs it without this runtime"),
    }
}

pub(crate) use serve::StopSignals;
