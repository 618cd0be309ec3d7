//! Whose certificates the command line believes.
//!
//! Why: a server on one's own machine usually has a certificate that signed itself. Clients built on OpenSSL believe
//! such a certificate when it is in their bundle; rustls does so only for an authority's. So one that is in the bundle
//! byte for byte is believed too, which is the stricter promise.
//! Invariants: the name is checked in every case; nothing is ever believed that neither the bundle nor, without one,
//! this machine's store vouches for.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use hyper_rustls::ConfigBuilderExt;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};

/// What a client needs to speak to `https` URLs.
pub(super) fn config(is_encrypted: bool, ca_cert: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    Ok(match ca_cert {
        // Reading this machine's store takes milliseconds that a plain connection need not wait for.
        _ if !is_encrypted => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        None => builder
            .with_native_roots()
            .context("reading this machine's certificate authorities failed")?
            .with_no_client_auth(),
        Some(path) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Bundle::read(path, provider)?))
            .with_no_client_auth(),
    })
}

/// The certificates of a file.
#[derive(Debug)]
struct Bundle {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl Bundle {
    fn read(path: &Path, provider: Arc<CryptoProvider>) -> anyhow::Result<Self> {
        let shown = path.display();
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("reading the certificates of `{shown}` failed"))?;
        ensure!(!certificates.is_empty(), "`{shown}` holds no certificate in PEM form");
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
        ensure!(added > 0, "no certificate in `{shown}` can be read");
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .with_context(|| format!("the certificates of `{shown}` cannot be used"))?;
        Ok(Self { certificates, authorities })
    }
}

/// rustls has no variant of its own for it.
fn is_authority_itself(error: &OtherError) -> bool {
    format!("{:?}", error.0) == "CaUsedAsEndEntity"
}

impl ServerCertVerifier for Bundle {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // The dates were judged before webpki objects to an authority that serves for itself.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
                if is_authority_itself(&other)
                    && self.certificates.iter().any(|known| known == end_entity) =>
            {
                let parsed = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&parsed, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    /// `openssl req -x509 … -days 365 -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:TRUE`,
    /// the keys thrown away.
    const SELF_SIGNED: &str = include_str!("../../testdata/self-signed.pem");
    const STRANGER: &str = include_str!("../../testdata/stranger.pem");
    /// A moment within their year: `date -d 2027-01-01 +%s`.
    const WITHIN: u64 = 1_798_761_600;
    const YEAR: u64 = 365 * 24 * 3600;

    fn bundle(pem: &str) -> Bundle {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(pem.as_bytes()).unwrap();
        Bundle::read(file.path(), Arc::new(rustls::crypto::ring::default_provider())).unwrap()
    }

    fn judge(bundle: &Bundle, name: &str, at: u64) -> Result<(), rustls::Error> {
        let presented = CertificateDer::from_pem_slice(SELF_SIGNED.as_bytes()).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
        bundle.verify_server_cert(&presented, &[], &name, &[], now).map(drop)
    }

    #[test]
    fn a_certificate_that_signed_itself_is_believed_only_by_name_and_in_its_time() {
        let told = bundle(SELF_SIGNED);
        assert_eq!(judge(&told, "127.0.0.1", WITHIN), Ok(()));
        for (name, at) in [("127.0.0.2", WITHIN), ("localhost", WITHIN), ("127.0.0.1", WITHIN + YEAR)] {
            assert!(judge(&told, name, at).is_err(), "{name} {at}");
        }
    }

    #[test]
    fn a_certificate_that_nobody_told_of_is_not_believed() {
        assert!(judge(&bundle(STRANGER), "127.0.0.1", WITHIN).is_err());
        let both = format!("{STRANGER}{SELF_SIGNED}");
        assert_eq!(judge(&bundle(&both), "127.0.0.1", WITHIN), Ok(()));
    }
}
