//! The sums over an object's bytes: MD5 for the ETag, and the checksum that the client asked for.
//!
//! Why: boto3 sends a CRC with every put and checks the one it gets back; both must be of the real bytes.
//! Invariants: values are base64 of big-endian sums, as S3's headers spell them. MD5 and SHA-1 name content here,
//! they protect nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

/// The checksums that S3 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// Every algorithm.
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The header that carries a value.
    pub(crate) const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The XML element that carries a value.
    pub(crate) const fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// The word in `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        &self.element()["Checksum".len()..]
    }

    /// Reads `x-amz-checksum-algorithm`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Reads the name of a checksum header.
    pub(crate) fn from_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }

    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Bytes of a sum.
    const fn width(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// Whether the sum is of all bytes, or of the sums of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ChecksumType {
    FullObject,
    Composite,
}

impl ChecksumType {
    /// The word in `x-amz-checksum-type`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum as it is kept and sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredChecksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: ChecksumType,
    /// Base64; a composite one ends with `-parts`.
    pub(crate) value: String,
}

/// A running sum.
enum Running {
    Crc(crc_fast::Digest),
    Sha(ring::digest::Context),
}

/// Everything that is summed while bytes pass.
pub(crate) struct Sums {
    md5: Md5,
    checksum: Option<(Algorithm, Running)>,
}

/// What the bytes summed up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summed {
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Option<StoredChecksum>,
}

impl Summed {
    /// The ETag of an object that was put in one piece.
    pub(crate) fn etag(&self) -> String {
        hex::encode(self.md5)
    }
}

impl Sums {
    /// Starts; MD5 always runs.
    pub(crate) fn new(algorithm: Option<Algorithm>) -> Self {
        let running = |algorithm: Algorithm| match (algorithm.crc(), algorithm) {
            (Some(crc), _) => Running::Crc(crc_fast::Digest::new(crc)),
            (None, Algorithm::Sha1) => {
                Running::Sha(ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY))
            }
            (None, _) => Running::Sha(ring::digest::Context::new(&ring::digest::SHA256)),
        };
        Self { md5: Md5::new(), checksum: algorithm.map(|algorithm| (algorithm, running(algorithm))) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        match &mut self.checksum {
            Some((_, Running::Crc(digest))) => digest.update(bytes),
            Some((_, Running::Sha(context))) => context.update(bytes),
            None => {}
        }
    }

    pub(crate) fn finish(self) -> Summed {
        let checksum = self.checksum.map(|(algorithm, running)| {
            let value = match running {
                Running::Crc(digest) => STANDARD.encode(crc_bytes(algorithm, digest.finalize())),
                Running::Sha(context) => STANDARD.encode(context.finish()),
            };
            StoredChecksum { algorithm, kind: ChecksumType::FullObject, value }
        });
        Summed { md5: self.md5.finalize().into(), checksum }
    }
}

/// The sum of `bytes` alone.
pub(crate) fn sum_of(algorithm: Option<Algorithm>, bytes: &[u8]) -> Summed {
    let mut sums = Sums::new(algorithm);
    sums.update(bytes);
    sums.finish()
}

/// One part of a multipart object, for its sums.
pub(crate) struct PartSum<'a> {
    pub(crate) size: u64,
    pub(crate) etag: &'a str,
    pub(crate) checksum: Option<&'a StoredChecksum>,
}

/// The ETag of an object made of parts: MD5 of the parts' MD5s, and how many they are.
pub(crate) fn multipart_etag(parts: &[PartSum<'_>]) -> Option<String> {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(part.etag).ok()?);
    }
    Some(format!("{}-{}", hex::encode(md5.finalize()), parts.len()))
}

/// The checksum of an object made of parts; none when a part lacks one of this algorithm.
pub(crate) fn multipart_checksum(
    algorithm: Algorithm,
    kind: ChecksumType,
    parts: &[PartSum<'_>],
) -> Option<StoredChecksum> {
    let mut sums = Vec::with_capacity(parts.len());
    for part in parts {
        let checksum = part.checksum.filter(|checksum| checksum.algorithm == algorithm)?;
        sums.push((part.size, decode(algorithm, &checksum.value)?));
    }
    let value = match kind {
        ChecksumType::Composite => {
            let all: Vec<u8> = sums.into_iter().flat_map(|(_, sum)| sum).collect();
            let sum = sum_of(Some(algorithm), &all).checksum?;
            format!("{}-{}", sum.value, parts.len())
        }
        ChecksumType::FullObject => {
            let crc = algorithm.crc()?;
            let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
            let (_, first) = sums.first()?;
            let whole = sums[1..].iter().fold(number(first), |whole, (size, sum)| {
                crc_fast::checksum_combine(crc, whole, number(sum), *size)
            });
            STANDARD.encode(crc_bytes(algorithm, whole))
        }
    };
    Some(StoredChecksum { algorithm, kind, value })
}

/// The bytes of a checksum's value, if it is one.
pub(crate) fn decode(algorithm: Algorithm, value: &str) -> Option<Vec<u8>> {
    STANDARD.decode(value).ok().filter(|bytes| bytes.len() == algorithm.width())
}

fn crc_bytes(algorithm: Algorithm, sum: u64) -> Vec<u8> {
    sum.to_be_bytes()[8 - algorithm.width()..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The check values of the CRC catalogue for `123456789`; the hashes are from coreutils.
    const CHECKS: [(Algorithm, &str); 5] = [
        (Algorithm::Crc32, "cbf43926"),
        (Algorithm::Crc32c, "e3069283"),
        (Algorithm::Crc64Nvme, "ae8b14860a799888"),
        (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ];

    #[test]
    fn sums_match_the_published_check_values() {
        for (algorithm, expected) in CHECKS {
            let mut sums = Sums::new(Some(algorithm));
            sums.update(b"1234");
            sums.update(b"56789");
            let summed = sums.finish();
            assert_eq!(summed.etag(), "25f9e794323b453885f5181f1b624d0b");
            let value = summed.checksum.unwrap().value;
            assert_eq!(hex::encode(decode(algorithm, &value).unwrap()), expected, "{algorithm:?}");
        }
    }

    #[test]
    fn the_crc_of_the_parts_is_the_crc_of_the_whole() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let sums: Vec<_> = [&b"12"[..], b"345678", b"9"]
                .into_iter()
                .map(|part| (part.len() as u64, sum_of(Some(algorithm), part)))
                .collect();
            let parts: Vec<_> = sums
                .iter()
                .map(|(size, sum)| PartSum { size: *size, etag: "", checksum: sum.checksum.as_ref() })
                .collect();
            let whole = multipart_checksum(algorithm, ChecksumType::FullObject, &parts).unwrap();
            assert_eq!(whole, sum_of(Some(algorithm), b"123456789").checksum.unwrap());
        }
    }

    #[test]
    fn a_multipart_etag_is_the_md5_of_md5s() {
        // Expected value: Python hashlib.
        let parts = ["0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f"];
        let parts: Vec<_> = parts.iter().map(|etag| PartSum { size: 1, etag, checksum: None }).collect();
        assert_eq!(multipart_etag(&parts).unwrap(), "96e024ba2074fe77e8e965ba43a704be-2");
        assert!(multipart_checksum(Algorithm::Crc32, ChecksumType::Composite, &parts).is_none());
    }

    #[test]
    fn names_lead_back_to_the_algorithm() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(&algorithm.name().to_lowercase()), Some(algorithm));
            assert_eq!(Algorithm::from_header(algorithm.header()), Some(algorithm));
        }
        assert_eq!(Algorithm::from_name("MD5"), None);
    }
}
