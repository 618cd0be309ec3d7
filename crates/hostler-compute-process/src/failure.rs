//! What to say of a process that never got to run; what processes have in common with others stands in
//! `hostler_compute_local`.
//!
//! Invariants: pure.

use std::io;

use hostler_compute::{Fault, InstanceFailure};
pub(crate) use hostler_compute_local::failure::{of_machine, starting};
use hostler_types::FailureCause;
use rustix::io::Errno;

use crate::supervisor::Refused;

/// A program that the system would not start.
pub(crate) fn of_exec(program: &str, error: &io::Error) -> InstanceFailure {
    let cause = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NOTDIR) => FailureCause::CommandMissing,
        Some(Errno::ACCESS | Errno::PERM | Errno::NOEXEC | Errno::ISDIR) => FailureCause::CommandRefused,
        Some(Errno::AGAIN | Errno::NOMEM) => FailureCause::NoRoom,
        _ => FailureCause::Other,
    };
    starting(fault_of_exec(error), format!("starting `{program}` failed: {error}")).with_cause(cause)
}

/// A program that needs `/opt/ml/model` and cannot have it.
pub(crate) fn of_opt_ml(refused: &Refused) -> InstanceFailure {
    let (fault, hint) = opt_ml_hint(refused);
    let detail = format!(
        "the image's mapping says needs_opt_ml, and giving the program `/opt/ml/model` in a mount namespace of its \
         own was refused: {refused}; {hint}; or tell the program its directory with {{model_dir}} and leave \
         needs_opt_ml out"
    );
    starting(fault, detail).with_cause(FailureCause::OptMlRefused)
}

/// Whose fault a refusal of `/opt/ml/model` is, and what to do about it.
pub(crate) fn opt_ml_hint(refused: &Refused) -> (Fault, &'static str) {
    match refused.cause.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOMEM | Errno::AGAIN) => (Fault::Capacity, "the machine is short of memory"),
        Some(Errno::NOSPC | Errno::USERS) => (
            Fault::User,
            "the machine allows no more namespaces: raise the sysctl user.max_mnt_namespaces, and for a server that \
             is not root user.max_user_namespaces",
        ),
        Some(Errno::PERM | Errno::ACCESS) => (
            Fault::User,
            "run the server as root with CAP_SYS_ADMIN, or allow user namespaces to ordinary users (sysctl \
             kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0; in a container \
             its seccomp profile)",
        ),
        _ => (Fault::User, "this kernel may lack mount namespaces"),
    }
}

fn fault_of_exec(error: &io::Error) -> Fault {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(
            Errno::NOENT
            | Errno::ACCESS
            | Errno::PERM
            | Errno::NOEXEC
            | Errno::NOTDIR
            | Errno::ISDIR
            | Errno::TOOBIG
            | Errno::LOOP
            | Errno::NAMETOOLONG,
        ) => Fault::User,
        Some(Errno::AGAIN | Errno::NOMEM) => Fault::Capacity,
        // A text with a NUL in it never reaches the system.
        None if error.kind() == io::ErrorKind::InvalidInput => Fault::User,
        _ => Fault::Infrastructure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_machine_is_told_from_a_wrong_command() {
        let fault = |errno: Errno| of_exec("x", &errno.into()).fault;
        assert_eq!(fault(Errno::NOENT), Fault::User);
        assert_eq!(fault(Errno::ACCESS), Fault::User);
        assert_eq!(fault(Errno::AGAIN), Fault::Capacity);
        assert_eq!(fault(Errno::IO), Fault::Infrastructure);
        assert_eq!(of_machine("x", &Errno::NOSPC.into()).fault, Fault::Capacity);
    }
}
