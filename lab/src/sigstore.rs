//! A private Sigstore in process: certificate authority, certificate log, transparency log in
//! the manner of Rekor v1, timestamp authority, TUF repository. All its keys are new each time.

mod log;
mod make;
mod stamp;
mod tuf;
mod web;

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
pub use log::{Entry, Log};
pub use make::{
    Layer, Signer, bundle, dsse_entry, hashedrekord, hashedrekord2, intoto_entry, intoto2_entry,
    message_bundle, put_bundle, put_layers,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
pub use stamp::Stamper;
pub use tuf::{Delegated, Release, Tuf};
pub use web::Web;

use crate::signer::Key;

/// When everything is signed: 2 January 2026, in seconds since 1970.
pub const SIGNED: i64 = 1_767_323_045;
/// The start of the day before, as certificates count days.
const DAY: (i32, u8, u8) = (2026, 1, 2);
/// How far into that day everything is signed, in seconds.
const INTO_DAY: u64 = 11_045;
const FULCIO_ISSUER: &[u64] = &[1, 3, 6, 1, 4, 1, 57264, 1, 8];
const SCT_LIST: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

/// A private Sigstore: authority, log, timestamps and TUF.
#[derive(Debug)]
pub struct Sigstore {
    authority: Authority,
    certificate_log: Key,
    pub stamper: Stamper,
    pub log: Log,
}

/// The point of a P-256 key.
struct Point<'a>(&'a [u8]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
    spki: Vec<u8>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// A request to the certificate authority.
#[derive(Debug, Clone, Copy)]
pub struct CertificateRequest<'a> {
    /// The signer: an email address or a URI.
    pub subject: &'a str,
    /// The OIDC issuer that authenticated the signer.
    pub issuer: &'a str,
    /// Which timestamp of the certificate log the certificate gets.
    pub sct: Sct,
    /// Requests a certificate for signing code.
    pub code_signing: bool,
}

/// The certificate log's timestamp in a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sct {
    Good,
    Missing,
    Forged,
}

impl<'a> CertificateRequest<'a> {
    /// Returns a request for a certificate that is valid and logged.
    #[must_use]
    pub fn new(subject: &'a str, issuer: &'a str) -> Self {
        Self {
            subject,
            issuer,
            sct: Sct::Good,
            code_signing: true,
        }
    }
}

impl Sigstore {
    /// Makes one whose authority lives from 2025 to 2035.
    pub fn new() -> Result<Self> {
        Self::with_authority(2025, 2035)
    }

    /// Makes one whose authority lives from the start of one year to the start of the other.
    pub fn with_authority(from: i32, to: i32) -> Result<Self> {
        Ok(Self {
            authority: Authority::new(from, to)?,
            certificate_log: Key::generate()?,
            stamper: Stamper::new(2025, 2035)?,
            log: Log::new()?,
        })
    }

    /// Issues a certificate of ten minutes for a key; returns its DER.
    pub fn certificate(&self, key: &Key, request: &CertificateRequest<'_>) -> Result<Vec<u8>> {
        let public = KeyPair::from_pem(&key.private_pem()?)?;
        self.certify(&public, request)
    }

    /// The same for a P-256 key of which only the DER `SubjectPublicKeyInfo` is known.
    pub fn certificate_of(&self, spki: &[u8], request: &CertificateRequest<'_>) -> Result<Vec<u8>> {
        let point = spki.get(26..).context("not a P-256 key")?;
        self.certify(&Point(point), request)
    }

    fn certify(
        &self,
        public: &impl PublicKeyData,
        request: &CertificateRequest<'_>,
    ) -> Result<Vec<u8>> {
        let mut params = CertificateParams::default();
        let day = rcgen::date_time_ymd(DAY.0, DAY.1, DAY.2);
        params.not_before = day + std::time::Duration::from_secs(INTO_DAY - 60);
        params.not_after = day + std::time::Duration::from_secs(INTO_DAY + 540);
        params.serial_number = Some(SerialNumber::from(7));
        params.distinguished_name = DistinguishedName::new();
        // Fulcio sets one name; tests have several, or none, separated by a blank.
        let subjects = request.subject.split_whitespace();
        let names: Result<Vec<_>> = subjects.map(subject_name).collect();
        params.subject_alt_names = names?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![if request.code_signing {
            ExtendedKeyUsagePurpose::CodeSigning
        } else {
            ExtendedKeyUsagePurpose::ClientAuth
        }];
        params.use_authority_key_identifier_extension = true;
        let issuer = der(0x0c, request.issuer.as_bytes());
        let issuer = CustomExtension::from_oid_content(FULCIO_ISSUER, issuer);
        params.custom_extensions = vec![issuer];
        let precertificate = params.signed_by(public, &self.authority.issuer)?;
        if request.sct == Sct::Missing {
            return Ok(precertificate.der().to_vec());
        }
        let list = self.timestamp(first_element(precertificate.der())?, request.sct)?;
        let list = CustomExtension::from_oid_content(SCT_LIST, der(0x04, &list));
        params.custom_extensions.push(list);
        let certificate = params.signed_by(public, &self.authority.issuer)?;
        Ok(certificate.der().to_vec())
    }

    /// The list with one signed certificate timestamp (RFC 6962, section 3.3).
    fn timestamp(&self, tbs: &[u8], sct: Sct) -> Result<Vec<u8>> {
        let time = u64::try_from(SIGNED)? * 1000;
        let mut signed = vec![0, 0];
        signed.extend(time.to_be_bytes());
        signed.extend([0, 1]);
        signed.extend(Sha256::digest(&self.authority.spki));
        signed.extend(&u32::try_from(tbs.len())?.to_be_bytes()[1..]);
        signed.extend(tbs);
        signed.extend([0, 0]);
        let forger = Key::generate()?;
        let key = if sct == Sct::Forged {
            &forger
        } else {
            &self.certificate_log
        };
        let signature = key.sign(&signed)?;
        let mut timestamp = vec![0];
        timestamp.extend(Sha256::digest(spki(&self.certificate_log)));
        timestamp.extend(time.to_be_bytes());
        timestamp.extend([0, 0, 4, 3]);
        timestamp.extend(u16::try_from(signature.len())?.to_be_bytes());
        timestamp.extend(signature);
        let length = u16::try_from(timestamp.len())?;
        let mut list = (length + 2).to_be_bytes().to_vec();
        list.extend(length.to_be_bytes());
        list.extend(timestamp);
        Ok(list)
    }

    /// The trusted root of this Sigstore, without what private roots leave out.
    #[must_use]
    pub fn trusted_root(&self) -> Value {
        let start = json!({"start": "2025-01-01T00:00:00Z"});
        let log = |key: &Key| {
            let spki = spki(key);
            json!({
                "hashAlgorithm": "SHA2_256", "logId": {"keyId": STANDARD.encode(Sha256::digest(&spki))},
                "publicKey": {"rawBytes": STANDARD.encode(&spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": start},
            })
        };
        let authority = STANDARD.encode(&self.authority.der);
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log.key())], "ctlogs": [log(&self.certificate_log)],
            // Some roots never say when an authority ends: its certificate does.
            "certificateAuthorities": [{"certChain": {"certificates": [{"rawBytes": authority}]},
                "validFor": {"start": "2000-01-01T00:00:00Z"}}],
            "timestampAuthorities": [self.stamper.authority()],
        })
    }
}

impl Authority {
    fn new(from: i32, to: i32) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "lab authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        let der = params.self_signed(&key)?.der().to_vec();
        let spki = from_pem(&key.public_key_pem());
        Ok(Self {
            issuer: Issuer::new(params, key),
            der,
            spki,
        })
    }
}

/// The DER `SubjectPublicKeyInfo` of a key.
#[must_use]
pub fn spki(key: &Key) -> Vec<u8> {
    from_pem(&key.public_pem())
}

fn from_pem(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap_or_default()
}

#[must_use]
pub fn certificate_pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length @ 0..0x80) => bytes.push(length),
        Ok(length) => bytes.extend([0x81, length]),
        Err(_) => {
            bytes.push(0x82);
            bytes.extend(
                u16::try_from(content.len())
                    .unwrap_or(u16::MAX)
                    .to_be_bytes(),
            );
        }
    }
    bytes.extend(content);
    bytes
}

/// The first element of a DER sequence: of a certificate, what is signed.
fn first_element(sequence: &[u8]) -> Result<&[u8]> {
    let (start, _) = extent(sequence)?;
    let inner = sequence.get(start..).context("cut")?;
    let (_, end) = extent(inner)?;
    inner.get(..end).context("cut")
}

/// Where the content of a DER element starts, and where it ends.
fn extent(bytes: &[u8]) -> Result<(usize, usize)> {
    let first = *bytes.get(1).context("no length")?;
    if first < 0x80 {
        return Ok((2, 2 + usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    ensure!(count <= 3, "too long");
    let digits = bytes.get(2..2 + count).context("no length")?;
    let length = digits
        .iter()
        .fold(0, |sum, digit| sum * 256 + usize::from(*digit));
    Ok((2 + count, 2 + count + length))
}

fn subject_name(text: &str) -> Result<SanType> {
    Ok(if text.contains("://") {
        SanType::URI(text.try_into()?)
    } else {
        SanType::Rfc822Name(text.try_into()?)
    })
}
