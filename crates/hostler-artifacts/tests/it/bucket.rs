//! A bucket in memory that counts what is asked of it and fails, waits or breaks off on command.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use hostler_artifacts::{
    ArtifactSource, ArtifactVersion, DataForm, DataSource, FetchError, ObjectReader, ObjectStream,
};
use hostler_types::{AccountId, Region};
use tokio::sync::watch;

/// Bytes of one piece of a body.
const PIECE_BYTES: usize = 1000;
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) looks: AtomicUsize,
    pub(crate) opens: AtomicUsize,
    pub(crate) lists: AtomicUsize,
    pub(crate) pieces_sent: Arc<AtomicUsize>,
    objects: Mutex<HashMap<String, (Bytes, String)>>,
    refused_roles: Mutex<Vec<String>>,
    look_failures: Mutex<Vec<FetchError>>,
    open_failures: Mutex<Vec<FetchError>>,
    /// Where each open began.
    opened_at: Mutex<Vec<(String, u64)>>,
    /// Bodies of the next opens end at these bytes of the object.
    truncations: Mutex<Vec<usize>>,
    /// Bodies of all opens end at this byte.
    truncated: Mutex<Option<usize>>,
    /// Objects that are replaced when a body reaches its end.
    replacements: Mutex<Vec<(String, Bytes, String)>>,
    /// While true, bodies stop after their first piece.
    held: watch::Sender<bool>,
}

impl Bucket {
    pub(crate) fn with(uri: &str, body: Vec<u8>, etag: &str) -> Arc<Self> {
        let bucket = Arc::new(Self::default());
        bucket.put(uri, body, etag);
        bucket
    }

    pub(crate) fn put(&self, uri: &str, body: Vec<u8>, etag: &str) {
        self.objects.lock().unwrap().insert(uri.into(), (body.into(), etag.into()));
    }

    pub(crate) fn refuse(&self, role_arn: &str) {
        self.refused_roles.lock().unwrap().push(role_arn.into());
    }

    pub(crate) fn fail_look(&self, error: FetchError) {
        self.look_failures.lock().unwrap().push(error);
    }

    pub(crate) fn fail_open(&self, error: FetchError) {
        self.open_failures.lock().unwrap().push(error);
    }

    pub(crate) fn truncate(&self, bytes: usize) {
        self.truncations.lock().unwrap().push(bytes);
    }

    pub(crate) fn truncate_always(&self, bytes: usize) {
        *self.truncated.lock().unwrap() = Some(bytes);
    }

    /// The next open replaces the object, when its body has been handed out.
    pub(crate) fn replace_after_open(&self, uri: &str, body: Vec<u8>, etag: &str) {
        self.replacements.lock().unwrap().push((uri.into(), body.into(), etag.into()));
    }

    pub(crate) fn remove(&self, uri: &str) {
        self.objects.lock().unwrap().remove(uri);
    }

    /// The objects that were opened, and from where.
    pub(crate) fn opened_at(&self) -> Vec<(String, u64)> {
        self.opened_at.lock().unwrap().clone()
    }

    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    pub(crate) fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    pub(crate) fn opens(&self) -> usize {
        self.opens.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ObjectReader for Bucket {
    async fn look(&self, source: &ArtifactSource) -> Result<ArtifactVersion, FetchError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        if let Some(error) = self.look_failures.lock().unwrap().pop() {
            return Err(error);
        }
        let uri = source.uri.clone();
        if self.refused_roles.lock().unwrap().contains(&source.role_arn) {
            let role_arn = source.role_arn.clone();
            return Err(FetchError::Forbidden { uri, role_arn, detail: "AccessDenied".into() });
        }
        let objects = self.objects.lock().unwrap();
        let (body, etag) = objects.get(&uri).ok_or(FetchError::Missing { uri: uri.clone() })?;
        Ok(version(&uri, body, etag))
    }

    async fn list(
        &self,
        prefix: &ArtifactSource,
        keys_max: usize,
    ) -> Result<Vec<ArtifactVersion>, FetchError> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        let uri = prefix.uri.clone();
        if self.refused_roles.lock().unwrap().contains(&prefix.role_arn) {
            let role_arn = prefix.role_arn.clone();
            return Err(FetchError::Forbidden { uri, role_arn, detail: "AccessDenied".into() });
        }
        let objects = self.objects.lock().unwrap();
        let mut found: Vec<_> = objects.iter().filter(|(one, _)| one.starts_with(&uri)).collect();
        found.sort_unstable();
        let found = found.into_iter().take(keys_max);
        Ok(found.map(|(uri, (body, etag))| version(uri, body, etag)).collect())
    }

    async fn open(
        &self,
        source: &ArtifactSource,
        version: &ArtifactVersion,
        from: u64,
    ) -> Result<ObjectStream, FetchError> {
        self.opens.fetch_add(1, Ordering::SeqCst);
        if let Some(error) = self.open_failures.lock().unwrap().pop() {
            return Err(error);
        }
        self.opened_at.lock().unwrap().push((source.uri.clone(), from));
        let (mut body, etag) = self.objects.lock().unwrap()[&source.uri].clone();
        if Some(etag) != version.etag {
            return Err(FetchError::Changed { uri: source.uri.clone() });
        }
        if let Some(bytes) = self.truncations.lock().unwrap().pop().or(*self.truncated.lock().unwrap()) {
            body.truncate(bytes);
        }
        if let Some((uri, body, etag)) = self.replacements.lock().unwrap().pop() {
            self.objects.lock().unwrap().insert(uri, (body, etag));
        }
        let body = body.split_off(body.len().min(usize::try_from(from).unwrap()));
        let pieces: Vec<Bytes> = body.chunks(PIECE_BYTES).map(Bytes::copy_from_slice).collect();
        let (held, sent) = (self.held.subscribe(), Arc::clone(&self.pieces_sent));
        let pieces = stream::iter(pieces.into_iter().enumerate()).then(move |(index, piece)| {
            let (mut held, sent) = (held.clone(), Arc::clone(&sent));
            async move {
                if index > 0 {
                    held.wait_for(|held| !held).await.expect("the bucket outlives its bodies");
                }
                sent.fetch_add(1, Ordering::SeqCst);
                Ok(piece)
            }
        });
        Ok(Box::pin(pieces))
    }
}

fn version(uri: &str, body: &Bytes, etag: &str) -> ArtifactVersion {
    let (bucket, key) = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).unwrap();
    let (bucket, key, etag) = (bucket.into(), key.into(), Some(etag.into()));
    ArtifactVersion { bucket, key, etag, bytes: body.len() as u64, version_id: None }
}

pub(crate) fn interrupted(uri: &str, detail: &str) -> FetchError {
    FetchError::Interrupted { uri: uri.into(), detail: detail.into() }
}

pub(crate) fn source(uri: &str) -> ArtifactSource {
    ArtifactSource {
        uri: uri.into(),
        role_arn: "arn:aws:iam::000000000000:role/reader".into(),
        account: AccountId::new("000000000000"),
        region: Region::new("us-east-1"),
    }
}

pub(crate) fn data(uri: &str, form: DataForm) -> DataSource {
    DataSource { form, ..source(uri).into() }
}

/// Every file below a directory, by its path, with what it holds.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// A gzip tar with one file, `model.txt`, that does not compress well.
pub(crate) fn archive(text: &str, filler_bytes: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    add("model.txt", text.as_bytes());
    let mut state = 1_u64;
    let filler: Vec<u8> = (0..filler_bytes)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect();
    add("filler.bin", &filler);
    builder.into_inner().unwrap().finish().unwrap()
}

/// A gzip of bytes as they are.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for this: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether nothing half done lies in the cache's directory.
pub(crate) fn is_tidy(cache: &Path) -> bool {
    std::fs::read_dir(cache.join(".work")).unwrap().next().is_none()
}

/// How many entries lie in the cache's directory.
pub(crate) fn entries(cache: &Path) -> usize {
    std::fs::read_dir(cache).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != ".work").count()
}
