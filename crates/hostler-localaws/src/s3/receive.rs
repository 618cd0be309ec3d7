//! From a body to a complete file with the right sums.
//!
//! Why: objects and parts arrive the same way: into a file in `tmp/`, summed while they pass, compared at the end.
//! Invariants: whatever goes wrong, nothing is left behind; disk work is done on threads that may block, a megabyte at
//! a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use hostler_aws::ApiError;

use super::call::Call;
use super::fault::{self, Fault};
use super::payload::Payload;
use super::{S3, blocking};
use crate::digest::{Algorithm, Summed, decode};
use crate::folder::{Staged, StagedFile};

/// Bytes gathered before the disk is bothered.
const WRITE_BYTES: usize = 1024 * 1024;

/// What the client says that the bytes sum up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    md5: Option<Vec<u8>>,
    pub(crate) algorithm: Option<Algorithm>,
    /// Absent when it comes in the trailer, or when the server is asked to make one.
    value: Option<String>,
}

impl Expected {
    /// Reads `Content-MD5`, the checksum headers and the announced trailer.
    pub(crate) fn read(call: &Call, trailer_names: &[String]) -> Result<Self, ApiError> {
        let md5 = match call.header("content-md5")? {
            None => None,
            Some(text) => Some(
                STANDARD
                    .decode(text)
                    .ok()
                    .filter(|md5| md5.len() == 16)
                    .ok_or_else(|| fault::invalid_digest("Content-MD5"))?,
            ),
        };
        let mut expected = Self { md5, ..Self::default() };
        for algorithm in Algorithm::ALL {
            if let Some(value) = call.header(algorithm.header())? {
                if expected.algorithm.is_some() {
                    return Err(fault::invalid_request(
                        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
                    ));
                }
                if decode(algorithm, value).is_none() {
                    return Err(fault::invalid_request(format!(
                        "Value for {} header is invalid.",
                        algorithm.header()
                    )));
                }
                expected.algorithm = Some(algorithm);
                expected.value = Some(value.to_owned());
            }
        }
        if expected.algorithm.is_none() {
            expected.algorithm = trailer_names.iter().find_map(|name| Algorithm::from_header(name));
        }
        if expected.algorithm.is_none()
            && let Some(name) = call.header("x-amz-sdk-checksum-algorithm")?
        {
            expected.algorithm = Algorithm::from_name(name);
        }
        Ok(expected)
    }

    /// Compares, once the body has ended.
    pub(super) fn check(&self, summed: &Summed, payload: &Payload) -> Result<(), ApiError> {
        if self.md5.as_deref().is_some_and(|md5| md5 != summed.md5) {
            return Err(fault::bad_digest("Content-MD5"));
        }
        let Some(algorithm) = self.algorithm else {
            return Ok(());
        };
        let found = summed.checksum.as_ref().map(|checksum| checksum.value.as_str());
        let value = self.value.as_deref().or_else(|| payload.trailer(algorithm.header()));
        match value {
            Some(value) if found != Some(value) => Err(fault::bad_digest(algorithm.name())),
            _ => Ok(()),
        }
    }
}

impl S3 {
    /// Reads the whole body into a file; the sums are those that the client expects.
    pub(crate) async fn receive(
        &self,
        payload: &mut Payload,
        expected: &Expected,
    ) -> Result<(Staged, Summed), Fault> {
        let algorithm = expected.algorithm;
        let folder = self.folder.clone();
        let mut file = blocking(move || folder.stage(algorithm)).await?;
        let mut pending = Vec::new();
        let mut size = 0;
        while let Some(bytes) = payload.next().await? {
            size += bytes.len();
            pending.push(bytes);
            if size >= WRITE_BYTES {
                file = write(file, std::mem::take(&mut pending)).await?;
                size = 0;
            }
        }
        let file = write(file, pending).await?;
        let (staged, summed) = file.finish();
        expected.check(&summed, payload)?;
        Ok((staged, summed))
    }
}

async fn write(mut file: StagedFile, pending: Vec<Bytes>) -> Result<StagedFile, Fault> {
    blocking(move || {
        for bytes in &pending {
            file.write(bytes)?;
        }
        Ok(file)
    })
    .await
}
