//! Assembles a trusted root from single files, which the variables `SIGSTORE_…` name or an old TUF
//! repository serves.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Error, key_source::read_file, pem};
use crate::{env::Env, image::Digest};

/// The variables that name files, with the kind of content.
const VARIABLES: [(&str, RootPart); 4] = [
    ("SIGSTORE_ROOT_FILE", RootPart::Authority),
    ("SIGSTORE_REKOR_PUBLIC_KEY", RootPart::Log),
    ("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", RootPart::CertificateLog),
    (
        "SIGSTORE_TSA_CERTIFICATE_FILE",
        RootPart::TimestampAuthority,
    ),
];

/// The kind of content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RootPart {
    Authority,
    /// The public key of a transparency log.
    Log,
    /// The public key of a certificate log.
    CertificateLog,
    /// The certificate chain of a timestamp authority.
    TimestampAuthority,
}

impl RootPart {
    /// Returns the kind by its name in a TUF repository's `custom.sigstore.usage`.
    pub(super) fn of_usage(usage: &str) -> Option<Self> {
        match usage {
            "Fulcio" => Some(Self::Authority),
            "Rekor" => Some(Self::Log),
            "CTFE" => Some(Self::CertificateLog),
            "TSA" => Some(Self::TimestampAuthority),
            _ => None,
        }
    }
}

/// Reads the files that the environment names; `None` without any.
pub(super) fn of_env(env: &Env) -> Result<Option<Vec<u8>>, Error> {
    let mut parts = Vec::new();
    for (variable, part) in VARIABLES {
        if let Some(path) = env.of_sigstore(variable) {
            parts.push((part, read_file(Path::new(path))?, variable.to_owned()));
        }
    }
    if parts.is_empty() {
        return Ok(None);
    }
    assemble(&parts).map(Some)
}

/// Makes the JSON of a trusted root from PEM files, each with its origin.
pub(super) fn assemble(parts: &[(RootPart, Vec<u8>, String)]) -> Result<Vec<u8>, Error> {
    let (mut authorities, mut logs) = (Vec::new(), Vec::new());
    let (mut certificate_logs, mut stampers) = (Vec::new(), Vec::new());
    for (part, bytes, origin) in parts {
        let text = String::from_utf8_lossy(bytes);
        let blocks = pem::parse(&text).filter(|blocks| !blocks.is_empty());
        let blocks = blocks.ok_or_else(|| Error::Root {
            origin: origin.clone(),
            reason: "it is not valid PEM".to_owned(),
        })?;
        let ders: Vec<_> = blocks.into_iter().map(|block| block.der).collect();
        match part {
            // Each certificate becomes an authority with its own validity.
            RootPart::Authority => authorities.extend(ders.iter().map(|der| authority(&[der]))),
            RootPart::Log => logs.extend(ders.iter().map(|der| log(der))),
            RootPart::CertificateLog => certificate_logs.extend(ders.iter().map(|der| log(der))),
            RootPart::TimestampAuthority => {
                let chain: Vec<_> = ders.iter().collect();
                stampers.push(authority(&chain));
            }
        }
    }
    let root = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "certificateAuthorities": authorities, "tlogs": logs,
        "ctlogs": certificate_logs, "timestampAuthorities": stampers,
    });
    Ok(root.to_string().into_bytes())
}

fn authority(chain: &[&Vec<u8>]) -> Value {
    let raw = |der: &&Vec<u8>| json!({"rawBytes": STANDARD.encode(der)});
    let certificates: Vec<_> = chain.iter().map(raw).collect();
    json!({"uri": "", "certChain": {"certificates": certificates}})
}

fn log(der: &[u8]) -> Value {
    let id = STANDARD.encode(Digest::of(der).as_bytes());
    json!({
        "baseUrl": "", "hashAlgorithm": "SHA2_256", "logId": {"keyId": id},
        // The library uses the key itself and ignores the name in keyDetails.
        "publicKey": {"rawBytes": STANDARD.encode(der), "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
    })
}
