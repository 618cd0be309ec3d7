//! What the fuzz harnesses reach of this room besides its public face.
//!
//! Why: what a service answers is read behind a connection; a harness holds the readers themselves against others.
//! Invariants: forwards and decides nothing; nobody but `hostler-fuzz` calls it.

use hostler_artifacts::ArtifactSource;
use hostler_types::{AccountId, Region};
use http::{HeaderMap, StatusCode};

use crate::answer::Answer;
use crate::list;

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPage {
    /// Keys and sizes.
    pub entries: Vec<(String, u64)>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Reads a page of a listing of `prefix`.
pub fn read_page(body: &[u8], prefix: &str) -> Result<ReadPage, String> {
    list::read_page(body, prefix)
}

/// What a refusal of the service is told as.
pub fn read_refusal(status: StatusCode, body: &[u8]) -> String {
    let source = ArtifactSource {
        uri: "s3://bucket/key".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
        account: AccountId::new("000000000000"),
        region: Region::new("us-east-1"),
    };
    Answer::read(status, &HeaderMap::new(), body).into_error(&source, "us-east-1").to_string()
}
