//! Listings of objects, in S3's two versions.
//!
//! Why: the two differ only in how a page names where the next one begins.
//! Invariants: a continuation token is opaque to the client and only says after which name to go on, so keys that
//! appear between pages disturb nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use hostler_aws::ApiError;

use super::attributes::{iso_date, quoted};
use super::call::Call;
use super::fault::{self, Fault};
use super::{S3, answer};
use crate::body::Body;
use crate::folder::{ListQuery, Listed, Listing, ObjectRecord};
use crate::roles::Access;
use crate::xml::XmlWriter;

/// S3's page.
const PAGE_KEYS_MAX: usize = 1000;
/// `encoding-type=url` as S3 does it.
const URL: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'*');

impl S3 {
    /// ListObjects.
    pub(crate) async fn list_objects(&self, call: &Call) -> Result<Response<Body>, Fault> {
        let spelling = Spelling::of(call)?;
        let marker = call.query.get("marker").unwrap_or_default();
        let (query, listing) = self.list(call, marker.to_owned()).await?;
        let mut xml = XmlWriter::new("ListBucketResult");
        push_head(&mut xml, call, &query, &spelling);
        xml.leaf("Marker", spelling.write(marker)).leaf("IsTruncated", listing.is_truncated.to_string());
        // Without a delimiter the client goes on after the last key.
        if let (true, Some(_), Some(last)) = (listing.is_truncated, &query.delimiter, &listing.last) {
            xml.leaf("NextMarker", spelling.write(last));
        }
        push_entries(&mut xml, call, &listing, &spelling, true);
        Ok(answer::xml(xml))
    }

    /// ListObjectsV2.
    pub(crate) async fn list_objects_v2(&self, call: &Call) -> Result<Response<Body>, Fault> {
        let spelling = Spelling::of(call)?;
        let token = call.query.get("continuation-token");
        let start_after = call.query.get("start-after");
        let after = match token {
            Some(token) => read_token(token)?,
            None => start_after.unwrap_or_default().to_owned(),
        };
        let (query, listing) = self.list(call, after).await?;
        let mut xml = XmlWriter::new("ListBucketResult");
        push_head(&mut xml, call, &query, &spelling);
        xml.leaf("KeyCount", listing.entries.len().to_string())
            .leaf("IsTruncated", listing.is_truncated.to_string());
        if let Some(token) = token {
            xml.leaf("ContinuationToken", token);
        }
        if let Some(start_after) = start_after {
            xml.leaf("StartAfter", spelling.write(start_after));
        }
        if let (true, Some(last)) = (listing.is_truncated, &listing.last) {
            xml.leaf("NextContinuationToken", write_token(last));
        }
        let shows_owner = call.query.get("fetch-owner") == Some("true");
        push_entries(&mut xml, call, &listing, &spelling, shows_owner);
        Ok(answer::xml(xml))
    }

    async fn list(&self, call: &Call, after: String) -> Result<(ListQuery, Listing), Fault> {
        let text = |name: &str| call.query.get(name).unwrap_or_default();
        self.allow(call, Access::List { bucket: &call.bucket, prefix: text("prefix") })?;
        let query = ListQuery {
            prefix: text("prefix").to_owned(),
            delimiter: Some(text("delimiter").to_owned()).filter(|delimiter| !delimiter.is_empty()),
            after,
            limit: call.number("max-keys")?.map_or(PAGE_KEYS_MAX, |keys| PAGE_KEYS_MAX.min(keys as usize)),
        };
        let (bucket, asked) = (call.bucket.clone(), query.clone());
        let listing = self.in_bucket(call, move |folder, _| folder.list_objects(&bucket, &asked)).await?;
        Ok((query, listing))
    }
}

/// Whether names are URL-encoded, so that any key survives XML.
pub(super) struct Spelling {
    is_url: bool,
}

impl Spelling {
    pub(super) fn of(call: &Call) -> Result<Self, ApiError> {
        match call.query.get("encoding-type") {
            None | Some("") => Ok(Self { is_url: false }),
            Some("url") => Ok(Self { is_url: true }),
            Some(_) => Err(fault::invalid_argument("Invalid Encoding Method specified in Request")),
        }
    }

    pub(super) fn write(&self, text: &str) -> String {
        if self.is_url { utf8_percent_encode(text, URL).to_string() } else { text.to_owned() }
    }

    pub(super) fn push(&self, xml: &mut XmlWriter) {
        if self.is_url {
            xml.leaf("EncodingType", "url");
        }
    }
}

fn push_head(xml: &mut XmlWriter, call: &Call, query: &ListQuery, spelling: &Spelling) {
    xml.leaf("Name", &call.bucket)
        .leaf("Prefix", spelling.write(&query.prefix))
        .leaf("MaxKeys", query.limit.to_string());
    if let Some(delimiter) = &query.delimiter {
        xml.leaf("Delimiter", spelling.write(delimiter));
    }
    spelling.push(xml);
}

fn push_entries(xml: &mut XmlWriter, call: &Call, listing: &Listing, spelling: &Spelling, shows_owner: bool) {
    for entry in &listing.entries {
        match entry {
            Listed::Object(record) => push_object(xml, call, record, spelling, shows_owner),
            Listed::CommonPrefix(prefix) => {
                xml.open("CommonPrefixes").leaf("Prefix", spelling.write(prefix)).close();
            }
        }
    }
}

fn push_object(
    xml: &mut XmlWriter,
    call: &Call,
    record: &ObjectRecord,
    spelling: &Spelling,
    shows_owner: bool,
) {
    xml.open("Contents")
        .leaf("Key", spelling.write(&record.key))
        .leaf("LastModified", iso_date(record.modified_ms))
        .leaf("ETag", quoted(&record.etag))
        .leaf("Size", record.size.to_string());
    if let Some(checksum) = &record.checksum {
        xml.leaf("ChecksumAlgorithm", checksum.algorithm.name()).leaf("ChecksumType", checksum.kind.name());
    }
    if shows_owner {
        xml.open("Owner").leaf("ID", call.caller.identity.account.as_str()).close();
    }
    xml.leaf("StorageClass", "STANDARD").close();
}

fn write_token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

fn read_token(token: &str) -> Result<String, ApiError> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|name| !name.is_empty())
        .ok_or_else(|| fault::invalid_argument("The continuation token provided is incorrect"))
}
