//! Which operation a request is.
//!
//! Why: S3 tells its operations apart by method, by whether there is a key, and by names in the query.
//! Invariants: a subresource or header that Hostler does not know how to serve is never taken for something else: a
//! `PUT ?acl` must not overwrite the object, and an object for a key of the client's own must not be stored plain.
//! Encryption that names no key is what AWS does to every object unasked; Hostler does it to none, and says so.

use http::Method;

use hostler_aws::ApiError;

use super::call::Call;
use super::fault;

/// What the embedded S3 can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    ListBuckets,
    CreateBucket,
    HeadBucket,
    DeleteBucket,
    GetBucketLocation,
    ListObjects,
    ListObjectsV2,
    ListMultipartUploads,
    DeleteObjects,
    GetObject,
    HeadObject,
    PutObject,
    CopyObject,
    DeleteObject,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    ListParts,
}

/// Names in the query that change which operation a request is, in S3's model.
const SUBRESOURCES: [&str; 43] = [
    "accelerate",
    "acl",
    "analytics",
    "annotation",
    "append",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Beginnings of headers that would change what is stored, who may read it, or how it is protected.
const REFUSED_HEADERS: [&str; 7] = [
    "x-amz-server-side-encryption",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-grant-",
    "x-amz-object-lock-",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

/// At rest, by a key that the service chooses. The SageMaker SDK asks for it with each archive that it packs anew.
const ENCRYPTION: &str = "x-amz-server-side-encryption";
const KEYLESS_ENCRYPTIONS: [&str; 2] = ["AES256", "aws:kms"];

/// Canned lists that say what holds anyway: the bucket's owner may do everything and nobody else anything.
const HARMLESS_ACLS: [&str; 2] = ["private", "bucket-owner-full-control"];

/// Finds the operation.
pub(crate) fn route(call: &Call) -> Result<Operation, ApiError> {
    check_headers(call)?;
    let names = subresources(call)?;
    let has = |name: &str| call.headers.contains_key(name);
    let level = (!call.bucket.is_empty(), !call.key.is_empty());
    let operation = match (&call.method, level, names.as_slice()) {
        (&Method::GET, (false, _), []) => Operation::ListBuckets,
        (&Method::PUT, (true, false), []) => Operation::CreateBucket,
        (&Method::HEAD, (true, false), []) => Operation::HeadBucket,
        (&Method::DELETE, (true, false), []) => Operation::DeleteBucket,
        (&Method::GET, (true, false), ["location"]) => Operation::GetBucketLocation,
        (&Method::GET, (true, false), []) => Operation::ListObjects,
        (&Method::GET, (true, false), ["list-type"]) if call.query.get("list-type") == Some("2") => {
            Operation::ListObjectsV2
        }
        (&Method::GET, (true, false), ["list-type"]) => {
            return Err(fault::invalid_argument("Invalid List Type specified in Request"));
        }
        (&Method::GET, (true, false), ["uploads"]) => Operation::ListMultipartUploads,
        (&Method::POST, (true, false), ["delete"]) => Operation::DeleteObjects,
        (&Method::GET, (true, true), [] | ["partNumber"]) => Operation::GetObject,
        (&Method::HEAD, (true, true), [] | ["partNumber"]) => Operation::HeadObject,
        (&Method::PUT, (true, true), []) if has("x-amz-copy-source") => Operation::CopyObject,
        (&Method::PUT, (true, true), []) => Operation::PutObject,
        (&Method::DELETE, (true, true), []) => Operation::DeleteObject,
        (&Method::POST, (true, true), ["uploads"]) => Operation::CreateMultipartUpload,
        (&Method::PUT, (true, true), ["partNumber", "uploadId"]) if has("x-amz-copy-source") => {
            Operation::UploadPartCopy
        }
        (&Method::PUT, (true, true), ["partNumber", "uploadId"]) => Operation::UploadPart,
        (&Method::POST, (true, true), ["uploadId"]) => Operation::CompleteMultipartUpload,
        (&Method::DELETE, (true, true), ["uploadId"]) => Operation::AbortMultipartUpload,
        (&Method::GET, (true, true), ["uploadId"]) => Operation::ListParts,
        (_, _, []) => return Err(fault::method_not_allowed()),
        (_, _, names) => return Err(fault::not_implemented(&names.join("&"))),
    };
    Ok(operation)
}

/// The subresources in the query, sorted; buckets have no versions, so version `null` is the object itself.
fn subresources(call: &Call) -> Result<Vec<&str>, ApiError> {
    let mut names = Vec::new();
    for (name, value) in call.query.pairs() {
        match (name, value) {
            ("versionId", "null") => {}
            ("versionId", _) if !call.key.is_empty() => return Err(fault::no_such_version()),
            (name, _) if SUBRESOURCES.contains(&name) => names.push(name),
            _ => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn check_headers(call: &Call) -> Result<(), ApiError> {
    for (name, value) in &call.headers {
        let name = name.as_str();
        let is_keyless = name == ENCRYPTION && KEYLESS_ENCRYPTIONS.iter().any(|kind| value == kind);
        let is_refused = (!is_keyless && REFUSED_HEADERS.iter().any(|refused| name.starts_with(refused)))
            || (name == "x-amz-acl" && !HARMLESS_ACLS.iter().any(|acl| value == acl));
        if is_refused {
            return Err(fault::not_implemented(name));
        }
        if is_keyless {
            tracing::info!(
                bucket = call.bucket,
                key = call.key,
                "encryption at rest has no effect here; encrypt the disk"
            );
        }
        if name == "x-amz-storage-class" && value != "STANDARD" {
            tracing::debug!(bucket = call.bucket, key = call.key, ?value, "storage class has no effect here");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hostler_aws::sigv4::Caller;
    use hostler_types::{AccountId, Identity, Millis, Region};
    use http::Request;

    use super::*;

    fn find(line: &str, headers: &[(&str, &str)]) -> Result<Operation, String> {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let identity = Identity {
            account: AccountId::new("000000000000"),
            access_key_id: "AKID".into(),
            arn: String::new(),
            user_id: String::new(),
            role_arn: None,
            long_lived_key_id: None,
        };
        let caller = Caller { identity: std::sync::Arc::new(identity), region: Region::new("us-east-1") };
        let call = Call::new(parts, caller, Millis(0)).unwrap();
        route(&call).map_err(|error| error.code().to_owned())
    }

    #[test]
    fn each_operation_is_found() {
        use Operation as O;
        let copy = [("x-amz-copy-source", "b/k")];
        let none: [(&str, &str); 0] = [];
        for (line, headers, operation) in [
            ("GET /", &none[..], O::ListBuckets),
            ("GET /?x-id=ListBuckets", &none, O::ListBuckets),
            ("PUT /bbb", &none, O::CreateBucket),
            ("HEAD /bbb", &none, O::HeadBucket),
            ("DELETE /bbb", &none, O::DeleteBucket),
            ("GET /bbb?location", &none, O::GetBucketLocation),
            ("GET /bbb?prefix=x&encoding-type=url", &none, O::ListObjects),
            ("GET /bbb?list-type=2", &none, O::ListObjectsV2),
            ("GET /bbb?uploads", &none, O::ListMultipartUploads),
            ("POST /bbb?delete", &none, O::DeleteObjects),
            ("GET /bbb/k", &none, O::GetObject),
            ("GET /bbb/k?versionId=null&response-content-type=x", &none, O::GetObject),
            ("GET /bbb/k?partNumber=1", &none, O::GetObject),
            ("HEAD /bbb/k", &none, O::HeadObject),
            ("PUT /bbb/k", &[("x-amz-acl", "private"), ("x-amz-storage-class", "GLACIER")], O::PutObject),
            ("PUT /bbb/k", &[("x-amz-server-side-encryption", "aws:kms")], O::PutObject),
            ("POST /bbb/k?uploads", &[("x-amz-server-side-encryption", "AES256")], O::CreateMultipartUpload),
            ("PUT /bbb/k", &copy, O::CopyObject),
            ("DELETE /bbb/k", &none, O::DeleteObject),
            ("POST /bbb/k?uploads", &none, O::CreateMultipartUpload),
            ("PUT /bbb/k?uploadId=x&partNumber=1", &none, O::UploadPart),
            ("PUT /bbb/k?partNumber=1&uploadId=x", &copy, O::UploadPartCopy),
            ("POST /bbb/k?uploadId=x", &none, O::CompleteMultipartUpload),
            ("DELETE /bbb/k?uploadId=x", &none, O::AbortMultipartUpload),
            ("GET /bbb/k?uploadId=x", &none, O::ListParts),
        ] {
            assert_eq!(find(line, headers), Ok(operation), "{line}");
        }
    }

    #[test]
    fn what_is_not_served_is_never_taken_for_something_else() {
        let none: [(&str, &str); 0] = [];
        let named_key = [
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "alias/own"),
        ];
        for (line, headers, code) in [
            ("PUT /bbb/k?acl", &none[..], "NotImplemented"),
            ("DELETE /bbb/k?tagging", &none, "NotImplemented"),
            ("DELETE /bbb?policy", &none, "NotImplemented"),
            ("GET /bbb?versions", &none, "NotImplemented"),
            ("PUT /bbb?versioning", &none, "NotImplemented"),
            ("GET /bbb/k?attributes", &none, "NotImplemented"),
            ("POST /bbb/k?restore", &none, "NotImplemented"),
            ("PUT /bbb/k?uploadId=x", &none, "NotImplemented"),
            ("PUT /bbb/k", &[("x-amz-server-side-encryption", "aws:kms:dsse")], "NotImplemented"),
            ("PUT /bbb/k", &named_key, "NotImplemented"),
            (
                "PUT /bbb/k",
                &[("x-amz-server-side-encryption-customer-algorithm", "AES256")],
                "NotImplemented",
            ),
            ("PUT /bbb/k", &[("x-amz-acl", "public-read")], "NotImplemented"),
            ("GET /bbb/k?versionId=3", &none, "NoSuchVersion"),
            ("GET /bbb?list-type=3", &none, "InvalidArgument"),
            ("POST /bbb", &none, "MethodNotAllowed"),
            ("PATCH /bbb/k", &none, "MethodNotAllowed"),
            ("DELETE /", &none, "MethodNotAllowed"),
        ] {
            assert_eq!(find(line, headers), Err(code.to_owned()), "{line}");
        }
    }
}
