//! The packages of the AWS SDK for JavaScript, under `target/`, as one committed lock file names them.
//!
//! Why: a foreign client that is no Python program; npm's lock file pins every package with its hash, as the
//! requirements of the virtual environments do.
//! Invariants: nothing is installed outside `target/` and no package's script runs; the key is the lock and the
//! interpreter, so a change of either installs anew.
//! Failure: the key is written last; what was half installed is installed again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use ring::digest::{SHA256, digest};

use super::context::{Context, run};

/// Where the lock file is.
const LOCKED: &str = "conformance/js";
/// Both are copied, and npm refuses a pair that does not agree.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];
/// The oldest Node.js that the locked packages run on.
pub(crate) const NODE_MAJOR_MIN: u32 = 18;

/// Where the packages are, made of this lock.
pub(crate) fn dir(context: &Context) -> PathBuf {
    context.target().join("js-env")
}

/// Whether they are there.
pub(crate) fn is_made(context: &Context) -> bool {
    let made = fs::read_to_string(dir(context).join("made-for"));
    made.is_ok_and(|made| key(context).is_ok_and(|key| key == made))
}

/// Installs them unless they are there.
pub(crate) fn ensure(context: &Context) -> Result<()> {
    if is_made(context) {
        return Ok(());
    }
    let dir = dir(context);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("removing the old `{}`", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("making `{}`", dir.display()))?;
    for file in FILES {
        let from = context.root.join(LOCKED).join(file);
        fs::copy(&from, dir.join(file)).with_context(|| format!("copying `{}`", from.display()))?;
    }
    let mut install = context.command("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
    // It ends with a line of its own about what it added.
    run(install.arg("--silent").current_dir(&dir))?;
    let made_for = dir.join("made-for");
    fs::write(&made_for, key(context)?).with_context(|| format!("writing `{}`", made_for.display()))
}

/// The major version that `node` says it is.
pub(crate) fn installed_major() -> Option<u32> {
    let said = Command::new("node").arg("--version").output().ok()?;
    major(&String::from_utf8_lossy(&said.stdout))
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn key(context: &Context) -> Result<String> {
    let mut text = Vec::new();
    for file in FILES {
        let path = context.root.join(LOCKED).join(file);
        text.extend(fs::read(&path).with_context(|| format!("reading `{}`", path.display()))?);
    }
    let node = Command::new("node").arg("--version").output().context("starting `node`")?;
    text.extend_from_slice(&node.stdout);
    Ok(hex::encode(digest(&SHA256, &text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_node_says() {
        assert_eq!(major("v18.20.4\n"), Some(18));
        assert_eq!(major("18.20.4"), None);
        assert_eq!(major(""), None);
    }
}
