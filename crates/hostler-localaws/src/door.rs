//! What the fuzz harnesses reach of this room besides its public face.
//!
//! Why: documents and forms are read deep inside a request, behind a signature; a harness holds the readers themselves
//! against independent ones.
//! Invariants: forwards and decides nothing; nobody but `hostler-fuzz` calls it.

use bytes::Bytes;
use http::Response;

use hostler_aws::{ApiError, Form};
use hostler_types::{Credentials, Millis};

use crate::sts::parameters;
use crate::sts_client;
use crate::xml::Element;

/// One element of a document that was read, in the order of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadElement {
    /// How many elements are around it.
    pub depth: usize,
    /// Its local name.
    pub name: String,
    /// All text directly inside it.
    pub text: String,
}

/// Reads one of S3's documents.
pub fn read_document(document: &[u8]) -> Option<Vec<ReadElement>> {
    let root = Element::parse(document)?;
    let mut elements = Vec::new();
    let mut open = vec![(0, &root)];
    while let Some((depth, element)) = open.pop() {
        elements.push(ReadElement { depth, name: element.name.clone(), text: element.text.clone() });
        open.extend(element.children.iter().rev().map(|child| (depth + 1, child)));
    }
    Some(elements)
}

/// Reads the parameters of AssumeRole: the role, the session's name and its seconds.
pub fn read_assume_role(form: &Form, is_chained: bool) -> Result<(String, String, u64), ApiError> {
    let wanted = parameters::read(form, is_chained)?;
    Ok((wanted.role_arn, wanted.session_name, wanted.duration_s))
}

/// Reads what an STS answered.
pub fn read_sts_answer(response: &Response<Bytes>, now: Millis) -> Result<Credentials, String> {
    sts_client::read_answer(response, now)
}
