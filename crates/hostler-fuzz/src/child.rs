//! The process of one harness: the stored inputs, then the generated ones.
//!
//! Invariants: an input is written to the notes before it is run, so whoever started this process has it whatever
//! happens. The harness runs on a thread with the stack of the server's own threads.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use hostler_fuzz::generate::Source;
use hostler_fuzz::{Harness, bounds, corpus, harness};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::{Run, say};

/// Of tokio's worker threads, and of the gateway's.
const STACK_BYTES: usize = 2 << 20;
/// CPU time that one input may take. Inputs have at most some hundred kilobytes, and the slowest honest one takes a
/// fiftieth of this: whatever takes longer does work that grows faster than the input.
const CPU_MS_MAX: u64 = 2000;
/// CPU time of the whole process, so that an input that never ends does end: the system then kills it.
const PROCESS_CPU_S_MAX: u64 = 120;
/// Memory of the whole process: a decoder that takes a length at its word is refused it.
const PROCESS_BYTES_MAX: u64 = 4 << 30;

/// What an input cost at most.
#[derive(Debug, Default)]
struct Costs {
    inputs: u64,
    cpu_ms: u64,
    peak_bytes: usize,
}

/// Runs the one harness that is named.
pub(crate) fn run(run: &Run, notes: &Path) -> ExitCode {
    let harness = named(run);
    limit(Resource::Cpu, PROCESS_CPU_S_MAX);
    limit(Resource::As, PROCESS_BYTES_MAX);
    let notes = File::options().write(true).open(notes).expect("the parent made it");
    let stored = corpus::load(&crate::corpus(), harness.name).expect("the corpus is readable");
    let (seed, inputs) = (run.seed, run.inputs);
    on_a_servers_stack(move || {
        let mut costs = Costs::default();
        for input in &stored {
            try_one(harness, input, &notes, &mut costs);
        }
        for index in 0..inputs {
            let mut source = Source::new(seed_of(seed, harness.name, index));
            let input = match stored.get(source.below(stored.len().max(1))) {
                Some(stored_one) if !source.one_in(3) => source.mutated(stored_one, &stored, harness.words),
                _ => (harness.generate)(&mut source),
            };
            try_one(harness, &input, &notes, &mut costs);
        }
        let Costs { inputs, cpu_ms, peak_bytes } = costs;
        let name = harness.name;
        say(&format!(
            "{name:16} {inputs:6} inputs ({} stored), slowest {cpu_ms} ms, peak {} KiB",
            stored.len(),
            peak_bytes >> 10
        ));
    })
}

/// Runs one input from a file.
pub(crate) fn run_one(run: &Run) -> ExitCode {
    let harness = named(run);
    let file = run.input.clone().expect("it was asked for");
    let input = std::fs::read(&file).unwrap_or_else(|error| panic!("`{}`: {error}", file.display()));
    on_a_servers_stack(move || {
        let started = cpu_ms();
        bounds::peak_bytes();
        (harness.run)(&input);
        let (took, peak) = (cpu_ms() - started, bounds::peak_bytes());
        say(&format!("{} bytes, {took} ms of CPU time, peak {} KiB", input.len(), peak >> 10));
    })
}

/// Writes what the harnesses' own generators make.
pub(crate) fn emit(run: &Run) -> ExitCode {
    let directory = run.emit.as_ref().expect("it was asked for");
    for harness in run.names.iter().filter_map(|name| harness(name)) {
        let own = directory.join(harness.name);
        std::fs::create_dir_all(&own).expect("the directory can be made");
        for index in 0..run.inputs {
            let mut source = Source::new(seed_of(run.seed, harness.name, index));
            let input = (harness.generate)(&mut source);
            std::fs::write(own.join(format!("generated-{index:05}")), input)
                .expect("the directory can be written");
        }
    }
    ExitCode::SUCCESS
}

fn limit(resource: Resource, most: u64) {
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).expect("limits may be lowered");
}

fn named(run: &Run) -> &'static Harness {
    run.names.first().and_then(|name| harness(name)).expect("names were checked when they were read")
}

fn on_a_servers_stack(work: impl FnOnce() + Send + 'static) -> ExitCode {
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
    // A panic has said what it has to say.
    match thread.expect("threads can be started").join() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn try_one(harness: &Harness, input: &[u8], notes: &File, costs: &mut Costs) {
    let note = notes.set_len(0).and_then(|()| notes.write_all_at(input, 0));
    note.expect("the notes can be written");
    bounds::peak_bytes();
    let started = cpu_ms();
    (harness.run)(input);
    let took = cpu_ms() - started;
    assert!(took <= CPU_MS_MAX, "an input of {} bytes took {took} ms of CPU time", input.len());
    costs.inputs += 1;
    costs.cpu_ms = costs.cpu_ms.max(took);
    costs.peak_bytes = costs.peak_bytes.max(bounds::peak_bytes());
}

fn cpu_ms() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Every input has a seed of its own, so that what is done with one says nothing about the next.
fn seed_of(seed: u64, name: &str, index: u64) -> u64 {
    let mixed = name.bytes().fold(seed, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mixed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
