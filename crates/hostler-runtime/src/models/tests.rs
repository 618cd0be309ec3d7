//! Loading and unloading, and what is counted for it.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::engine::kmeans::tests::model_file;

/// A directory with a model of two clusters, the second at `far`.
fn directory(root: &Path, name: &str, far: f32) -> PathBuf {
    let dir = root.join(name);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("model_algo-1"), model_file(2, &[0.0, 0.0, far, far])).unwrap();
    dir
}

fn ask(engine: &dyn Engine, row: &str) -> String {
    let input =
        InvokeInput { content_type: Some("text/csv"), accept: Some("text/csv"), body: row.as_bytes() };
    String::from_utf8(engine.invoke(&input).unwrap().body.to_vec()).unwrap()
}

/// What one of these models is counted for.
fn one_model(root: &Path) -> (u64, u64) {
    let dir = directory(root, "measured", 1.0);
    let engine = load(EngineKind::KMeans, &dir).unwrap();
    (memory_to_load(EngineKind::KMeans, &dir).unwrap(), engine.memory_bytes())
}

#[test]
fn a_model_that_is_taken_away_while_it_answers_finishes_and_is_counted_until_then() {
    let root = tempfile::tempdir().unwrap();
    let (loading, stays) = one_model(root.path());
    let models = Models::new(None, stays + loading - 1);
    models.load("a", directory(root.path(), "a", 9.0)).unwrap();
    let busy = models.find("a").unwrap();
    assert!(models.unload("a"));
    assert!(models.find("a").is_none());
    let refused = models.load("b", directory(root.path(), "b", 5.0)).unwrap_err();
    assert!(matches!(refused, ModelsError::NoRoom { .. }), "{refused}");
    assert!(ask(busy.as_ref(), "9,9").starts_with('1'), "the second cluster is the nearest");
    drop(busy);
    models.load("b", directory(root.path(), "b", 5.0)).unwrap();
}

#[test]
fn what_cannot_be_loaded_leaves_no_name_and_no_memory() {
    let root = tempfile::tempdir().unwrap();
    let (loading, _) = one_model(root.path());
    let models = Models::new(None, loading);
    let broken = root.path().join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("model_algo-1"), b"no model").unwrap();
    for _ in 0..3 {
        for dir in [broken.clone(), root.path().join("missing")] {
            let error = models.load("a", dir.clone()).unwrap_err();
            assert!(error.to_string().contains(&dir.display().to_string()), "{error}");
        }
    }
    models.load("a", directory(root.path(), "a", 1.0)).unwrap();
}

#[test]
fn of_many_that_load_one_name_at_once_one_succeeds() {
    let root = tempfile::tempdir().unwrap();
    let models = Models::new(None, 1 << 30);
    let dir = directory(root.path(), "a", 1.0);
    let barrier = Barrier::new(8);
    let succeeded = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    models.load("a", dir.clone()).is_ok()
                })
            })
            .collect();
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
    });
    assert_eq!(succeeded, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_listing_read_page_by_page_is_what_was_loaded_and_not_unloaded(
        steps in prop::collection::vec((0..40_u8, any::<bool>()), 0..120),
        page in 1..7_usize,
    ) {
        let root = tempfile::tempdir().unwrap();
        let (loading, stays) = one_model(root.path());
        let dir = directory(root.path(), "a", 1.0);
        let room = 20 * stays + loading;
        let models = Models::new(Some(EngineKind::KMeans), room);
        let mut there = std::collections::BTreeSet::new();
        for (number, is_load) in steps {
            let name = format!("m{number:02}");
            if is_load {
                let fits = there.len() as u64 * stays + loading <= room;
                let result = models.load(&name, dir.clone());
                prop_assert_eq!(result.is_ok(), fits && !there.contains(&name));
                if result.is_ok() {
                    there.insert(name);
                }
            } else {
                prop_assert_eq!(models.unload(&name), there.remove(&name));
            }
        }
        let mut read = Vec::new();
        let mut after = String::new();
        loop {
            let (names, has_more) = models.page(&after, page);
            prop_assert!(names.len() <= page);
            read.extend(names.into_iter().map(|(name, _)| name));
            if !has_more {
                break;
            }
            after.clone_from(read.last().unwrap());
        }
        prop_assert_eq!(read, there.into_iter().collect::<Vec<_>>());
    }
}
