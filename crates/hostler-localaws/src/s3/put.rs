//! Writing and deleting objects.
//!
//! Why: a put is answered only when the disk has it, and a delete is as good as done when nothing is there.
//! Invariants: whatever is wrong with a body is found before the object appears.
//! Failure: a put without an answer may be repeated; it either happened whole or not at all.

use http::{HeaderMap, Response, StatusCode};

use super::attributes::{new_object, put_headers};
use super::call::Call;
use super::fault::{self, Fault};
use super::payload::Payload;
use super::receive::Expected;
use super::{S3, answer, condition};
use crate::body::Body;
use crate::folder::FolderError;
use crate::roles::Access;
use crate::xml::{Element, XmlWriter};

/// S3's limit for one request.
const DELETED_KEYS_MAX: usize = 1000;

impl S3 {
    pub(crate) async fn put_object(
        &self,
        call: &Call,
        payload: &mut Payload,
    ) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let new = new_object(call)?;
        let condition = condition::of_put(call)?;
        let expected = Expected::read(call, payload.trailer_names())?;
        payload.limit(self.limits.put_bytes_max)?;
        self.in_bucket(call, |_, _| Ok(())).await?;
        let (staged, summed) = self.receive(payload, &expected).await?;
        let bucket = call.bucket.clone();
        let record = self
            .in_bucket(call, move |folder, _| {
                folder.put_object(&bucket, staged.seal(new, summed.into())?, &condition)
            })
            .await?;
        Ok(answer::empty(StatusCode::OK, put_headers(&record)?))
    }

    pub(crate) async fn delete_object(&self, call: &Call) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let (bucket, key) = (call.bucket.clone(), call.key.clone());
        self.in_bucket(call, move |folder, _| folder.delete_object(&bucket, &key)).await?;
        Ok(answer::empty(StatusCode::NO_CONTENT, HeaderMap::new()))
    }

    pub(crate) async fn delete_objects(
        &self,
        call: &Call,
        payload: &mut Payload,
    ) -> Result<Response<Body>, Fault> {
        self.allow(call, Access::Other)?;
        let expected = Expected::read(call, payload.trailer_names())?;
        let document = payload.read_checked(self.limits.document_bytes_max, &expected).await?;
        let root = Element::parse(&document)
            .filter(|root| root.name == "Delete")
            .ok_or_else(fault::malformed_xml)?;
        let is_quiet = root.child_text("Quiet").is_some_and(|text| text.trim() == "true");
        let mut keys = Vec::new();
        for object in root.children("Object") {
            let key =
                object.child_text("Key").filter(|key| !key.is_empty()).ok_or_else(fault::malformed_xml)?;
            keys.push((key.to_owned(), object.child_text("VersionId").unwrap_or_default().to_owned()));
        }
        if keys.is_empty() || keys.len() > DELETED_KEYS_MAX {
            return Err(fault::malformed_xml().into());
        }
        let bucket = call.bucket.clone();
        let outcomes = self
            .in_bucket(call, move |folder, _| {
                let delete = |(key, version): (String, String)| {
                    let outcome = match version.as_str() {
                        "" | "null" => folder.delete_object(&bucket, &key).map_err(Some),
                        _ => Err(None),
                    };
                    (key, outcome)
                };
                Ok(keys.into_iter().map(delete).collect::<Vec<_>>())
            })
            .await?;
        Ok(answer::xml(outcome_document(outcomes, is_quiet)))
    }
}

/// What became of each key; an error without a cause is a version that is not there.
fn outcome_document(outcomes: Vec<(String, Result<(), Option<FolderError>>)>, is_quiet: bool) -> XmlWriter {
    let mut xml = XmlWriter::new("DeleteResult");
    for (key, outcome) in outcomes {
        match outcome {
            Ok(()) if is_quiet => {}
            Ok(()) => {
                xml.open("Deleted").leaf("Key", &key).close();
            }
            Err(cause) => {
                let error = match cause {
                    Some(cause) => Fault::from(cause).0,
                    None => fault::no_such_version(),
                };
                if let Some(internal) = error.internal_text() {
                    tracing::error!(key, internal, "an object cannot be deleted");
                }
                let code = if error.status().is_server_error() { "InternalError" } else { error.code() };
                xml.open("Error")
                    .leaf("Key", &key)
                    .leaf("Code", code)
                    .leaf(
                        "Message",
                        error.message().unwrap_or("We encountered an internal error. Please try again."),
                    )
                    .close();
            }
        }
    }
    xml
}
