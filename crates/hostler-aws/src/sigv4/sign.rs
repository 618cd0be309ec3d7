//! Signs requests that Hostler itself sends: STS, S3, and its own admin API.
//!
//! Why: the same pure steps as the verifier's, the other way round; the SDKs' signer crates would bring forty more.
//! Invariants: pure, with the time passed in; signs what is there and adds only what a signature needs.

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use hostler_types::{Credentials, Millis};

use super::canonical::{PathStyle, canonical_request, string_to_sign};
use super::{ALGORITHM, AmzDate, CredentialScope, SigningKey, TERMINATOR, UNSIGNED_PAYLOAD};

const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers that proxies change or connections own, which botocore does not sign either.
const UNSIGNED_HEADERS: [&str; 15] = [
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
];

/// What the signature says about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Its SHA-256, not declared in a header: what SageMaker and STS expect.
    Hash([u8; 32]),
    /// Its SHA-256, declared in `x-amz-content-sha256`: what S3 demands.
    DeclaredHash([u8; 32]),
    /// Nothing; S3 only.
    Unsigned,
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Neither a Host header nor a host in the URI.
    #[error("the request to sign names no host")]
    NoHost,
    /// A value that no header or URI can carry.
    #[error("{0} of the request to sign cannot stand in a header")]
    Value(&'static str),
}

/// Signs for one service in one region at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// Who signs.
    pub credentials: &'a Credentials,
    /// The region of the scope.
    pub region: &'a str,
    /// The service of the scope; `s3` has its own rules for paths.
    pub service: &'a str,
    /// The moment of the signature.
    pub now: Millis,
}

impl Signer<'_> {
    /// Signs in the Authorization header; adds `host` and the `x-amz-…` headers that belong to a signature.
    pub fn sign_headers(&self, parts: &mut Parts, payload: &Payload) -> Result<(), SignError> {
        let date = AmzDate::from_millis(self.now);
        ensure_host(parts)?;
        parts.headers.remove(AUTHORIZATION);
        insert(parts, "x-amz-date", date.as_str())?;
        parts.headers.remove("x-amz-security-token");
        if let Some(token) = &self.credentials.session_token {
            insert(parts, "x-amz-security-token", token.expose())?;
        }
        let line = match payload {
            Payload::Hash(hash) => hex::encode(hash),
            Payload::DeclaredHash(hash) => {
                let text = hex::encode(hash);
                insert(parts, "x-amz-content-sha256", &text)?;
                text
            }
            Payload::Unsigned => {
                insert(parts, "x-amz-content-sha256", UNSIGNED_PAYLOAD)?;
                UNSIGNED_PAYLOAD.to_owned()
            }
        };
        let signed = signed_headers(parts);
        let signature = self.signature(parts, &signed, &line, &date);
        let Self { credentials: keys, .. } = self;
        let scope = self.scope(&date);
        let value = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            keys.access_key_id
        );
        let value = HeaderValue::from_str(&value).map_err(|_| SignError::Value("the access key id"))?;
        parts.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    /// Signs in the query, good for `expires_s` seconds; every header that is there is signed too.
    pub fn presign(&self, parts: &mut Parts, payload: &Payload, expires_s: u32) -> Result<(), SignError> {
        let date = AmzDate::from_millis(self.now);
        ensure_host(parts)?;
        let signed = signed_headers(parts);
        let credential = format!("{}/{}", self.credentials.access_key_id, self.scope(&date));
        let expires = expires_s.to_string();
        let mut pairs = vec![
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", date.as_str()),
            ("X-Amz-Expires", &expires),
            ("X-Amz-SignedHeaders", &signed),
        ];
        if let Some(token) = &self.credentials.session_token {
            pairs.push(("X-Amz-Security-Token", token.expose()));
        }
        for (name, value) in pairs {
            push_query(parts, name, value)?;
        }
        let line = match payload {
            Payload::Hash(hash) | Payload::DeclaredHash(hash) => hex::encode(hash),
            Payload::Unsigned => UNSIGNED_PAYLOAD.to_owned(),
        };
        let signature = self.signature(parts, &signed, &line, &date);
        push_query(parts, "X-Amz-Signature", &signature)
    }

    fn signature(&self, parts: &Parts, signed: &str, payload_line: &str, date: &AmzDate) -> String {
        let style = if self.service == "s3" { PathStyle::S3 } else { PathStyle::Standard };
        let canonical = canonical_request(parts, signed, style, payload_line);
        let text = string_to_sign(date.as_str(), &self.scope(date).to_string(), &canonical);
        let secret = &self.credentials.secret_access_key;
        hex::encode(SigningKey::derive(secret, date.day(), self.region, self.service).sign(&text))
    }

    fn scope<'a>(&'a self, date: &'a AmzDate) -> CredentialScope<'a> {
        CredentialScope {
            day: date.day().into(),
            region: self.region.into(),
            service: self.service.into(),
            terminator: TERMINATOR.into(),
        }
    }
}

/// HTTP/1.1 clients send the URI's authority as Host, without the scheme's own port.
fn ensure_host(parts: &mut Parts) -> Result<(), SignError> {
    if parts.headers.contains_key(HOST) {
        return Ok(());
    }
    let host = parts.uri.host().ok_or(SignError::NoHost)?;
    let default_port = if parts.uri.scheme_str() == Some("https") { 443 } else { 80 };
    let text = match parts.uri.port_u16() {
        Some(port) if port != default_port => format!("{host}:{port}"),
        _ => host.to_owned(),
    };
    let value = HeaderValue::from_str(&text).map_err(|_| SignError::Value("the host"))?;
    parts.headers.insert(HOST, value);
    Ok(())
}

fn signed_headers(parts: &Parts) -> String {
    let mut names: Vec<&str> = parts
        .headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| !UNSIGNED_HEADERS.contains(name))
        .collect();
    names.sort_unstable();
    names.join(";")
}

fn insert(parts: &mut Parts, name: &'static str, text: &str) -> Result<(), SignError> {
    let value = HeaderValue::from_str(text).map_err(|_| SignError::Value(name))?;
    parts.headers.insert(name, value);
    Ok(())
}

fn push_query(parts: &mut Parts, name: &'static str, value: &str) -> Result<(), SignError> {
    let joint = match parts.uri.query() {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    let old = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let new = format!("{old}{joint}{name}={}", utf8_percent_encode(value, VALUE));
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.path_and_query = Some(PathAndQuery::try_from(new).map_err(|_| SignError::Value(name))?);
    parts.uri = Uri::from_parts(uri).map_err(|_| SignError::Value("the URI"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use hostler_types::Secret;
    use http::Request;

    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("secret"),
            session_token: None,
            expires_at: None,
        }
    }

    fn sign(uri: &str) -> Result<Parts, SignError> {
        let credentials = credentials();
        let now = Millis(1_767_323_045_000);
        let signer = Signer { credentials: &credentials, region: "us-east-1", service: "sts", now };
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        signer.sign_headers(&mut parts, &Payload::Hash([0; 32]))?;
        let once = parts.headers.clone();
        signer.sign_headers(&mut parts, &Payload::Hash([0; 32]))?;
        assert_eq!(parts.headers, once, "signing again changes nothing");
        Ok(parts)
    }

    #[test]
    fn the_host_is_added_as_clients_send_it() {
        for (uri, host) in [
            ("http://127.0.0.1:7070/", "127.0.0.1:7070"),
            ("http://localhost:80/", "localhost"),
            ("https://sts.amazonaws.com:443/", "sts.amazonaws.com"),
            ("https://sts.amazonaws.com:80/", "sts.amazonaws.com:80"),
        ] {
            assert_eq!(sign(uri).unwrap().headers["host"], host);
        }
        assert_eq!(sign("/").unwrap_err(), SignError::NoHost);
    }
}
