//! Buckets: create, look, list, delete.
//!
//! Why: boto3 and the SageMaker SDK look for their default bucket and make it, with or without a region's name.
//! Invariants: a bucket's region is only shown; every region's clients reach it. Only the account's own are listed.

use http::{HeaderMap, Response, StatusCode};

use hostler_aws::{ApiError, RESERVED_NAMES};
use hostler_types::Region;

use super::attributes::{iso_date, put};
use super::call::{Call, is_bucket_name};
use super::fault::{self, Fault};
use super::payload::Payload;
use super::{S3, answer, blocking};
use crate::body::Body;
use crate::folder::{BucketRecord, Created};
use crate::roles::Access;
use crate::xml::{Element, XmlWriter};

/// Where S3 answers 200 when the caller's own bucket is made again; elsewhere it is an error.
const FORGIVING_REGION: &str = "us-east-1";

impl S3 {
    pub(crate) async fn list_buckets(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let folder = self.folder.clone();
        let buckets = blocking(move || folder.buckets()).await?;
        let identity = &call.caller.identity;
        let prefix = call.query.get("prefix").unwrap_or_default();
        let mut xml = XmlWriter::new("ListAllMyBucketsResult");
        xml.open("Buckets");
        for (name, record) in buckets {
            if record.account == identity.account && name.starts_with(prefix) {
                xml.open("Bucket")
                    .leaf("Name", &name)
                    .leaf("CreationDate", iso_date(record.created_ms))
                    .leaf("BucketRegion", record.region.as_str())
                    .close();
            }
        }
        xml.close().open("Owner").leaf("ID", identity.account.as_str());
        Ok(answer::xml(xml))
    }

    pub(crate) async fn create_bucket(
        &self,
        call: &Call,
        payload: &mut Payload,
    ) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        // A name of ours could be written to and never read.
        if !is_bucket_name(&call.bucket) || RESERVED_NAMES.contains(&call.bucket.as_str()) {
            return Err(fault::invalid_bucket_name().into());
        }
        let document = payload.read_all(self.limits.document_bytes_max).await?;
        let region = location(&document)?.unwrap_or_else(|| call.caller.region.clone());
        let record = BucketRecord {
            version: 1,
            account: call.caller.identity.account.clone(),
            region,
            created_ms: call.now,
        };
        let (folder, name, limit) = (self.folder.clone(), call.bucket.clone(), self.limits.buckets_max);
        let created = blocking(move || folder.create_bucket(&name, &record, limit)).await?;
        if created == Created::Existed && call.caller.region.as_str() != FORGIVING_REGION {
            return Err(fault::bucket_already_owned_by_you().into());
        }
        let mut headers = HeaderMap::new();
        put(&mut headers, "location", &format!("/{}", call.bucket))?;
        Ok(answer::empty(StatusCode::OK, headers))
    }

    pub(crate) async fn head_bucket(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Look { bucket: &call.bucket })?;
        let record = self.in_bucket(call, |_, record| Ok(record)).await?;
        let mut headers = HeaderMap::new();
        put(&mut headers, "x-amz-bucket-region", record.region.as_str())?;
        Ok(answer::empty(StatusCode::OK, headers))
    }

    pub(crate) async fn get_bucket_location(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Look { bucket: &call.bucket })?;
        let record = self.in_bucket(call, |_, record| Ok(record)).await?;
        let mut xml = XmlWriter::new("LocationConstraint");
        // S3's first region has no name here.
        if record.region.as_str() != FORGIVING_REGION {
            xml.text(record.region.as_str());
        }
        Ok(answer::xml(xml))
    }

    pub(crate) async fn delete_bucket(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let name = call.bucket.clone();
        self.in_bucket(call, move |folder, _| folder.delete_bucket(&name)).await?;
        Ok(answer::empty(StatusCode::NO_CONTENT, HeaderMap::new()))
    }
}

/// The region that a CreateBucketConfiguration names; no document is the caller's own region.
fn location(document: &[u8]) -> Result<Option<Region>, ApiError> {
    if document.is_empty() {
        return Ok(None);
    }
    let root = Element::parse(document)
        .filter(|root| root.name == "CreateBucketConfiguration")
        .ok_or_else(fault::malformed_xml)?;
    let Some(text) = root.child_text("LocationConstraint").map(str::trim).filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let region = Region::parse(if text == "EU" { "eu-west-1" } else { text });
    region.map(Some).ok_or_else(|| {
        ApiError::new(
            "InvalidLocationConstraint",
            StatusCode::BAD_REQUEST,
            "The specified location-constraint is not valid",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_optional_and_checked() {
        let read = |document: &str| location(document.as_bytes()).map_err(|error| error.code().to_owned());
        let with = |text: &str| {
            format!(
                "<CreateBucketConfiguration xmlns=\"x\"><LocationConstraint>{text}</LocationConstraint></CreateBucketConfiguration>"
            )
        };
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("<CreateBucketConfiguration/>"), Ok(None));
        assert_eq!(read(&with("eu-central-1")), Ok(Some(Region::new("eu-central-1"))));
        assert_eq!(read(&with("../x")), Err("InvalidLocationConstraint".into()));
        assert_eq!(read("<Other/>"), Err("MalformedXML".into()));
    }
}
