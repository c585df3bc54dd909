//! A private certificate authority for servers on loopback.

use std::sync::Arc;

use anyhow::Result;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};

/// The names for which a server on loopback is certified.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// The configuration of a TLS server, and the certificate that its clients trust.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate (PEM) that clients have to trust.
    pub trusted_pem: String,
    /// The server's own certificate (PEM), for servers of others.
    pub certificate_pem: String,
    /// The private key of that certificate (PEM).
    pub key_pem: String,
    pub(crate) config: Arc<ServerConfig>,
}

impl Tls {
    /// A certificate issued by a private authority, as companies have it.
    pub fn private_authority() -> Result<Self> {
        Self::private_authority_for(&[])
    }

    /// Returns such a certificate for servers that are also reached by these names or addresses.
    pub fn private_authority_for(names: &[String]) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "lab authority");
        let trusted_pem = authority.self_signed(&key)?.pem();
        let issuer = Issuer::new(authority, key);
        let leaf_key = KeyPair::generate()?;
        let leaf = server_params(names)?.signed_by(&leaf_key, &issuer)?;
        Self::new(trusted_pem, &leaf, &leaf_key)
    }

    /// A self-signed server certificate that calls itself an authority, as `openssl req -x509`
    /// makes it and small private registries use it.
    pub fn self_signed_authority() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = server_params(&[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key)?;
        Self::new(certificate.pem(), &certificate, &key)
    }

    fn new(trusted_pem: String, leaf: &Certificate, key: &KeyPair) -> Result<Self> {
        let key_pem = key.serialize_pem();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            trusted_pem,
            certificate_pem: leaf.pem(),
            key_pem,
            config: Arc::new(config),
        })
    }
}

fn server_params(names: &[String]) -> Result<CertificateParams> {
    let all = [&NAMES.map(str::to_owned)[..], names].concat();
    let mut params = CertificateParams::new(all)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    Ok(params)
}
