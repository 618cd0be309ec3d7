//! Formats, compares and writes the generated files.
//!
//! Why: CI must be able to say that the committed code is what the generator makes, byte for byte.
//! Invariants: `generated.rs` and the folder `generated` belong to codegen alone; a file there that
//! no run would make is removed by a run and named by a check.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use super::pin::Pin;

/// The first lines of every generated file.
pub(crate) fn header(what: &str) -> String {
    format!(
        "//! {what}\n//!\n//! Made by `cargo xtask codegen` from the pinned service model; change the \
         generator, not this file.\n\n"
    )
}

/// One generated file.
#[derive(Debug)]
pub(crate) struct File {
    /// Below `crates/hostler-shapes/src`.
    path: String,
    text: String,
}

impl File {
    pub(crate) fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }

    pub(crate) fn format(&mut self) -> Result<()> {
        self.text = rustfmt(&self.text).with_context(|| format!("formatting `{}`", self.path))?;
        Ok(())
    }
}

/// `generated.rs`: the modules and where they come from.
pub(crate) fn module_list(pin: &Pin, modules: &mut [&str]) -> String {
    modules.sort_unstable();
    let modules: Vec<_> = modules.iter().map(|module| format!("pub(crate) mod {module};")).collect();
    format!(
        "{}{}\n\n/// The botocore release whose service models these files were made from.\n\
         pub const BOTOCORE_VERSION: &str = {:?};\n",
        header("Shapes, constraints and operations of SageMaker hosting."),
        modules.join("\n"),
        pin.version,
    )
}

/// Compares without writing; the differing files are named on stderr.
#[expect(clippy::print_stderr, reason = "the finding of a check belongs on the terminal")]
pub(crate) fn check(directory: &Path, files: &[File]) -> Result<ExitCode> {
    let mut differing = strangers(directory, files)?;
    for file in files {
        let committed = fs::read_to_string(directory.join(&file.path)).unwrap_or_default();
        if committed != file.text {
            differing.insert(file.path.clone());
        }
    }
    if differing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("`cargo xtask codegen` would change these files:");
    for path in &differing {
        eprintln!("  crates/hostler-shapes/src/{path}");
    }
    Ok(ExitCode::FAILURE)
}

pub(crate) fn write(directory: &Path, files: &[File]) -> Result<()> {
    fs::create_dir_all(directory.join("generated"))?;
    for stranger in strangers(directory, files)? {
        let path = directory.join(stranger);
        fs::remove_file(&path).with_context(|| format!("removing `{}`", path.display()))?;
    }
    for file in files {
        let path = directory.join(&file.path);
        // An unchanged file keeps its time, so that cargo does not build for nothing.
        if fs::read_to_string(&path).is_ok_and(|committed| committed == file.text) {
            continue;
        }
        fs::write(&path, &file.text).with_context(|| format!("writing `{}`", path.display()))?;
    }
    Ok(())
}

/// Files in the generated folder that this run did not make.
fn strangers(directory: &Path, files: &[File]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let Ok(entries) = fs::read_dir(directory.join("generated")) else {
        return Ok(found);
    };
    for entry in entries {
        let name = entry?.file_name();
        let path = format!("generated/{}", name.to_string_lossy());
        if !files.iter().any(|file| file.path == path) {
            found.insert(path);
        }
    }
    Ok(found)
}

fn rustfmt(text: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        // The configuration is looked for from here upwards, wherever the command was started.
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--edition", "2024", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting `rustfmt`")?;
    let mut stdin = child.stdin.take().context("opening the input of `rustfmt`")?;
    let text = text.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().context("waiting for `rustfmt`")?;
    let fed = feeder.join();
    ensure!(
        output.status.success(),
        "`rustfmt` ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim(),
    );
    ensure!(matches!(fed, Ok(Ok(()))), "`rustfmt` did not read all of its input");
    String::from_utf8(output.stdout).context("reading what `rustfmt` wrote")
}
