//! The small process that stays with an instance for life, and its helper that becomes a container.
//!
//! Why: what a server holds dies with the server; this holds the lock, the log, the limits and the memory of how it
//! ended. Plain threads and blocking calls: it sleeps in the kernel and costs a few pages.
//! Invariants: it launches at most once, since a directory with `supervisor.json` in it is refused. It is a child
//! subreaper, so nothing an instance started outlives it while it lives itself. Containers live together: it ends when
//! all of them have ended, and the first that does takes the others with it.
//! Failure: killed with signal 9, the kernel kills the containers' main processes with it; the server (now or at its
//! next start) sweeps the rest and reports that the end was unseen.

mod contain;
mod events;
mod launch;
mod namespace;
mod opt_ml;
mod watch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::failure;
use crate::machine::OptMlRefused;

pub(crate) use namespace::Refused;

/// The hidden subcommands.
pub(crate) const SUPERVISE: &str = "supervise";
pub(crate) const CONTAIN: &str = "contain";
pub(crate) const TRY_OPT_ML: &str = "try-opt-ml";

/// Runs `supervise DIR`, `contain PID POSITION` or `try-opt-ml DIR` when the arguments (without the program's name) ask for it. To be called
/// first thing in `main`, before a runtime, a logger or a thread exists.
pub fn run_hidden(arguments: &[OsString]) -> Option<ExitCode> {
    let (word, rest) = arguments.split_first()?;
    let result = match (word.to_str()?, rest) {
        (SUPERVISE, [dir]) => watch::supervise(Path::new(dir)),
        (CONTAIN, [supervisor, position]) => contain::contain(supervisor, position),
        (TRY_OPT_ML, [dir]) => try_opt_ml(Path::new(dir)),
        _ => return None,
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is `supervisor.log` in the instance's directory.
            let _ = writeln!(std::io::stderr(), "hostler {}: {error}", word.to_string_lossy());
            ExitCode::FAILURE
        }
    })
}

/// Takes `/opt/ml/model` as an instance would, and says on standard output what came of it.
fn try_opt_ml(model: &Path) -> std::io::Result<()> {
    let refused = opt_ml::give(model, &BTreeMap::new()).err().map(|refused| OptMlRefused {
        what: refused.to_string(),
        to_do: failure::opt_ml_hint(&refused).1.to_owned(),
    });
    std::io::stdout().write_all(&serde_json::to_vec(&refused)?)
}
