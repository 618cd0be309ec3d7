//! Lists the objects below a prefix, page by page, as the model's role.
//!
//! Why: object_store's own listing turns keys into its paths, in which a slash at the end is lost and an empty name is
//! an error, so that the object `weights/` that the S3 console makes for a folder would be taken for a file. So the
//! request is made here, signed by the library and carried by the same client as all others.
//! Invariants: keys come as they are; the size of a page and the number of pages are bounded.

use std::time::Duration;

use bytes::Bytes;
use hostler_artifacts::{ArtifactVersion, FetchError};
use http::Uri;
use http_body_util::{BodyExt, Limited};
use object_store::CredentialProvider;
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpRequest, HttpRequestBody, HttpService};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;

use crate::answer::Observer;
use crate::credentials::AsRole;
use crate::door::ReadPage;
use crate::http_client::HyperClient;
use crate::reader::{BACKOFF_FIRST, credential_failure, root_cause, without_quotes};

/// Keys of one page, S3's own most.
const PAGE_KEYS_MAX: usize = 1000;
/// Bytes of one page: a thousand keys of 1,024 bytes, each byte written as `%XX`, and what stands around them.
const PAGE_BYTES_MAX: usize = 8 << 20;
/// Pages beyond those that the wanted keys fill: S3 sends short ones where many deleted keys lie between.
const PAGES_SPARE: usize = 100;
/// What needs no encoding in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A listing of one bucket as one role.
pub(crate) struct Listing<'a> {
    pub(crate) source: &'a hostler_artifacts::ArtifactSource,
    pub(crate) client: &'a HyperClient,
    pub(crate) role: &'a AsRole,
    pub(crate) region: &'a str,
    /// The URL of the service, for texts.
    pub(crate) service: String,
    pub(crate) bucket: &'a str,
    pub(crate) bucket_url: String,
    pub(crate) prefix: &'a str,
    /// Further tries of each page.
    pub(crate) retries: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    contents: Vec<Entry>,
    next_continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    size: u64,
    #[serde(rename = "ETag")]
    etag: Option<String>,
}

impl Listing<'_> {
    /// The first `keys_max` objects.
    pub(crate) async fn read(&self, keys_max: usize) -> Result<Vec<ArtifactVersion>, FetchError> {
        let mut found = Vec::new();
        let mut token = None;
        // A service may send pages that are not full; one that always does would never come to an end.
        let pages_max = keys_max.div_ceil(PAGE_KEYS_MAX) + PAGES_SPARE;
        for _ in 0..pages_max {
            let page = self.page(keys_max - found.len(), token.as_deref()).await?;
            for entry in page.contents {
                found.push(self.version(entry)?);
            }
            token = page.next_continuation_token.filter(|token| !token.is_empty());
            if token.is_none() || found.len() >= keys_max {
                found.truncate(keys_max);
                return Ok(found);
            }
        }
        Err(self.unreadable(format!("its listing goes on after {pages_max} pages")))
    }

    fn version(&self, entry: Entry) -> Result<ArtifactVersion, FetchError> {
        let key = key_of(&entry, self.prefix).map_err(|detail| self.unreadable(detail))?;
        Ok(ArtifactVersion {
            bucket: self.bucket.to_owned(),
            key,
            etag: entry.etag.as_deref().map(without_quotes),
            bytes: entry.size,
            version_id: None,
        })
    }

    /// One page, asked for again when the service breaks off or the session ended.
    async fn page(&self, keys: usize, token: Option<&str>) -> Result<Page, FetchError> {
        let uri = self.uri(keys.min(PAGE_KEYS_MAX), token)?;
        let (mut retries, mut may_renew, mut pause) = (self.retries, true, BACKOFF_FIRST);
        loop {
            let observer = Observer::default();
            let error = match self.ask(&uri, &observer).await {
                Ok(body) => return self.parse(&body),
                Err(error) => error,
            };
            let is_stale = observer.last().is_some_and(|answer| answer.is_stale_session());
            if is_stale && may_renew && self.role.forget().await {
                may_renew = false;
            } else if retries > 0 && matches!(error, FetchError::Interrupted { .. }) {
                retries -= 1;
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(Duration::from_secs(1));
            } else {
                return Err(error);
            }
        }
    }

    async fn ask(&self, uri: &Uri, observer: &Observer) -> Result<Bytes, FetchError> {
        let broken = |detail: String| FetchError::Interrupted { uri: self.source.uri.clone(), detail };
        let credential = self.role.get_credential().await;
        let credential =
            credential.map_err(|error| credential_failure(self.source, &self.service, &error))?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = uri.clone();
        request.extensions_mut().insert(observer.clone());
        AwsAuthorizer::new(&credential, "s3", self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| broken(root_cause(&error)))?;
        let response =
            self.client.call(request).await.map_err(|error| {
                broken(format!("asking `{}` failed: {}", self.service, root_cause(&error)))
            })?;
        if let Some(answer) = observer.last() {
            return Err(answer.into_error(self.source, self.region));
        }
        let body = Limited::new(response.into_body(), PAGE_BYTES_MAX).collect().await;
        Ok(body.map_err(|error| broken(root_cause(&*error)))?.to_bytes())
    }

    fn parse(&self, body: &[u8]) -> Result<Page, FetchError> {
        parse(body).map_err(|detail| self.unreadable(detail))
    }

    fn uri(&self, keys: usize, token: Option<&str>) -> Result<Uri, FetchError> {
        let encoded = |text| utf8_percent_encode(text, QUERY);
        let mut text = format!("{}?", self.bucket_url);
        if let Some(token) = token {
            text.push_str(&format!("continuation-token={}&", encoded(token)));
        }
        text.push_str(&format!(
            "encoding-type=url&list-type=2&max-keys={keys}&prefix={}",
            encoded(self.prefix)
        ));
        text.parse().map_err(|error| self.unreadable(format!("no URL can be made of it: {error}")))
    }

    fn unreadable(&self, detail: String) -> FetchError {
        FetchError::Unreadable { uri: self.source.uri.clone(), detail }
    }
}

fn parse(body: &[u8]) -> Result<Page, String> {
    quick_xml::de::from_reader(body).map_err(|error| format!("its listing is not S3's XML: {error}"))
}

/// The key of an entry, when it is one that was asked for.
fn key_of(entry: &Entry, prefix: &str) -> Result<String, String> {
    // As the AWS SDKs do it: a plus sign is a blank, and a real one comes encoded.
    let key = entry.key.replace('+', " ");
    let key = percent_decode_str(&key).decode_utf8();
    let key = key.map_err(|_| "a key in its listing is not UTF-8".to_owned())?.into_owned();
    if key.starts_with(prefix) {
        Ok(key)
    } else {
        Err(format!("its listing holds `{key}`, which was not asked for"))
    }
}

/// The same page without a service behind it, for `door`.
pub(crate) fn read_page(body: &[u8], prefix: &str) -> Result<ReadPage, String> {
    let page = parse(body)?;
    let entries = page.contents.iter().map(|entry| Ok((key_of(entry, prefix)?, entry.size)));
    Ok(ReadPage { entries: entries.collect::<Result<_, String>>()?, next: page.next_continuation_token })
}
