//! A request's body on its way in: counted, timed, decoded and held to its hash.
//!
//! Why: a body may come plain, with its hash signed, or in signed chunks with a trailer; operations want its bytes and
//! nothing else. Nothing is buffered, so an object may be larger than memory.
//! Invariants: [`Payload::next`] says that the body has ended only after its length, hash, chunk signatures and
//! trailer were found right. A client that is silent for too long, or sends more than it announced, gets an error.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use ring::digest::{Context, SHA256};

use hostler_aws::sigv4::{ChunkedDecoder, Claim, PayloadForm};
use hostler_aws::{ApiError, Protocol};

use super::fault;
use super::receive::Expected;
use crate::body::RequestBody;
use crate::digest::sum_of;

/// A body that is being read.
pub(crate) struct Payload {
    body: RequestBody,
    form: Form,
    /// Decoded bytes that were not handed out yet.
    ready: VecDeque<Bytes>,
    /// Decoded length, if the head says so.
    announced: Option<u64>,
    received: u64,
    idle: Duration,
    trailer_names: Vec<String>,
    trailers: Vec<(String, String)>,
}

/// How the bytes travel.
enum Form {
    Unsigned,
    Hashed(Box<(Claim, Context)>),
    Chunked(Box<ChunkedDecoder>),
    /// Everything was found right.
    Ended,
}

impl Payload {
    /// The body of a verified head.
    pub(crate) fn new(body: RequestBody, claim: Claim, headers: &HeaderMap, idle: Duration) -> Self {
        let (form, announced, trailer_names) = match claim.payload().clone() {
            PayloadForm::Chunked(chunked) => {
                let (length, names) = (chunked.decoded_length, chunked.trailer_names.clone());
                (Form::Chunked(Box::new(ChunkedDecoder::new(*chunked))), Some(length), names)
            }
            form => {
                let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
                let form = match form {
                    PayloadForm::Unsigned => Form::Unsigned,
                    _ => Form::Hashed(Box::new((claim, Context::new(&SHA256)))),
                };
                (form, length.or_else(|| body.size_hint().exact()), Vec::new())
            }
        };
        Self {
            body,
            form,
            ready: VecDeque::new(),
            announced,
            received: 0,
            idle,
            trailer_names,
            trailers: Vec::new(),
        }
    }

    /// The names that the trailer will have.
    pub(crate) fn trailer_names(&self) -> &[String] {
        &self.trailer_names
    }

    /// A line of the trailer, once the body has ended.
    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Refuses a body without a length, or with one beyond `limit`.
    pub(crate) fn limit(&self, limit: u64) -> Result<(), ApiError> {
        match self.announced {
            None => Err(fault::missing_content_length()),
            Some(length) if length > limit => Err(fault::entity_too_large(limit)),
            Some(_) => Ok(()),
        }
    }

    /// The next bytes; none once the whole body was found right.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Ok(Some(bytes));
            }
            if matches!(self.form, Form::Ended) {
                return Ok(None);
            }
            match tokio::time::timeout(self.idle, self.body.frame()).await {
                Err(_) => return Err(fault::request_timeout()),
                Ok(Some(Err(error))) => return Err(fault::incomplete_body().with_source(error)),
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.take(bytes)?;
                    }
                }
                Ok(None) => self.end()?,
            }
        }
    }

    /// A small body, whole.
    pub(crate) async fn read_all(&mut self, limit: u64) -> Result<Vec<u8>, ApiError> {
        if self.announced.is_some_and(|length| length > limit) {
            return Err(fault::entity_too_large(limit));
        }
        let mut whole = Vec::new();
        while let Some(bytes) = self.next().await? {
            if (whole.len() + bytes.len()) as u64 > limit {
                return Err(fault::entity_too_large(limit));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    /// A small body, whole and held to the sums that the client expects.
    pub(crate) async fn read_checked(
        &mut self,
        limit: u64,
        expected: &Expected,
    ) -> Result<Vec<u8>, ApiError> {
        let whole = self.read_all(limit).await?;
        expected.check(&sum_of(expected.algorithm, &whole), self)?;
        Ok(whole)
    }

    fn take(&mut self, bytes: Bytes) -> Result<(), ApiError> {
        match &mut self.form {
            Form::Chunked(decoder) => {
                let decoded = decoder.feed(bytes).map_err(|error| error.to_api_error())?;
                self.received += decoded.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
                self.ready.extend(decoded.into_iter().filter(|bytes| !bytes.is_empty()));
                return Ok(());
            }
            Form::Hashed(hashed) => hashed.1.update(&bytes),
            Form::Unsigned | Form::Ended => {}
        }
        self.received += bytes.len() as u64;
        if self.announced.is_some_and(|length| self.received > length) {
            return Err(fault::incomplete_body());
        }
        if !bytes.is_empty() {
            self.ready.push_back(bytes);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), ApiError> {
        let form = std::mem::replace(&mut self.form, Form::Ended);
        if let Form::Chunked(decoder) = form {
            self.trailers = decoder.finish().map_err(|error| error.to_api_error())?;
            return Ok(());
        }
        if self.announced.is_some_and(|length| self.received != length) {
            return Err(fault::incomplete_body());
        }
        if let Form::Hashed(hashed) = form {
            let (claim, hash) = *hashed;
            let digest = hash.finish();
            let sha256 =
                digest.as_ref().try_into().map_err(|_| ApiError::internal("a SHA-256 of another length"))?;
            claim.verify_payload(sha256).map_err(|error| error.to_api_error(Protocol::S3))?;
        }
        Ok(())
    }
}
