//! The suite `docker`: what runs in a container engine, an engine that is started for it and stopped after it.
//!
//! Why: the Docker backend's own tests and the endpoints that boto3 makes of other people's images need an engine,
//! registries and images; where none can be started, this suite alone is left out.
//! Invariants: everything is built before the engine starts, because inside its network there is no registry of packages.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use super::context::{Context, run};
use super::python;
use crate::engine;

const BACKEND: &str = "hostler-compute-docker";

pub(crate) fn suite(context: &Context) -> Result<String> {
    // What fails in one does not hide the other.
    let backend = backend(context);
    servers(context)?;
    backend.map(|()| String::new())
}

/// The backend's own tests.
fn backend(context: &Context) -> Result<()> {
    let nextest = |context: &Context| {
        let mut command = context.command("cargo");
        command.args(["nextest", "run", "--locked", "--package", BACKEND, "--test", "it", "--cargo-quiet"]);
        command
    };
    run(nextest(context).arg("--no-run"))?;
    let mut command = nextest(context);
    command.args(["--offline", "--show-progress", "none"]);
    beside(&command)
}

/// Endpoints of images with other people's model servers, made by boto3.
fn servers(context: &Context) -> Result<()> {
    let mut parts = context.command("python3");
    run(parts.args(["-B", "conformance/docker/parts.py"]).arg(parts_dir(context)))?;
    let mut command = python::conformance_tests(context)?;
    command.env("HOSTLER_DOCKER_PARTS", parts_dir(context)).arg("docker").args(&context.passed_on);
    beside(&command)
}

/// What images are made of, fetched once.
fn parts_dir(context: &Context) -> PathBuf {
    context.target().join("docker-parts")
}

fn beside(command: &Command) -> Result<()> {
    let status = engine::beside(command)?;
    ensure!(status.success(), "`{}` ended with {status}", command.get_program().display());
    Ok(())
}
