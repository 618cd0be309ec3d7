//! What a request says about an object, and what an answer says about it.
//!
//! Why: content type, metadata and their kin go in as headers and come out as the same headers.
//! Invariants: metadata is at most 2 KiB, as in S3; a value that no header can carry never gets into a record.

use std::collections::BTreeMap;

use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue};

use hostler_aws::ApiError;
use hostler_aws::sigv4::AmzDate;
use hostler_types::Millis;

use super::call::Call;
use super::fault;
use crate::digest::ChecksumType;
use crate::folder::{NewObject, ObjectRecord};

/// S3's limit for all names and values together.
const METADATA_BYTES_MAX: usize = 2048;
/// What S3 says of an object whose type nobody gave.
const DEFAULT_TYPE: &str = "binary/octet-stream";
/// Headers that are kept with an object.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];
const METADATA_PREFIX: &str = "x-amz-meta-";

/// Queries of a GET that replace a header of its answer.
const OVERRIDES: [(&str, &str); 6] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

/// What `call` says about the object that it puts.
pub(crate) fn new_object(call: &Call) -> Result<NewObject, ApiError> {
    let mut headers = BTreeMap::new();
    for name in KEPT {
        if let Some(value) = call.header(name)? {
            let value =
                if name == "content-encoding" { without_aws_chunked(value) } else { value.to_owned() };
            if !value.is_empty() {
                headers.insert(name.to_owned(), value);
            }
        }
    }
    headers.entry("content-type".to_owned()).or_insert_with(|| DEFAULT_TYPE.to_owned());
    let mut metadata = BTreeMap::new();
    let mut bytes = 0;
    for name in call.headers.keys() {
        let Some(short) = name.as_str().strip_prefix(METADATA_PREFIX) else { continue };
        let values: Result<Vec<_>, _> = call
            .headers
            .get_all(name)
            .iter()
            .map(|value| std::str::from_utf8(value.as_bytes()).map(str::trim))
            .collect();
        let value =
            values.map_err(|_| fault::invalid_argument(format!("The header {name} is not UTF-8")))?.join(",");
        bytes += short.len() + value.len();
        metadata.insert(short.to_owned(), value);
    }
    if bytes > METADATA_BYTES_MAX {
        return Err(fault::metadata_too_large());
    }
    Ok(NewObject { key: call.key.clone(), headers, metadata, modified_ms: call.now })
}

/// The headers of an answer about an object; `call` may override some.
pub(crate) fn object_headers(record: &ObjectRecord, call: &Call) -> Result<HeaderMap, ApiError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &record.headers {
        put(&mut headers, name, value)?;
    }
    for (name, value) in &record.metadata {
        put(&mut headers, &format!("{METADATA_PREFIX}{name}"), value)?;
    }
    for (query, name) in OVERRIDES {
        if let Some(value) = call.query.get(query) {
            put(&mut headers, name, value)?;
        }
    }
    put(&mut headers, ETAG.as_str(), &quoted(&record.etag))?;
    put(&mut headers, LAST_MODIFIED.as_str(), &http_date(record.modified_ms))?;
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(record.size));
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(DEFAULT_TYPE));
    Ok(headers)
}

/// The checksum of an object, when the client asks for it.
pub(crate) fn push_checksum(headers: &mut HeaderMap, record: &ObjectRecord) -> Result<(), ApiError> {
    if let Some(checksum) = &record.checksum {
        put(headers, checksum.algorithm.header(), &checksum.value)?;
        put(headers, "x-amz-checksum-type", checksum.kind.name())?;
    }
    Ok(())
}

/// The checksum of a part or an object that was just put.
pub(crate) fn put_headers(record: &ObjectRecord) -> Result<HeaderMap, ApiError> {
    let mut headers = HeaderMap::new();
    put(&mut headers, ETAG.as_str(), &quoted(&record.etag))?;
    push_checksum(&mut headers, record)?;
    Ok(headers)
}

/// Reads `x-amz-checksum-type`.
pub(crate) fn checksum_type(text: &str) -> Option<ChecksumType> {
    [ChecksumType::FullObject, ChecksumType::Composite].into_iter().find(|kind| kind.name() == text)
}

/// Sets a header.
pub(crate) fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), ApiError> {
    let name = HeaderName::from_bytes(name.as_bytes());
    let value = HeaderValue::from_bytes(value.as_bytes());
    let (Ok(name), Ok(value)) = (name, value) else {
        return Err(fault::invalid_argument("A header of the answer would not be valid"));
    };
    headers.insert(name, value);
    Ok(())
}

/// An ETag as headers and documents spell it.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// An ETag as records spell it.
pub(crate) fn unquoted(etag: &str) -> &str {
    let etag = etag.trim();
    etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag)
}

/// `Fri, 02 Jan 2026 03:04:05 GMT`.
pub(crate) fn http_date(moment: Millis) -> String {
    AmzDate::from_millis(moment).http_date()
}

/// `2026-01-02T03:04:05.678Z`, as S3's documents have it.
pub(crate) fn iso_date(moment: Millis) -> String {
    jiff::Timestamp::from_millisecond(moment.0)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// `aws-chunked` is how the body travelled, not what the object is.
fn without_aws_chunked(value: &str) -> String {
    let kept: Vec<&str> = value
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty() && !part.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    kept.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_spelled_as_s3_spells_them() {
        // date -u -d @1767323045.678
        assert_eq!(iso_date(Millis(1_767_323_045_678)), "2026-01-02T03:04:05.678Z");
        assert_eq!(iso_date(Millis(1_767_323_045_000)), "2026-01-02T03:04:05.000Z");
        assert_eq!(http_date(Millis(1_767_323_045_678)), "Fri, 02 Jan 2026 03:04:05 GMT");
    }

    #[test]
    fn the_way_a_body_travelled_is_not_kept() {
        assert_eq!(without_aws_chunked("aws-chunked"), "");
        assert_eq!(without_aws_chunked("aws-chunked, gzip"), "gzip");
        assert_eq!(without_aws_chunked("gzip,aws-chunked"), "gzip");
    }

    #[test]
    fn quotes_come_and_go() {
        assert_eq!(unquoted(&quoted("abc")), "abc");
        assert_eq!(unquoted("abc"), "abc");
        assert_eq!(unquoted("\""), "\"");
    }
}
