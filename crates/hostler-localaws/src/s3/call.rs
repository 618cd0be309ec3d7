//! One request: who asks, for what, and with which parameters.
//!
//! Why: the address of an object hides in the path or in the host; every operation wants it decoded and checked.
//! Invariants: the bucket's name is one that S3 allows, or empty; the key is at most 1,024 bytes of UTF-8, or empty.
//! A key is only text: `..` and empty segments mean nothing here.

use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;

use hostler_aws::sigv4::Caller;
use hostler_aws::{ApiError, Form};
use hostler_types::Millis;

use super::fault;

/// S3's limit.
const KEY_BYTES_MAX: usize = 1024;
/// `<bucket>.localhost` is how SDKs spell a bucket's own host when they are not told to use the path.
const VIRTUAL_HOST_SUFFIX: &str = ".localhost";

/// The address in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

/// A verified request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) method: Method,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) query: Form,
    pub(crate) headers: HeaderMap,
    pub(crate) now: Millis,
}

impl Call {
    /// Reads a request's head.
    pub(crate) fn new(parts: Parts, caller: Caller, now: Millis) -> Result<Self, ApiError> {
        let Address { bucket, key } = address(&parts.uri, &parts.headers)?;
        let query = parts.uri.query().unwrap_or_default();
        let query = Form::parse(query.as_bytes()).map_err(|_| fault::invalid_uri())?;
        Ok(Self { caller, method: parts.method, bucket, key, query, headers: parts.headers, now })
    }

    /// A header's text; a value that is not text counts as a mistake of the client.
    pub(crate) fn header(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.headers.get(name).map(|value| std::str::from_utf8(value.as_bytes())) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text.trim())),
            Some(Err(_)) => Err(fault::invalid_argument(format!("The header {name} is not UTF-8"))),
        }
    }

    /// A number in the query.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, ApiError> {
        match self.query.get(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => match text.parse::<i32>().map(u32::try_from) {
                Ok(Ok(number)) => Ok(Some(number)),
                _ => Err(fault::invalid_argument(format!(
                    "Argument {name} must be an integer between 0 and 2147483647"
                ))),
            },
        }
    }
}

fn address(uri: &Uri, headers: &HeaderMap) -> Result<Address, ApiError> {
    let path = uri.path().strip_prefix('/').unwrap_or_default();
    let (bucket, key) = if let Some(bucket) = virtual_bucket(headers) {
        (bucket, decode(path)?)
    } else {
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        (decode(bucket)?, decode(key)?)
    };
    checked(bucket, key)
}

/// Reads `x-amz-copy-source`.
pub(crate) fn copy_source(text: &str) -> Result<Address, ApiError> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if !matches!(query, "" | "versionId=null") {
        return Err(fault::no_such_version());
    }
    let path = decode(path)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    match path.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            checked(bucket.to_owned(), key.to_owned())
        }
        _ => Err(fault::invalid_argument("Invalid copy source object key")),
    }
}

fn checked(bucket: String, key: String) -> Result<Address, ApiError> {
    if !(bucket.is_empty() || is_bucket_name(&bucket)) {
        return Err(fault::invalid_bucket_name());
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(fault::key_too_long());
    }
    Ok(Address { bucket, key })
}

fn virtual_bucket(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(http::header::HOST)?.to_str().ok()?;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host.strip_suffix(VIRTUAL_HOST_SUFFIX).map(str::to_owned)
}

fn decode(text: &str) -> Result<String, ApiError> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| fault::invalid_uri())
}

/// The names that S3 allows for new buckets.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let is_edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|byte| is_edge(Some(byte)) || matches!(byte, b'-' | b'.'))
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(uri: &str, host: &'static str) -> Result<(String, String), String> {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(host));
        address(&uri.parse().unwrap(), &headers)
            .map(|address| (address.bucket, address.key))
            .map_err(|error| error.code().to_owned())
    }

    #[test]
    fn addresses_are_found_in_the_path_and_in_the_host() {
        let ok = |bucket: &str, key: &str| Ok((bucket.to_owned(), key.to_owned()));
        assert_eq!(read("/", "127.0.0.1:7070"), ok("", ""));
        assert_eq!(read("/bucket", "127.0.0.1:7070"), ok("bucket", ""));
        assert_eq!(read("/bucket/", "localhost"), ok("bucket", ""));
        assert_eq!(read("/bucket/a/../b//c%2F%20+/", "localhost"), ok("bucket", "a/../b//c/ +/"));
        assert_eq!(read("/a/b?x", "bucket.localhost:7070"), ok("bucket", "a/b"));
        assert_eq!(read("/", "bucket.localhost"), ok("bucket", ""));
    }

    #[test]
    fn bad_addresses_are_refused() {
        let long = format!("/bucket/{}", "k".repeat(1025));
        assert_eq!(read(&long, "localhost"), Err("KeyTooLongError".into()));
        assert_eq!(read("/bucket/%ff", "localhost"), Err("InvalidURI".into()));
        for name in ["ab", "Bucket", "-bucket", "bucket-", "a..b", "..", "1.2.3.4", "%2E%2E%2Fetc", "bu_cket"]
        {
            assert_eq!(read(&format!("/{name}/k"), "localhost"), Err("InvalidBucketName".into()), "{name}");
        }
        for name in ["abc", "a.b-c", "0ab", &"a".repeat(63)] {
            assert!(is_bucket_name(name), "{name}");
        }
    }

    #[test]
    fn copy_sources_are_read_as_sdks_spell_them() {
        for text in ["bucket/a%20b/c", "/bucket/a b/c", "bucket%2Fa%20b%2Fc", "bucket/a%20b/c?versionId=null"]
        {
            let address = copy_source(text).unwrap();
            assert_eq!((address.bucket.as_str(), address.key.as_str()), ("bucket", "a b/c"), "{text}");
        }
        for text in ["", "bucket", "bucket/", "/", "bucket/k?versionId=7"] {
            assert!(copy_source(text).is_err(), "{text}");
        }
    }
}
