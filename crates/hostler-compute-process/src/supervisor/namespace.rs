//! A mount namespace of the calling process's own.
//!
//! Why: `/opt/ml/model` is one path for the whole machine, and two instances need two models there. The namespace
//! ends with its last process, so nothing has to be undone. It is entered by system calls rather than by `unshare` of
//! util-linux, so that nothing has to be installed. Root takes it directly; anybody else needs a user namespace
//! around it, in which the user stays who it is: an ordinary one loses the rights within it at exec, and nobody has
//! any outside of it.
//! Invariants: called in a process of a single thread. Mounts made afterwards are seen by nobody outside.

use std::fs;
use std::io;

use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;

/// A step that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{step} failed: {cause}")]
pub(crate) struct Refused {
    /// What was tried.
    pub(crate) step: String,
    /// What came back.
    pub(crate) cause: io::Error,
}

impl Refused {
    pub(super) fn at<E: Into<io::Error>>(step: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |cause| Self { step: step.into(), cause: cause.into() }
    }
}

/// Moves this process into a new mount namespace.
pub(super) fn enter() -> Result<(), Refused> {
    match unshare(UnshareFlags::NEWNS) {
        Ok(()) => {}
        Err(Errno::PERM) => enter_with_user()?,
        Err(error) => return Err(Refused::at("unshare(CLONE_NEWNS)")(error)),
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(Refused::at("making the mounts private"))
}

fn enter_with_user() -> Result<(), Refused> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).map_err(Refused::at(
        "unshare(CLONE_NEWNS) is not permitted to this user, and unshare(CLONE_NEWUSER | CLONE_NEWNS)",
    ))?;
    // Without it the group map of an ordinary user is refused.
    fs::write("/proc/self/setgroups", "deny").map_err(Refused::at("writing setgroups"))?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1")).map_err(Refused::at("writing uid_map"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1")).map_err(Refused::at("writing gid_map"))
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of CLONE_FILES, which separates the descriptors of threads; \
              neither that flag nor a second thread is here"
)]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    rustix::thread::unshare(flags)
}
