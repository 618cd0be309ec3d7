//! What to say of an instance whose container could not be had: whose fault, AWS's sentence, the cause.
//!
//! Why: engines and registries say what went wrong in words only, so words are what is looked at; what is not known is
//! taken for something that later may help.
//! Invariants: pure.

use std::io;

use hostler_compute::{Fault, InstanceFailure, Phase, image_sentence};
use hostler_compute_local::failure::starting;
use hostler_types::{FailureCause, InstanceId};

use crate::engine::EngineError;

/// An image that could not be pulled.
pub(crate) fn of_pull(id: &InstanceId, image: &str, error: &EngineError) -> InstanceFailure {
    let said = error.refusal().map(|(_, message)| message.to_ascii_lowercase()).unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (fault, cause) = match error {
        EngineError::Unreachable { .. } => return of_engine(error),
        _ if says(&["no space left on device"]) => (Fault::Capacity, FailureCause::DiskFull),
        // Docker's registries say both at once of what does not exist and of what may not be seen.
        _ if says(&["denied", "unauthorized", "authentication required", "no basic auth", "forbidden"]) => {
            (Fault::User, FailureCause::ImageForbidden)
        }
        _ if says(&[
            "not found",
            "manifest unknown",
            "does not exist",
            "no matching manifest",
            "invalid reference",
        ]) =>
        {
            (Fault::User, FailureCause::ImageMissing)
        }
        _ => (Fault::Infrastructure, FailureCause::ImageUnreachable),
    };
    let detail = match error.refusal() {
        Some((_, message)) => format!("pulling image `{image}` failed: {message}"),
        None => format!("pulling image `{image}` failed: {error}"),
    };
    let sentence = image_sentence(id.variant.as_str());
    InstanceFailure {
        fault,
        phase: Phase::Fetching,
        container: None,
        cause,
        aws_sentence: Some(sentence),
        detail,
    }
}

/// A container that the engine would not make or start.
pub(crate) fn of_start(image: &str, error: &EngineError) -> InstanceFailure {
    let Some((status, message)) = error.refusal() else { return of_engine(error) };
    let said = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (fault, cause) =
        if says(&["executable file not found", "no such file or directory\": unknown", "exec format"]) {
            (Fault::User, FailureCause::CommandMissing)
        } else if says(&["permission denied"]) && says(&["exec", "starting container process"]) {
            (Fault::User, FailureCause::CommandRefused)
        } else if says(&[
            "could not select device driver",
            "nvidia-container-cli",
            "error gathering device information",
        ]) {
            (Fault::User, FailureCause::AcceleratorMissing)
        } else if says(&["no space left on device"]) {
            (Fault::Capacity, FailureCause::DiskFull)
        } else if says(&["cannot allocate memory", "resource temporarily unavailable", "too many open files"])
        {
            (Fault::Capacity, FailureCause::NoRoom)
        } else if status == 400 {
            (Fault::User, FailureCause::Unsupported)
        } else {
            (Fault::Infrastructure, FailureCause::Other)
        };
    starting(fault, format!("starting image `{image}` with the argument `serve` failed: {message}"))
        .with_cause(cause)
}

/// An isolated container that cannot be reached.
pub(crate) fn of_way(error: &io::Error) -> InstanceFailure {
    let (fault, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied => (
            Fault::User,
            "EnableNetworkIsolation needs a server that is root on the machine of the container engine; run it so, or \
             create the model without",
        ),
        _ => (Fault::Infrastructure, "it is tried again"),
    };
    let detail = format!("entering the network of the isolated container failed: {error}; {hint}");
    starting(fault, detail).with_cause(FailureCause::Unsupported)
}

/// The engine is away, or answers nonsense.
pub(crate) fn of_engine(error: &EngineError) -> InstanceFailure {
    let cause = match error {
        EngineError::Unreachable { .. } => FailureCause::EngineUnreachable,
        _ => FailureCause::Other,
    };
    starting(Fault::Infrastructure, error.to_string()).with_cause(cause)
}

#[cfg(test)]
mod tests {
    use hostler_compute::conformance::instance_id;

    use super::*;

    fn refused(status: u16, message: &str) -> EngineError {
        EngineError::Refused { action: "pull an image", status, message: message.to_owned() }
    }

    #[test]
    fn what_registries_say_is_understood() {
        // What Docker 20.10 passes on of Debian's registry, of Docker Hub and of a machine without a network.
        for (status, message, fault, cause) in [
            (
                404,
                "manifest for 127.0.0.1:5000/m:2 not found: manifest unknown: manifest unknown",
                Fault::User,
                FailureCause::ImageMissing,
            ),
            (
                404,
                "pull access denied for m, repository does not exist or may require 'docker login'",
                Fault::User,
                FailureCause::ImageForbidden,
            ),
            (
                500,
                "Get \"https://r/v2/m/manifests/1\": no basic auth credentials",
                Fault::User,
                FailureCause::ImageForbidden,
            ),
            (
                500,
                "Get \"https://r/v2/\": dial tcp: lookup r: no such host",
                Fault::Infrastructure,
                FailureCause::ImageUnreachable,
            ),
            (
                200,
                "write /var/lib/docker/tmp/x: no space left on device",
                Fault::Capacity,
                FailureCause::DiskFull,
            ),
        ] {
            let failure = of_pull(&instance_id("e1", 0), "r/m:1", &refused(status, message));
            assert_eq!((failure.fault, failure.cause), (fault, cause), "{message}");
            // facts/sagemaker-api.md 3.5
            let sentence = "Please make sure all images included in the model for the production variant AllTraffic \
                            exist, and that the execution role used to create the model has permissions to access them.";
            assert_eq!(failure.aws_sentence.as_deref(), Some(sentence));
            assert!(failure.detail.ends_with(message));
        }
    }

    #[test]
    fn an_image_that_cannot_serve_is_the_users() {
        for (message, cause) in [
            (
                "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"serve\": \
                 executable file not found in $PATH: unknown",
                FailureCause::CommandMissing,
            ),
            (
                "OCI runtime create failed: runc create failed: unable to start container process: exec: \"/e\": \
                 permission denied: unknown",
                FailureCause::CommandRefused,
            ),
            (
                "could not select device driver \"nvidia\" with capabilities: [[gpu]]",
                FailureCause::AcceleratorMissing,
            ),
        ] {
            let failure = of_start("m", &refused(400, message));
            assert_eq!((failure.fault, failure.cause), (Fault::User, cause), "{message}");
        }
    }

    #[test]
    fn an_engine_that_is_away_may_come_back() {
        let error = EngineError::Unreachable {
            address: "`/s`".to_owned(),
            cause: io::ErrorKind::ConnectionRefused.into(),
        };
        for failure in [of_engine(&error), of_start("m", &error), of_pull(&instance_id("e1", 0), "m", &error)]
        {
            assert_eq!(failure.fault, Fault::Infrastructure);
            assert_eq!(failure.cause, FailureCause::EngineUnreachable);
            assert_eq!(failure.aws_sentence, None);
        }
    }
}
