//! What to say of an instance that never got to run: whose fault, AWS's sentence, the cause.
//!
//! Invariants: pure; AWS's sentences about data and roles stand here once, word for word (the data sentence begins with
//! a blank, as AWS's does).

use std::io;

use hostler_artifacts::{ArchiveFlaw, ArtifactSource, FetchError};
use hostler_compute::{Fault, InstanceFailure, Phase};
use hostler_types::FailureCause;
use rustix::io::Errno;

/// The failure of fetching or unpacking model data.
pub fn of_fetch(
    container_name: &str,
    source: &ArtifactSource,
    phase: Phase,
    error: &FetchError,
) -> InstanceFailure {
    let fault = match error {
        FetchError::Unreadable { .. }
        | FetchError::Missing { .. }
        | FetchError::Forbidden { .. }
        | FetchError::Role { .. }
        | FetchError::BadLayout { .. }
        | FetchError::BadManifest { .. }
        | FetchError::BadArchive { .. }
        | FetchError::OverLimit { .. } => Fault::User,
        FetchError::Interrupted { .. } | FetchError::Changed { .. } | FetchError::Disk { .. } => {
            Fault::Infrastructure
        }
    };
    let sentence = match error {
        FetchError::Role { role_arn, .. } => role_sentence(role_arn),
        _ => data_sentence(container_name, &source.uri),
    };
    let cause = cause_of_fetch(error);
    InstanceFailure {
        fault,
        phase,
        container: None,
        cause,
        aws_sentence: Some(sentence),
        detail: error.to_string(),
    }
}

fn cause_of_fetch(error: &FetchError) -> FailureCause {
    match error {
        FetchError::Missing { .. } => FailureCause::DataMissing,
        FetchError::Forbidden { .. } => FailureCause::DataForbidden,
        FetchError::Role { .. } => FailureCause::RoleRefused,
        FetchError::Unreadable { .. } => FailureCause::DataUnreadable,
        FetchError::Interrupted { .. } | FetchError::Changed { .. } => FailureCause::DataInterrupted,
        FetchError::BadLayout { .. } | FetchError::BadManifest { .. } => FailureCause::DataLayout,
        FetchError::BadArchive { flaw, .. } => match flaw {
            ArchiveFlaw::NotAnArchive => FailureCause::NotAnArchive,
            ArchiveFlaw::CutOff => FailureCause::ArchiveCutOff,
            ArchiveFlaw::Unsafe => FailureCause::ArchiveUnsafe,
            ArchiveFlaw::Other => FailureCause::ArchiveRefused,
        },
        FetchError::OverLimit { .. } => FailureCause::DataOverLimit,
        FetchError::Disk { is_full: true, .. } => FailureCause::DiskFull,
        FetchError::Disk { is_full: false, .. } => FailureCause::Other,
    }
}

/// Model data that did not come in time.
pub fn of_late_fetch(
    container_name: &str,
    source: &ArtifactSource,
    phase: Phase,
    timeout_ms: i64,
) -> InstanceFailure {
    InstanceFailure {
        fault: Fault::User,
        phase,
        container: None,
        cause: FailureCause::DataLate { timeout_ms },
        aws_sentence: Some(data_sentence(container_name, &source.uri)),
        detail: format!(
            "fetching and unpacking `{}` took longer than the {} s allowed (ModelDataDownloadTimeoutInSeconds)",
            source.uri,
            timeout_ms / 1000
        ),
    }
}

/// Any other failure on the way from prepared to running.
pub fn starting(fault: Fault, detail: String) -> InstanceFailure {
    InstanceFailure {
        fault,
        phase: Phase::Starting,
        container: None,
        cause: FailureCause::Other,
        aws_sentence: None,
        detail,
    }
}

/// This machine's failure at something.
pub fn of_machine(action: &str, error: &io::Error) -> InstanceFailure {
    let fault = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::AGAIN | Errno::NOMEM | Errno::NOSPC | Errno::MFILE | Errno::NFILE) => Fault::Capacity,
        _ => Fault::Infrastructure,
    };
    let cause = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC) => FailureCause::DiskFull,
        _ if fault == Fault::Capacity => FailureCause::NoRoom,
        _ => FailureCause::Other,
    };
    starting(fault, format!("{action} failed: {error}")).with_cause(cause)
}

fn data_sentence(container_name: &str, uri: &str) -> String {
    format!(
        " Failed to download model data for container \"{container_name}\" from URL: \"{uri}\". Please ensure \
         that there is an object located at the URL and that the role passed to CreateModel has permissions to \
         download the object."
    )
}

fn role_sentence(role_arn: &str) -> String {
    format!(
        "The execution role ARN \"{role_arn}\" is invalid. Please ensure that the role exists and that its trust \
         relationship policy allows the action \"sts:AssumeRole\" for the service principal \
         \"sagemaker.amazonaws.com\"."
    )
}

#[cfg(test)]
mod tests {
    use hostler_types::{AccountId, Region};

    use super::*;

    fn source() -> ArtifactSource {
        ArtifactSource {
            uri: "s3://b/model.tar.gz".to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
            account: AccountId::new("000000000000"),
            region: Region::new("us-east-1"),
        }
    }

    #[test]
    fn missing_data_gets_the_sentence_of_aws_then_the_cause() {
        let error = FetchError::Missing { uri: source().uri };
        let failure = of_fetch("container_1", &source(), Phase::Fetching, &error);
        // facts/sagemaker-api.md 3.5, with its leading blank.
        let wanted = " Failed to download model data for container \"container_1\" from URL: \
                      \"s3://b/model.tar.gz\". Please ensure that there is an object located at the URL and that \
                      the role passed to CreateModel has permissions to download the object.";
        assert_eq!(failure.aws_sentence.as_deref(), Some(wanted));
        assert_eq!(failure.detail, "there is no object at `s3://b/model.tar.gz`");
        assert_eq!(failure.fault, Fault::User);
    }

    #[test]
    fn a_role_that_cannot_be_assumed_is_named() {
        let error = FetchError::Role { role_arn: source().role_arn, detail: "denied".to_owned() };
        let failure = of_fetch("container_1", &source(), Phase::Fetching, &error);
        let sentence = failure.aws_sentence.unwrap();
        assert!(
            sentence.starts_with("The execution role ARN \"arn:aws:iam::000000000000:role/r\" is invalid.")
        );
    }

    #[test]
    fn a_broken_connection_is_nobodys_mistake() {
        let error = FetchError::Interrupted { uri: source().uri, detail: "reset".to_owned() };
        assert_eq!(of_fetch("c", &source(), Phase::Fetching, &error).fault, Fault::Infrastructure);
    }

    #[test]
    fn a_full_disk_is_no_room() {
        assert_eq!(of_machine("x", &Errno::NOSPC.into()).fault, Fault::Capacity);
    }
}
