//! Starts a process for each harness, two at a time, and says what became of them.
//!
//! Invariants: every process is waited for and has an end; what it was at when it failed is kept.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{Run, artifacts, say};

/// CI's machine has two cores.
const AT_ONCE: usize = 2;

/// Runs all; fails when one did.
pub(crate) fn run(run: &Run) -> ExitCode {
    say(&format!("seed {}, {} generated inputs for each harness", run.seed, run.inputs));
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(name) = run.names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = one(run, name) {
                        say(&why);
                        failed.lock().expect("nobody panics with it").push(name.clone());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panicked with it");
    if failed.is_empty() {
        say(&format!("{} harnesses held, seed {}", run.names.len(), run.seed));
        return ExitCode::SUCCESS;
    }
    say(&format!(
        "{} of {} harnesses failed, seed {}: {}",
        failed.len(),
        run.names.len(),
        run.seed,
        failed.join(", ")
    ));
    ExitCode::FAILURE
}

/// Runs one harness in a process of its own; the error is what a person needs to go on.
fn one(run: &Run, name: &str) -> Result<(), String> {
    let notes =
        tempfile::NamedTempFile::new().map_err(|error| format!("{name}: no file for notes: {error}"))?;
    let program = std::env::current_exe().map_err(|error| format!("{name}: where am I: {error}"))?;
    let mut command = Command::new(program);
    command.arg("--notes").arg(notes.path());
    command.args(["--seed", &run.seed.to_string(), "--inputs", &run.inputs.to_string(), name]);
    let output = command.output().map_err(|error| format!("{name}: starting a process failed: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        say(said.trim_end());
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    let kept = keep(notes.path(), name).unwrap_or_else(|error| format!("(keeping it failed: {error})"));
    Err(format!(
        "{name}: FAILED ({})\n{}\n  the input: {kept}\n  again: cargo xtask fuzz --input {kept} {name}",
        output.status,
        why.trim_end()
    ))
}

/// Keeps the input that a harness was at.
fn keep(notes: &Path, name: &str) -> std::io::Result<String> {
    let input = fs::read(notes)?;
    let directory = artifacts().join(name);
    fs::create_dir_all(&directory)?;
    let sum = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let file = directory.join(format!("stable-{sum:016x}"));
    fs::write(&file, input)?;
    Ok(file.display().to_string())
}
