//! The command: `hostler-sim --seed N` replays one run with its trace, `--seeds FROM..TO` runs many.
//!
//! Why: `cargo xtask sim` and CI need a program, and a person needs the line that shows a failure again.

use std::ops::Range;
use std::process::ExitCode;

use super::parallel::run_seeds;
use super::run::run_seed;

const USAGE: &str = "usage: hostler-sim (--seed N | --seeds FROM..TO) [--threads N]";

enum Wish {
    Replay(u64),
    Many(Range<u64>),
}

/// Does what the arguments say.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's own output")]
pub fn main(arguments: Vec<String>) -> ExitCode {
    let (wish, threads) = match parse(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("error: {error}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match wish {
        Wish::Replay(seed) => {
            let outcome = run_seed(seed, true);
            outcome.trace.iter().for_each(|line| println!("{line}"));
            outcome.complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
            println!("seed {seed}: {} rules broken", outcome.complaints.len());
            exit_code(outcome.complaints.is_empty())
        }
        Wish::Many(seeds) => {
            let asked = seeds.end.saturating_sub(seeds.start);
            let summary = run_seeds(seeds, threads);
            for failure in &summary.failures {
                eprintln!("seed {}: cargo xtask sim --seed {}", failure.seed, failure.seed);
                failure.complaints.iter().for_each(|complaint| eprintln!("  {complaint}"));
            }
            println!("{} of {asked} seeds were run, {} broke rules", summary.runs, summary.failures.len());
            exit_code(summary.failures.is_empty() && summary.runs == asked)
        }
    }
}

fn exit_code(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(arguments: &[String]) -> Result<(Wish, usize), String> {
    let mut wish = None;
    let mut threads = std::thread::available_parallelism().map_or(1, usize::from);
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return Err(format!("`{}` has no value", pair[0])) };
        let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a number"));
        match name.as_str() {
            "--seed" => wish = Some(Wish::Replay(number(value)?)),
            "--seeds" => {
                let (from, to) = value.split_once("..").ok_or("seeds are given as FROM..TO")?;
                wish = Some(Wish::Many(number(from)?..number(to)?));
            }
            "--threads" => threads = number(value)? as usize,
            _ => return Err(format!("there is no option `{name}`")),
        }
    }
    Ok((wish.ok_or("no seed was given")?, threads))
}
