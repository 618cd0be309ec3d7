//! The limits of the embedded S3.
//!
//! Why: a disk that a client can fill without an end takes the endpoints down with it; S3's own limits are the
//! defaults, so that nothing that works here fails there.
//! Invariants: every limit has an error that names it in S3's words.

use std::time::Duration;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// What the embedded S3 accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Limits {
    /// Bytes of one PUT: an object, or a part of one.
    pub put_bytes_max: u64,
    /// Bytes of an object made of parts.
    pub object_bytes_max: u64,
    /// Bytes of every part but the last.
    pub part_bytes_min: u64,
    /// Buckets of an account.
    pub buckets_max: usize,
    /// Multipart uploads that a bucket may have open.
    pub uploads_max: usize,
    /// Bytes of an XML request body.
    pub document_bytes_max: u64,
    /// How long a client may be silent within a body.
    pub body_idle: Duration,
}

impl Default for S3Limits {
    fn default() -> Self {
        Self {
            put_bytes_max: 5 * GIB,
            object_bytes_max: 5 * 1024 * GIB,
            part_bytes_min: 5 * MIB,
            buckets_max: 1000,
            uploads_max: 1000,
            // 10,000 parts with their checksums, or 1,000 keys of 1 KiB, are below 2 MiB.
            document_bytes_max: 4 * MIB,
            body_idle: Duration::from_secs(60),
        }
    }
}
