//! `hostler doctor`: what this machine can run, and what to do about the rest.
//!
//! Why: the first start on a strange machine fails for reasons that a person cannot see (control groups, a full disk, a
//! port); every look here is the one that a server takes, or a real try.
//! Invariants: nothing is changed and nothing is left behind; each look is bounded in time. Only what a server cannot do
//! without makes the exit code.

mod accelerators;
mod isolation;
mod machine;
mod place;
mod report;
mod server;

use std::process::ExitCode;

use hostler_compute_process::ControlGroups;

use crate::cli::{DoctorArgs, OutputForm};
use crate::output;
use crate::terminal::Terminal;
use report::Report;

pub(crate) async fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let groups = tokio::task::spawn_blocking(ControlGroups::detect).await?;
    let running = server::running(&args.data_dir).await;
    let mut rows = vec![machine::kernel(), machine::cpus_and_memory(), machine::open_files()];
    rows.push(isolation::control_groups(&groups));
    rows.push(isolation::opt_ml_model().await);
    rows.push(isolation::container_engine());
    rows.push(accelerators::row());
    rows.extend(place::rows(&args.data_dir));
    rows.push(machine::clock(&args.data_dir));
    rows.push(machine::python().await);
    rows.push(server::port(args.listen, running.as_ref()).await);
    rows.push(server::row(&args.data_dir, running.as_ref()));
    let report = Report { rows };
    match args.output {
        OutputForm::Json => output::data(&report.document().to_string()),
        OutputForm::Text => report.lines(Terminal::stdout()).iter().for_each(|line| output::data(line)),
    }
    Ok(if report.can_run() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
