//! Verifies server certificates as Go does: a certificate that is itself
//! trusted needs no issuer, even when it belongs to an authority (`CA:TRUE`, as `openssl req
//! -x509` makes self-signed certificates). Name and time are checked in every case.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use x509_cert::{
    certificate::{CertificateInner, Raw},
    der::Decode as _,
};

use super::{ClientIdentity, Error, Traffic};

/// Returns the TLS configuration; `None` when no certificate is trusted.
///
/// # Errors
/// [`Error::Client`] for a client certificate or key that cannot be used.
pub(super) fn configuration(
    roots: &[CertificateDer<'static>],
    identity: Option<&ClientIdentity>,
    traffic: Traffic,
) -> Result<Option<ClientConfig>, Error> {
    let failed = |reason: String| Error::Client { reason };
    let mut store = RootCertStore::empty();
    // A store may hold a certificate that the library cannot read; the others are still used.
    store.add_parsable_certificates(roots.iter().cloned());
    if store.is_empty() {
        return Ok(None);
    }
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let verifier = ServerVerifier {
        inner,
        trusted: roots.to_vec(),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(&identity.chain);
            let chain = chain
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| failed(format!("the client certificate: {error}")))?;
            let key = PrivateKeyDer::from_pem_slice(&identity.key)
                .map_err(|error| failed(format!("the client's key: {error}")))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| failed(format!("the client certificate: {error}")))?
        }
    };
    config.alpn_protocols = match traffic {
        Traffic::Bulk => vec![b"http/1.1".to_vec()],
        Traffic::Small => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(Some(config))
}

#[derive(Debug)]
struct ServerVerifier {
    inner: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        if checked.is_ok() || !self.trusted.iter().any(|own| own == end_entity) {
            return checked;
        }
        check_time(end_entity, now)?;
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn check_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let parsed = CertificateInner::<Raw>::from_der(certificate);
    let parsed =
        parsed.map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let validity = parsed.tbs_certificate.validity;
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}
