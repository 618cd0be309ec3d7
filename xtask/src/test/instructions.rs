//! The suite `instructions`: what an invocation costs, counted by callgrind.
//!
//! Why: a figure that no busy machine changes, so that whoever made the path longer sees it in the next run.
//! Invariants: a figure, not a gate: the suite fails only where counting does. The program is built in the simulation's
//! profile, whose dependencies are there already; counts of a release build are about a quarter lower.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::context::Context;

const PROFILE: &str = "sim";
const EXAMPLE: &str = "instructions";

pub(crate) fn run(context: &Context) -> Result<String> {
    let build = ["build", "--quiet", "--locked", "--profile", PROFILE, "--package", "hostler-gateway"];
    context.cargo(&[&build[..], &["--example", EXAMPLE]].concat())?;
    let mut command = context.command("python3");
    command.args(["-B", "bench/instructions/run.py", "--program"]);
    command.arg(context.target().join(PROFILE).join("examples").join(EXAMPLE));
    let output = command.args(&context.passed_on).stderr(Stdio::inherit()).output();
    let output = output.context("starting `bench/instructions/run.py`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    say(&text);
    if !output.status.success() {
        bail!("`bench/instructions/run.py` ended with {}", output.status);
    }
    Ok(text.lines().last().unwrap_or_default().to_owned())
}

#[expect(clippy::print_stdout, reason = "what was counted belongs on stdout")]
fn say(text: &str) {
    print!("{text}");
}
