//! The data directory: whether it can be written, on which file system it lies, and how much is free there.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::report::Row;
use crate::progress::size;

/// Below this a database and some logs do not fit.
const DISK_BYTES_NEEDED: u64 = 50_000_000;
/// Below this a model and its archive hardly do.
const DISK_BYTES_COMFORTABLE: u64 = 2_000_000_000;

pub(super) fn rows(data_dir: &Path) -> Vec<Row> {
    let Some(existing) = existing(data_dir) else {
        let says = format!("`{}` and everything above it cannot be looked at", data_dir.display());
        return vec![Row::missing("data directory", says, "name another by --data-dir").needed()];
    };
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    vec![writable(data_dir, &existing), file_system(&existing, &mounts), free_disk(&existing)]
}

/// The directory itself, or the nearest above it that is there.
fn existing(data_dir: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(data_dir).ok()?;
    whole.ancestors().find_map(|dir| dir.canonicalize().ok())
}

fn writable(data_dir: &Path, existing: &Path) -> Row {
    let shown = data_dir.display();
    let is_there = data_dir.exists();
    if is_there && !data_dir.is_dir() {
        let says = format!("`{shown}` is a file");
        return Row::missing("data directory", says, "name another by --data-dir").needed();
    }
    match tempfile::tempfile_in(existing) {
        Ok(_) if is_there => Row::good("data directory", format!("`{shown}` is there and can be written")),
        Ok(_) => Row::good("data directory", format!("`{shown}` is not there yet and can be made")),
        Err(error) => Row::missing(
            "data directory",
            format!("nothing can be written in `{}`: {error}", existing.display()),
            "run the server as the user who owns it, or name another by --data-dir",
        )
        .needed(),
    }
}

fn file_system(existing: &Path, mountinfo: &str) -> Row {
    let Some((point, kind)) = mount_of(existing, mountinfo) else {
        return Row::limited("file system", "it is not known", "see that /proc/self/mountinfo can be read");
    };
    let says = format!("{kind}, mounted at {point}");
    let is_remote = kind.starts_with("nfs")
        || kind.starts_with("fuse")
        || ["cifs", "smb3", "9p", "ceph", "glusterfs", "vboxsf"].contains(&kind);
    if is_remote {
        let says = format!("{says}: locks and syncing may not mean here what the database expects of them");
        return Row::limited("file system", says, "put the data directory on a local disk");
    }
    match kind {
        "tmpfs" | "ramfs" => Row::limited(
            "file system",
            format!("{says}: it lies in memory, and everything is gone when the machine restarts"),
            "put the data directory on a disk",
        ),
        "overlay" => Row::limited(
            "file system",
            format!("{says}: it is the layer of a container and goes with it"),
            "put the data directory on a volume",
        ),
        _ => Row::good("file system", says),
    }
}

/// Mount point and kind of the file system that a path lies on.
fn mount_of<'a>(path: &Path, mountinfo: &'a str) -> Option<(String, &'a str)> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        // Spaces and backslashes are written as octal numbers there.
        let point = left.split(' ').nth(4)?.replace("\\040", " ").replace("\\134", "\\");
        Some((point, right.split(' ').next()?))
    });
    // Of mounts at the same point the last one is on top.
    mounts
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| Path::new(point).components().count())
}

fn free_disk(existing: &Path) -> Row {
    let Ok(stat) = statvfs(existing) else {
        return Row::limited("free disk", "how much is free is not told", "see that the disk is sound");
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    free_row(free, stat.f_favail, stat.f_files > 0)
}

fn free_row(free: u64, inodes: u64, counts_inodes: bool) -> Row {
    let says = format!("{} are free", size(free));
    let to_do = "free some space, or name a directory on another disk by --data-dir";
    if free < DISK_BYTES_NEEDED {
        return Row::missing("free disk", says, to_do).needed();
    }
    if counts_inodes && inodes < 1000 {
        return Row::limited("free disk", format!("{says}, but only {inodes} more files fit"), to_do);
    }
    if free < DISK_BYTES_COMFORTABLE {
        return Row::limited("free disk", format!("{says}; models and their archives lie here"), to_do);
    }
    Row::good("free disk", says)
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    const MOUNTS: &str = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
                          30 27 0:27 / /dev/shm rw - tmpfs tmpfs rw\n\
                          31 27 0:28 / /srv/with\\040space rw shared:1 - nfs4 host:/x rw\n\
                          32 27 0:29 / /ctr rw - overlay overlay rw\n";

    #[test]
    fn the_innermost_mount_says_the_file_system() {
        for (path, kind, verdict) in [
            ("/home/me/.hostler", "ext4", Verdict::Good),
            ("/dev/shm/x", "tmpfs", Verdict::Limited),
            ("/dev/shmx", "ext4", Verdict::Good),
            ("/srv/with space/data", "nfs4", Verdict::Limited),
            ("/ctr/data", "overlay", Verdict::Limited),
        ] {
            assert_eq!(mount_of(Path::new(path), MOUNTS).unwrap().1, kind, "{path}");
            assert_eq!(file_system(Path::new(path), MOUNTS).verdict, verdict, "{path}");
        }
    }

    #[test]
    fn a_full_disk_stops_a_server_and_a_nearly_full_one_warns() {
        let row = |free, inodes| free_row(free, inodes, true);
        let full = row(DISK_BYTES_NEEDED - 1, 10_000);
        assert_eq!((full.verdict, full.is_needed), (Verdict::Missing, true));
        assert_eq!(row(DISK_BYTES_NEEDED, 10_000).verdict, Verdict::Limited);
        assert_eq!(row(DISK_BYTES_COMFORTABLE, 10_000).verdict, Verdict::Good);
        assert_eq!(row(DISK_BYTES_COMFORTABLE, 999).verdict, Verdict::Limited);
        assert_eq!(free_row(DISK_BYTES_COMFORTABLE, 0, false).verdict, Verdict::Good);
    }

    #[test]
    fn a_directory_that_is_not_there_is_judged_by_what_is_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let rows = rows(&dir.path().join("a/b"));
        assert!(rows[0].says.ends_with("is not there yet and can be made"), "{}", rows[0].says);
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let row = writable(&file, dir.path());
        assert_eq!((row.verdict, row.is_needed), (Verdict::Missing, true));
    }
}
