//! The checksums that S3 clients send after a body.
//!
//! Why: boto3 sends one with every upload; checking it is the point of sending it. Three CRCs are one table-driven
//! routine, eight bytes at a time; a crate for them would serve this file alone.
//! Invariants: an algorithm that is not checked says so by [`ChecksumKind::is_checked`], and never silently.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

/// The header names begin so.
const PREFIX: &str = "x-amz-checksum-";

/// Reflected polynomials.
static CRC32: [[u64; 256]; 8] = tables(0xedb8_8320);
static CRC32C: [[u64; 256]; 8] = tables(0x82f6_3b78);
static CRC64NVME: [[u64; 256]; 8] = tables(0x9a6c_9329_ac4b_c9b5);

/// An algorithm of S3's flexible checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "S3's own names")]
pub enum ChecksumKind {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
    /// One that S3 knows and Hostler passes on unchecked: md5, sha512 and the xxhash family.
    Unchecked,
}

impl ChecksumKind {
    /// The algorithm that a header of this (lower-case) name carries; none when it is no checksum.
    pub fn of_header(name: &str) -> Option<Self> {
        match name.strip_prefix(PREFIX)? {
            "crc32" => Some(Self::Crc32),
            "crc32c" => Some(Self::Crc32c),
            "crc64nvme" => Some(Self::Crc64nvme),
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "md5" | "sha512" | "xxhash64" | "xxhash3" | "xxhash128" => Some(Self::Unchecked),
            _ => None,
        }
    }

    /// Whether the value is compared with the body.
    pub fn is_checked(self) -> bool {
        !matches!(self, Self::Unchecked)
    }
}

/// A checksum in the making.
#[derive(Clone)]
pub(crate) enum Checksum {
    Crc { tables: &'static [[u64; 256]; 8], state: u64, bytes: usize },
    Digest(digest::Context),
    Unchecked,
}

impl Checksum {
    pub(crate) fn new(kind: ChecksumKind) -> Self {
        let crc = |tables, bytes: usize| Self::Crc { tables, state: u64::MAX >> (64 - 8 * bytes), bytes };
        match kind {
            ChecksumKind::Crc32 => crc(&CRC32, 4),
            ChecksumKind::Crc32c => crc(&CRC32C, 4),
            ChecksumKind::Crc64nvme => crc(&CRC64NVME, 8),
            ChecksumKind::Sha1 => Self::Digest(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
            ChecksumKind::Sha256 => Self::Digest(digest::Context::new(&digest::SHA256)),
            ChecksumKind::Unchecked => Self::Unchecked,
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc { tables, state, .. } => *state = crc(tables, *state, data),
            Self::Digest(context) => context.update(data),
            Self::Unchecked => {}
        }
    }

    /// The base64 that the header must have; none when it is not checked.
    pub(crate) fn finish(self) -> Option<String> {
        match self {
            Self::Crc { state, bytes, .. } => {
                let value = !state;
                Some(STANDARD.encode(&value.to_be_bytes()[8 - bytes..]))
            }
            Self::Digest(context) => Some(STANDARD.encode(context.finish())),
            Self::Unchecked => None,
        }
    }
}

impl std::fmt::Debug for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checksum(…)")
    }
}

/// `tables[k][b]` is the CRC of byte `b` followed by `k` zeros.
const fn tables(polynomial: u64) -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ polynomial } else { value >> 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

fn crc(tables: &[[u64; 256]; 8], mut state: u64, data: &[u8]) -> u64 {
    let (blocks, rest) = data.as_chunks::<8>();
    for block in blocks {
        let mixed = (state ^ u64::from_le_bytes(*block)).to_le_bytes();
        state = 0;
        for (table, byte) in tables.iter().rev().zip(mixed) {
            state ^= table[usize::from(byte)];
        }
    }
    for byte in rest {
        state = (state >> 8) ^ tables[0][usize::from((state as u8) ^ byte)];
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ChecksumKind, data: &[u8], expected: &str) {
        for split in 0..=data.len() {
            let mut checksum = Checksum::new(kind);
            checksum.update(&data[..split]);
            checksum.update(&data[split..]);
            assert_eq!(checksum.finish().as_deref(), Some(expected), "{kind:?} split at {split}");
        }
    }

    #[test]
    fn checksums_are_those_of_zlib_awscrt_and_hashlib() {
        // By tests/vectors/make.py: `checksums`.
        let text = b"The quick brown fox jumps over the lazy dog";
        check(ChecksumKind::Crc32, text, "QU+jOQ==");
        check(ChecksumKind::Crc32c, text, "ImIEBA==");
        check(ChecksumKind::Crc64nvme, text, "12xUBUlUwUM=");
        check(ChecksumKind::Sha1, text, "L9ThxnotKPzthJ7hu3bnORuT6xI=");
        check(ChecksumKind::Sha256, text, "16j7swfXgJRpypq8sAguT41WUeRtPNt2LQLQvzfJ5ZI=");
        check(ChecksumKind::Crc32, b"", "AAAAAA==");
    }

    #[test]
    fn the_crcs_have_their_catalogued_check_values() {
        let of = |kind| {
            let mut checksum = Checksum::new(kind);
            checksum.update(b"123456789");
            STANDARD.decode(checksum.finish().unwrap()).unwrap()
        };
        assert_eq!(of(ChecksumKind::Crc32), 0xcbf4_3926_u32.to_be_bytes());
        assert_eq!(of(ChecksumKind::Crc32c), 0xe306_9283_u32.to_be_bytes());
        assert_eq!(of(ChecksumKind::Crc64nvme), 0xae8b_1486_0a79_9888_u64.to_be_bytes());
    }

    #[test]
    fn what_is_not_checked_says_so() {
        assert!(!ChecksumKind::of_header("x-amz-checksum-sha512").unwrap().is_checked());
        assert!(ChecksumKind::of_header("x-amz-checksum-crc32").unwrap().is_checked());
        assert_eq!(ChecksumKind::of_header("x-amz-checksum-type"), None);
        assert_eq!(ChecksumKind::of_header("content-md5"), None);
    }
}
