//! Copying objects, whole or as a part of an upload.
//!
//! Why: boto3's `copy` takes one of the two by size; bytes never leave the server.
//! Invariants: the source is opened once and copied as it was then; reading it needs the same permission as a GET.

use http::Response;

use hostler_aws::ApiError;

use super::attributes::{iso_date, new_object, quoted};
use super::call::{Address, Call, copy_source};
use super::condition::{COPY_SOURCE, Verdict, of_put, range, weigh};
use super::fault::{self, Fault};
use super::multipart::{part_number, upload_id};
use super::{S3, answer, blocking, owned};
use crate::body::Body;
use crate::digest::Algorithm;
use crate::folder::{NewObject, ObjectFile, ObjectRecord};
use crate::roles::Access;
use crate::xml::XmlWriter;

impl S3 {
    pub(crate) async fn copy_object(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let condition = of_put(call)?;
        let (address, source) = self.open_source(call).await?;
        let replaces = match call.header("x-amz-metadata-directive")? {
            None | Some("COPY") => false,
            Some("REPLACE") => true,
            Some(_) => return Err(fault::invalid_argument("Unknown metadata directive.").into()),
        };
        if !replaces && address.bucket == call.bucket && address.key == call.key {
            return Err(fault::invalid_request(
                "This copy request is illegal because it is trying to copy an object to itself without changing the \
                 object's metadata, storage class, website redirect location or encryption attributes.",
            )
            .into());
        }
        let record = source.record();
        if record.size > self.limits.put_bytes_max {
            return Err(fault::invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {}",
                self.limits.put_bytes_max
            ))
            .into());
        }
        let mut new = new_object(call)?;
        if !replaces {
            new.headers.clone_from(&record.headers);
            new.metadata.clone_from(&record.metadata);
        }
        let algorithm = match call.header("x-amz-checksum-algorithm")? {
            Some(name) => Some(Algorithm::from_name(name).ok_or_else(|| bad_algorithm(name))?),
            None => record.checksum.as_ref().map(|checksum| checksum.algorithm),
        };
        let bucket = call.bucket.clone();
        let put = self
            .in_bucket(call, move |folder, _| {
                let mut file = folder.stage(algorithm)?;
                file.copy(&source, 0, source.record().size)?;
                let (staged, summed) = file.finish();
                folder.put_object(&bucket, staged.seal(new, summed.into())?, &condition)
            })
            .await?;
        Ok(answer::xml(copied("CopyObjectResult", &put)))
    }

    pub(crate) async fn upload_part_copy(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let (number, id) = (part_number(call)?, upload_id(call)?);
        let (_, source) = self.open_source(call).await?;
        let size = source.record().size;
        let (start, length) = match call.header("x-amz-copy-source-range")? {
            None => (0, size),
            Some(text) => match range(text, size)? {
                Some((start, end)) => (start, end + 1 - start),
                None => {
                    return Err(fault::invalid_argument(
                        "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last \
                         are the zero-based offsets of the first and last bytes to copy",
                    )
                    .into());
                }
            },
        };
        if length > self.limits.put_bytes_max {
            return Err(fault::entity_too_large(self.limits.put_bytes_max).into());
        }
        let (bucket, key, now) = (call.bucket.clone(), call.key.clone(), call.now);
        let put = self
            .in_bucket(call, move |folder, _| {
                let upload = folder.upload(&bucket, &id, &key)?;
                let mut file = folder.stage(upload.checksum.map(|(algorithm, _)| algorithm))?;
                file.copy(&source, start, length)?;
                let (staged, summed) = file.finish();
                let new = NewObject { key, modified_ms: now, ..NewObject::default() };
                folder.put_part(&bucket, &id, number, staged.seal(new, summed.into())?)
            })
            .await?;
        Ok(answer::xml(copied("CopyPartResult", &put)))
    }

    /// Opens what `x-amz-copy-source` names, if the caller may read it and it is what the caller expects.
    async fn open_source(&self, call: &Call) -> Result<(Address, ObjectFile), Fault> {
        let text = call.header("x-amz-copy-source")?.unwrap_or_default();
        let address = copy_source(text)?;
        self.allow(call, Access::Read { bucket: &address.bucket, key: &address.key })?;
        let (folder, account) = (self.folder.clone(), call.caller.identity.account.clone());
        let Address { bucket, key } = address.clone();
        let opened = blocking(move || {
            let record = folder.bucket(&bucket)?;
            let object = folder.object(&bucket, &key);
            Ok(owned(&record, &account).map(|()| object))
        })
        .await?;
        let object = opened??;
        match weigh(&call.headers, COPY_SOURCE, object.record()) {
            Verdict::Proceed => Ok((address, object)),
            Verdict::NotModified | Verdict::Failed => Err(fault::precondition_failed().into()),
        }
    }
}

fn copied(root: &'static str, record: &ObjectRecord) -> XmlWriter {
    let mut xml = XmlWriter::new(root);
    xml.leaf("LastModified", iso_date(record.modified_ms)).leaf("ETag", quoted(&record.etag));
    if let Some(checksum) = &record.checksum {
        xml.leaf(checksum.algorithm.element(), &checksum.value).leaf("ChecksumType", checksum.kind.name());
    }
    xml
}

pub(super) fn bad_algorithm(name: &str) -> ApiError {
    fault::invalid_request(format!("Checksum algorithm provided is unsupported: {name}"))
}
