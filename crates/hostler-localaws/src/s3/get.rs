//! Reading objects: GET and HEAD.
//!
//! Why: every artifact download is a HEAD and some GETs; small objects cost one step, large ones stream.
//! Invariants: headers, range and bytes are of the same open file. Permission is decided before the disk is asked.

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::attributes::{object_headers, push_checksum, put};
use super::call::Call;
use super::condition::{READ, Verdict, range, weigh};
use super::fault::{self, Fault};
use super::{S3, answer};
use crate::body::{self, Body};
use crate::folder::ObjectRecord;
use crate::roles::Access;

/// Objects up to this size are read in the same step that opens them.
const INLINE_BYTES: u64 = 64 * 1024;

impl S3 {
    /// GetObject and HeadObject.
    pub(crate) async fn get_object(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Read { bucket: &call.bucket, key: &call.key })?;
        let (bucket, key) = (call.bucket.clone(), call.key.clone());
        let is_get = call.method == Method::GET;
        let (object, inline) = self
            .in_bucket(call, move |folder, _| {
                let object = folder.object(&bucket, &key)?;
                let size = object.record().size;
                let mut inline = None;
                if is_get && size <= INLINE_BYTES {
                    let mut bytes = vec![0; size as usize];
                    object.read_at(&mut bytes, 0)?;
                    inline = Some(bytes);
                }
                Ok((object, inline))
            })
            .await?;
        let record = object.record();
        let mut headers = object_headers(record, call)?;
        match weigh(&call.headers, READ, record) {
            Verdict::Proceed => {}
            Verdict::Failed => return Err(fault::precondition_failed().into()),
            Verdict::NotModified => {
                headers.remove(CONTENT_LENGTH);
                headers.remove(CONTENT_TYPE);
                return Ok(answer::empty(StatusCode::NOT_MODIFIED, headers));
            }
        }
        let wanted = wanted(call, record, &mut headers)?;
        let is_part = wanted.is_some();
        let (start, length) = wanted.map_or((0, record.size), |(start, end)| (start, end + 1 - start));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if let Some((start, end)) = wanted {
            put(&mut headers, CONTENT_RANGE.as_str(), &format!("bytes {start}-{end}/{}", record.size))?;
        }
        // A checksum is of the whole object, so it would be wrong beside a part of it.
        if !is_part && call.header("x-amz-checksum-mode")? == Some("ENABLED") {
            push_checksum(&mut headers, record)?;
        }
        let body = match inline {
            _ if !is_get => body::empty(),
            Some(mut bytes) => {
                body::full(bytes.drain(start as usize..(start + length) as usize).collect::<Vec<_>>())
            }
            None => body::object(object, start, length),
        };
        let status = if is_part { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        Ok(answer::build(status, headers, body))
    }
}

/// The bytes `start..=end` that the request wants: a range, or one part.
fn wanted(call: &Call, record: &ObjectRecord, headers: &mut HeaderMap) -> Result<Option<(u64, u64)>, Fault> {
    let text = call.header("range")?;
    let Some(number) = call.number("partNumber")? else {
        return Ok(match text {
            Some(text) => range(text, record.size)?,
            None => None,
        });
    };
    if text.is_some() {
        return Err(fault::invalid_request(
            "Cannot specify both Range header and partNumber query parameter",
        )
        .into());
    }
    let index = number.checked_sub(1).ok_or_else(fault::invalid_part)? as usize;
    if record.part_sizes.is_empty() {
        return if index == 0 { Ok(None) } else { Err(fault::invalid_range().into()) };
    }
    let size = *record.part_sizes.get(index).ok_or_else(fault::invalid_range)?;
    let start: u64 = record.part_sizes[..index].iter().sum();
    put(headers, "x-amz-mp-parts-count", &record.part_sizes.len().to_string())?;
    Ok((size > 0).then(|| (start, start + size - 1)))
}
