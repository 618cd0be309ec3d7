//! Which service is read, and how long it may take.
//!
//! Invariants: a plain-text endpoint is used only where the settings allow it by name.

use std::time::Duration;

use hostler_aws::aws_service_host;
use http::Uri;

use crate::tls::{TlsRoots, TlsRootsError};

/// One look, with its retries and with assuming the role: CreateModel waits for it, as it does in AWS.
const LOOK: Duration = Duration::from_secs(2);
/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(2);
/// From the request to the answer's headers.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two pieces of a body.
const IDLE: Duration = Duration::from_secs(30);
/// Further tries of a look.
const LOOK_RETRIES: usize = 2;
/// Further tries and resumptions of one download.
const OPEN_RETRIES: usize = 5;

/// Where objects are.
#[derive(Clone, Debug, Default)]
pub struct ObjectStoreConfig {
    /// `http(s)://host[:port]` of an S3-compatible service; none for AWS itself.
    pub endpoint: Option<String>,
    /// The region to sign for, whatever the model's; none for the model's own.
    pub region: Option<String>,
    /// `host/bucket/key` instead of `bucket.host/key`.
    pub path_style: bool,
    /// Whether `endpoint` may be `http://`.
    pub allow_http: bool,
    /// Whom to trust where the endpoint is encrypted; none for this machine's root certificates.
    pub roots: Option<TlsRoots>,
    /// How long things may take.
    pub limits: ReaderLimits,
}

/// How long things may take and how often they are tried.
#[derive(Clone, Copy, Debug)]
pub struct ReaderLimits {
    /// One look, all in all.
    pub look: Duration,
    /// Until a connection stands.
    pub connect: Duration,
    /// From a request to the answer's headers.
    pub answer: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// Further tries of a look.
    pub look_retries: usize,
    /// Further tries and resumptions of one download.
    pub open_retries: usize,
}

impl Default for ReaderLimits {
    fn default() -> Self {
        Self {
            look: LOOK,
            connect: CONNECT,
            answer: ANSWER,
            idle: IDLE,
            look_retries: LOOK_RETRIES,
            open_retries: OPEN_RETRIES,
        }
    }
}

/// Why a reader cannot be made from a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The endpoint is no URL of a service.
    #[error("the S3 endpoint `{endpoint}` is not `http://HOST[:PORT]` or `https://HOST[:PORT]`")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
    },
    /// The endpoint is not encrypted and that was not allowed.
    #[error("the S3 endpoint `{endpoint}` is not encrypted; allow plain HTTP for it or use `https://`")]
    PlainText {
        /// The endpoint.
        endpoint: String,
    },
    /// TLS cannot be set up.
    #[error("TLS for S3 could not be set up")]
    Tls(#[source] TlsRootsError),
}

/// A checked endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    Aws,
    Service { scheme: String, authority: String },
}

impl Endpoint {
    pub(crate) fn check(config: &ObjectStoreConfig) -> Result<Self, ConfigError> {
        let Some(endpoint) = config.endpoint.clone() else {
            return Ok(Self::Aws);
        };
        let uri = endpoint.parse::<Uri>().ok();
        let parts = uri.filter(|uri| matches!(uri.path(), "" | "/") && uri.query().is_none());
        let parts = parts.and_then(|uri| Some((uri.scheme_str()?.to_owned(), uri.authority()?.to_string())));
        match parts {
            Some((scheme, _)) if scheme == "http" && !config.allow_http => {
                Err(ConfigError::PlainText { endpoint })
            }
            Some((scheme, authority)) if matches!(scheme.as_str(), "http" | "https") => {
                Ok(Self::Service { scheme, authority })
            }
            _ => Err(ConfigError::Endpoint { endpoint }),
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        !matches!(self, Self::Service { scheme, .. } if scheme == "http")
    }

    /// The service's URL, for people.
    pub(crate) fn service_url(&self, region: &str) -> String {
        let (scheme, authority) = self.parts(region);
        format!("{scheme}://{authority}")
    }

    fn parts(&self, region: &str) -> (&str, String) {
        match self {
            Self::Aws => ("https", aws_service_host("s3", region)),
            Self::Service { scheme, authority } => (scheme.as_str(), authority.clone()),
        }
    }

    /// The URL that an object's key is appended to.
    pub(crate) fn bucket_url(&self, bucket: &str, region: &str, path_style: bool) -> String {
        let (scheme, authority) = self.parts(region);
        // A wildcard certificate covers one label, so a name with dots only works in the path.
        if path_style || bucket.contains('.') {
            format!("{scheme}://{authority}/{bucket}")
        } else {
            format!("{scheme}://{bucket}.{authority}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoint: &str, allow_http: bool) -> ObjectStoreConfig {
        ObjectStoreConfig { endpoint: Some(endpoint.into()), allow_http, ..ObjectStoreConfig::default() }
    }

    #[test]
    fn endpoints_are_checked() {
        assert!(Endpoint::check(&config("http://127.0.0.1:9000", true)).is_ok());
        assert!(Endpoint::check(&config("https://minio.example/", false)).is_ok());
        let plain = Endpoint::check(&config("http://127.0.0.1:9000", false)).unwrap_err();
        assert_eq!(
            plain.to_string(),
            "the S3 endpoint `http://127.0.0.1:9000` is not encrypted; allow plain HTTP for it or use `https://`"
        );
        for text in ["", "minio:9000", "ftp://minio", "https://minio/bucket", "https://minio?x=1", "/path"] {
            let error = Endpoint::check(&config(text, true)).unwrap_err();
            assert!(matches!(error, ConfigError::Endpoint { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn urls_are_those_of_aws() {
        let url = |bucket, region, path_style| Endpoint::Aws.bucket_url(bucket, region, path_style);
        assert_eq!(url("models", "eu-west-1", true), "https://s3.eu-west-1.amazonaws.com/models");
        assert_eq!(url("models", "eu-west-1", false), "https://models.s3.eu-west-1.amazonaws.com");
        assert_eq!(url("my.models", "eu-west-1", false), "https://s3.eu-west-1.amazonaws.com/my.models");
        assert_eq!(url("models", "cn-north-1", false), "https://models.s3.cn-north-1.amazonaws.com.cn");
        let minio = Endpoint::check(&config("https://minio.example:9000", false)).unwrap();
        assert_eq!(minio.bucket_url("models", "x", true), "https://minio.example:9000/models");
        assert_eq!(minio.bucket_url("models", "x", false), "https://models.minio.example:9000");
    }
}
