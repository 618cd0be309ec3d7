//! What a `FailureReason` must look like, from the public sightings of AWS's and the limit of the service model.

use hostler_types::{EndpointRecord, EndpointStatus};

/// The service model's limit, in characters.
const CHARS_MAX: usize = 1024;

/// How the sentences begin that AWS was seen to give. The last one was never seen: AWS's own for a deployment that
/// takes too long is not known, see docs/compatibility.md.
const SENTENCES: [&str; 6] = [
    "Please make sure all images included in the model for the production variant ",
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.",
    "Request to service failed",
    " Failed to download model data for container ",
    "The execution role ARN ",
    LATE,
];
const LATE: &str = "The deployment did not finish within its MaximumExecutionTimeoutInSeconds of ";
/// Between the reason of an update and that of its way back.
const TWICE: &str = " The rollback failed too: ";
/// Between the two stand the container's name and the variant's.
const PING: (&str, &str) =
    ("The ", " did not pass the ping health check. Please check CloudWatch logs for this endpoint.");

/// What is wrong with the reason that the endpoint shows, if one is due or there.
pub(super) fn complaint(before: Option<&EndpointRecord>, record: &EndpointRecord) -> Option<String> {
    let went_back = before.is_some_and(|before| {
        before.status == EndpointStatus::RollingBack && record.status == EndpointStatus::InService
    });
    let is_due = went_back
        || matches!(
            record.status,
            EndpointStatus::Failed | EndpointStatus::RollingBack | EndpointStatus::UpdateRollbackFailed
        );
    // What a person is to mend is told by its cause, too, and outlives the instance. Of a deployment that only took too
    // long nothing may have failed.
    let was_only_late =
        record.failure_reason.as_deref().is_some_and(|it| it.starts_with(LATE) && !it.contains(TWICE));
    let has_failed = match record.status {
        EndpointStatus::Failed => true,
        EndpointStatus::UpdateRollbackFailed => !was_only_late,
        _ => false,
    };
    if has_failed && record.failure.is_none() {
        return Some(format!("{} failed and nothing was written down of it", record.name));
    }
    let is_over = record.failure_reason.is_none() && record.failure.is_some();
    if is_over {
        return Some(format!("{} shows no reason and still keeps its cause", record.name));
    }
    match &record.failure_reason {
        None if is_due => Some(format!("{} in status {} gives no reason", record.name, record.status)),
        Some(reason) if reason.chars().count() > CHARS_MAX => Some(format!("a reason is too long: {reason}")),
        Some(reason) if !begins_as_in_aws(reason) => Some(format!("a reason is not AWS's: {reason}")),
        _ => None,
    }
}

fn begins_as_in_aws(reason: &str) -> bool {
    let is_ping = reason.starts_with(PING.0) && reason.contains(PING.1);
    is_ping || SENTENCES.iter().any(|sentence| reason.starts_with(sentence))
}
