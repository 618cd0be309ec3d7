//! One object, however large, sent in parts while it is being made.
//!
//! Why: a model of many gigabytes must not be in memory or on disk a second time; whoever makes the bytes hands over a
//! part at a time and waits when the network is slower.
//! Invariants: one part is one request; a small object is one plain PUT. At most `PART_BYTES` times the length of the
//! channel are held.
//! Failure: an upload that is given up is aborted, so that its parts do not stay on the server's disk.

use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::sync::mpsc;

use super::refusal::xml;
use super::{Client, Refusal};

/// Bytes of a part: 10,000 of them, S3's limit, are above the largest archive that a server unpacks (64 GiB).
pub(crate) const PART_BYTES: usize = 8 << 20;
/// The server copies the parts together: some GB of a slow disk.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Where an object goes.
pub(crate) struct Upload<'a> {
    pub(crate) client: &'a Client,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
}

impl Upload<'_> {
    /// Makes the bucket unless it is there.
    pub(crate) async fn make_bucket(&self) -> anyhow::Result<()> {
        let path = format!("/{}", self.bucket);
        // A GET, because the answer to a HEAD could not say why it is refused.
        match self.client.s3(Method::GET, &format!("{path}?location="), Bytes::new()).await {
            Ok(_) => Ok(()),
            Err(error) if is_refused(&error, |refusal| refusal.status == StatusCode::NOT_FOUND) => {
                match self.client.s3(Method::PUT, &path, Bytes::new()).await {
                    // Another upload was faster.
                    Err(error) if is_refused(&error, |refusal| refusal.code == "BucketAlreadyOwnedByYou") => {
                        Ok(())
                    }
                    made => made.map(drop),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Sends every part that comes, telling `sent` how many bytes have arrived; the end of the channel is the end of
    /// the object. Whoever makes the parts says by itself whether they were all.
    pub(crate) async fn send(
        &self,
        parts: &mut mpsc::Receiver<Bytes>,
        sent: impl Fn(u64),
    ) -> anyhow::Result<u64> {
        let first = parts.recv().await.unwrap_or_default();
        let Some(second) = parts.recv().await else {
            let bytes = first.len() as u64;
            self.client.s3(Method::PUT, &self.path(), first).await?;
            sent(bytes);
            return Ok(bytes);
        };
        let begun = self.client.s3(Method::POST, &format!("{}?uploads=", self.path()), Bytes::new()).await?;
        let id = xml(&String::from_utf8_lossy(&begun.body), "UploadId")
            .context("the server began an upload without telling its id")?;
        let mut bytes = 0;
        let mut etags = Vec::new();
        let mut next = Some(first);
        let mut after = Some(second);
        while let Some(part) = next {
            let size = part.len() as u64;
            etags.push(self.send_part(&id, etags.len() + 1, part).await?);
            bytes += size;
            sent(bytes);
            next = match after.take() {
                Some(part) => Some(part),
                None => parts.recv().await,
            };
        }
        self.complete(&id, &etags).await?;
        Ok(bytes)
    }

    /// Drops every upload of this key that did not come to its end.
    pub(crate) async fn abort(&self) -> anyhow::Result<()> {
        let path = format!("/{}?prefix={}&uploads=", self.bucket, self.key);
        let listed = self.client.s3(Method::GET, &path, Bytes::new()).await?;
        let text = String::from_utf8_lossy(&listed.body);
        for upload in text.split("<Upload>").skip(1) {
            if let Some(id) = xml(upload, "UploadId") {
                let path = format!("{}?uploadId={id}", self.path());
                self.client.s3(Method::DELETE, &path, Bytes::new()).await?;
            }
        }
        Ok(())
    }

    async fn send_part(&self, id: &str, number: usize, part: Bytes) -> anyhow::Result<String> {
        let path = format!("{}?partNumber={number}&uploadId={id}", self.path());
        let answer = self.client.s3(Method::PUT, &path, part).await?;
        let etag = answer.headers.get("etag").and_then(|etag| etag.to_str().ok());
        etag.map(str::to_owned).ok_or_else(|| anyhow!("part {number} was answered without an ETag"))
    }

    async fn complete(&self, id: &str, etags: &[String]) -> anyhow::Result<()> {
        let mut document = "<CompleteMultipartUpload>".to_owned();
        for (index, etag) in etags.iter().enumerate() {
            let number = index + 1;
            document.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"));
        }
        document.push_str("</CompleteMultipartUpload>");
        let path = format!("{}?uploadId={id}", self.path());
        let answer = self.client.s3_within(COMPLETE_TIMEOUT, Method::POST, &path, document.into()).await?;
        // S3 may say 200 and then think of an error.
        if String::from_utf8_lossy(&answer.body).contains("<Error>") {
            return Err(Refusal::read(&answer)).context("joining the parts was refused");
        }
        Ok(())
    }

    fn path(&self) -> String {
        format!("/{}/{}", self.bucket, self.key)
    }
}

fn is_refused(error: &anyhow::Error, how: impl Fn(&Refusal) -> bool) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(how)
}
