//! `file://`: what the operator allows, and no path outside.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt;
use hostler_artifacts::{ArtifactCache, ArtifactSource, CacheLimits, FetchError, LocalFiles, ObjectReader};

use hostler_types::AccountId;

use crate::bucket::{Bucket, archive, source, tree};

struct World {
    root: tempfile::TempDir,
    reader: Arc<LocalFiles>,
}

/// An allowed directory with a model, beside a secret.
fn world() -> World {
    let root = tempfile::tempdir().unwrap();
    let (allowed, secret) = (root.path().join("allowed"), root.path().join("secret"));
    fs::create_dir_all(allowed.join("deep")).unwrap();
    fs::create_dir(&secret).unwrap();
    for path in [allowed.join("deep/model 1.tar.gz"), secret.join("model.tar.gz")] {
        fs::write(path, archive("local", 5000)).unwrap();
    }
    let others = Bucket::with("s3://models/model.tar.gz", archive("remote", 0), "v1");
    let reader = Arc::new(LocalFiles::new(vec![allowed], owner(), others));
    World { root, reader }
}

/// The account of every source of these tests.
fn owner() -> AccountId {
    source("").account
}

fn url(path: &Path) -> String {
    format!("file://{}", path.display().to_string().replace(' ', "%20"))
}

async fn look(world: &World, uri: &str) -> Result<u64, String> {
    world.reader.look(&source(uri)).await.map(|version| version.bytes).map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_archive_in_an_allowed_directory_is_unpacked_like_any_other() {
    let world = world();
    let dir = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(dir.path(), CacheLimits::default(), world.reader.clone()).await.unwrap();
    let model = world.root.path().join("allowed/deep/model 1.tar.gz");
    for uri in [url(&model), url(&model).replace("file:///", "file://localhost/")] {
        let prepared = cache.prepare(&source(&uri).into(), |_| {}).await.unwrap();
        assert_eq!(tree(&prepared.path)["model.txt"], b"local");
    }
    // Written anew, it is another model.
    let aside = model.with_extension("new");
    fs::write(&aside, archive("newer", 5000)).unwrap();
    fs::rename(&aside, &model).unwrap();
    let prepared = cache.prepare(&source(&url(&model)).into(), |_| {}).await.unwrap();
    assert_eq!(tree(&prepared.path)["model.txt"], b"newer");
    // Other locations are the other reader's.
    let prepared = cache.prepare(&source("s3://models/model.tar.gz").into(), |_| {}).await.unwrap();
    assert_eq!(tree(&prepared.path)["model.txt"], b"remote");
}

#[tokio::test]
async fn nothing_outside_is_read_whatever_the_path() {
    let world = world();
    let root = world.root.path();
    symlink(root.join("secret/model.tar.gz"), root.join("allowed/link")).unwrap();
    symlink(root.join("secret"), root.join("allowed/directory-link")).unwrap();
    symlink("link", root.join("allowed/link-to-link")).unwrap();
    let base = url(root);
    for path in [
        "/secret/model.tar.gz",
        "/allowed/../secret/model.tar.gz",
        "/allowed/%2e%2e/secret/model.tar.gz",
        "/allowed/deep/../../secret/model.tar.gz",
        "/allowed/link",
        "/allowed/link-to-link",
        "/allowed/directory-link/model.tar.gz",
        "/secret/nothing",
        "/allowed/../nothing",
        "/allowed/directory-link/nothing",
    ] {
        let uri = format!("{base}{path}");
        let text = format!(
            "`{uri}` is not a location that can be read: it does not lie below a directory that the server's \
             `model_dirs` names"
        );
        assert_eq!(look(&world, &uri).await, Err(text), "whether it is there is not told either");
    }
    // A directory whose name merely begins alike is another one.
    fs::create_dir(root.join("allowed2")).unwrap();
    fs::write(root.join("allowed2/model.tar.gz"), "x").unwrap();
    assert!(look(&world, &format!("{base}/allowed2/model.tar.gz")).await.is_err());
}

#[tokio::test]
async fn links_that_stay_inside_are_followed() {
    let world = world();
    let root = world.root.path();
    symlink("deep/model 1.tar.gz", root.join("allowed/current")).unwrap();
    let uri = url(&root.join("allowed/current"));
    let bytes = fs::metadata(root.join("allowed/deep/model 1.tar.gz")).unwrap().len();
    assert_eq!(look(&world, &uri).await, Ok(bytes));
    // The allowed directory may itself be reached by a link.
    symlink("allowed", root.join("models")).unwrap();
    let reader = LocalFiles::new(vec![root.join("models")], owner(), Arc::new(Bucket::default()));
    assert!(reader.look(&source(&uri)).await.is_ok());
}

#[tokio::test]
async fn another_account_reads_no_file_and_everything_else_as_ever() {
    let world = world();
    let other = |uri: &str| ArtifactSource { account: AccountId::new("111122223333"), ..source(uri) };
    let model = url(&world.root.path().join("allowed/deep/model 1.tar.gz"));
    assert!(world.reader.look(&source(&model)).await.is_ok());
    for uri in [model, url(&world.root.path().join("allowed/nothing"))] {
        let error = world.reader.look(&other(&uri)).await.unwrap_err();
        assert!(error.to_string().contains("for models of the server's own account"), "{error}");
        assert!(!error.is_transient());
    }
    assert!(world.reader.look(&other("s3://models/model.tar.gz")).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_a_model_is_told_why() {
    let world = world();
    let root = world.root.path();
    let fifo = std::process::Command::new("mkfifo").arg(root.join("allowed/pipe")).status().unwrap();
    assert!(fifo.success());
    let base = url(root);
    for (uri, part) in [
        (format!("{base}/allowed/deep"), "it is not a file; one model archive is expected"),
        // Opening it must not wait for a writer.
        (format!("{base}/allowed/pipe"), "it is not a file; one model archive is expected"),
        (format!("{base}/allowed/nothing"), "there is no object at"),
        (format!("{base}/allowed/deep/model%201.tar.gz/x"), "there is no object at"),
        (format!("{base}/allowed/%zz"), "not followed by two hexadecimal digits"),
        (format!("{base}/allowed/%0"), "not followed by two hexadecimal digits"),
        (format!("{base}/allowed/%00"), "a zero byte"),
        ("file://elsewhere/model.tar.gz".into(), "`file:///ABSOLUTE/PATH` is expected"),
        ("file://relative".into(), "`file:///ABSOLUTE/PATH` is expected"),
    ] {
        let error = look(&world, &uri).await.unwrap_err();
        assert!(error.contains(part), "{uri}: {error}");
    }
    let none = LocalFiles::new(Vec::new(), owner(), Arc::new(Bucket::default()));
    let uri = format!("{base}/allowed/deep/model%201.tar.gz");
    let error = none.look(&source(&uri)).await.unwrap_err();
    assert!(error.to_string().contains("its operator may name directories in `model_dirs`"), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_an_error_and_no_mixture() {
    let world = world();
    let path = world.root.path().join("allowed/deep/model 1.tar.gz");
    fs::write(&path, vec![b'a'; 400_000]).unwrap();
    let at = source(&url(&path));
    let version = world.reader.look(&at).await.unwrap();
    let mut stream = world.reader.open(&at, &version, 0).await.unwrap();
    let first = stream.try_next().await.unwrap().unwrap();
    assert!(!first.is_empty() && first.len() < 400_000);
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, FetchError::Changed { .. }), "{error}");
    let Err(error) = world.reader.open(&at, &version, 0).await else { panic!("it was opened") };
    assert!(matches!(error, FetchError::Changed { .. }), "{error}");
    // And from the middle on, for a version that is still there.
    let version = world.reader.look(&at).await.unwrap();
    let rest = world.reader.open(&at, &version, 399_999).await.unwrap();
    assert_eq!(rest.try_collect::<Vec<_>>().await.unwrap().concat(), b"amore");
}
