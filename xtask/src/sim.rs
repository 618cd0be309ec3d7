//! `cargo xtask sim`: seeds of the simulation, one with its trace or many at once.
//!
//! Why: whoever reads "seed 4711" in a failed run types one line and sees what happened.
//! Invariants: the simulation is a program of `hostler-testkit`; xtask builds it in a profile of its own and runs it, so
//! that nothing heavy is built with xtask. A seed means the same here and in the suite.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::test::Context;

/// What CI runs.
const SEEDS: &str = "0..10000";
const PROFILE: &str = "sim";
const BINARY: &str = "hostler-sim";

/// What `cargo xtask sim` was asked to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Replay one seed and print what happens in it, line by line.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,

    /// Run many seeds; those that break a rule are named.
    #[arg(long, value_name = "FROM..TO", default_value = SEEDS)]
    seeds: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let context = Context::new(false, Vec::new())?;
    let chosen = match arguments.seed {
        Some(seed) => ["--seed".to_owned(), seed.to_string()],
        None => ["--seeds".to_owned(), arguments.seeds.clone()],
    };
    Ok(if simulate(&context, &chosen)?.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The suite: every seed of CI. Its own argument may name other seeds.
pub(crate) fn suite(context: &Context) -> Result<String> {
    let seeds = match &context.passed_on[..] {
        [] => ["--seeds".to_owned(), SEEDS.to_owned()],
        [name, value] => [name.clone(), value.clone()],
        _ => bail!("the simulation takes `--seeds FROM..TO` or `--seed N`"),
    };
    let (is_well, said) = simulate(context, &seeds)?;
    if !is_well {
        bail!("{said}");
    }
    Ok(said)
}

/// Whether all rules held, and the last line of what it said.
fn simulate(context: &Context, arguments: &[String]) -> Result<(bool, String)> {
    let build = ["build", "--quiet", "--locked", "--profile", PROFILE, "--package", "hostler-testkit"];
    context.cargo(&[&build[..], &["--bin", BINARY]].concat())?;
    let mut command = context.command(context.target().join(PROFILE).join(BINARY));
    let output = command.args(arguments).stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("starting `{BINARY}`"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    say(&text);
    Ok((output.status.success(), text.lines().last().unwrap_or_default().to_owned()))
}

#[expect(clippy::print_stdout, reason = "what the simulation says belongs on stdout")]
fn say(text: &str) {
    print!("{text}");
}
