//! Files of the cache that somebody changed: a model that runs as root is stopped by no mode.

use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hostler_artifacts::{ArtifactCache, CacheLimits, DataForm, Prepared};
use tokio::time::Instant;

use crate::bucket::{Bucket, archive, data, entries, eventually, is_tidy, source};

const URI: &str = "s3://models/demo/model.tar.gz";
const PREFIX: &str = "s3://models/demo/";
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);
const OWNER_MAY_ALL: u32 = 0o755;

async fn open(dir: &Path, bucket: &Arc<Bucket>) -> ArtifactCache {
    ArtifactCache::open(dir, CacheLimits::default(), Arc::clone(bucket) as _).await.unwrap()
}

async fn prepare(cache: &ArtifactCache) -> Prepared {
    cache.prepare(&source(URI).into(), |_| {}).await.unwrap()
}

fn text(prepared: &Prepared) -> String {
    fs::read_to_string(prepared.path.join("model.txt")).unwrap()
}

/// What root does without asking, also where the tests are not root.
fn make_writable(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(OWNER_MAY_ALL)).unwrap();
}

/// Writes other bytes of the same length and puts back mode and time, as far as anybody can.
fn overwrite(file: &Path, text: &str) {
    let before = fs::metadata(file).unwrap();
    assert_eq!(before.len(), text.len() as u64);
    // The kernel's clock for files moves in ticks: nothing would show a change within the tick of the fetch.
    let deadline = Instant::now() + PATIENCE;
    let changed_at = |metadata: &Metadata| (metadata.ctime(), metadata.ctime_nsec());
    while changed_at(&fs::metadata(file).unwrap()) == changed_at(&before) {
        assert!(Instant::now() < deadline, "the clock stands still");
        make_writable(file);
    }
    fs::write(file, text).unwrap();
    let times = FileTimes::new().set_modified(before.modified().unwrap());
    File::options().write(true).open(file).unwrap().set_times(times).unwrap();
    fs::set_permissions(file, before.permissions()).unwrap();
}

#[tokio::test]
async fn a_model_that_was_written_into_is_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("good", 0), "v1");
    let cache = open(dir.path(), &bucket).await;
    let first = prepare(&cache).await;
    overwrite(&first.path.join("model.txt"), "evil");
    drop(first);
    let second = prepare(&cache).await;
    assert_eq!(text(&second), "good");
    assert_eq!(bucket.opens(), 2);
    drop(prepare(&cache).await);
    assert_eq!(bucket.opens(), 2, "the new copy is as good as the first was");
    eventually("the changed files are gone", || is_tidy(dir.path())).await;
    assert_eq!(entries(dir.path()), 1);
}

#[tokio::test]
async fn whoever_uses_a_changed_model_keeps_it_and_all_others_share_the_new_copy() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("good", 0), "v1");
    let cache = open(dir.path(), &bucket).await;
    let culprit = prepare(&cache).await;
    overwrite(&culprit.path.join("model.txt"), "evil");
    let second = prepare(&cache).await;
    let third = prepare(&cache).await;
    assert_eq!((text(&second), text(&third)), ("good".into(), "good".into()));
    assert_eq!(second.path, third.path);
    assert_ne!(second.key, culprit.key, "two directories have two names");
    assert_eq!(bucket.opens(), 2);
    assert_eq!(text(&culprit), "evil", "nothing is taken from under a running instance");
    assert!(cache.adopt(&culprit.key).is_some() && cache.adopt(&second.key).is_some());
    // The new copy goes bad as well, while both are in use.
    overwrite(&second.path.join("model.txt"), "evil");
    assert_eq!(text(&prepare(&cache).await), "good");
    assert_eq!((bucket.opens(), entries(dir.path())), (3, 3));
}

#[tokio::test]
async fn whatever_is_changed_is_seen() {
    type Change = (&'static str, fn(&Path));
    let changes: [Change; 6] = [
        ("a file more", |model| fs::write(model.join("config.json"), "{}").unwrap()),
        ("a file less", |model| fs::remove_file(model.join("filler.bin")).unwrap()),
        ("a file replaced by a link", |model| {
            fs::remove_file(model.join("model.txt")).unwrap();
            symlink("filler.bin", model.join("model.txt")).unwrap();
        }),
        ("another mode", |model| make_writable(&model.join("model.txt"))),
        ("an empty directory more", |model| fs::create_dir(model.join("code")).unwrap()),
        ("two names exchanged", |model| {
            fs::rename(model.join("model.txt"), model.join("other")).unwrap();
            fs::rename(model.join("filler.bin"), model.join("model.txt")).unwrap();
            fs::rename(model.join("other"), model.join("filler.bin")).unwrap();
        }),
    ];
    for (what, change) in changes {
        let dir = tempfile::tempdir().unwrap();
        let bucket = Bucket::with(URI, archive("good", 4), "v1");
        let cache = open(dir.path(), &bucket).await;
        let path = prepare(&cache).await.path;
        make_writable(&path);
        change(&path);
        fs::set_permissions(&path, Permissions::from_mode(0o555)).unwrap();
        let again = prepare(&cache).await;
        assert_eq!((text(&again), bucket.opens()), ("good".into(), 2), "{what}");
        assert_eq!(fs::read_dir(&again.path).unwrap().count(), 2, "{what}");
    }
}

#[tokio::test]
async fn files_of_a_prefix_are_looked_at_like_those_of_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with("s3://models/demo/code/serve.py", b"good".to_vec(), "v1");
    bucket.put("s3://models/demo/weights", b"good".to_vec(), "v1");
    let cache = open(dir.path(), &bucket).await;
    let prepare = || async { cache.prepare(&data(PREFIX, DataForm::Prefix), |_| {}).await.unwrap() };
    let first = prepare().await;
    drop(prepare().await);
    assert_eq!(bucket.opens(), 2, "untouched files are used again");
    overwrite(&first.path.join("code/serve.py"), "evil");
    let second = prepare().await;
    assert_eq!(fs::read_to_string(second.path.join("code/serve.py")).unwrap(), "good");
    assert_eq!(bucket.opens(), 4);
}

#[tokio::test]
async fn what_python_compiles_beside_a_models_code_is_no_change() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with("s3://models/demo/code/serve.py", b"pass".to_vec(), "v1");
    let cache = open(dir.path(), &bucket).await;
    let prepare = || async { cache.prepare(&data(PREFIX, DataForm::Prefix), |_| {}).await.unwrap() };
    let code = prepare().await.path.join("code");
    make_writable(&code);
    fs::create_dir(code.join("__pycache__")).unwrap();
    fs::write(code.join("__pycache__/serve.cpython-313.pyc"), "compiled").unwrap();
    fs::set_permissions(&code, Permissions::from_mode(0o555)).unwrap();
    drop(prepare().await);
    assert_eq!(bucket.opens(), 1);
}

#[tokio::test]
async fn a_change_is_seen_by_the_next_server_too() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("good", 0), "v1");
    let path = prepare(&open(dir.path(), &bucket).await).await.path;
    drop(prepare(&open(dir.path(), &bucket).await).await);
    assert_eq!(bucket.opens(), 1, "untouched files outlive a server");
    overwrite(&path.join("model.txt"), "evil");
    assert_eq!(text(&prepare(&open(dir.path(), &bucket).await).await), "good");
    assert_eq!(bucket.opens(), 2);
}

#[tokio::test]
async fn an_entry_of_which_nothing_was_written_down_is_adopted_and_not_given_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("good", 0), "v1");
    let first = prepare(&open(dir.path(), &bucket).await).await;
    let entry = first.path.with_file_name("entry.json");
    let mut described: serde_json::Value = serde_json::from_slice(&fs::read(&entry).unwrap()).unwrap();
    assert!(described.as_object_mut().unwrap().remove("stamp").is_some());
    fs::write(&entry, described.to_string()).unwrap();
    let cache = open(dir.path(), &bucket).await;
    let adopted = cache.adopt(&first.key).unwrap();
    let fetched = prepare(&cache).await;
    assert_ne!(fetched.path, adopted.path);
    assert_eq!((text(&fetched), text(&adopted), bucket.opens()), ("good".into(), "good".into(), 2));
}
