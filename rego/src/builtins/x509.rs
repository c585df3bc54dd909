//! `crypto.x509.*`: certificates, requests and pairs as Go's structures, and chains up to a given root.

mod certificate;
mod chain;
mod extension;
mod name;
mod request;

use super::CallContext;
use super::der::{self, SEQUENCE};
use super::keys::{Private, fields};
use super::operand::{Answer, Failure, give, object, string};
use crate::value::Value;

use certificate::Certificate;

/// The certificates in DER that follow each other.
fn from_der(mut bytes: &[u8]) -> Result<Vec<Certificate<'_>>, Failure> {
    let malformed = || Failure::new("x509: malformed certificate");
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let mut rest = der::Der(bytes);
        let item = rest.expect(SEQUENCE).ok_or_else(malformed)?;
        found.push(Certificate::parse(item.all).ok_or_else(malformed)?);
        bytes = rest.0;
    }
    Ok(found)
}

/// The bytes of all certificates of a text: PEM, or DER or PEM in Base64.
fn bytes(text: &str) -> Result<Vec<u8>, Failure> {
    let decoded;
    let pem = if text.starts_with("-----BEGIN") {
        text
    } else {
        let bytes = super::encoding::standard(text)?;
        if !bytes.starts_with(b"-----BEGIN") {
            return Ok(bytes);
        }
        decoded = String::from_utf8_lossy(&bytes).into_owned();
        &decoded
    };
    let (mut rest, mut bytes) = (pem, Vec::new());
    while let Some((block, after)) = der::block(rest) {
        if block.kind != "CERTIFICATE" {
            let kind = block.kind;
            return Err(Failure::new(format!(
                "PEM block type is '{kind}', expected CERTIFICATE"
            )));
        }
        bytes.extend(block.bytes);
        rest = after;
    }
    Ok(bytes)
}

/// `crypto.x509.parse_certificates(text)`: all certificates of PEM, or Base64 of PEM or DER.
pub(super) fn parse_certificates(operands: &[Value]) -> Answer {
    let bytes = bytes(string(operands, 0)?)?;
    let found = from_der(&bytes)?;
    give(Value::array(
        found.iter().map(|found| found.as_go(true)).collect(),
    ))
}

/// Returns `[false, []]`: a chain that is not verified.
fn unverified() -> Answer {
    give(Value::array(vec![
        Value::Bool(false),
        Value::array(Vec::new()),
    ]))
}

fn verified(bytes: &[u8], options: &chain::VerifyOptions, uris: bool) -> Answer {
    let Ok(certificates) = from_der(bytes) else {
        return unverified();
    };
    let Some(chain) = chain::verify(&certificates, options) else {
        return unverified();
    };
    let chain = chain.into_iter().map(|certificate| certificate.as_go(uris));
    give(Value::array(vec![
        Value::Bool(true),
        Value::array(chain.collect()),
    ]))
}

/// `crypto.x509.parse_and_verify_certificates(text)`: the first is the root, the last is verified.
pub(super) fn parse_and_verify(operands: &[Value], context: &mut CallContext) -> Answer {
    let text = string(operands, 0)?;
    match bytes(text) {
        Ok(bytes) => verified(&bytes, &chain::VerifyOptions::at(context.now_ns), true),
        Err(_) => unverified(),
    }
}

/// `crypto.x509.parse_and_verify_certificates_with_options(text, options)`: options name host, time and key usages.
pub(super) fn parse_and_verify_with_options(
    operands: &[Value],
    context: &mut CallContext,
) -> Answer {
    let (text, options) = (string(operands, 0)?, object(operands, 1)?);
    let Ok(bytes) = bytes(text).and_then(|bytes| from_der(&bytes).map(|_| ()).map(|()| bytes))
    else {
        return unverified();
    };
    let options = chain::VerifyOptions::read(options, context.now_ns)?;
    verified(&bytes, &options, false)
}

/// `crypto.x509.parse_certificate_request(text)`: PEM, or DER in Base64.
pub(super) fn parse_request(operands: &[Value]) -> Answer {
    let text = string(operands, 0)?;
    let bytes = match text.starts_with("-----BEGIN CERTIFICATE REQUEST-----") {
        true => text.as_bytes().to_vec(),
        false => super::encoding::standard(text)?,
    };
    let bytes = match der::block(&String::from_utf8_lossy(&bytes)) {
        Some((block, _)) if block.kind == "CERTIFICATE REQUEST" => block.bytes,
        Some(_) => {
            return Err(Failure::new(
                "invalid PEM-encoded certificate signing request",
            ));
        }
        None => bytes,
    };
    let found = request::as_go(&bytes);
    give(found.ok_or_else(|| Failure::new("asn1: structure error: tags don't match"))?)
}

/// A text as PEM: itself, or what it is in Base64, DER as one block of a kind.
fn pem_or_der(text: &str) -> Result<(Vec<der::Block>, Option<Vec<u8>>), Failure> {
    let decoded = match text.starts_with("-----BEGIN ") {
        true => text.as_bytes().to_vec(),
        false => super::encoding::standard(text)?,
    };
    if !decoded.starts_with(b"-----BEGIN ") {
        return Ok((Vec::new(), Some(decoded)));
    }
    let text = String::from_utf8_lossy(&decoded).into_owned();
    let (mut rest, mut blocks) = (text.as_str(), Vec::new());
    while let Some((block, after)) = der::block(rest) {
        blocks.push(block);
        rest = after;
    }
    Ok((blocks, None))
}

/// `crypto.x509.parse_keypair(certificates, key)`: the chain with the key that belongs to its first.
pub(super) fn parse_key_pair(operands: &[Value]) -> Answer {
    let (blocks, der) = pem_or_der(string(operands, 0)?)?;
    let chain: Vec<Vec<u8>> = match der {
        Some(der) => vec![der],
        None => {
            let chain = blocks
                .into_iter()
                .filter(|block| block.kind == "CERTIFICATE");
            chain.map(|block| block.bytes).collect()
        }
    };
    let none = "tls: failed to find any PEM data in certificate input";
    let first = chain.first().ok_or_else(|| Failure::new(none))?;
    let leaf = Certificate::parse(first);
    let leaf = leaf.ok_or_else(|| Failure::new("x509: malformed certificate"))?;
    let key = match pem_or_der(string(operands, 1)?)? {
        (_, Some(der)) => {
            let block = der::Block {
                kind: "PRIVATE KEY".to_owned(),
                bytes: der,
            };
            vec![Private::of(&block)?]
        }
        (blocks, None) => {
            let keys = blocks
                .iter()
                .filter(|block| block.kind.ends_with("PRIVATE KEY"));
            keys.map(Private::of).collect::<Result<_, _>>()?
        }
    };
    let none = "tls: failed to find any PEM data in key input";
    let key = key.first().ok_or_else(|| Failure::new(none))?;
    if !leaf.belongs_to(key) {
        return Err(Failure::new("tls: private key does not match public key"));
    }
    give(fields([
        (
            "Certificate",
            Value::array(
                chain
                    .iter()
                    .map(|bytes| certificate::base64(bytes))
                    .collect(),
            ),
        ),
        ("Leaf", leaf.as_go(false)),
        ("OCSPStaple", Value::Null),
        ("PrivateKey", key.as_go()),
        ("SignedCertificateTimestamps", Value::Null),
        ("SupportedSignatureAlgorithms", Value::Null),
    ]))
}

/// A public key that verifies signatures.
pub(super) enum Subject {
    Rsa(Vec<u8>),
    /// A curve and an uncompressed point.
    Ec(super::keys::Curve, Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The public key of a certificate, or of the bytes of a key alone.
pub(super) fn subject_of(bytes: &[u8], is_certificate: bool) -> Option<Subject> {
    let key = match is_certificate {
        true => Certificate::parse(bytes)?.key,
        false => certificate::PublicKey::parse(bytes)?,
    };
    let owned = key.key.to_vec();
    match key.algorithm.0.as_slice() {
        [1, 2, 840, 113549, 1, 1, 1] => {
            key.rsa()?;
            Some(Subject::Rsa(owned))
        }
        [1, 2, 840, 10045, 2, 1] => Some(Subject::Ec(key.curve()?, owned)),
        [1, 3, 101, 112] => Some(Subject::Ed25519(owned)),
        _ => None,
    }
}
