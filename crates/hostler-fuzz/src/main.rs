//! `hostler-fuzz`: every harness over the stored corpus and generated inputs, without a fuzzer.
//!
//! Why: CI has a stable compiler and two minutes. Each harness runs in a process of its own, so that one that overflows
//! its stack, runs out of memory or never ends is a finding with its input, and not the end of the run.
//! Invariants: a run is decided by its seed and its counts; a failing input is stored in `fuzz/artifacts` and named with
//! the line that repeats it.

mod child;
mod parent;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rand::Rng as _;

/// Generated inputs of each harness, unless another number is given.
const INPUTS: u64 = 30_000;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");

const USAGE: &str = "usage: hostler-fuzz [--seed N] [--inputs N] [HARNESS ...]\n       \
                     hostler-fuzz --input FILE HARNESS\n       hostler-fuzz --emit DIRECTORY [--seed N] [--inputs N] [HARNESS ...]\n       hostler-fuzz --list";

/// What to run.
#[derive(Clone, Debug)]
struct Run {
    seed: u64,
    inputs: u64,
    names: Vec<String>,
    /// Run this one input and nothing else.
    input: Option<PathBuf>,
    /// Write generated inputs into this directory, to begin a fuzzer's corpus with, and run none.
    emit: Option<PathBuf>,
    /// We are the process of one harness; the file in which it keeps what it is at.
    notes: Option<PathBuf>,
    is_list: bool,
}

fn main() -> ExitCode {
    let run = match read(std::env::args().skip(1)) {
        Ok(run) => run,
        Err(what) => {
            say(&format!("{what}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    if run.is_list {
        for harness in hostler_fuzz::HARNESSES {
            say(&format!("{:16} {}", harness.name, harness.about));
        }
        return ExitCode::SUCCESS;
    }
    match &run.notes {
        Some(notes) => child::run(&run, notes),
        None if run.emit.is_some() => child::emit(&run),
        None if run.input.is_some() => child::run_one(&run),
        None => parent::run(&run),
    }
}

fn read(arguments: impl Iterator<Item = String>) -> Result<Run, String> {
    let mut run = Run {
        seed: rand::rng().random_range(0..1_000_000_000),
        inputs: INPUTS,
        names: Vec::new(),
        input: None,
        emit: None,
        notes: None,
        is_list: false,
    };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("`{text}` is no number"));
        match argument.as_str() {
            "--seed" => run.seed = number(value()?)?,
            "--inputs" => run.inputs = number(value()?)?,
            "--input" => run.input = Some(value()?.into()),
            "--emit" => run.emit = Some(value()?.into()),
            "--notes" => run.notes = Some(value()?.into()),
            "--list" => run.is_list = true,
            name if hostler_fuzz::harness(name).is_some() => run.names.push(argument),
            other => return Err(format!("there is no harness `{other}`")),
        }
    }
    if run.names.is_empty() {
        run.names = hostler_fuzz::HARNESSES.iter().map(|harness| harness.name.to_owned()).collect();
    }
    Ok(run)
}

/// Where the corpus is.
fn corpus() -> PathBuf {
    Path::new(FUZZ).join("corpus")
}

/// Where inputs go that a harness failed with.
fn artifacts() -> PathBuf {
    Path::new(FUZZ).join("artifacts")
}

#[expect(clippy::print_stdout, reason = "what was found belongs on stdout")]
fn say(line: &str) {
    println!("{line}");
}
