//! The suites that need Python: codegen's check and the conformance tests in their own environment.
//!
//! Why: the foreign clients (boto3, the AWS CLI) are Python programs, pinned with hashes in
//! `conformance/requirements.txt`; nothing is installed outside `target/`.
//! Invariants: the environment is keyed by the requirements and the interpreter, so a change of
//! either makes a new one.
//! Failure: the key is written last; an environment that was half made is made again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use ring::digest::{SHA256, digest};

use super::cargo;
use super::context::{Context, run};

const REQUIREMENTS: &str = "conformance/requirements.txt";

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
pub(crate) fn has_venv(context: &Context) -> bool {
    let made = fs::read_to_string(venv(context).join("made-for"));
    made.is_ok_and(|made| key(context).is_ok_and(|key| key == made))
}

pub(crate) fn conformance(context: &Context) -> Result<String> {
    cargo::build_hostler(context)?;
    ensure_venv(context)?;
    let mut command = context.command(venv(context).join("bin/python"));
    command
        .args(["-B", "-m", "pytest", "-p", "no:cacheprovider", "--durations=10", "--durations-min=1"])
        .arg("-q")
        .args(&context.passed_on)
        .current_dir(context.root.join("conformance"))
        .env("HOSTLER_BIN", context.hostler())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut command)?;
    Ok(String::new())
}

fn venv(context: &Context) -> PathBuf {
    context.target().join("conformance-venv")
}

fn key(context: &Context) -> Result<String> {
    let requirements = context.root.join(REQUIREMENTS);
    let mut text = fs::read(&requirements).with_context(|| format!("reading `{REQUIREMENTS}`"))?;
    let python = Command::new("python3").arg("-VV").output().context("starting `python3`")?;
    text.extend_from_slice(&python.stdout);
    Ok(hex::encode(digest(&SHA256, &text)))
}

fn ensure_venv(context: &Context) -> Result<()> {
    if has_venv(context) {
        return Ok(());
    }
    let venv = venv(context);
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("removing the old `{}`", venv.display()))?;
    }
    run(context.command("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut install = context.command(venv.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(install.args(["--require-hashes", "--requirement", REQUIREMENTS]))?;
    let made_for = venv.join("made-for");
    fs::write(&made_for, key(context)?).with_context(|| format!("writing `{}`", made_for.display()))
}
