//! Why an instance ended, in AWS's words where AWS has them, then in ours.
//!
//! Why: `FailureReason` is what a user reads first and often only; it must start with the sentence that clients match
//! on and go on with what they can act on.
//! Invariants: at most 1,024 characters, cut at a character; AWS's sentence comes first and is never cut.

use std::fmt;

use hostler_compute::{ExitCause, Fault, InstanceFailure};
use hostler_types::{EndpointRecord, InstanceId};

use super::Policy;
use crate::prober::PingTrouble;

/// The service model's limit on `FailureReason`, in characters.
const FAILURE_REASON_CHARS: usize = 1024;

/// Why an instance ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyFailed {
    /// It ran and ended.
    Exited {
        /// Which of several containers it was.
        container: Option<String>,
        /// How.
        cause: ExitCause,
        /// Its last lines.
        log_tail: String,
    },
    /// It never ran.
    NeverRan(InstanceFailure),
    /// `/ping` was not 200 in time; the last answer.
    PingTimeout(PingTrouble),
    /// `/ping` stopped being 200; the last answer.
    Sick(PingTrouble),
    /// The backend does not know it any more.
    Vanished,
}

impl fmt::Display for WhyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { container, cause, .. } => {
                f.write_str("the container ")?;
                if let Some(container) = container {
                    write!(f, "`{container}` ")?;
                }
                match cause {
                    ExitCause::Code(code) => write!(f, "exited with code {code}"),
                    ExitCause::Signal(signal) => write!(f, "was ended by signal {signal}"),
                    ExitCause::OutOfMemory { limit_bytes } => write!(
                        f,
                        "was killed for using more memory than its limit of {} MiB",
                        limit_bytes / (1024 * 1024)
                    ),
                    ExitCause::Unseen => f.write_str("ended while nobody watched it"),
                }
            }
            Self::NeverRan(InstanceFailure { container: Some(container), detail, .. }) => {
                write!(f, "container `{container}`: {detail}")
            }
            Self::NeverRan(failure) => f.write_str(&failure.detail),
            Self::PingTimeout(last) => {
                write!(f, "GET /ping was not answered with 200 in time; the last try: {last}")
            }
            Self::Sick(last) => write!(f, "GET /ping stopped being answered with 200; the last try: {last}"),
            Self::Vanished => f.write_str("the instance vanished from its backend"),
        }
    }
}

impl WhyFailed {
    /// Which of several containers it was, where it was one of them.
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::Exited { container, .. }
            | Self::NeverRan(InstanceFailure { container, .. })
            | Self::PingTimeout(PingTrouble { container, .. })
            | Self::Sick(PingTrouble { container, .. }) => container.as_deref(),
            Self::Vanished => None,
        }
    }

    /// The text for `FailureReason`.
    pub fn failure_reason(&self, endpoint: &EndpointRecord, id: &InstanceId, container: &str) -> String {
        let sentence = self.aws_sentence(id, container);
        let tail = match self {
            Self::Exited { log_tail, .. } if !log_tail.trim().is_empty() => {
                format!(" Its last words: {}", stopped(last_line(log_tail)))
            }
            _ => String::new(),
        };
        let text = format!("{sentence} Hostler: {}{tail}", stopped(&self.to_string()));
        // Where the log is comes last and is kept: of a long text the middle is what can be missed.
        let which = match (self.where_to_look(), self.container()) {
            ("logs", Some(container)) => format!(" --container {container}"),
            _ => String::new(),
        };
        let end = format!(" See `hostler {} {}{which}`.", self.where_to_look(), endpoint.name);
        let room = FAILURE_REASON_CHARS.saturating_sub(end.chars().count());
        let kept = if text.chars().count() > room { room.saturating_sub(1) } else { room };
        let cut = (kept < room).then_some('…');
        text.chars().take(kept).chain(cut).chain(end.chars()).collect()
    }

    /// The command that shows more: there is no log of what never ran.
    fn where_to_look(&self) -> &'static str {
        match self {
            Self::NeverRan(_) => "diagnose",
            Self::Exited { .. } | Self::PingTimeout(_) | Self::Sick(_) | Self::Vanished => "logs",
        }
    }

    fn aws_sentence(&self, id: &InstanceId, container: &str) -> String {
        let ping = || {
            let kind = if container == "primary" {
                "primary container".to_owned()
            } else {
                format!("{container} container")
            };
            format!(
                "The {kind} for production variant {} did not pass the ping health check. \
                 Please check CloudWatch logs for this endpoint.",
                id.variant
            )
        };
        match self {
            Self::NeverRan(failure) => match (&failure.aws_sentence, failure.fault) {
                (Some(sentence), _) => sentence.clone(),
                (None, Fault::Capacity | Fault::NeverFits) => {
                    "Unable to provision requested ML compute capacity due to \
                                            InsufficientInstanceCapacity error."
                        .to_owned()
                }
                (None, Fault::Infrastructure) => "Request to service failed.".to_owned(),
                (None, Fault::User) => ping(),
            },
            Self::Vanished | Self::Exited { cause: ExitCause::Unseen, .. } => {
                "Request to service failed.".to_owned()
            }
            Self::Exited { .. } | Self::PingTimeout(_) | Self::Sick(_) => ping(),
        }
    }
}

/// Two reasons in one text; of a long one the middle is what is missed.
pub(super) fn two_reasons(first: &str, second: &str) -> String {
    let link = " The rollback failed too: ";
    let room = FAILURE_REASON_CHARS - link.len();
    let second = shortened(second, room.saturating_sub(first.chars().count()).max(room / 2));
    let first = shortened(first, room - second.chars().count());
    format!("{first}{link}{second}")
}

/// At most so many characters, with both ends.
fn shortened(text: &str, chars_max: usize) -> String {
    /// Room for where the log is.
    const END_CHARS: usize = 100;
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= chars_max {
        return text.to_owned();
    }
    let end = &chars[chars.len() - END_CHARS.min(chars_max / 2)..];
    let beginning = &chars[..chars_max - end.len() - 1];
    beginning.iter().chain(&['…']).chain(end).collect()
}

/// The pause before the next launch after `failures` failures in a row.
pub fn backoff_ms(failures: u32, policy: &Policy) -> i64 {
    let doublings = failures.saturating_sub(1).min(30);
    policy.backoff_min_ms.saturating_mul(1_i64 << doublings).min(policy.backoff_max_ms)
}

/// A text as a sentence, so that the next one does not run into it.
fn stopped(text: &str) -> String {
    let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{text}{stop}")
}

/// The last line that says something: what a traceback ends with.
fn last_line(log_tail: &str) -> &str {
    log_tail.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
}
