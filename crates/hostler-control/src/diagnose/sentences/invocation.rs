//! What is said of invocations that fail at an instance that is healthy.

use hostler_types::{FailurePhase, InvocationFailure, InvocationTrouble};

use super::super::{Context, Evidence, Finding, Seen, invocation_word};
use super::{logs_command, see_logs};

/// The finding of invocations that fail at an instance that is healthy.
pub(in crate::diagnose) fn of_invocation(
    seen: &Seen,
    trouble: &InvocationTrouble,
    context: &Context,
    log_tail: String,
) -> Finding {
    let times = match trouble.in_a_row {
        1 => "The last invocation".to_owned(),
        many => format!("The last {many} invocations"),
    };
    let logs = see_logs(context);
    let (sentence, next) = match trouble.failure {
        InvocationFailure::Answered { status: 415 } => (
            format!("{times} got status 415 from the model: it does not take the content type of the request."),
            vec![
                "send the ContentType that the model's code reads, for example text/csv or application/json"
                    .to_owned(),
                logs,
            ],
        ),
        InvocationFailure::Answered { status: status @ 400..=499 } => (
            format!("{times} got status {status} from the model: it refuses what it was sent."),
            vec![
                "compare body, ContentType and Accept of the request with what the model's code expects; its own \
                 words are the OriginalMessage of the error"
                    .to_owned(),
                logs,
            ],
        ),
        InvocationFailure::Answered { status } => (
            format!(
                "{times} got status {status} from the model: it is healthy by /ping, and its code fails on \
                 /invocations."
            ),
            vec![
                format!("look for the error in the log: `{}`", logs_command(context)),
                "send the same body to the model on your own machine".to_owned(),
            ],
        ),
        InvocationFailure::TimedOut => (
            format!("{times} got no answer from the model within the time that a request may take."),
            vec![
                "try a smaller request; if it is right that answers take longer, give the endpoint more time by its tag \
                 hostler:model_timeout_s, or all of them by model_timeout_s under [limits] in hostler.toml"
                    .to_owned(),
                "a model that hangs on one request only needs more workers or threads".to_owned(),
                logs,
            ],
        ),
        InvocationFailure::Lost => (
            format!("{times} lost the connection: the model closed it, or ended, before it had answered."),
            vec![
                format!("`hostler history {}` and `hostler describe` show whether it was replaced", context.endpoint),
                logs,
            ],
        ),
    };
    let ago = trouble.ago_ms / 1000;
    Finding {
        phase: FailurePhase::Invoke,
        cause: invocation_word(trouble.failure).to_owned(),
        sentence,
        next,
        evidence: Evidence {
            instance: Some(seen.id.clone()),
            detail: format!("the last one was {ago} s ago; one that succeeds ends this"),
            failures: Some(trouble.in_a_row),
            log_tail,
            ..Evidence::default()
        },
    }
}
