//! A bucket in memory that counts what is asked of it and fails, waits or breaks off on command.

use std::collections::HashMap;
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
use hostler_artifacts::{ArtifactSource, ArtifactVersion, FetchError, ObjectReader, ObjectStream};
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
    pub(crate) pieces_sent: Arc<AtomicUsize>,
    objects: Mutex<HashMap<String, (Bytes, String)>>,
    refused_roles: Mutex<Vec<String>>,
    look_failures: Mutex<Vec<FetchError>>,
    open_failures: Mutex<Vec<FetchError>>,
    /// Bodies of the next opens end after so many bytes.
    truncations: Mutex<Vec<usize>>,
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
        let (bucket, key) = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).unwrap();
        Ok(ArtifactVersion {
            bucket: bucket.into(),
            key: key.into(),
            etag: Some(etag.clone()),
            bytes: body.len() as u64,
            version_id: None,
        })
    }

    async fn open(
        &self,
        source: &ArtifactSource,
        version: &ArtifactVersion,
    ) -> Result<ObjectStream, FetchError> {
        self.opens.fetch_add(1, Ordering::SeqCst);
        if let Some(error) = self.open_failures.lock().unwrap().pop() {
            return Err(error);
        }
        let (mut body, etag) = self.objects.lock().unwrap()[&source.uri].clone();
        if Some(etag) != version.etag {
            return Err(interrupted(&source.uri, "it changed"));
        }
        if let Some(bytes) = self.truncations.lock().unwrap().pop() {
            body.truncate(bytes);
        }
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
