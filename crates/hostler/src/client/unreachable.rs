//! Nobody answered, and what kind of nobody it was.
//!
//! Why: a server that is not started, one whose certificate is strange and one that speaks another protocol look alike
//! in a library's words, and need three different things to be done.
//! Invariants: told by the types of the causes, never by their texts.

use std::error::Error;
use std::io;

use hyper_util::client::legacy;

/// What stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No connection could be made.
    NoConnection,
    /// The server's certificate is not believed.
    Certificate,
    /// Whoever is there does not speak TLS as this client does.
    Tls,
    /// It was there and went away, or does not speak HTTP.
    Broken,
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(url, *trouble))]
pub(crate) struct Unreachable {
    pub(crate) url: String,
    pub(crate) trouble: Trouble,
    #[source]
    source: legacy::Error,
}

impl Unreachable {
    pub(super) fn new(url: &str, source: legacy::Error) -> Self {
        let trouble = match tls_error(&source) {
            Some(rustls::Error::InvalidCertificate(_)) => Trouble::Certificate,
            Some(_) => Trouble::Tls,
            None if source.is_connect() => Trouble::NoConnection,
            None => Trouble::Broken,
        };
        Self { url: url.to_owned(), trouble, source }
    }
}

fn told(url: &str, trouble: Trouble) -> String {
    match trouble {
        Trouble::NoConnection => format!("no server answers at {url}"),
        Trouble::Certificate => format!("the certificate of {url} is not believed"),
        Trouble::Tls => format!("no TLS connection to {url} came about"),
        Trouble::Broken => format!("the connection to {url} broke"),
    }
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    // `io::Error` does not count what it wraps among its sources.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.and_then(|wrapped| tls_error(wrapped)).or_else(|| error.source().and_then(tls_error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_error_is_found_however_deep_it_is_wrapped() {
        let inner = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner.clone()));
        assert_eq!(tls_error(&wrapped), Some(&inner));
        assert_eq!(tls_error(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
