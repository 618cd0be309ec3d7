//! Models that are kept as files: one object, a prefix, a manifest; their names, versions, permission and limits.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use hostler_artifacts::{
    ArtifactCache, ArtifactSource, CacheLimits, DataForm, DataSource, FetchError, Prepared, UnpackLimits,
    glance,
};

use crate::bucket::{Bucket, data, entries, eventually, is_tidy, source, tree};

const PREFIX: &str = "s3://models/llm/";
const MANIFEST: &str = "s3://models/manifests/llm.json";

fn uri(key: &str) -> String {
    format!("{PREFIX}{key}")
}

/// A model of three files, beside what does not belong to it.
fn bucket() -> Arc<Bucket> {
    let bucket = Arc::new(Bucket::default());
    for (key, body) in
        [("config.json", "{}"), ("weights/0.bin", "zero"), ("weights/1.bin", "one"), ("../llm2/x", "no")]
    {
        let uri = if key.starts_with("..") { "s3://models/llm2/x".into() } else { uri(key) };
        bucket.put(&uri, body.into(), &format!("etag-{key}"));
    }
    bucket
}

fn expected(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(name, body)| ((*name).to_owned(), body.as_bytes().to_vec())).collect()
}

async fn open(dir: &Path, bucket: &Arc<Bucket>) -> ArtifactCache {
    open_with(dir, bucket, CacheLimits::default()).await
}

async fn open_with(dir: &Path, bucket: &Arc<Bucket>, limits: CacheLimits) -> ArtifactCache {
    ArtifactCache::open(dir, limits, Arc::clone(bucket) as _).await.unwrap()
}

async fn prepare(cache: &ArtifactCache, data: &DataSource) -> Result<Prepared, FetchError> {
    cache.prepare(data, |_| {}).await
}

fn prefix() -> DataSource {
    data(PREFIX, DataForm::Prefix)
}

fn manifest(bucket: &Bucket, text: &str) -> DataSource {
    bucket.put(MANIFEST, text.into(), &format!("manifest-{}", text.len()));
    data(PREFIX, DataForm::Manifest { uri: MANIFEST.into() })
}

#[tokio::test]
async fn a_prefix_is_laid_out_below_the_model_directory() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let cache = open(dir.path(), &bucket).await;
    let prepared = prepare(&cache, &prefix()).await.unwrap();
    let files = [("config.json", "{}"), ("weights/0.bin", "zero"), ("weights/1.bin", "one")];
    assert_eq!(tree(&prepared.path), expected(&files));
    assert_eq!((prepared.version.key.as_str(), prepared.version.bytes), ("llm/", 9));
    assert_eq!(cache.bytes(), 9);
    let mode = |path: &str| fs::metadata(prepared.path.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(""), mode("weights"), mode("weights/0.bin")), (0o555, 0o555, 0o444));
    assert!(is_tidy(dir.path()));
}

#[tokio::test]
async fn one_object_is_a_file_named_by_the_end_of_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let one = data(&uri("weights/0.bin"), DataForm::Object);
    let prepared = prepare(&open(dir.path(), &bucket).await, &one).await.unwrap();
    assert_eq!(tree(&prepared.path), expected(&[("0.bin", "zero")]));
    assert_eq!(bucket.lists.load(Ordering::SeqCst), 0, "one object needs no right to list");
}

#[tokio::test]
async fn a_manifest_selects_among_the_objects_of_the_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let cache = open(dir.path(), &bucket).await;
    let selected = manifest(&bucket, r#"[{"prefix": "s3://models/llm/"}, "config.json", "weights/1.bin"]"#);
    let prepared = prepare(&cache, &selected).await.unwrap();
    assert_eq!(tree(&prepared.path), expected(&[("config.json", "{}"), ("weights/1.bin", "one")]));
    assert_eq!(bucket.lists.load(Ordering::SeqCst), 0, "what is named needs no right to list");
    // Another selection is another model, and one that is written differently is not.
    let other = manifest(&bucket, r#"[{"prefix": "s3://models/llm/weights/"}, "1.bin"]"#);
    let other = prepare(&cache, &other).await.unwrap();
    assert_eq!(tree(&other.path), expected(&[("weights/1.bin", "one")]));
    let same = manifest(&bucket, r#"[{"prefix": "s3://models/llm/"}, "weights/1.bin", "config.json"]"#);
    assert_eq!(prepare(&cache, &same).await.unwrap().key, prepared.key);
}

#[tokio::test]
async fn a_manifest_that_leads_nowhere_or_elsewhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let cache = open(dir.path(), &bucket).await;
    let opens = bucket.opens();
    for (text, detail) in [
        ("config.json\n", "a JSON array"),
        (r#"[{"prefix": "s3://models/"}, "llm2/x"]"#, "which does not lie below `s3://models/llm/`"),
        (r#"[{"prefix": "s3://models/llm/"}, "weights/../../llm2/x"]"#, "goes through `.` or `..`"),
        (r#"[{"prefix": "s3://models/llm/"}, "nothing"]"#, "there is no object at `s3://models/llm/nothing`"),
        (r#"[{"prefix": "s3://models/llm/"}, "config.json", "config.json"]"#, "`config.json` is there twice"),
    ] {
        let error = prepare(&cache, &manifest(&bucket, text)).await.unwrap_err();
        assert!(error.to_string().contains(detail), "{text}: {error}");
        assert!(!error.is_transient(), "{error}");
    }
    assert_eq!(bucket.opens(), opens + 5, "the manifests were read, and nothing else");
    let absent = data(PREFIX, DataForm::Manifest { uri: "s3://models/no.json".into() });
    let error = prepare(&cache, &absent).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no object at `s3://models/no.json`");
    assert_eq!(entries(dir.path()), 0);
}

#[tokio::test]
async fn names_that_cannot_be_files_are_refused_before_anything_is_fetched() {
    for (key, detail) in [
        ("weights", "`weights` is a file, and a directory because of `weights/0.bin`"),
        ("folder/", "`folder/` ends in a slash, as the S3 console makes for a folder; delete that object"),
        ("", "an object has the prefix itself as its key, as the S3 console makes for a folder; delete it"),
        ("a//b", "`a//b` holds an empty name between two slashes or before the first"),
        ("../llm2/x", "`../llm2/x` goes through `.` or `..`"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let bucket = bucket();
        bucket.put(&uri(key), Vec::new(), "v1");
        let error = prepare(&open(dir.path(), &bucket).await, &prefix()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the objects at `{PREFIX}` cannot be laid out as files: {detail}")
        );
        assert!(!error.is_transient());
        assert_eq!((bucket.looks(), bucket.opens()), (0, 0), "{key}");
    }
}

#[tokio::test]
async fn an_empty_prefix_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let nothing = data("s3://models/nothing/", DataForm::Prefix);
    let error = prepare(&open(dir.path(), &bucket).await, &nothing).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no object at `s3://models/nothing/`");
    let error = glance(&*bucket, &nothing).await.unwrap_err();
    assert!(matches!(error, FetchError::Missing { uri } if uri == "s3://models/nothing/"));
}

#[tokio::test]
async fn a_key_that_changed_or_came_or_went_serves_the_new_version() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let cache = open(dir.path(), &bucket).await;
    let first = prepare(&cache, &prefix()).await.unwrap();
    let files = |prepared: &Prepared| tree(&prepared.path);

    bucket.put(&uri("weights/1.bin"), "ONE".into(), "another");
    let changed = prepare(&cache, &prefix()).await.unwrap();
    assert_eq!(files(&changed)["weights/1.bin"], b"ONE");

    bucket.put(&uri("added"), "+".into(), "v1");
    let added = prepare(&cache, &prefix()).await.unwrap();
    assert_eq!(files(&added).len(), 4);

    bucket.remove(&uri("config.json"));
    let removed = prepare(&cache, &prefix()).await.unwrap();
    assert_eq!(files(&removed).keys().collect::<Vec<_>>(), ["added", "weights/0.bin", "weights/1.bin"]);

    // A file that moved holds the same bytes at another place.
    bucket.remove(&uri("added"));
    bucket.put(&uri("moved"), "+".into(), "v1");
    let moved = prepare(&cache, &prefix()).await.unwrap();
    assert!(files(&moved).contains_key("moved"));

    assert_eq!(files(&first)["weights/1.bin"], b"one", "what is in use stays as it was");
    let keys: std::collections::BTreeSet<_> =
        [&first, &changed, &added, &removed, &moved].map(|prepared| prepared.key.clone()).into();
    assert_eq!(keys.len(), 5);
    let opens = bucket.opens();
    assert_eq!(prepare(&cache, &prefix()).await.unwrap().key, moved.key);
    assert_eq!(bucket.opens(), opens, "nothing changed, nothing is fetched");
}

#[tokio::test]
async fn a_hit_on_a_prefix_never_skips_permission() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let cache = open(dir.path(), &bucket).await;
    let _held = prepare(&cache, &prefix()).await.unwrap();
    let (looks, opens) = (bucket.looks(), bucket.opens());
    let _again = prepare(&cache, &prefix()).await.unwrap();
    assert_eq!(bucket.looks(), looks + 3, "each object is looked at, because a listing shows names alone");
    let role_arn = "arn:aws:iam::000000000000:role/other".to_owned();
    bucket.refuse(&role_arn);
    let at = ArtifactSource { role_arn, ..source(PREFIX) };
    let refused = prepare(&cache, &DataSource { at: at.clone(), ..prefix() }).await;
    assert!(matches!(refused, Err(FetchError::Forbidden { .. })), "{refused:?}");
    // A role that may list but not read one of the objects.
    bucket.fail_look(FetchError::Forbidden {
        uri: uri("weights/1.bin"),
        role_arn: source(PREFIX).role_arn,
        detail: "AccessDenied".into(),
    });
    let refused = prepare(&cache, &prefix()).await;
    assert!(matches!(refused, Err(FetchError::Forbidden { .. })), "{refused:?}");
    assert_eq!(bucket.opens(), opens);
}

#[tokio::test]
async fn ten_callers_fetch_each_object_once() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    bucket.put(&uri("weights/2.bin"), vec![b'x'; 5000], "v1");
    bucket.hold(true);
    let cache = open(dir.path(), &bucket).await;
    let callers = (0..10).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move { prepare(&cache, &prefix()).await })
    });
    let callers: Vec<_> = callers.collect();
    eventually("all have looked at all", || bucket.looks() == 40).await;
    bucket.hold(false);
    for outcome in join_all(callers).await {
        assert_eq!(tree(&outcome.unwrap().unwrap().path).len(), 4);
    }
    assert_eq!(bucket.opens(), 4);
}

#[tokio::test]
async fn a_fetch_of_files_that_nobody_waits_for_stops_and_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    bucket.put(&uri("weights/2.bin"), vec![b'x'; 50_000], "v1");
    bucket.hold(true);
    let cache = open(dir.path(), &bucket).await;
    let caller = tokio::spawn({
        let cache = cache.clone();
        async move { prepare(&cache, &prefix()).await }
    });
    let half = dir.path().join(".work/0/model/weights/2.bin");
    eventually("a file is being written", || half.exists()).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    eventually("the half-filled directory is gone", || is_tidy(dir.path())).await;
    assert_eq!(entries(dir.path()), 0, "nothing half done is taken for complete");
    bucket.hold(false);
    assert_eq!(tree(&prepare(&cache, &prefix()).await.unwrap().path).len(), 4);
}

#[tokio::test]
async fn limits_of_files_are_named_when_they_are_reached() {
    let bucket = bucket();
    let over = async |limits: CacheLimits, data: DataSource| {
        let dir = tempfile::tempdir().unwrap();
        prepare(&open_with(dir.path(), &bucket, limits).await, &data).await.unwrap_err().to_string()
    };
    let text = |uri: &str, detail: &str| format!("the artifact at `{uri}` is over a limit: {detail}");
    let limits = CacheLimits { objects: 2, ..CacheLimits::default() };
    assert_eq!(over(limits, prefix()).await, text(PREFIX, "more than 2 objects lie below it"));
    let three = manifest(&bucket, r#"[{"prefix": "s3://models/llm/"}, "a", "b", "c"]"#);
    assert_eq!(over(limits, three).await, text(MANIFEST, "it lists 3 objects; at most 2 are fetched"));
    for limits in [
        CacheLimits { object_bytes: 8, ..CacheLimits::default() },
        CacheLimits { cache_bytes: 8, ..CacheLimits::default() },
        CacheLimits {
            unpack: UnpackLimits { bytes: 8, ..UnpackLimits::default() },
            ..CacheLimits::default()
        },
    ] {
        assert_eq!(over(limits, prefix()).await, text(PREFIX, "it has 9 bytes; at most 8 are fetched"));
    }
    let limits = CacheLimits { object_bytes: 3, ..CacheLimits::default() };
    let (zero, one) = (uri("weights/0.bin"), uri("weights/1.bin"));
    let error = over(limits, data(&zero, DataForm::Object)).await;
    assert_eq!(error, text(&zero, "it has 4 bytes; at most 3 are fetched"));
    let dir = tempfile::tempdir().unwrap();
    let cache = open_with(dir.path(), &bucket, limits).await;
    assert!(prepare(&cache, &data(&one, DataForm::Object)).await.is_ok());
    let long = " ".repeat(4 * 1024 * 1024 + 1);
    let error = over(CacheLimits::default(), manifest(&bucket, &long)).await;
    assert_eq!(error, text(MANIFEST, "a manifest of 4194305 bytes; at most 4194304 are read"));
}

#[tokio::test]
async fn a_pinned_etag_must_be_the_one_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let cache = open(dir.path(), &bucket).await;
    let at = uri("config.json");
    let pinned = |etag: &str| DataSource { etag: Some(etag.into()), ..data(&at, DataForm::Object) };
    for etag in ["etag-config.json", "\"etag-config.json\""] {
        prepare(&cache, &pinned(etag)).await.unwrap();
        glance(&*bucket, &pinned(etag)).await.unwrap();
    }
    let text = format!(
        "`{at}` is not a location that can be read: the model asks for ETag `old`, the object has `etag-config.json`"
    );
    assert_eq!(prepare(&cache, &pinned("old")).await.unwrap_err().to_string(), text);
    assert_eq!(glance(&*bucket, &pinned("old")).await.unwrap_err().to_string(), text);
    let selected = manifest(&bucket, r#"[{"prefix": "s3://models/llm/"}, "config.json"]"#);
    let old = DataSource { etag: Some("old".into()), ..selected };
    assert!(prepare(&cache, &old).await.unwrap_err().to_string().contains("asks for ETag `old`"));
}

#[tokio::test]
async fn an_adopted_prefix_is_known_to_a_new_server() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket();
    let key = prepare(&open(dir.path(), &bucket).await, &prefix()).await.unwrap().key;
    let cache = open(dir.path(), &bucket).await;
    assert_eq!(tree(&cache.adopt(&key).unwrap().path).len(), 3);
    let opens = bucket.opens();
    assert_eq!(prepare(&cache, &prefix()).await.unwrap().key, key);
    assert_eq!(bucket.opens(), opens);
}

#[tokio::test]
async fn a_glance_at_a_prefix_costs_one_key_and_tells_permission_and_absence() {
    let bucket = bucket();
    glance(&*bucket, &prefix()).await.unwrap();
    assert_eq!((bucket.lists.load(Ordering::SeqCst), bucket.looks(), bucket.opens()), (1, 1, 0));
    bucket.fail_look(FetchError::Forbidden {
        uri: uri("config.json"),
        role_arn: source(PREFIX).role_arn,
        detail: "AccessDenied".into(),
    });
    let refused = glance(&*bucket, &prefix()).await;
    assert!(matches!(refused, Err(FetchError::Forbidden { .. })), "listing alone is not enough: {refused:?}");
    // Names that cannot be files are the deployment's to tell.
    bucket.put(&uri(""), Vec::new(), "v1");
    glance(&*bucket, &prefix()).await.unwrap();
}
