//! Multipart uploads on the wire.
//!
//! Why: boto3 sends every file over 8 MiB this way, in parallel and with retries.
//! Invariants: a completion that is repeated because its answer was lost finds the object and says so again.

use http::{HeaderMap, Response, StatusCode};

use hostler_aws::ApiError;

use super::attributes::{checksum_type, iso_date, new_object, put, put_headers, quoted, unquoted};
use super::call::Call;
use super::condition::of_put;
use super::copy::bad_algorithm;
use super::fault::{self, Fault};
use super::list::Spelling;
use super::payload::Payload;
use super::receive::Expected;
use super::{S3, answer};
use crate::body::Body;
use crate::digest::{Algorithm, ChecksumType, PartSum, multipart_checksum, multipart_etag};
use crate::folder::{ChosenPart, FolderError, NewObject, ObjectRecord, RecordSums, UploadRecord};
use crate::roles::Access;
use crate::xml::{Element, XmlWriter};

/// S3's limits.
const PART_NUMBER_MAX: u32 = 10_000;
const PAGE_MAX: usize = 1000;

/// A line of CompleteMultipartUpload.
struct NamedPart {
    number: u16,
    etag: String,
}

impl S3 {
    pub(crate) async fn create_multipart_upload(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let new = new_object(call)?;
        let checksum = wanted_checksum(call)?;
        let record = UploadRecord {
            version: 1,
            key: new.key,
            started_ms: call.now,
            headers: new.headers,
            metadata: new.metadata,
            checksum,
        };
        let (bucket, limit) = (call.bucket.clone(), self.limits.uploads_max);
        let id = self.in_bucket(call, move |folder, _| folder.create_upload(&bucket, &record, limit)).await?;
        let mut xml = XmlWriter::new("InitiateMultipartUploadResult");
        xml.leaf("Bucket", &call.bucket).leaf("Key", &call.key).leaf("UploadId", id);
        let mut response = answer::xml(xml);
        if let Some((algorithm, kind)) = checksum {
            put(response.headers_mut(), "x-amz-checksum-algorithm", algorithm.name())?;
            put(response.headers_mut(), "x-amz-checksum-type", kind.name())?;
        }
        Ok(response)
    }

    pub(crate) async fn upload_part(
        &self,
        call: &Call,
        payload: &mut Payload,
    ) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let (number, id) = (part_number(call)?, upload_id(call)?);
        let mut expected = Expected::read(call, payload.trailer_names())?;
        payload.limit(self.limits.put_bytes_max)?;
        let (bucket, key, asked) = (call.bucket.clone(), call.key.clone(), id.clone());
        let upload = self.in_bucket(call, move |folder, _| folder.upload(&bucket, &asked, &key)).await?;
        expected.algorithm = expected.algorithm.or(upload.checksum.map(|(algorithm, _)| algorithm));
        let (staged, summed) = self.receive(payload, &expected).await?;
        let new = NewObject { key: call.key.clone(), modified_ms: call.now, ..NewObject::default() };
        let bucket = call.bucket.clone();
        let record = self
            .in_bucket(call, move |folder, _| {
                folder.put_part(&bucket, &id, number, staged.seal(new, summed.into())?)
            })
            .await?;
        let mut headers = put_headers(&record)?;
        headers.remove("x-amz-checksum-type");
        Ok(answer::empty(StatusCode::OK, headers))
    }

    pub(crate) async fn complete_multipart_upload(
        &self,
        call: &Call,
        payload: &mut Payload,
    ) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let id = upload_id(call)?;
        let condition = of_put(call)?;
        let named = named_parts(&payload.read_all(self.limits.document_bytes_max).await?)?;
        let (bucket, key, asked) = (call.bucket.clone(), call.key.clone(), id.clone());
        let found = self
            .in_bucket(call, move |folder, _| match folder.upload(&bucket, &asked, &key) {
                Ok(upload) => Ok(Ok((upload, folder.parts(&bucket, &asked)?))),
                Err(FolderError::NoSuchUpload) => Ok(Err(folder.object(&bucket, &key).ok())),
                Err(error) => Err(error),
            })
            .await?;
        let (upload, parts) = match found {
            Ok(found) => found,
            Err(object) => {
                // Perhaps it was completed and the answer was lost.
                let sums: Vec<_> =
                    named.iter().map(|part| PartSum { size: 0, etag: &part.etag, checksum: None }).collect();
                let etag = multipart_etag(&sums);
                return match object {
                    Some(object) if etag.as_ref() == Some(&object.record().etag) => {
                        Ok(answer::xml(completed(call, object.record())))
                    }
                    _ => Err(FolderError::NoSuchUpload.into()),
                };
            }
        };
        let chosen = self.choose(&named, &parts)?;
        let sums = Self::sum_up(call, &upload, &chosen)?;
        let parts: Vec<_> =
            named.into_iter().map(|part| ChosenPart { number: part.number, etag: part.etag }).collect();
        let new = NewObject {
            key: call.key.clone(),
            headers: upload.headers,
            metadata: upload.metadata,
            modified_ms: call.now,
        };
        let bucket = call.bucket.clone();
        let record = self
            .in_bucket(call, move |folder, _| {
                folder.complete_upload(&bucket, &id, &parts, (new, sums, &condition))
            })
            .await?;
        Ok(answer::xml(completed(call, &record)))
    }

    pub(crate) async fn abort_multipart_upload(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let (bucket, key, id) = (call.bucket.clone(), call.key.clone(), upload_id(call)?);
        self.in_bucket(call, move |folder, _| {
            folder.upload(&bucket, &id, &key)?;
            folder.abort_upload(&bucket, &id)
        })
        .await?;
        Ok(answer::empty(StatusCode::NO_CONTENT, HeaderMap::new()))
    }

    pub(crate) async fn list_parts(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let (bucket, key, id) = (call.bucket.clone(), call.key.clone(), upload_id(call)?);
        let limit = call.number("max-parts")?.map_or(PAGE_MAX, |parts| PAGE_MAX.min(parts as usize));
        let after = call.number("part-number-marker")?.unwrap_or(0);
        let asked = id.clone();
        let parts = self
            .in_bucket(call, move |folder, _| {
                folder.upload(&bucket, &asked, &key)?;
                folder.parts(&bucket, &asked)
            })
            .await?;
        let later: Vec<_> = parts.into_iter().filter(|(number, _)| u32::from(*number) > after).collect();
        let page = &later[..later.len().min(limit)];
        let mut xml = XmlWriter::new("ListPartsResult");
        xml.leaf("Bucket", &call.bucket)
            .leaf("Key", &call.key)
            .leaf("UploadId", id)
            .leaf("PartNumberMarker", after.to_string())
            .leaf("MaxParts", limit.to_string())
            .leaf("IsTruncated", (page.len() < later.len()).to_string());
        if let Some((last, _)) = page.last() {
            xml.leaf("NextPartNumberMarker", last.to_string());
        }
        for (number, record) in page {
            xml.open("Part")
                .leaf("PartNumber", number.to_string())
                .leaf("LastModified", iso_date(record.modified_ms))
                .leaf("ETag", quoted(&record.etag))
                .leaf("Size", record.size.to_string());
            if let Some(checksum) = &record.checksum {
                xml.leaf(checksum.algorithm.element(), &checksum.value);
            }
            xml.close();
        }
        Ok(answer::xml(xml))
    }

    pub(crate) async fn list_multipart_uploads(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        if call.query.get("delimiter").is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(fault::not_implemented("uploads&delimiter").into());
        }
        let spelling = Spelling::of(call)?;
        let text = |name: &str| call.query.get(name).unwrap_or_default();
        let (prefix, after) = (text("prefix"), (text("key-marker"), text("upload-id-marker")));
        let limit = call.number("max-uploads")?.map_or(PAGE_MAX, |uploads| PAGE_MAX.min(uploads as usize));
        let bucket = call.bucket.clone();
        let uploads = self.in_bucket(call, move |folder, _| folder.uploads(&bucket)).await?;
        let is_later =
            |key: &str, id: &str| key > after.0 || (key == after.0 && !after.1.is_empty() && id > after.1);
        let later: Vec<_> = uploads
            .iter()
            .filter(|(id, upload)| upload.key.starts_with(prefix) && is_later(&upload.key, id))
            .collect();
        let page = &later[..later.len().min(limit)];
        let mut xml = XmlWriter::new("ListMultipartUploadsResult");
        xml.leaf("Bucket", &call.bucket)
            .leaf("KeyMarker", spelling.write(after.0))
            .leaf("UploadIdMarker", after.1)
            .leaf("Prefix", spelling.write(prefix))
            .leaf("MaxUploads", limit.to_string())
            .leaf("IsTruncated", (page.len() < later.len()).to_string());
        spelling.push(&mut xml);
        if let (true, Some((id, upload))) = (page.len() < later.len(), page.last()) {
            xml.leaf("NextKeyMarker", spelling.write(&upload.key)).leaf("NextUploadIdMarker", id);
        }
        for (id, upload) in page {
            xml.open("Upload")
                .leaf("Key", spelling.write(&upload.key))
                .leaf("UploadId", id)
                .leaf("StorageClass", "STANDARD")
                .leaf("Initiated", iso_date(upload.started_ms))
                .close();
        }
        Ok(answer::xml(xml))
    }

    /// The records of the parts that the client names, if they are what the client thinks.
    fn choose<'a>(
        &self,
        named: &[NamedPart],
        parts: &'a [(u16, ObjectRecord)],
    ) -> Result<Vec<&'a ObjectRecord>, ApiError> {
        let mut chosen = Vec::with_capacity(named.len());
        for (index, part) in named.iter().enumerate() {
            let at = parts.binary_search_by_key(&part.number, |(number, _)| *number);
            let (_, record) = &parts[at.map_err(|_| fault::invalid_part())?];
            if record.etag != part.etag {
                return Err(fault::invalid_part());
            }
            if index + 1 < named.len() && record.size < self.limits.part_bytes_min {
                return Err(fault::entity_too_small());
            }
            chosen.push(record);
        }
        let size: u64 = chosen.iter().map(|record| record.size).sum();
        if size > self.limits.object_bytes_max {
            return Err(fault::entity_too_large(self.limits.object_bytes_max));
        }
        Ok(chosen)
    }

    /// The sums of the whole object, compared with what the client expects.
    fn sum_up(call: &Call, upload: &UploadRecord, chosen: &[&ObjectRecord]) -> Result<RecordSums, ApiError> {
        let sums: Vec<_> = chosen
            .iter()
            .map(|part| PartSum { size: part.size, etag: &part.etag, checksum: part.checksum.as_ref() })
            .collect();
        let checksum =
            upload.checksum.and_then(|(algorithm, kind)| multipart_checksum(algorithm, kind, &sums));
        for algorithm in Algorithm::ALL {
            let made = checksum.as_ref().filter(|checksum| checksum.algorithm == algorithm);
            match (call.header(algorithm.header())?, made) {
                (Some(value), Some(made)) if made.value != value => {
                    return Err(fault::bad_digest(algorithm.name()));
                }
                _ => {}
            }
        }
        let size: u64 = chosen.iter().map(|part| part.size).sum();
        if let Some(expected) = call.header("x-amz-mp-object-size")?
            && expected.parse() != Ok(size)
        {
            return Err(fault::invalid_request(format!(
                "The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {size}"
            )));
        }
        Ok(RecordSums {
            etag: multipart_etag(&sums).ok_or_else(fault::invalid_part)?,
            checksum,
            part_sizes: chosen.iter().map(|part| part.size).collect(),
        })
    }
}

/// The part's number in the query.
pub(super) fn part_number(call: &Call) -> Result<u16, ApiError> {
    match call.number("partNumber")? {
        Some(number @ 1..=PART_NUMBER_MAX) => Ok(number as u16),
        _ => Err(fault::invalid_argument("Part number must be an integer between 1 and 10000, inclusive")),
    }
}

/// The upload's id in the query.
pub(super) fn upload_id(call: &Call) -> Result<String, ApiError> {
    let id = call.query.get("uploadId").unwrap_or_default();
    if id.is_empty() {
        Err(fault::invalid_argument("This operation does not accept an empty uploadId"))
    } else {
        Ok(id.to_owned())
    }
}

/// The checksum that the upload's object shall have.
fn wanted_checksum(call: &Call) -> Result<Option<(Algorithm, ChecksumType)>, ApiError> {
    let Some(name) = call.header("x-amz-checksum-algorithm")? else {
        return Ok(None);
    };
    let algorithm = Algorithm::from_name(name).ok_or_else(|| bad_algorithm(name))?;
    // S3's defaults: the newest sum is of the whole object, the others are of the parts.
    let default = match algorithm {
        Algorithm::Crc64Nvme => ChecksumType::FullObject,
        _ => ChecksumType::Composite,
    };
    let kind = match call.header("x-amz-checksum-type")? {
        None => default,
        Some(text) => checksum_type(text).ok_or_else(|| {
            fault::invalid_request(format!("Value for x-amz-checksum-type header is invalid: {text}"))
        })?,
    };
    let fits = match algorithm {
        Algorithm::Crc64Nvme => kind == ChecksumType::FullObject,
        Algorithm::Sha1 | Algorithm::Sha256 => kind == ChecksumType::Composite,
        Algorithm::Crc32 | Algorithm::Crc32c => true,
    };
    if !fits {
        return Err(fault::invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_ascii_lowercase()
        )));
    }
    Ok(Some((algorithm, kind)))
}

/// Reads the list of parts: rising numbers, at least one.
fn named_parts(document: &[u8]) -> Result<Vec<NamedPart>, ApiError> {
    let root = Element::parse(document)
        .filter(|root| root.name == "CompleteMultipartUpload")
        .ok_or_else(fault::malformed_xml)?;
    let mut named: Vec<NamedPart> = Vec::new();
    for part in root.children("Part") {
        let number: Option<u16> = part.child_text("PartNumber").and_then(|text| text.trim().parse().ok());
        let (Some(number @ 1..), Some(etag)) = (number, part.child_text("ETag")) else {
            return Err(fault::malformed_xml());
        };
        if named.last().is_some_and(|last| last.number >= number) {
            return Err(fault::invalid_part_order());
        }
        named.push(NamedPart { number, etag: unquoted(etag).to_owned() });
    }
    if named.is_empty() { Err(fault::malformed_xml()) } else { Ok(named) }
}

fn completed(call: &Call, record: &ObjectRecord) -> XmlWriter {
    let mut xml = XmlWriter::new("CompleteMultipartUploadResult");
    xml.leaf("Location", format!("/{}/{}", call.bucket, call.key))
        .leaf("Bucket", &call.bucket)
        .leaf("Key", &call.key)
        .leaf("ETag", quoted(&record.etag));
    if let Some(checksum) = &record.checksum {
        xml.leaf(checksum.algorithm.element(), &checksum.value).leaf("ChecksumType", checksum.kind.name());
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Result<Vec<(u16, String)>, String> {
        named_parts(document.as_bytes())
            .map(|parts| parts.into_iter().map(|part| (part.number, part.etag)).collect())
            .map_err(|error| error.code().to_owned())
    }

    #[test]
    fn lists_of_parts_are_read_and_checked() {
        let part = |number: &str| {
            format!("<Part><ETag>&quot;e{number}&quot;</ETag><PartNumber>{number}</PartNumber></Part>")
        };
        let list = |parts: &str| format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        assert_eq!(read(&list(&(part("1") + &part("3")))), Ok(vec![(1, "e1".into()), (3, "e3".into())]));
        assert_eq!(read(&list(&(part("3") + &part("1")))), Err("InvalidPartOrder".into()));
        assert_eq!(read(&list(&(part("1") + &part("1")))), Err("InvalidPartOrder".into()));
        for bad in [
            list(""),
            list(&part("0")),
            list(&part("x")),
            list("<Part><PartNumber>1</PartNumber></Part>"),
            "<X/>".into(),
        ] {
            assert_eq!(read(&bad), Err("MalformedXML".into()), "{bad}");
        }
    }
}
