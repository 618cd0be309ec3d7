//! `cargo xtask test`: every check of this repository, in one command, with a table at the end.
//!
//! Why: a newcomer and CI must run the same thing, and a check that was left out must say so. One
//! failing suite does not hide the others: all run, the exit code tells.
//! Invariants: with `--all` no suite may be left out; a suite that lacks what it needs then fails.
//! Everything but the simulation, the fuzz harnesses and what is counted is built in the dev profile, so that the suites
//! share one target directory.

mod arrows;
mod cargo;
mod context;
mod demo;
mod docker;
mod instructions;
mod node;
mod python;
mod sources;
mod suite;
mod table;
mod venv;

use std::process::ExitCode;

use anyhow::{Result, bail};

pub(crate) use self::context::{Context, Stopwatch, run as succeed};
use self::suite::{Outcome, SUITES, Suite};
use self::table::Row;

/// What `cargo xtask test` was asked to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Leave nothing out: a suite that lacks what it needs (Python, the package registry) fails.
    #[arg(long)]
    all: bool,

    /// The suites to run, in the order of the table; all of them when none is named.
    #[arg(value_name = "SUITE")]
    suites: Vec<String>,

    /// Arguments after `--` go to the one suite that is named, for example `conformance -- -k tags`.
    #[arg(last = true)]
    passed_on: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let chosen = choose(&arguments.suites)?;
    if !arguments.passed_on.is_empty() && chosen.len() != 1 {
        bail!("arguments after `--` go to one suite; {} are chosen", chosen.len());
    }
    let context = Context::new(arguments.all, arguments.passed_on.clone())?;

    let mut rows = Vec::new();
    for suite in &chosen {
        table::announce(suite);
        let watch = Stopwatch::start();
        let outcome = run_one(suite, &context);
        let row = Row { name: suite.name, outcome, took: watch.elapsed() };
        table::report(&row);
        rows.push(row);
    }
    table::print(&rows);
    let failed = rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_)));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_one(suite: &Suite, context: &Context) -> Outcome {
    for need in suite.needs {
        if let Err(missing) = context.has(*need) {
            if context.all {
                return Outcome::Failed(format!("{missing}, and `--all` leaves nothing out"));
            }
            return Outcome::LeftOut(missing);
        }
    }
    match (suite.run)(context) {
        Ok(note) => Outcome::Passed(note),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

/// The named suites in the table's order; every unknown name is reported at once.
fn choose(names: &[String]) -> Result<Vec<Suite>> {
    let known = |name: &String| SUITES.iter().any(|suite| suite.name == name.as_str());
    let unknown: Vec<&str> = names.iter().filter(|name| !known(name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let all: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("there is no suite `{}`; there are: {}", unknown.join("`, `"), all.join(", "));
    }
    let wanted = |suite: &&Suite| names.is_empty() || names.iter().any(|name| name == suite.name);
    Ok(SUITES.iter().filter(wanted).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Result<Vec<&'static str>> {
        let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
        Ok(choose(&asked)?.iter().map(|suite| suite.name).collect())
    }

    #[test]
    fn suites_run_in_the_order_of_the_table_whatever_the_order_asked() {
        assert_eq!(names(&["tests", "fmt"]).unwrap(), ["fmt", "tests"]);
    }

    #[test]
    fn every_unknown_suite_is_named() {
        let error = names(&["fmt", "one", "two"]).unwrap_err().to_string();
        assert!(error.starts_with("there is no suite `one`, `two`; there are: fmt, "), "{error}");
    }
}
