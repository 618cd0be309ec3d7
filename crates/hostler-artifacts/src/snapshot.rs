//! What a model's data is at this moment, looked at through the role: one archive, or every file and its version.
//!
//! Why: a listing shows names, not permission, so each object is looked at by itself too: a cached copy of a prefix is
//! then as well guarded as one of a single object, and the versions to be read are fixed before the first is.
//! Invariants: every count and size is limited before the work it limits; names are judged before anything is fetched.
//! Failure: an object that goes away between the listing and its look is `Changed`, and the whole is looked at again.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use ring::digest::{Context, SHA256};

use crate::layout;
use crate::manifest::{self, MANIFEST_BYTES_MAX, ManifestError};
use crate::port::{ArtifactSource, ArtifactVersion, DataForm, DataSource, FetchError, ObjectReader};
use crate::unpack::UnpackLimits;

/// Looks under way for one model; S3 answers each in some ten milliseconds.
const LOOKS_AT_ONCE: usize = 16;

/// What may be taken.
#[derive(Clone, Copy)]
pub(crate) struct SnapshotLimits {
    /// Bytes of one archive, or of all files together.
    pub(crate) bytes: u64,
    /// Objects of one model.
    pub(crate) objects: usize,
    /// Names.
    pub(crate) unpack: UnpackLimits,
}

/// A model's data at one moment.
pub(crate) struct Snapshot {
    /// Its version; of files all together.
    pub(crate) version: ArtifactVersion,
    /// What it is made of.
    pub(crate) contents: Contents,
}

/// What a model's data is made of.
#[derive(Clone)]
pub(crate) enum Contents {
    Archive,
    Files(Arc<[ObjectFile]>),
}

/// One object that becomes a file.
pub(crate) struct ObjectFile {
    pub(crate) source: ArtifactSource,
    pub(crate) version: ArtifactVersion,
    /// Where, below the model's directory.
    pub(crate) path: String,
}

/// Whether the role can see what `data` names: what CreateModel asks. One object stands for all of a prefix; whether
/// their names are names of files is the deployment's to say, as in AWS.
pub async fn glance(reader: &dyn ObjectReader, data: &DataSource) -> Result<(), FetchError> {
    let seen = match &data.form {
        DataForm::Archive | DataForm::Object => return look(reader, data).await.map(drop),
        DataForm::Prefix => {
            let listed = reader.list(&data.at, 1).await?;
            let first = listed.first().ok_or_else(|| FetchError::Missing { uri: data.at.uri.clone() })?;
            let uri = uri_of(first);
            let path = uri.strip_prefix(data.at.uri.as_str()).unwrap_or_default();
            if layout::check(&data.at.uri, &[path], &UnpackLimits::default()).is_err() {
                return Ok(());
            }
            uri
        }
        DataForm::Manifest { uri } => {
            let listed = read_manifest(reader, data, uri, usize::MAX).await?;
            listed.into_iter().next().unwrap_or_else(|| uri.clone())
        }
    };
    reader.look(&data.at.at(seen)).await.map(drop)
}

/// Looks at everything that `data` names.
pub(crate) async fn take(
    reader: &dyn ObjectReader,
    data: &DataSource,
    limits: &SnapshotLimits,
) -> Result<Snapshot, FetchError> {
    match &data.form {
        DataForm::Archive => {
            let version = look(reader, data).await?;
            check_bytes(&data.at.uri, version.bytes, limits)?;
            Ok(Snapshot { version, contents: Contents::Archive })
        }
        DataForm::Object => {
            let version = look(reader, data).await?;
            check_bytes(&data.at.uri, version.bytes, limits)?;
            let path = version.key.rsplit('/').next().unwrap_or_default().to_owned();
            layout::check(&data.at.uri, &[&path], &limits.unpack)?;
            let file = ObjectFile { source: data.at.clone(), version: version.clone(), path };
            Ok(Snapshot { version, contents: Contents::Files([file].into()) })
        }
        DataForm::Prefix => {
            let listed = reader.list(&data.at, limits.objects.saturating_add(1)).await?;
            if listed.is_empty() {
                return Err(FetchError::Missing { uri: data.at.uri.clone() });
            }
            if listed.len() > limits.objects {
                let detail = format!("more than {} objects lie below it", limits.objects);
                return Err(FetchError::OverLimit { uri: data.at.uri.clone(), detail });
            }
            // Refused before a look is spent on each.
            check_bytes(&data.at.uri, sum(listed.iter()), limits)?;
            files(reader, data, listed.iter().map(uri_of).collect(), limits).await.map_err(
                |error| match error {
                    FetchError::Missing { uri } => FetchError::Changed { uri },
                    other => other,
                },
            )
        }
        DataForm::Manifest { uri } => {
            let listed = read_manifest(reader, data, uri, limits.objects).await?;
            files(reader, data, listed, limits).await
        }
    }
}

/// Looks at one object, which must be the one that was pinned.
async fn look(reader: &dyn ObjectReader, data: &DataSource) -> Result<ArtifactVersion, FetchError> {
    let version = reader.look(&data.at).await?;
    check_etag(&data.at.uri, data.etag.as_deref(), &version)?;
    Ok(version)
}

async fn files(
    reader: &dyn ObjectReader,
    data: &DataSource,
    uris: Vec<String>,
    limits: &SnapshotLimits,
) -> Result<Snapshot, FetchError> {
    let below = &data.at.uri;
    let outside = |uri: &str| FetchError::BadLayout {
        uri: below.clone(),
        detail: format!("`{uri}` does not lie below it"),
    };
    let paths = uris.iter().map(|uri| uri.strip_prefix(below.as_str()).ok_or_else(|| outside(uri)));
    let paths = paths.collect::<Result<Vec<&str>, _>>()?;
    layout::check(below, &paths, &limits.unpack)?;
    let looks = stream::iter(0..uris.len()).map(|index| {
        let (source, path) = (data.at.at(uris[index].clone()), paths[index].to_owned());
        look_at_file(reader, source, path)
    });
    let mut files: Vec<ObjectFile> = looks.buffer_unordered(LOOKS_AT_ONCE).try_collect().await?;
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    let version = together(below, &files);
    check_bytes(below, version.bytes, limits)?;
    Ok(Snapshot { version, contents: Contents::Files(files.into()) })
}

async fn look_at_file(
    reader: &dyn ObjectReader,
    source: ArtifactSource,
    path: String,
) -> Result<ObjectFile, FetchError> {
    let version = reader.look(&source).await?;
    Ok(ObjectFile { source, version, path })
}

/// One version for all files, which changes whenever one of them does, comes or goes.
fn together(uri: &str, files: &[ObjectFile]) -> ArtifactVersion {
    let mut context = Context::new(&SHA256);
    let mut add = |part: &[u8]| {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    };
    for ObjectFile { version, path, .. } in files {
        add(path.as_bytes());
        add(version.bytes.to_string().as_bytes());
        for part in [&version.etag, &version.version_id] {
            add(part.as_ref().map_or_else(String::new, |part| format!("={part}")).as_bytes());
        }
    }
    let is_known = |file: &ObjectFile| file.version.etag.is_some() || file.version.version_id.is_some();
    let (bucket, key) = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    ArtifactVersion {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        // With a file that nothing identifies, nothing identifies the whole.
        etag: files.iter().all(is_known).then(|| hex::encode(context.finish())),
        bytes: sum(files.iter().map(|file| &file.version)),
        version_id: None,
    }
}

async fn read_manifest(
    reader: &dyn ObjectReader,
    data: &DataSource,
    uri: &str,
    objects_max: usize,
) -> Result<Vec<String>, FetchError> {
    let source = data.at.at(uri.to_owned());
    let version = reader.look(&source).await?;
    check_etag(uri, data.etag.as_deref(), &version)?;
    if version.bytes > MANIFEST_BYTES_MAX {
        let detail = format!("a manifest of {} bytes; at most {MANIFEST_BYTES_MAX} are read", version.bytes);
        return Err(FetchError::OverLimit { uri: uri.to_owned(), detail });
    }
    let mut stream = reader.open(&source, &version, 0).await?;
    let mut text = Vec::new();
    while let Some(piece) = stream.next().await {
        text.extend_from_slice(&piece?);
        if text.len() as u64 > version.bytes {
            break;
        }
    }
    if text.len() as u64 != version.bytes {
        let detail = format!("{} bytes came where the manifest has {}", text.len(), version.bytes);
        return Err(FetchError::Interrupted { uri: uri.to_owned(), detail });
    }
    manifest::read(&text, &data.at.uri, objects_max).map_err(|error| {
        let (uri, detail) = (uri.to_owned(), error.to_string());
        match error {
            ManifestError::Form(_) | ManifestError::Refused(_) => FetchError::BadManifest { uri, detail },
            ManifestError::OverLimit(_) => FetchError::OverLimit { uri, detail },
        }
    })
}

fn check_etag(uri: &str, wanted: Option<&str>, seen: &ArtifactVersion) -> Result<(), FetchError> {
    let wanted = wanted.map(|etag| etag.trim_matches('"'));
    if wanted.is_none() || wanted == seen.etag.as_deref() {
        return Ok(());
    }
    let detail = format!(
        "the model asks for ETag `{}`, the object has `{}`",
        wanted.unwrap_or_default(),
        seen.etag.as_deref().unwrap_or_default()
    );
    Err(FetchError::Unreadable { uri: uri.to_owned(), detail })
}

fn check_bytes(uri: &str, bytes: u64, limits: &SnapshotLimits) -> Result<(), FetchError> {
    let most = limits.bytes;
    if bytes <= most {
        return Ok(());
    }
    let detail = format!("it has {bytes} bytes; at most {most} are fetched");
    Err(FetchError::OverLimit { uri: uri.to_owned(), detail })
}

/// All bytes together; a service that claims more than there are numbers is over every limit.
fn sum<'a>(versions: impl Iterator<Item = &'a ArtifactVersion>) -> u64 {
    versions.fold(0, |sum, version| sum.saturating_add(version.bytes))
}

fn uri_of(version: &ArtifactVersion) -> String {
    format!("s3://{}/{}", version.bucket, version.key)
}
