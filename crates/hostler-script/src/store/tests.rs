use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::refusal::RefusalKind;

fn store(bytes_max: u64) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), bytes_max).unwrap();
    (dir, store)
}

/// An environment of about this size.
fn making(bytes: usize) -> impl FnOnce(&Path, &Path) -> Result<(), Refusal> {
    move |new, _| {
        fs::create_dir(new).unwrap();
        fs::write(new.join("file"), vec![1; bytes]).unwrap();
        Ok(())
    }
}

fn names(store: &Store) -> Vec<String> {
    let mut all: Vec<String> = fs::read_dir(&store.dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    all.sort();
    all
}

#[test]
fn whoever_comes_at_once_makes_it_once() {
    let (_dir, store) = store(u64::MAX);
    let made = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let make = |new: &Path, _: &Path| {
                    made.fetch_add(1, Ordering::SeqCst);
                    making(10)(new, new)
                };
                let held = store.enter("k", make).unwrap();
                assert!(held.path.join("file").exists());
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(names(&store), ["k"]);
}

#[test]
fn who_waited_for_a_maker_that_failed_fails_with_it_and_who_comes_later_tries_again() {
    let (_dir, store) = store(u64::MAX);
    let refused = || Refusal::new(RefusalKind::Requirements, "ERROR: no such package");
    let known = store.enter("k", |_, _| Err(refused())).unwrap_err();
    assert_eq!(known, refused());
    // The lock of making is held as by a maker; what waits for it sees the failure that comes meanwhile.
    let making_lock = open_lock(&store.file("k", MAKE)).unwrap();
    assert!(try_lock(&making_lock).unwrap());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| store.enter("k", making(1)));
        // It has its lock of use before it looks who makes.
        while try_lock(&open_lock(&store.file("k", USE)).unwrap()).unwrap() {
            thread::yield_now();
        }
        thread::sleep(std::time::Duration::from_millis(100));
        fs::write(store.file("k", FAILED), serde_json::to_vec(&refused()).unwrap()).unwrap();
        drop(making_lock);
        assert_eq!(waiting.join().unwrap().unwrap_err(), refused());
    });
    assert!(store.enter("k", making(1)).is_ok(), "a failure of the past is nobody's reason");
    assert!(!store.file("k", FAILED).exists());
}

#[test]
fn a_maker_that_was_killed_leaves_nothing_after_the_next_one_or_a_sweep() {
    let (dir, store) = store(u64::MAX);
    for left in [".new-k-1", ".new-other-1", ".old-x-2"] {
        fs::create_dir_all(dir.path().join(left).join("bin")).unwrap();
    }
    store.enter("k", making(1)).unwrap();
    assert_eq!(names(&store), [".new-other-1", ".old-x-2", "k"]);
    // Somebody is at work on this one.
    fs::create_dir_all(dir.path().join(".new-busy-3")).unwrap();
    let busy = open_lock(&store.file("busy", MAKE)).unwrap();
    assert!(try_lock(&busy).unwrap());
    sweep(dir.path()).unwrap();
    assert_eq!(names(&store), [".new-busy-3", "k"]);
    sweep(&dir.path().join("absent")).unwrap();
}

#[test]
fn the_longest_unused_go_first_and_nothing_goes_that_is_used() {
    let (_dir, store) = store(250_000);
    let used = store.enter("a", making(100_000)).unwrap();
    for key in ["b", "c"] {
        store.enter(key, making(100_000)).unwrap();
        // Times of files are coarse.
        thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(names(&store), ["a", "c"], "b was not used any more, a is");
    drop(used);
    store.enter("d", making(100_000)).unwrap();
    assert_eq!(names(&store), ["c", "d"]);
    assert!(!store.file("a", USE).exists() && !store.file("a", SIZE).exists());
    // Deleted, it is made anew.
    let again = store.enter("a", making(1)).unwrap();
    assert!(again.path.is_dir());
}
