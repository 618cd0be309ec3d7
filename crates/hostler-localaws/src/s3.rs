//! The embedded S3 on the wire: the operations that boto3's everyday calls and the artifact fetcher use.
//!
//! Why: s3s was weighed for this. It costs 42 crates and, measured, 20 CPU-seconds in dev and 60 in release for its own
//! crate alone, most of it for operations that Hostler does not have; signatures, skew, hashes, ranges, conditions and
//! listings would be ours anyway. What it would have saved is the reading of headers and a few flat XML documents.
//! Invariants: the signature is verified before anything is looked up, and roles are asked before the disk is, so an
//! answer never tells a stranger what exists. Everything that is not served answers NotImplemented.

mod answer;
mod attributes;
mod bucket;
mod call;
mod condition;
mod copy;
mod fault;
mod get;
mod list;
mod multipart;
mod payload;
mod put;
mod receive;
mod route;

use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue};
use http::{Method, Request, Response};
use http_body::Body as _;

use hostler_aws::sigv4::{Rules, Verifier};
use hostler_aws::{ApiError, DocumentContext, Protocol, RequestId, error_response};
use hostler_types::{AccountId, Clock};

use self::call::Call;
use self::fault::Fault;
use self::payload::Payload;
use self::route::{Operation, route};
use crate::body::{self, Body, RequestBody};
use crate::folder::{BucketRecord, Folder, FolderError};
use crate::limits::S3Limits;
use crate::roles::{Access, RolePolicies};

/// The embedded S3.
pub(crate) struct S3 {
    pub(crate) folder: Arc<Folder>,
    pub(crate) roles: Arc<RolePolicies>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: S3Limits,
    /// Where S3 is when it is not here.
    pub(crate) elsewhere: Option<String>,
}

impl S3 {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<RequestBody>) -> Response<Body> {
        let id = RequestId::random();
        let is_head = request.method() == Method::HEAD;
        let resource = request.uri().path().to_owned();
        let has_body = !request.body().is_end_stream();
        let mut response = match Box::pin(self.run(request)).await {
            Ok(response) => response,
            Err(Fault(error)) => {
                log(&error, &id, &resource);
                let context = DocumentContext { now: self.clock.now(), resource: &resource, is_head };
                let mut response = error_response(Protocol::S3, &error, &id, &context).map(body::full);
                // What was refused was perhaps not read to its end, and then nothing can follow it: a client that is told
                // so does not send its next request into a connection that ends.
                if has_body {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        };
        if let Ok(value) = id.as_str().parse() {
            response.headers_mut().insert("x-amz-request-id", value);
        }
        response
    }

    async fn run(&self, request: Request<RequestBody>) -> Result<Response<Body>, Fault> {
        let (parts, body) = request.into_parts();
        let claim =
            self.verifier.check(&parts, &Rules::S3).map_err(|error| error.to_api_error(Protocol::S3))?;
        if let Some(elsewhere) = &self.elsewhere {
            return Err(fault::elsewhere(elsewhere).into());
        }
        let caller =
            claim.caller().cloned().ok_or_else(|| ApiError::internal("an S3 claim without a caller"))?;
        let mut payload = Payload::new(body, claim, &parts.headers, self.limits.body_idle);
        let call = Call::new(parts, caller, self.clock.now())?;
        let operation = route(&call)?;
        tracing::debug!(?operation, bucket = call.bucket, key = call.key, "S3 request");
        self.serve(operation, &call, &mut payload).await
    }

    async fn serve(
        &self,
        operation: Operation,
        call: &Call,
        payload: &mut Payload,
    ) -> Result<Response<Body>, Fault> {
        match operation {
            Operation::ListBuckets => self.list_buckets(call).await,
            Operation::CreateBucket => self.create_bucket(call, payload).await,
            Operation::HeadBucket => self.head_bucket(call).await,
            Operation::DeleteBucket => self.delete_bucket(call).await,
            Operation::GetBucketLocation => self.get_bucket_location(call).await,
            Operation::ListObjects => self.list_objects(call).await,
            Operation::ListObjectsV2 => self.list_objects_v2(call).await,
            Operation::ListMultipartUploads => self.list_multipart_uploads(call).await,
            Operation::DeleteObjects => self.delete_objects(call, payload).await,
            Operation::GetObject | Operation::HeadObject => self.get_object(call).await,
            Operation::PutObject => self.put_object(call, payload).await,
            Operation::CopyObject => self.copy_object(call).await,
            Operation::DeleteObject => self.delete_object(call).await,
            Operation::CreateMultipartUpload => self.create_multipart_upload(call).await,
            Operation::UploadPart => self.upload_part(call, payload).await,
            Operation::UploadPartCopy => self.upload_part_copy(call).await,
            Operation::CompleteMultipartUpload => self.complete_multipart_upload(call, payload).await,
            Operation::AbortMultipartUpload => self.abort_multipart_upload(call).await,
            Operation::ListParts => self.list_parts(call).await,
        }
    }

    /// Whether the caller's role may do this.
    fn allow(&self, call: &Call, access: Access<'_>) -> Result<(), ApiError> {
        let role = call.caller.identity.role_arn.as_deref();
        if self.roles.allows(role, access) { Ok(()) } else { Err(fault::access_denied()) }
    }

    /// Runs `work` on the folder once the bucket was found to be the caller's.
    async fn in_bucket<T, F>(&self, call: &Call, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Folder, BucketRecord) -> Result<T, FolderError> + Send + 'static,
    {
        let account = call.caller.identity.account.clone();
        let expected = call.header("x-amz-expected-bucket-owner")?;
        if expected.is_some_and(|expected| expected != account.as_str()) {
            return Err(fault::access_denied().into());
        }
        let (folder, bucket) = (Arc::clone(&self.folder), call.bucket.clone());
        let done = blocking(move || {
            let record = folder.bucket(&bucket)?;
            match owned(&record, &account) {
                Ok(()) => work(&folder, record).map(Ok),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
        .await?;
        Ok(done?)
    }
}

/// Other accounts' buckets are closed.
fn owned(record: &BucketRecord, account: &AccountId) -> Result<(), ApiError> {
    if record.account == *account { Ok(()) } else { Err(fault::access_denied()) }
}

/// Runs disk work on a thread that may block.
async fn blocking<T, F>(work: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, FolderError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(ApiError::internal(format!("work on the folder ended early: {error}")).into()),
    }
}

/// Mistakes of clients are not above debug; what failed inside is an error.
fn log(error: &ApiError, id: &RequestId, resource: &str) {
    let code = error.code();
    if error.status().is_server_error() && code != "NotImplemented" {
        let internal = error.internal_text().unwrap_or_default();
        tracing::error!(%id, code, resource, internal, "the embedded S3 failed");
    } else {
        tracing::debug!(%id, code, resource, said = error.message(), "the embedded S3 refused a request");
    }
}
