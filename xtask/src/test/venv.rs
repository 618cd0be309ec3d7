//! Virtual environments under `target/`, each made of one file of pinned requirements.
//!
//! Why: foreign clients and foreign servers are Python programs; they are pinned with hashes, installed on first use
//! and never outside `target/`. Those that do not go together have an environment each.
//! Invariants: an environment is keyed by its requirements and the interpreter, so a change of either makes a new
//! one.
//! Failure: the key is written last; an environment that was half made is made again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use ring::digest::{SHA256, digest};

use super::context::{Context, run};

/// The foreign clients, and what runs the tests.
pub(crate) const CONFORMANCE: Venv =
    Venv { name: "conformance-venv", requirements: "conformance/requirements.txt" };
/// Model servers of others, to be deployed.
pub(crate) const SERVERS: Venv =
    Venv { name: "servers-venv", requirements: "conformance/servers/requirements.txt" };
/// The SageMaker SDK, version 2, with all that it brings, and what runs its tests.
pub(crate) const SDK: Venv = Venv { name: "sdk-venv", requirements: "conformance/sdk/requirements.txt" };
/// Version 3, which is another library under the same name.
pub(crate) const SDK3: Venv = Venv { name: "sdk3-venv", requirements: "conformance/sdk3/requirements.txt" };

/// One environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Venv {
    /// Its directory under `target/`.
    name: &'static str,
    /// The pinned requirements, from the repository's root.
    requirements: &'static str,
}

impl Venv {
    /// What runs programs in it.
    pub(crate) fn python(self, context: &Context) -> PathBuf {
        self.dir(context).join("bin/python")
    }

    /// Whether it is there, made of these requirements.
    pub(crate) fn is_made(self, context: &Context) -> bool {
        let made = fs::read_to_string(self.dir(context).join("made-for"));
        made.is_ok_and(|made| self.key(context).is_ok_and(|key| key == made))
    }

    /// Makes it unless it is there.
    pub(crate) fn ensure(self, context: &Context) -> Result<()> {
        if self.is_made(context) {
            return Ok(());
        }
        let dir = self.dir(context);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("removing the old `{}`", dir.display()))?;
        }
        run(context.command("python3").args(["-m", "venv"]).arg(&dir))?;
        let mut install = context.command(self.python(context));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(install.args(["--require-hashes", "--requirement", self.requirements]))?;
        let made_for = dir.join("made-for");
        fs::write(&made_for, self.key(context)?).with_context(|| format!("writing `{}`", made_for.display()))
    }

    fn dir(self, context: &Context) -> PathBuf {
        context.target().join(self.name)
    }

    fn key(self, context: &Context) -> Result<String> {
        let requirements = context.root.join(self.requirements);
        let mut text = fs::read(&requirements).with_context(|| format!("reading `{}`", self.requirements))?;
        let python = Command::new("python3").arg("-VV").output().context("starting `python3`")?;
        text.extend_from_slice(&python.stdout);
        Ok(hex::encode(digest(&SHA256, &text)))
    }
}
