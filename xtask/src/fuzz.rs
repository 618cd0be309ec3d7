//! `cargo xtask fuzz`: the harnesses of every decoder over the stored corpus and generated inputs, on stable.
//!
//! Why: whoever reads "again: cargo xtask fuzz --input …" in a failed run types that line and sees it fail.
//! Invariants: the harnesses are a program of `hostler-fuzz`; xtask builds it in the simulation's profile, optimised with
//! every assertion, and runs it. A seed means the same here and in the suite.

use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::test::Context;

/// What CI runs, so that a run that fails is the same on the next machine.
const SEED: &str = "1";
const PROFILE: &str = "sim";
const BINARY: &str = "hostler-fuzz";

/// What `cargo xtask fuzz` was asked to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Passed on: `--seed N`, `--inputs N`, `--input FILE`, `--emit DIRECTORY`, `--list`, names of harnesses.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    passed_on: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let context = Context::new(false, Vec::new())?;
    let (is_well, _) = harnesses(&context, &arguments.passed_on)?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The suite: every harness with the seed of CI. Its own arguments may say otherwise.
pub(crate) fn suite(context: &Context) -> Result<String> {
    let mut chosen = context.passed_on.clone();
    if !chosen.iter().any(|argument| argument == "--seed") {
        chosen.extend(["--seed".to_owned(), SEED.to_owned()]);
    }
    let (is_well, said) = harnesses(context, &chosen)?;
    if !is_well {
        bail!("{said}");
    }
    Ok(said)
}

/// Whether all held, and the last line of what was said.
fn harnesses(context: &Context, arguments: &[String]) -> Result<(bool, String)> {
    let build = ["build", "--quiet", "--locked", "--profile", PROFILE, "--package", "hostler-fuzz"];
    context.cargo(&[&build[..], &["--bin", BINARY]].concat())?;
    let mut command = context.command(context.target().join(PROFILE).join(BINARY));
    let output = command.args(arguments).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("starting `{BINARY}`"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    say(&text);
    Ok((output.status.success(), text.lines().last().unwrap_or_default().to_owned()))
}

#[expect(clippy::print_stdout, reason = "what the harnesses say belongs on stdout")]
fn say(text: &str) {
    print!("{text}");
}
