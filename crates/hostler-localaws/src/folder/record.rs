//! The record of an object: everything about it but its bytes, kept behind them in the same file.
//!
//! Why: one file, one rename: bytes and record can never be of two different puts, and an open file is a consistent
//! snapshot however often the key is overwritten meanwhile. Bytes come first, so a range is read where it lies.
//! Invariants: `bytes · JSON · length of the JSON (4 bytes, little endian) · magic`; the version in the JSON rises
//! when a member changes its meaning.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use hostler_types::Millis;

use super::error::FolderError;
use crate::digest::StoredChecksum;

/// Says that a file is an object of this folder.
const MAGIC: &[u8; 8] = b"HSTLROB1";
/// Length and magic.
const FOOTER_BYTES: u64 = 12;
/// A key of 1 KiB, headers and metadata of a few KiB, part sizes of 10,000 parts.
const RECORD_BYTES_MAX: u64 = 1024 * 1024;
/// The version that this code writes.
pub(crate) const RECORD_VERSION: u32 = 1;

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    /// [`RECORD_VERSION`] of the writer.
    pub(crate) version: u32,
    /// The whole key.
    pub(crate) key: String,
    /// Bytes of content.
    pub(crate) size: u64,
    /// Without quotes: an MD5 in hexadecimal, or `md5-parts`.
    pub(crate) etag: String,
    /// When it was put.
    pub(crate) modified_ms: Millis,
    /// Content-Type and its kin, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// `x-amz-meta-` headers without that prefix.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The checksum that the client sent and that was found right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<StoredChecksum>,
    /// Sizes of the parts of a multipart object, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) part_sizes: Vec<u64>,
}

/// Writes the record behind the content.
pub(crate) fn append_record(file: &mut File, path: &Path, record: &ObjectRecord) -> Result<(), FolderError> {
    let mut tail =
        serde_json::to_vec(record).map_err(|error| FolderError::damaged(path, error.to_string()))?;
    let length = u32::try_from(tail.len()).ok().filter(|length| u64::from(*length) <= RECORD_BYTES_MAX);
    let Some(length) = length else {
        return Err(FolderError::damaged(path, "its record would be too long"));
    };
    tail.extend_from_slice(&length.to_le_bytes());
    tail.extend_from_slice(MAGIC);
    file.write_all(&tail).map_err(|error| FolderError::io("writing", path, error))
}

/// Reads the record at the end of an open file.
pub(crate) fn read_record(file: &File, path: &Path) -> Result<ObjectRecord, FolderError> {
    let io = |error| FolderError::io("reading", path, error);
    let total = file.metadata().map_err(io)?.len();
    let damaged = |detail: &str| FolderError::damaged(path, detail);
    let footer_at = total.checked_sub(FOOTER_BYTES).ok_or_else(|| damaged("it is too short"))?;
    let mut footer = [0; FOOTER_BYTES as usize];
    file.read_exact_at(&mut footer, footer_at).map_err(io)?;
    let (length, magic) = footer.split_at(4);
    if magic != MAGIC {
        return Err(damaged("its last bytes are not ours"));
    }
    let length = u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]]));
    let record_at = footer_at.checked_sub(length).filter(|_| length <= RECORD_BYTES_MAX);
    let record_at = record_at.ok_or_else(|| damaged("the length of its record is wrong"))?;
    let mut json = vec![0; length as usize];
    file.read_exact_at(&mut json, record_at).map_err(io)?;
    let record: ObjectRecord =
        serde_json::from_slice(&json).map_err(|error| FolderError::damaged(path, error.to_string()))?;
    if record.version != RECORD_VERSION {
        return Err(damaged("its record is of another version of Hostler"));
    }
    if record.size != record_at {
        return Err(damaged("its size is not the one in its record"));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: u64) -> ObjectRecord {
        ObjectRecord {
            version: RECORD_VERSION,
            key: "a/ü".into(),
            size,
            etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
            modified_ms: Millis(1_700_000_000_123),
            headers: BTreeMap::from([("content-type".into(), "text/csv".into())]),
            metadata: BTreeMap::new(),
            checksum: None,
            part_sizes: Vec::new(),
        }
    }

    fn written(content: &[u8], record: &ObjectRecord) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("o");
        let mut file = File::create(&path).unwrap();
        file.write_all(content).unwrap();
        append_record(&mut file, &path, record).unwrap();
        (dir, path)
    }

    #[test]
    fn a_record_survives_the_disk() {
        let (_dir, path) = written(b"hello", &record(5));
        assert_eq!(read_record(&File::open(&path).unwrap(), &path).unwrap(), record(5));
    }

    #[test]
    fn version_1_files_stay_readable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("o");
        let json = br#"{"version":1,"key":"k","size":2,"etag":"e","modified_ms":7,"headers":{},"metadata":{"a":"b"}}"#;
        let mut bytes = b"hi".to_vec();
        bytes.extend_from_slice(json);
        bytes.extend_from_slice(&[json.len() as u8, 0, 0, 0]);
        bytes.extend_from_slice(b"HSTLROB1");
        std::fs::write(&path, bytes).unwrap();
        let read = read_record(&File::open(&path).unwrap(), &path).unwrap();
        assert_eq!((read.key.as_str(), read.modified_ms, read.metadata["a"].as_str()), ("k", Millis(7), "b"));
    }

    #[test]
    fn damaged_files_are_refused() {
        let (_dir, path) = written(b"hello", &record(4));
        assert!(matches!(read_record(&File::open(&path).unwrap(), &path), Err(FolderError::Damaged { .. })));
        for content in [&b""[..], b"x", b"long enough but not ours", &[0xff; 40]] {
            std::fs::write(&path, content).unwrap();
            assert!(matches!(
                read_record(&File::open(&path).unwrap(), &path),
                Err(FolderError::Damaged { .. })
            ));
        }
        let mut huge = vec![0xff; 4];
        huge.extend_from_slice(MAGIC);
        std::fs::write(&path, huge).unwrap();
        assert!(read_record(&File::open(&path).unwrap(), &path).is_err());
    }
}
