//! Single flight, permission, cancellation, restart, eviction and limits.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use hostler_artifacts::{
    ArtifactCache, ArtifactSource, CacheKey, CacheLimits, FetchError, PreparePhase, Prepared, UnpackLimits,
};

use crate::bucket::{Bucket, archive, entries, eventually, gzip, interrupted, is_tidy, source};

const URI: &str = "s3://models/demo/model.tar.gz";

async fn open(dir: &Path, bucket: &Arc<Bucket>) -> ArtifactCache {
    open_with(dir, bucket, CacheLimits::default()).await
}

async fn open_with(dir: &Path, bucket: &Arc<Bucket>, limits: CacheLimits) -> ArtifactCache {
    ArtifactCache::open(dir, limits, Arc::clone(bucket) as _).await.unwrap()
}

async fn prepare(cache: &ArtifactCache, uri: &str) -> Result<Prepared, FetchError> {
    cache.prepare(&source(uri).into(), |_| {}).await
}

fn text(prepared: &Prepared) -> String {
    fs::read_to_string(prepared.path.join("model.txt")).unwrap()
}

#[tokio::test]
async fn a_model_is_fetched_once_and_told_step_by_step() {
    let dir = tempfile::tempdir().unwrap();
    let body = archive("one", 5000);
    let total_bytes = body.len() as u64;
    let bucket = Bucket::with(URI, body, "v1");
    let cache = open(dir.path(), &bucket).await;

    let phases = Mutex::new(vec![]);
    let told = |phase| phases.lock().unwrap().push(phase);
    let prepared = cache.prepare(&source(URI).into(), told).await.unwrap();
    assert_eq!(text(&prepared), "one");
    assert_eq!(prepared.version.etag.as_deref(), Some("v1"));
    assert!(prepared.path.starts_with(dir.path().join(prepared.key.as_str())));
    let phases = phases.into_inner().unwrap();
    assert_eq!(phases.first(), Some(&PreparePhase::Looking));
    assert_eq!(phases.last(), Some(&PreparePhase::Ready { was_cached: false }));
    assert!(phases[1..phases.len() - 1].iter().all(
        |phase| matches!(phase, PreparePhase::Fetching { total_bytes: told, .. } if *told == total_bytes)
    ));

    let phases = Mutex::new(vec![]);
    let again = cache.prepare(&source(URI).into(), |phase| phases.lock().unwrap().push(phase)).await.unwrap();
    assert_eq!(again.path, prepared.path);
    assert_eq!(
        phases.into_inner().unwrap(),
        [PreparePhase::Looking, PreparePhase::Ready { was_cached: true }]
    );
    assert_eq!((bucket.looks(), bucket.opens()), (2, 1));
    assert!(is_tidy(dir.path()));
    assert_eq!(cache.bytes(), 5003);
}

#[tokio::test]
async fn a_prepared_model_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 0), "v1");
    let prepared = prepare(&open(dir.path(), &bucket).await, URI).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&prepared.path), 0o555);
    assert_eq!(mode(&prepared.path.join("model.txt")), 0o444);
}

#[tokio::test]
async fn ten_callers_share_one_fetch() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 5000), "v1");
    bucket.hold(true);
    let cache = open(dir.path(), &bucket).await;
    let callers = (0..10).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move { prepare(&cache, URI).await })
    });
    let callers: Vec<_> = callers.collect();
    eventually("all have looked", || bucket.looks() == 10).await;
    bucket.hold(false);
    for outcome in join_all(callers).await {
        assert_eq!(text(&outcome.unwrap().unwrap()), "one");
    }
    assert_eq!(bucket.opens(), 1);
}

#[tokio::test]
async fn a_hit_never_skips_permission() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 0), "v1");
    let cache = open(dir.path(), &bucket).await;
    let _held = prepare(&cache, URI).await.unwrap();
    let other = ArtifactSource { role_arn: "arn:aws:iam::000000000000:role/other".into(), ..source(URI) };
    bucket.refuse(&other.role_arn);
    let refused = cache.prepare(&other.into(), |_| {}).await;
    assert!(matches!(refused, Err(FetchError::Forbidden { .. })), "{refused:?}");
    bucket.refuse(&source(URI).role_arn);
    let refused = prepare(&cache, URI).await;
    assert!(matches!(refused, Err(FetchError::Forbidden { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_overwritten_object_serves_the_new_model() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("old", 0), "v1");
    let cache = open(dir.path(), &bucket).await;
    let old = prepare(&cache, URI).await.unwrap();
    bucket.put(URI, archive("new", 0), "v2");
    let new = prepare(&cache, URI).await.unwrap();
    assert_eq!(text(&new), "new");
    assert_eq!(text(&old), "old");
}

#[tokio::test]
async fn an_object_overwritten_between_look_and_read_is_looked_at_again() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("new", 0), "v2");
    let cache = open(dir.path(), &bucket).await;
    // The look saw v1, the read fails because it is v2 now; the second look sees v2.
    bucket.fail_open(FetchError::Changed { uri: URI.into() });
    assert_eq!(text(&prepare(&cache, URI).await.unwrap()), "new");
    assert_eq!((bucket.looks(), bucket.opens()), (2, 2));
}

#[tokio::test]
async fn the_fetch_goes_on_when_the_first_caller_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 5000), "v1");
    bucket.hold(true);
    let cache = open(dir.path(), &bucket).await;
    let first = tokio::spawn({
        let cache = cache.clone();
        async move { prepare(&cache, URI).await }
    });
    eventually("the fetch has begun", || bucket.opens() == 1).await;
    let second = tokio::spawn({
        let cache = cache.clone();
        async move {
            let (waiting, told) = tokio::sync::oneshot::channel();
            let waiting = Mutex::new(Some(waiting));
            let joined = async move {
                cache
                    .prepare(&source(URI).into(), |phase| {
                        if matches!(phase, PreparePhase::Fetching { .. })
                            && let Some(waiting) = waiting.lock().unwrap().take()
                        {
                            waiting.send(()).unwrap();
                        }
                    })
                    .await
            };
            (tokio::spawn(joined), told)
        }
    });
    let (second, told) = second.await.unwrap();
    told.await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    bucket.hold(false);
    assert_eq!(text(&second.await.unwrap().unwrap()), "one");
    assert_eq!(bucket.opens(), 1);
}

#[tokio::test]
async fn a_fetch_that_nobody_waits_for_stops_and_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 50_000), "v1");
    bucket.hold(true);
    let cache = open(dir.path(), &bucket).await;
    let caller = tokio::spawn({
        let cache = cache.clone();
        async move { prepare(&cache, URI).await }
    });
    let first_file = dir.path().join(".work/0/model/model.txt");
    eventually("the first file is there", || first_file.exists()).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    eventually("the half-filled directory is gone", || is_tidy(dir.path())).await;
    assert_eq!(entries(dir.path()), 0);
    bucket.hold(false);
    assert_eq!(text(&prepare(&cache, URI).await.unwrap()), "one");
    assert_eq!(bucket.opens(), 2);
}

#[tokio::test]
async fn a_broken_transfer_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 5000), "v1");
    bucket.truncate(2500);
    bucket.fail_look(interrupted(URI, "connection reset"));
    let cache = open(dir.path(), &bucket).await;
    assert_eq!(text(&prepare(&cache, URI).await.unwrap()), "one");
    // The look once more, the transfer from where it broke: nothing is read twice.
    assert_eq!(bucket.looks(), 2);
    assert_eq!(bucket.opened_at(), [(URI.to_owned(), 0), (URI.to_owned(), 2500)]);
    assert!(is_tidy(dir.path()));
}

#[tokio::test(start_paused = true)]
async fn tries_end() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 0), "v1");
    for _ in 0..10 {
        bucket.fail_look(interrupted(URI, "connection reset"));
    }
    let error = prepare(&open(dir.path(), &bucket).await, URI).await.unwrap_err();
    assert_eq!(error.to_string(), format!("reading `{URI}` broke off: connection reset"));
    assert_eq!(bucket.looks(), 4);
}

#[tokio::test]
async fn a_transfer_that_always_ends_early_says_how_far_it_came() {
    let dir = tempfile::tempdir().unwrap();
    let body = archive("one", 5000);
    let bytes = body.len();
    let bucket = Bucket::with(URI, body, "v1");
    bucket.truncate_always(2500);
    let limits = CacheLimits { patience: Duration::from_millis(150), ..CacheLimits::default() };
    let error = prepare(&open_with(dir.path(), &bucket, limits).await, URI).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("reading `{URI}` broke off: 2500 bytes came where the object has {bytes}")
    );
    eventually("nothing is left", || is_tidy(dir.path())).await;
}

#[tokio::test]
async fn what_cannot_be_helped_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let whole = archive("one", 5000);
    let bucket = Bucket::with(URI, whole[..3000].to_vec(), "v1");
    let cache = open(dir.path(), &bucket).await;
    let error = prepare(&cache, URI).await.unwrap_err();
    assert!(!error.is_transient());
    assert_eq!(
        error.to_string(),
        format!("the archive at `{URI}` cannot be unpacked: its gzip data was cut off before the end")
    );
    bucket.put(URI, b"\x80\x04\x95pickle".to_vec(), "v2");
    let error = prepare(&cache, URI).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the archive at `{URI}` cannot be unpacked: not a gzip-compressed tar archive; it looks like this: a Python pickle"
        )
    );
    let error = prepare(&cache, "s3://models/nothing").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no object at `s3://models/nothing`");
    assert_eq!((bucket.looks(), bucket.opens()), (3, 2));
    eventually("nothing is left", || is_tidy(dir.path())).await;
    assert_eq!(entries(dir.path()), 0);
}

#[tokio::test]
async fn an_archive_that_breaks_a_rule_stops_the_download() {
    let dir = tempfile::tempdir().unwrap();
    let mut body = gzip(&[b'x'; 600]);
    body.resize(1_000_000, 0);
    let bucket = Bucket::with(URI, body, "v1");
    let error = prepare(&open(dir.path(), &bucket).await, URI).await.unwrap_err();
    assert!(matches!(error, FetchError::BadArchive { .. }), "{error}");
    let sent = bucket.pieces_sent.load(std::sync::atomic::Ordering::SeqCst);
    assert!(sent < 100, "{sent} of 1000 pieces were read");
}

#[tokio::test]
async fn limits_are_named_when_they_are_reached() {
    let dir = tempfile::tempdir().unwrap();
    let body = archive("one", 5000);
    let bytes = body.len();
    let bucket = Bucket::with(URI, body, "v1");
    let limits = CacheLimits { object_bytes: 4999, ..CacheLimits::default() };
    let error = prepare(&open_with(dir.path(), &bucket, limits).await, URI).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the artifact at `{URI}` is over a limit: it has {bytes} bytes; at most 4999 are fetched")
    );
    assert_eq!(bucket.opens(), 0);

    let unpack = UnpackLimits { bytes: 4999, ..UnpackLimits::default() };
    let limits = CacheLimits { unpack, ..CacheLimits::default() };
    let error = prepare(&open_with(dir.path(), &bucket, limits).await, URI).await.unwrap_err();
    let text = format!("the artifact at `{URI}` is over a limit: it unpacks to more than 4999 bytes");
    assert_eq!(error.to_string(), text);

    // What does not fit into the cache is not unpacked either.
    let limits = CacheLimits { cache_bytes: 4999, ..CacheLimits::default() };
    let error = prepare(&open_with(dir.path(), &bucket, limits).await, URI).await.unwrap_err();
    assert_eq!(error.to_string(), text);
}

fn uri(n: u32) -> String {
    format!("s3://models/{n}.tar.gz")
}

/// A cache with room for two models of 10,000 bytes (and their headers while unpacking), and a bucket with five.
async fn small_cache(dir: &Path) -> (ArtifactCache, Arc<Bucket>) {
    let bucket = Arc::new(Bucket::default());
    for n in 0..5 {
        bucket.put(&uri(n), archive(&n.to_string(), 9_999), "v1");
    }
    let limits = CacheLimits { cache_bytes: 25_000, ..CacheLimits::default() };
    (open_with(dir, &bucket, limits).await, bucket)
}

#[tokio::test]
async fn the_model_used_longest_ago_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, bucket) = small_cache(dir.path()).await;
    for n in [0, 1, 0, 2] {
        drop(prepare(&cache, &uri(n)).await.unwrap());
    }
    assert_eq!((entries(dir.path()), cache.bytes(), bucket.opens()), (2, 20_000, 3));
    eventually("the removed model's files are gone", || is_tidy(dir.path())).await;
    drop(prepare(&cache, &uri(0)).await.unwrap());
    assert_eq!(bucket.opens(), 3, "the model used last was kept");
    drop(prepare(&cache, &uri(1)).await.unwrap());
    assert_eq!(bucket.opens(), 4, "the model used longest ago was not");
}

#[tokio::test]
async fn a_model_in_use_is_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, bucket) = small_cache(dir.path()).await;
    let first = prepare(&cache, &uri(0)).await.unwrap();
    let clone = first.clone();
    drop(first);
    for n in 1..5 {
        drop(prepare(&cache, &uri(n)).await.unwrap());
    }
    assert_eq!(text(&clone), "0");
    let second = prepare(&cache, &uri(1)).await.unwrap();
    let error = prepare(&cache, &uri(2)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the artifact at `{}` is over a limit: it unpacks to 10000 bytes, and 20000 of the cache's 25000 bytes are \
             taken by models in use",
            uri(2)
        )
    );
    assert_eq!((text(&clone), text(&second)), ("0".into(), "1".into()));
    drop(clone);
    let opens = bucket.opens();
    drop(prepare(&cache, &uri(2)).await.unwrap());
    assert_eq!(bucket.opens(), opens + 1);
    eventually("the removed model's files are gone", || is_tidy(dir.path())).await;
    assert_eq!(entries(dir.path()), 2);
}

#[tokio::test]
async fn a_new_server_knows_what_an_earlier_one_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 0), "v1");
    let key = prepare(&open(dir.path(), &bucket).await, URI).await.unwrap().key;
    let cache = open(dir.path(), &bucket).await;
    assert_eq!(cache.bytes(), 3);
    let adopted = cache.adopt(&key).unwrap();
    assert_eq!(text(&adopted), "one");
    assert_eq!(adopted.version.etag.as_deref(), Some("v1"));
    assert_eq!((bucket.looks(), bucket.opens()), (1, 1), "adopting asks nobody");
    assert_eq!(text(&prepare(&cache, URI).await.unwrap()), "one");
    assert_eq!((bucket.looks(), bucket.opens()), (2, 1));
    let unknown: CacheKey = "0".repeat(64).parse().unwrap();
    assert!(cache.adopt(&unknown).is_none());
}

#[tokio::test]
async fn an_adopted_model_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, bucket) = small_cache(dir.path()).await;
    let keys = [prepare(&cache, &uri(0)).await.unwrap().key, prepare(&cache, &uri(1)).await.unwrap().key];
    drop(cache);
    let limits = CacheLimits { cache_bytes: 25_000, ..CacheLimits::default() };
    let cache = open_with(dir.path(), &bucket, limits).await;
    let adopted = cache.adopt(&keys[0]).unwrap();
    drop(prepare(&cache, &uri(2)).await.unwrap());
    assert_eq!(text(&adopted), "0");
    assert!(cache.adopt(&keys[1]).is_none(), "the other one made room");
}

#[tokio::test]
async fn the_order_of_use_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, bucket) = small_cache(dir.path()).await;
    let keys = [prepare(&cache, &uri(0)).await.unwrap().key, prepare(&cache, &uri(1)).await.unwrap().key];
    // Times of use, set where the cache keeps them: the first model was used after the second.
    for (key, seconds) in [(&keys[0], 2000), (&keys[1], 1000)] {
        let entry = fs::File::options().append(true).open(dir.path().join(key.as_str()).join("entry.json"));
        let used = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        entry.unwrap().set_modified(used).unwrap();
    }
    drop(cache);
    let limits = CacheLimits { cache_bytes: 25_000, ..CacheLimits::default() };
    let cache = open_with(dir.path(), &bucket, limits).await;
    drop(prepare(&cache, &uri(2)).await.unwrap());
    assert!(cache.adopt(&keys[0]).is_some());
    assert!(cache.adopt(&keys[1]).is_none());
}

#[tokio::test]
async fn what_a_killed_server_left_half_done_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 0), "v1");
    let kept = prepare(&open(dir.path(), &bucket).await, URI).await.unwrap();
    // A fetch under way, read-only directories included; an entry without description; one of an earlier boot.
    let half = dir.path().join(".work/7/model/code");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("part"), "x").unwrap();
    fs::set_permissions(&half, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let nameless = dir.path().join("1".repeat(64));
    fs::create_dir_all(nameless.join("model")).unwrap();
    let old = dir.path().join("2".repeat(64));
    fs::create_dir_all(old.join("model")).unwrap();
    let description = fs::read_to_string(dir.path().join(kept.key.as_str()).join("entry.json")).unwrap();
    let mut description: serde_json::Value = serde_json::from_str(&description).unwrap();
    description["key"] = "2".repeat(64).into();
    description["boot_id"] = "an earlier boot".into();
    fs::write(old.join("entry.json"), description.to_string()).unwrap();
    let foreign = dir.path().join("README");
    fs::write(&foreign, "not ours").unwrap();

    let cache = open(dir.path(), &bucket).await;
    assert!(is_tidy(dir.path()));
    assert!(!nameless.exists() && !old.exists());
    assert!(foreign.exists(), "only what the cache made is removed");
    assert_eq!(text(&cache.adopt(&kept.key).unwrap()), "one");
}

#[tokio::test]
async fn an_entry_that_somebody_deleted_is_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 0), "v1");
    let cache = open(dir.path(), &bucket).await;
    let key = prepare(&cache, URI).await.unwrap().key;
    let model = dir.path().join(key.as_str()).join("model");
    fs::set_permissions(&model, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::remove_dir_all(&model).unwrap();
    assert_eq!(text(&prepare(&cache, URI).await.unwrap()), "one");
    assert_eq!(bucket.opens(), 2);
}

#[tokio::test]
async fn a_role_refused_in_the_middle_does_not_fail_another_role() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::with(URI, archive("one", 5000), "v1");
    let cache = open(dir.path(), &bucket).await;
    let other = ArtifactSource { role_arn: "arn:aws:iam::000000000000:role/other".into(), ..source(URI) };
    // Both look well; the first to read is refused then, whoever it is, and reports itself.
    bucket.fail_open(FetchError::Forbidden {
        uri: URI.into(),
        role_arn: source(URI).role_arn,
        detail: "AccessDenied".into(),
    });
    let (own, other) = (source(URI).into(), other.into());
    let (first, second) = tokio::join!(cache.prepare(&own, |_| {}), cache.prepare(&other, |_| {}));
    assert!(matches!(first, Err(FetchError::Forbidden { .. })), "{first:?}");
    assert_eq!(text(&second.unwrap()), "one");
}
