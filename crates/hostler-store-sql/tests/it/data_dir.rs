//! One server at a time holds a data directory.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use hostler_store_sql::{DataDirLock, LockError};

#[test]
fn a_held_directory_is_refused_with_its_name_and_the_holders_process_id() {
    let dir = tempfile::tempdir().unwrap();
    let lock = DataDirLock::acquire(dir.path()).unwrap();
    let error = DataDirLock::acquire(dir.path()).unwrap_err();
    let own = std::process::id();
    assert!(matches!(&error, LockError::Held { pid: Some(pid), .. } if *pid == own), "{error:?}");
    let expected = format!("the data directory `{}` is in use by process {own}", dir.path().display());
    assert_eq!(error.to_string(), expected);
    drop(lock);
    DataDirLock::acquire(dir.path()).unwrap();
}

#[test]
fn a_directory_that_is_not_there_is_made_for_its_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/b");
    let _lock = DataDirLock::acquire(&dir).unwrap();
    let mode = std::fs::metadata(&dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn what_a_dead_process_left_in_the_file_does_not_hold_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("lock"), "a text longer than any process id, 1234567890\n").unwrap();
    let _lock = DataDirLock::acquire(dir.path()).unwrap();
    let text = std::fs::read_to_string(dir.path().join("lock")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
}

#[test]
fn a_holder_that_has_not_told_its_id_is_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let _lock = DataDirLock::acquire(dir.path()).unwrap();
    std::fs::write(dir.path().join("lock"), "").unwrap();
    let error = DataDirLock::acquire(dir.path()).unwrap_err();
    assert!(matches!(error, LockError::Held { pid: None, .. }), "{error:?}");
    assert!(error.to_string().ends_with("is in use by another process"), "{error}");
}

#[test]
fn a_child_that_outlives_the_holder_does_not_hold_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let lock = DataDirLock::acquire(dir.path()).unwrap();
    // `cat` lives until its standard input ends. When `spawn` returns it has been executed.
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    drop(lock);
    let again = DataDirLock::acquire(dir.path());
    assert!(child.try_wait().unwrap().is_none(), "the child lives");
    again.unwrap();
    child.stdin.take().unwrap().write_all(b"end\n").unwrap();
    child.wait().unwrap();
}

#[test]
fn a_copy_of_the_lock_that_outlives_a_dead_holder_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    drop(DataDirLock::acquire(dir.path()).unwrap());
    let mut holder = Command::new("true").spawn().unwrap();
    holder.wait().unwrap();
    std::fs::write(dir.path().join("lock"), format!("{}\n", holder.id())).unwrap();
    // As a process has it that the holder was starting when it was killed.
    let copy = std::fs::File::open(dir.path().join("lock")).unwrap();
    rustix::fs::flock(&copy, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let executing = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(copy);
    });
    let _lock = DataDirLock::acquire(dir.path()).unwrap();
    executing.join().unwrap();
}

#[test]
fn a_path_that_cannot_be_a_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = DataDirLock::acquire(&file).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, LockError::Failed { .. }) && text.contains(&file.display().to_string()),
        "{text}"
    );
}
