//! `hostler script`: becomes a model's own server, or says beside the instance why not.
//!
//! Why: script mode knows no backend, and the backend knows no script mode; here the reasons of the one become the failures
//! of the other.

use std::process::ExitCode;

use anyhow::Context;
use hostler_compute::{Fault, InstanceFailure, Phase};
use hostler_script::{Refusal, RefusalKind, ScriptArgs};
use hostler_types::FailureCause;

/// Returns only when there is no server.
pub(crate) fn run(args: &ScriptArgs) -> anyhow::Result<ExitCode> {
    let Err(refusal) = hostler_script::run(args);
    hostler_compute_process::refuse(&failure(&refusal))
        .context("writing down why there is no server failed")?;
    Err(refusal.into())
}

fn failure(refusal: &Refusal) -> InstanceFailure {
    let (fault, cause) = match refusal.kind {
        RefusalKind::Python => (Fault::User, FailureCause::PythonMissing),
        RefusalKind::Requirements => (Fault::User, FailureCause::RequirementsRefused),
        RefusalKind::Late => (Fault::User, FailureCause::RequirementsLate),
        RefusalKind::DiskFull => (Fault::Capacity, FailureCause::DiskFull),
        RefusalKind::Machine => (Fault::Infrastructure, FailureCause::Other),
    };
    InstanceFailure {
        fault,
        phase: Phase::Starting,
        container: None,
        cause,
        aws_sentence: None,
        detail: refusal.detail.clone(),
    }
}

#[cfg(test)]
mod tests {
    use hostler_compute_process::ScriptConfig;

    use super::*;

    #[test]
    fn what_a_user_can_mend_fails_at_once_and_what_is_the_machines_is_tried_again() {
        let fault = |kind| failure(&Refusal { kind, detail: "x".to_owned() }).fault;
        assert_eq!(fault(RefusalKind::Requirements), Fault::User);
        assert_eq!(fault(RefusalKind::DiskFull), Fault::Capacity);
        assert_eq!(fault(RefusalKind::Machine), Fault::Infrastructure);
    }

    #[test]
    fn backend_and_script_mode_agree_on_the_variable_of_pip() {
        let mut script = ScriptConfig::new("/e");
        script.pip.insert("PIP_INDEX_URL".to_owned(), "u".to_owned());
        let told = hostler_compute_process::script_variables(&script);
        assert_eq!(told.keys().collect::<Vec<_>>(), [hostler_script::PIP_VARIABLES]);
    }
}
