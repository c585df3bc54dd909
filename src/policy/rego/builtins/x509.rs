//! `crypto.x509.parse_certificates`: the members of Go's certificate that policies read.
//!
//! It parses only; who signed what is for the code that verifies signatures.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use regorus::Value;
use serde_json::{Value as Json, json};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{ExtendedKeyUsage, GeneralName},
    pem::Pem,
};

use super::from_json;

/// `crypto.x509.parse_certificates(text)`: PEM, or DER or PEM in Base64.
pub(super) fn parse_certificates(arguments: &[Value]) -> Value {
    match arguments {
        [Value::String(text)] => parse(text).map_or(Value::Undefined, from_json),
        _ => Value::Undefined,
    }
}

fn parse(text: &str) -> Option<Json> {
    let bytes = if text.contains("-----BEGIN") {
        text.as_bytes().to_vec()
    } else {
        STANDARD.decode(text.trim()).ok()?
    };
    let mut certificates = Vec::new();
    if bytes.starts_with(b"-----BEGIN") {
        for block in Pem::iter_from_buffer(&bytes) {
            certificates.push(certificate(&block.ok()?.contents)?);
        }
    } else {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (after, _) = x509_parser::parse_x509_certificate(rest).ok()?;
            let length = rest.len() - after.len();
            certificates.push(certificate(rest.get(..length)?)?);
            rest = after;
        }
    }
    (!certificates.is_empty()).then_some(Json::Array(certificates))
}

fn certificate(der: &[u8]) -> Option<Json> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    let names = names(&parsed);
    let of_kind = |kind: &str| -> Vec<&str> {
        let names = names.iter().filter(|(found, _)| *found == kind);
        names.map(|(_, name)| name.as_str()).collect()
    };
    let extensions = parsed.extensions().iter().map(|extension| {
        let id: Vec<u64> = extension
            .oid
            .iter()
            .map(Iterator::collect)
            .unwrap_or_default();
        let value = STANDARD.encode(extension.value);
        json!({"Id": id, "Critical": extension.critical, "Value": value})
    });
    let usage = parsed.key_usage().ok().flatten();
    let extended = parsed.extended_key_usage().ok().flatten();
    Some(json!({
        "Raw": STANDARD.encode(der),
        "SerialNumber": serde_json::from_str::<Json>(&parsed.serial.to_string()).ok()?,
        "Extensions": extensions.collect::<Vec<_>>(),
        "KeyUsage": usage.map_or(0, |usage| usage.value.flags),
        "ExtKeyUsage": extended.map(|extended| extended_usage(extended.value)),
        "URIStrings": of_kind("uri"),
        "DNSNames": of_kind("dns"),
        "EmailAddresses": of_kind("email"),
        "NotBefore": time(parsed.validity().not_before.timestamp())?,
        "NotAfter": time(parsed.validity().not_after.timestamp())?,
        "IsCA": parsed.is_ca(),
        "Version": parsed.version().0 + 1,
    }))
}

fn time(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.to_string())
}

/// The subject's alternative names with their kinds.
fn names(certificate: &X509Certificate<'_>) -> Vec<(&'static str, String)> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let named = names.filter_map(|name| match name {
        GeneralName::URI(uri) => Some(("uri", (*uri).to_owned())),
        GeneralName::DNSName(dns) => Some(("dns", (*dns).to_owned())),
        GeneralName::RFC822Name(email) => Some(("email", (*email).to_owned())),
        _ => None,
    });
    named.collect()
}

/// The numbers that Go gives the usages.
fn extended_usage(usage: &ExtendedKeyUsage<'_>) -> Vec<u8> {
    let numbered = [
        (0, usage.any),
        (1, usage.server_auth),
        (2, usage.client_auth),
        (3, usage.code_signing),
        (4, usage.email_protection),
        (8, usage.time_stamping),
        (9, usage.ocsp_signing),
    ];
    let set = numbered.into_iter().filter(|(_, set)| *set);
    set.map(|(number, _)| number).collect()
}
