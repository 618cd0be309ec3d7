//! Whom to trust when a service is encrypted.
//!
//! Why: services inside a company have certificates of its own authority. A file of authorities takes the place of this
//! machine's, as `AWS_CA_BUNDLE` does for AWS's tools: who names one wants no other.
//! Invariants: rustls with ring, and no way to trust everybody.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Certificate authorities.
#[derive(Clone, Debug)]
pub struct TlsRoots(RootCertStore);

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum TlsRootsError {
    /// The file cannot be read as certificates.
    #[error("reading certificates (PEM) from `{file}` failed: {detail}")]
    File {
        /// The file.
        file: String,
        /// What was wrong.
        detail: String,
    },
    /// The machine has none.
    #[error(
        "this machine has no root certificates: install `ca-certificates`, or name a file of authorities; {0}"
    )]
    Machine(String),
}

impl TlsRoots {
    /// This machine's.
    pub fn machine() -> Result<Self, TlsRootsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // One damaged certificate among a hundred is no reason to trust nobody.
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
            return Err(TlsRootsError::Machine(format!("looking for them said: [{}]", errors.join("; "))));
        }
        Ok(Self(roots))
    }

    /// Those in a PEM file; each must be good.
    pub fn from_pem_file(path: &Path) -> Result<Self, TlsRootsError> {
        let bad = |detail: String| TlsRootsError::File { file: path.display().to_string(), detail };
        let mut roots = RootCertStore::empty();
        for cert in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))? {
            let cert = cert.map_err(|error| bad(error.to_string()))?;
            roots.add(cert).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() { Err(bad("it holds no certificate".to_owned())) } else { Ok(Self(roots)) }
    }

    /// Connections that are encrypted and go to whom these authorities vouch for.
    pub fn connector(&self, connect_timeout: Duration) -> HttpsConnector<HttpConnector> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(connect_timeout));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions of TLS")
            .with_root_certificates(self.0.clone())
            .with_no_client_auth();
        HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .wrap_connector(connector)
    }
}
