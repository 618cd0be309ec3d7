//! What `s3://bucket/key` and `s3://bucket/prefix/` name.
//!
//! Invariants: a bucket's name has only characters that are safe inside a URL, and a key is one that `object_store` sends
//! as it is; others are refused with a reason instead of being read as something else.

use hostler_artifacts::FetchError;
use object_store::path::Path;

/// Bytes of a bucket's name: 63 today, 255 in the oldest region.
const BUCKET_BYTES_MAX: usize = 255;
/// Bytes of a key, as S3 has it.
const KEY_BYTES_MAX: usize = 1024;

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) path: Path,
}

/// The keys that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
}

impl Location {
    pub(crate) fn parse(uri: &str) -> Result<Self, FetchError> {
        let bad = |detail: &str| Err(unreadable(uri, detail));
        let Prefix { bucket, prefix: key } = Prefix::parse(uri)?;
        if key.is_empty() {
            return bad("it names no object; `s3://BUCKET/KEY` is expected");
        }
        if key.ends_with('/') {
            return bad("it names a prefix; one object is expected");
        }
        match Path::parse(key) {
            Ok(path) if path.as_ref() == key => {
                Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), path })
            }
            _ => bad("keys with empty parts, `.`, `..` or control characters cannot be read"),
        }
    }
}

impl<'a> Prefix<'a> {
    /// Reads `s3://bucket` with or without the beginning of a key.
    pub(crate) fn parse(uri: &'a str) -> Result<Self, FetchError> {
        let Some(rest) = uri.strip_prefix("s3://") else {
            return Err(unreadable(uri, "only `s3://BUCKET/KEY` is supported"));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let is_name = bucket.bytes().all(is_safe) && bucket.starts_with(|c: char| c.is_ascii_alphanumeric());
        if bucket.len() > BUCKET_BYTES_MAX || !is_name {
            return Err(unreadable(uri, "its bucket's name is not one that S3 allows"));
        }
        if prefix.len() > KEY_BYTES_MAX {
            return Err(unreadable(uri, "its key is longer than 1024 bytes"));
        }
        Ok(Self { bucket, prefix })
    }
}

fn unreadable(uri: &str, detail: &str) -> FetchError {
    FetchError::Unreadable { uri: uri.to_owned(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named() {
        for (uri, bucket, key) in [
            ("s3://models/model.tar.gz", "models", "model.tar.gz"),
            ("s3://my.models/a/b c/ü+%20.tar.gz", "my.models", "a/b c/ü+%20.tar.gz"),
        ] {
            let location = Location::parse(uri).unwrap();
            assert_eq!((location.bucket.as_str(), location.key.as_str()), (bucket, key));
        }
    }

    #[test]
    fn prefixes_are_taken_as_they_are() {
        for (uri, bucket, prefix) in [
            ("s3://models/llm/", "models", "llm/"),
            ("s3://models/", "models", ""),
            ("s3://models", "models", ""),
            ("s3://models//a/../", "models", "/a/../"),
        ] {
            assert_eq!(Prefix::parse(uri).unwrap(), Prefix { bucket, prefix });
        }
        assert!(Prefix::parse("s3://a@b/").is_err());
        assert!(Prefix::parse("file:///etc/").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_told_why() {
        for (uri, why) in [
            ("https://bucket.s3.amazonaws.com/key", "only `s3://BUCKET/KEY` is supported"),
            ("gs://bucket/key", "only `s3://BUCKET/KEY` is supported"),
            ("s3://bucket", "it names no object; `s3://BUCKET/KEY` is expected"),
            ("s3://bucket/", "it names no object; `s3://BUCKET/KEY` is expected"),
            ("s3:///key", "its bucket's name is not one that S3 allows"),
            ("s3://a@b/key", "its bucket's name is not one that S3 allows"),
            ("s3://a:80/key", "its bucket's name is not one that S3 allows"),
            ("s3://../key", "its bucket's name is not one that S3 allows"),
            ("s3://bucket/prefix/", "it names a prefix; one object is expected"),
            ("s3://bucket/a//b", "keys with empty parts, `.`, `..` or control characters cannot be read"),
            ("s3://bucket/a/../b", "keys with empty parts, `.`, `..` or control characters cannot be read"),
        ] {
            let error = Location::parse(uri).unwrap_err();
            assert_eq!(error.to_string(), format!("`{uri}` is not a location that can be read: {why}"));
        }
        let long = format!("s3://bucket/{}", "k".repeat(1025));
        assert!(Location::parse(&long).unwrap_err().to_string().ends_with("longer than 1024 bytes"));
    }
}
