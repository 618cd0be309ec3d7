//! `/opt/ml/model`, and additional model data beside it, for a program that looks nowhere else: in a mount namespace of
//! its own.
//!
//! Why: where the host has no such directory there is nothing to mount on, and nothing may be made there. So the
//! deepest directory above it that exists is covered by a small file system in memory, in which everything that was
//! there is mounted again at its place. An overlay would need less of it, but not every kernel has one for ordinary
//! users, and it would hide what is mounted below `/opt`.
//! Invariants: the host's directories are never written to. The model is read-only: other instances share it.
//! Failure: a refused step is reported; the namespace ends with this process.

use std::collections::BTreeMap;
use std::fs::{self, File, FileType};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, StatVfsMountFlags, open, statvfs};
use rustix::mount::{MountFlags, mount, mount_bind, mount_bind_recursive, mount_remount};

use super::namespace::{self, Refused};
use crate::environment::{OPT_ML_ADDITIONAL, OPT_ML_MODEL};

/// Directories that may be covered, the deepest first, each with the name in it that leads on.
const ABOVE: [(&str, &str); 2] = [("/opt/ml", "model"), ("/opt", "ml")];
/// More entries than this are no ordinary `/opt`.
const ENTRIES_MAX: usize = 4096;

/// Enters the namespace and puts the model in its place, and what is additional beside it.
pub(super) fn give(model: &Path, additional: &BTreeMap<String, PathBuf>) -> Result<(), Refused> {
    namespace::enter()?;
    let is_there = |path: &str| Path::new(path).is_dir();
    if !is_there(OPT_ML_MODEL) || (!additional.is_empty() && !is_there(OPT_ML_ADDITIONAL)) {
        make_mount_points(!additional.is_empty())?;
    }
    show(model, Path::new(OPT_ML_MODEL))?;
    if additional.is_empty() {
        return Ok(());
    }
    // Covered, so that the channels of this instance are all there is, and the host's directory gets none.
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    let step = || format!("covering `{OPT_ML_ADDITIONAL}`");
    mount("hostler", OPT_ML_ADDITIONAL, "tmpfs", flags, c"mode=0755,size=1m").map_err(Refused::at(step()))?;
    for (channel, data) in additional {
        let place = Path::new(OPT_ML_ADDITIONAL).join(channel);
        fs::create_dir(&place).map_err(Refused::at(format!("making `{}`", place.display())))?;
        show(data, &place)?;
    }
    Ok(())
}

/// Mounts a directory, read-only.
fn show(data: &Path, place: &Path) -> Result<(), Refused> {
    mount_bind(data, place).map_err(Refused::at("mounting the model"))?;
    let kept = kept_flags(place).map_err(Refused::at("reading flags"))?;
    let flags = MountFlags::BIND | MountFlags::RDONLY | kept;
    mount_remount(place, flags, "").map_err(Refused::at("making the model read-only"))
}

/// Flags of the file system's own mount, which a user namespace may not take off.
fn kept_flags(place: &Path) -> io::Result<MountFlags> {
    let seen = statvfs(place)?.f_flag;
    let pairs = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    Ok(pairs.into_iter().filter(|(is, _)| seen.contains(*is)).map(|(_, flag)| flag).collect())
}

fn make_mount_points(has_additional: bool) -> Result<(), Refused> {
    let (covered, next) =
        ABOVE.into_iter().find(|(path, _)| Path::new(path).is_dir()).ok_or_else(|| Refused {
            step: "looking for a place to mount it".to_owned(),
            cause: io::Error::other("this machine has no directory `/opt`: make an empty one"),
        })?;
    let step = || format!("covering `{covered}`");
    // Held open, so that it can be reached underneath what is mounted over it.
    let original = open(covered, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(Refused::at(step()))?;
    let original_path = PathBuf::from(format!("/proc/self/fd/{}", original.as_raw_fd()));
    let entries = entries(&original_path, next).map_err(Refused::at(step()))?;
    let in_memory = MountFlags::NOSUID | MountFlags::NODEV;
    mount("hostler", covered, "tmpfs", in_memory, c"mode=0755,size=16m").map_err(Refused::at(step()))?;
    for (name, kind) in entries {
        let (from, to) = (original_path.join(&name), Path::new(covered).join(&name));
        match put_back(&from, &to, kind) {
            // It went away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result.map_err(Refused::at(format!("mounting `{}` again", to.display())))?,
        }
    }
    let additional = has_additional.then_some(OPT_ML_ADDITIONAL);
    for point in [OPT_ML_MODEL].into_iter().chain(additional) {
        fs::create_dir_all(point).map_err(Refused::at(format!("making `{point}`")))?;
    }
    Ok(())
}

/// What is in a directory, but for one name.
fn entries(directory: &Path, except: &str) -> io::Result<Vec<(PathBuf, FileType)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entries.len() == ENTRIES_MAX {
            return Err(io::Error::other(format!("it has more than {ENTRIES_MAX} entries")));
        }
        if entry.file_name() != except {
            entries.push((entry.file_name().into(), entry.file_type()?));
        }
    }
    Ok(entries)
}

fn put_back(from: &Path, to: &Path, kind: FileType) -> io::Result<()> {
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_dir() {
        fs::create_dir(to)?;
        return Ok(mount_bind_recursive(from, to)?);
    }
    File::create(to)?;
    Ok(mount_bind(from, to)?)
}
