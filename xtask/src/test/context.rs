//! What the suites share: where the repository is, what this machine has, how a command is run.
//!
//! Why: "python3 is missing" must be found once and before a suite starts, so that it can be left
//! out with a reason instead of failing half-way.
//! Invariants: a command's output goes straight to the terminal; nothing here decides whether a
//! missing thing is a failure.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::suite::Need;
use super::{node, python};
use crate::engine;

pub(crate) struct Context {
    /// Nothing may be left out.
    pub(crate) all: bool,
    /// Arguments that a suite hands to its tool.
    pub(crate) passed_on: Vec<String>,
    pub(crate) root: PathBuf,
    registry: OnceLock<bool>,
}

impl Context {
    pub(crate) fn new(all: bool, passed_on: Vec<String>) -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("looking for the repository above xtask")?;
        Ok(Self { all, passed_on, root: root.to_owned(), registry: OnceLock::new() })
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> PathBuf {
        match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => self.root.join(directory),
            None => self.root.join("target"),
        }
    }

    /// The binary under test.
    pub(crate) fn hostler(&self) -> PathBuf {
        self.target().join("debug/hostler")
    }

    /// The model server of `hostler-testkit`.
    pub(crate) fn test_model(&self) -> PathBuf {
        self.target().join("debug/hostler-testmodel")
    }

    /// Whether this machine has it; otherwise the reason to print.
    pub(crate) fn has(&self, need: Need) -> Result<(), String> {
        match need {
            Need::Nextest if !answers("cargo", &["nextest", "--version"]) => {
                Err("cargo-nextest is not installed (cargo install cargo-nextest --locked)".into())
            }
            Need::Python if !answers("python3", &["-c", "import venv, ensurepip"]) => {
                Err("python3 with venv is not installed (apt-get install python3-venv)".into())
            }
            Need::Botocore if !python::has_models(self) && !self.registry_answers() => {
                Err("the service models are not cached and PyPI does not answer".into())
            }
            Need::Venv(venv) if !venv.is_made(self) && !self.registry_answers() => {
                Err("the virtual environment is not made and PyPI does not answer".into())
            }
            Need::Node if node::installed_major().is_none_or(|major| major < node::NODE_MAJOR_MIN) => {
                Err(format!(
                    "Node.js {} or newer is not installed (apt-get install nodejs npm)",
                    node::NODE_MAJOR_MIN
                ))
            }
            Need::Node if !answers("npm", &["--version"]) => {
                Err("npm is not installed (apt-get install npm)".into())
            }
            Need::NodePackages if !node::is_made(self) && !npm_registry_answers() => {
                Err("the packages are not installed and the registry of npm does not answer".into())
            }
            Need::Valgrind if !answers("valgrind", &["--version"]) => {
                Err("valgrind is not installed (apt-get install valgrind)".into())
            }
            Need::Engine => engine::missing().map_or(Ok(()), Err),
            Need::Example if !self.root.join("examples/kmeans-digits/expected.json").is_file() => {
                Err("`examples/kmeans-digits` holds no expected answers".into())
            }
            Need::Nextest
            | Need::Python
            | Need::Botocore
            | Need::Venv(_)
            | Need::Node
            | Need::NodePackages
            | Need::Valgrind
            | Need::Example => Ok(()),
        }
    }

    fn registry_answers(&self) -> bool {
        *self.registry.get_or_init(|| {
            let ask = ["-m", "pip", "--timeout", "10", "--retries", "1", "index", "versions", "pip"];
            answers("python3", &ask)
        })
    }

    /// A command that starts in the repository's root.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.root).stdin(Stdio::null());
        if self.all {
            // A test that would leave itself out for want of something on the machine fails instead.
            command.env("HOSTLER_TEST_ALL", "1");
        }
        command
    }

    /// Runs cargo in the repository's root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<()> {
        run(self.command("cargo").args(arguments))
    }
}

/// Runs a command to its end; anything but success is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = Path::new(command.get_program()).display().to_string();
    let status = command.status().with_context(|| format!("starting `{program}`"))?;
    if !status.success() {
        let shown: Vec<String> =
            command.get_args().take(4).map(|part| part.to_string_lossy().into_owned()).collect();
        bail!("`{program} {}` ended with {status}", shown.join(" "));
    }
    Ok(())
}

fn npm_registry_answers() -> bool {
    answers("npm", &["view", "tslib", "version", "--fetch-retries", "1", "--fetch-timeout", "10000"])
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Time since it was started.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "xtask has no tokio, and only reports durations")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
