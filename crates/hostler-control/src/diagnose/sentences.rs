//! The sentences: for each cause what happened, in words for somebody who meets it for the first time, and what to try.
//!
//! Why: in one place, a file for each phase, so that they are one voice, and so that a cause without a sentence does not compile.
//! Invariants: pure. A sentence needs no other to be understood; a step can be carried out as it stands.

mod data;
mod image;
mod invocation;
mod ping;
mod start;

use hostler_types::{FailureCause, FailurePhase, FailureRecord};

pub(super) use self::invocation::of_invocation;
use super::{Context, Evidence, Finding};

/// What a cause is called in an answer, what to say of it, and what to try.
struct Told {
    sentence: String,
    next: Vec<String>,
}

/// The finding of a failure that was written down.
pub(super) fn of_failure(failure: &FailureRecord, failures: Option<u64>, context: &Context) -> Finding {
    let Told { sentence, next } = match failure.phase {
        _ if image::is_one(&failure.cause) => image::of_image(failure, context),
        FailurePhase::Fetch | FailurePhase::Unpack => data::of_data(failure, context),
        FailurePhase::Ping => ping::of_ping(failure, context),
        FailurePhase::Start | FailurePhase::Invoke => start::of_start(failure, context),
    };
    let sentence = match &failure.container {
        Some(container) => format!("Container `{container}`: {sentence}"),
        None => sentence,
    };
    let (exit_code, signal, memory_limit_bytes) = match failure.cause {
        FailureCause::Exited { code } => (Some(code), None, None),
        FailureCause::Signalled { signal } => (None, Some(signal), None),
        FailureCause::OutOfMemory { limit_bytes } => (None, None, Some(limit_bytes)),
        _ => (None, None, None),
    };
    Finding {
        phase: failure.phase,
        cause: cause_word(&failure.cause),
        sentence,
        next,
        evidence: Evidence {
            at: Some(failure.at),
            instance: Some(failure.instance.clone()),
            container: failure.container.clone(),
            detail: failure.detail.clone(),
            exit_code,
            signal,
            memory_limit_bytes,
            expected_address: failure.expected,
            listens_on: failure.listened.clone(),
            failures,
            log_tail: failure.log_tail.clone(),
        },
    }
}

fn disk_full() -> Told {
    told(
        "The disk that holds the server's data directory is full.".to_owned(),
        [
            "free some space; `hostler doctor` shows how much is left".to_owned(),
            "delete endpoints and objects that are not needed, or move the data directory to a larger disk"
                .to_owned(),
        ],
    )
}

fn told<const N: usize>(sentence: String, next: [String; N]) -> Told {
    let mut letters = sentence.chars();
    // Some begin with a name in quotes, some with what was said before.
    let sentence = letters.next().map(|first| first.to_uppercase().chain(letters).collect());
    Told { sentence: sentence.unwrap_or_default(), next: next.into() }
}

fn see_logs(context: &Context) -> String {
    format!("`{}` shows what it wrote", logs_command(context))
}

fn logs_command(context: &Context) -> String {
    let which = context.container.as_ref().map(|container| format!(" --container {container}"));
    format!("hostler logs {}{}", context.endpoint, which.unwrap_or_default())
}

/// A name in quotes, or a word for what has none.
fn named(name: &str, word: &str) -> String {
    if name.is_empty() { word.to_owned() } else { format!("`{name}`") }
}

/// The cause's name without what it holds.
fn cause_word(cause: &FailureCause) -> String {
    let word = format!("{cause:?}");
    word.split([' ', '{']).next().unwrap_or_default().to_owned()
}
