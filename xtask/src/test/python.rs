//! The suites that need Python: codegen's check and the conformance tests in their own environments.
//!
//! Why: the foreign clients (boto3, the AWS CLI, the SageMaker SDK) are Python programs, pinned with
//! hashes in a `requirements.txt`; nothing is installed outside `target/`. The SDK has an environment and
//! a suite of its own, as it brings far more than all the others.
//! Invariants: an environment is keyed by its requirements and the interpreter, so a change of either
//! makes a new one.
//! Failure: the key is written last; an environment that was half made is made again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use ring::digest::{SHA256, digest};

use super::cargo;
use super::context::{Context, run};

/// A virtual environment under `target/`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    name: &'static str,
    requirements: &'static str,
}

pub(crate) const CONFORMANCE: Environment =
    Environment { name: "conformance-venv", requirements: "conformance/requirements.txt" };

pub(crate) const SDK: Environment =
    Environment { name: "sdk-venv", requirements: "conformance/sdk/requirements.txt" };

pub(crate) fn codegen_is_clean(context: &Context) -> Result<String> {
    let own = std::env::current_exe().context("finding the running xtask")?;
    run(context.command(own).args(["codegen", "--check"]))?;
    Ok(String::new())
}

/// Whether codegen fetched the service models before.
pub(crate) fn has_models(context: &Context) -> bool {
    let found = fs::read_dir(context.root.join("target/botocore"));
    found.is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| entry.path().join("sagemaker.json").is_file()))
    })
}

/// Whether the environment of these requirements is ready.
pub(crate) fn has_venv(context: &Context, environment: &Environment) -> bool {
    let made = fs::read_to_string(venv(context, environment).join("made-for"));
    made.is_ok_and(|made| key(context, environment).is_ok_and(|key| key == made))
}

pub(crate) fn conformance(context: &Context) -> Result<String> {
    pytest(context, &CONFORMANCE, &["--durations=10", "--durations-min=1"])
}

pub(crate) fn sdk(context: &Context) -> Result<String> {
    // The SDK's own use of what it depends on is full of deprecations.
    pytest(context, &SDK, &["-W", "default", "--disable-warnings", "sdk"])
}

fn pytest(context: &Context, environment: &Environment, arguments: &[&str]) -> Result<String> {
    cargo::build_hostler(context)?;
    ensure_venv(context, environment)?;
    let mut command = context.command(venv(context, environment).join("bin/python"));
    command
        .args(["-B", "-m", "pytest", "-p", "no:cacheprovider", "-q"])
        .args(arguments)
        .args(&context.passed_on)
        .current_dir(context.root.join("conformance"))
        .env("HOSTLER_BIN", context.hostler())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut command)?;
    Ok(String::new())
}

fn venv(context: &Context, environment: &Environment) -> PathBuf {
    context.target().join(environment.name)
}

fn key(context: &Context, environment: &Environment) -> Result<String> {
    let requirements = environment.requirements;
    let mut text =
        fs::read(context.root.join(requirements)).with_context(|| format!("reading `{requirements}`"))?;
    let python = Command::new("python3").arg("-VV").output().context("starting `python3`")?;
    text.extend_from_slice(&python.stdout);
    Ok(hex::encode(digest(&SHA256, &text)))
}

fn ensure_venv(context: &Context, environment: &Environment) -> Result<()> {
    if has_venv(context, environment) {
        return Ok(());
    }
    let venv = venv(context, environment);
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("removing the old `{}`", venv.display()))?;
    }
    run(context.command("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut install = context.command(venv.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(install.args(["--require-hashes", "--requirement", environment.requirements]))?;
    let made_for = venv.join("made-for");
    fs::write(&made_for, key(context, environment)?)
        .with_context(|| format!("writing `{}`", made_for.display()))
}
