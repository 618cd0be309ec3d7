//! The suites that need Python: codegen's check, and what foreign clients and foreign servers say of the binary.
//!
//! Why: boto3, the AWS CLI, the SageMaker SDKs and the model servers that people have are Python programs. Each SageMaker
//! SDK has an environment and a suite of its own, as it brings far more than all the others. The AWS SDK for JavaScript
//! is none, but its tests are started by pytest, too.
//! Invariants: nothing is installed outside `target/`; pytest runs in the environment of the clients that it drives.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::cargo;
use super::context::{Context, run};
use super::node;
use super::venv::{CONFORMANCE, SDK, SDK3, SERVERS, Venv};

/// The conformance tests that look at how the others ended.
const SPEAKS_OF_OTHERS: &str = "test_compatibility.py";

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

/// boto3 and the AWS CLI as clients.
///
/// The whole suite runs in two processes, file by file: its tests mostly wait, and each file has servers of its own.
/// What speaks of other tests comes in a second part, which is told how the first one's ended.
pub(crate) fn conformance(context: &Context) -> Result<String> {
    if !context.passed_on.is_empty() {
        run(pytest(context, CONFORMANCE)?.args(&context.passed_on))?;
        return Ok(String::new());
    }
    let outcomes = context.target().join("tmp/conformance-outcomes.json");
    fs::create_dir_all(outcomes.parent().expect("a file has a directory"))?;
    let mut first = pytest(context, CONFORMANCE)?;
    first
        .args(["-n", "2", "--dist", "loadfile", "--ignore", SPEAKS_OF_OTHERS, "--outcomes-to"])
        .arg(&outcomes);
    let ended = run(&mut first);
    let mut second = pytest(context, CONFORMANCE)?;
    run(second.arg(SPEAKS_OF_OTHERS).arg("--outcomes-from").arg(&outcomes))?;
    ended?;
    Ok(String::new())
}

/// pytest with the environment of boto3, for a folder that the caller names.
pub(crate) fn conformance_tests(context: &Context) -> Result<Command> {
    pytest(context, CONFORMANCE)
}

/// Model servers of others, deployed and invoked by boto3.
pub(crate) fn servers(context: &Context) -> Result<String> {
    SERVERS.ensure(context)?;
    let mut command = pytest(context, CONFORMANCE)?;
    command.env("HOSTLER_SERVERS_PYTHON", SERVERS.python(context));
    run(command.arg("servers").args(&context.passed_on))?;
    Ok(String::new())
}

/// A load with kills and updates; its figures are printed as it goes. `--minutes 30` after `--` makes it longer.
pub(crate) fn soak(context: &Context) -> Result<String> {
    run(pytest(context, CONFORMANCE)?.arg("soak").args(&context.passed_on))?;
    Ok(String::new())
}

/// The AWS SDK for JavaScript as a client; pytest starts the servers and Node.js.
pub(crate) fn js(context: &Context) -> Result<String> {
    node::ensure(context)?;
    let mut command = pytest(context, CONFORMANCE)?;
    command.env("HOSTLER_JS_ENV", node::dir(context));
    run(command.arg("js").args(&context.passed_on))?;
    Ok(String::new())
}

/// The SageMaker SDK, version 2, as a client.
pub(crate) fn sdk(context: &Context) -> Result<String> {
    sagemaker_sdk(context, SDK, "sdk")
}

/// Version 3.
pub(crate) fn sdk3(context: &Context) -> Result<String> {
    sagemaker_sdk(context, SDK3, "sdk3")
}

fn sagemaker_sdk(context: &Context, clients: Venv, folder: &str) -> Result<String> {
    let mut command = pytest(context, clients)?;
    // The SDK's own use of what it depends on is full of deprecations.
    run(command.args(["-W", "default", "--disable-warnings", folder]).args(&context.passed_on))?;
    Ok(String::new())
}

/// pytest over `conformance/` in one environment, with the binaries that it tests built.
fn pytest(context: &Context, clients: Venv) -> Result<Command> {
    cargo::build_hostler_and_test_model(context)?;
    clients.ensure(context)?;
    let mut command = context.command(clients.python(context));
    command
        .args(["-B", "-m", "pytest", "-p", "no:cacheprovider", "--durations=10", "--durations-min=1", "-q"])
        .current_dir(context.root.join("conformance"))
        .env("HOSTLER_BIN", context.hostler())
        .env("HOSTLER_TESTMODEL", context.test_model())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}
