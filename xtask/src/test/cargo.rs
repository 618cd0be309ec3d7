//! The suites that are one cargo command each.
//!
//! Why: the flags of every check stand in one place, so that a person, CI and an editor agree.
//! Invariants: always the dev profile (the simulation and the fuzz harnesses have their own) and the committed `Cargo.lock`.

use anyhow::Result;

use super::context::{Context, run};
use super::sources;

pub(crate) fn fmt(context: &Context) -> Result<String> {
    context.cargo(&["fmt", "--all", "--check", "--", "-l"])?;
    Ok(String::new())
}

pub(crate) fn clippy(context: &Context) -> Result<String> {
    let command = ["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    context.cargo(&command)?;
    Ok(String::new())
}

pub(crate) fn nextest(context: &Context) -> Result<String> {
    let mut command = context.command("cargo");
    command.args(["nextest", "run", "--locked", "--workspace", "--cargo-quiet", "--show-progress", "none"]);
    if context.passed_on.is_empty() {
        // They need a container engine and are the suite `docker`'s.
        command.args(["-E", "not binary_id(hostler-compute-docker::it)"]);
    }
    run(command.args(&context.passed_on))?;
    Ok(String::new())
}

pub(crate) fn doctests(context: &Context) -> Result<String> {
    if !sources::has_examples(context)? {
        return Ok("no comment holds an example".to_owned());
    }
    context.cargo(&["test", "--quiet", "--locked", "--workspace", "--doc"])?;
    Ok(String::new())
}

pub(crate) fn doc(context: &Context) -> Result<String> {
    let mut command = context.command("cargo");
    command.args(["doc", "--quiet", "--locked", "--workspace", "--no-deps"]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(String::new())
}

/// The binary that foreign clients talk to, and the model that misbehaves on command.
pub(crate) fn build_hostler_and_test_model(context: &Context) -> Result<()> {
    let hostler = ["build", "--quiet", "--locked", "--package", "hostler", "--bin", "hostler"];
    let test_model = ["--package", "hostler-testkit", "--bin", "hostler-testmodel"];
    context.cargo(&[&hostler[..], &test_model].concat())
}

/// The binary alone.
pub(crate) fn build_hostler(context: &Context) -> Result<()> {
    context.cargo(&["build", "--quiet", "--locked", "--package", "hostler", "--bin", "hostler"])
}
