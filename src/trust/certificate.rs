//! Describes a signing certificate with the member names of Conforma policies (Fulcio, "OID
//! information"). No decision about trust depends on it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
    time::ASN1Time,
    x509::X509Name,
};

/// The claims under `1.3.6.1.4.1.57264.1`: raw text up to `.7`, DER strings from `.8` on.
const CLAIMS: [(u64, &str); 20] = [
    (1, "Fulcio Issuer"),
    (2, "Fulcio GitHub Workflow Trigger"),
    (3, "Fulcio GitHub Workflow SHA"),
    (4, "Fulcio GitHub Workflow Name"),
    (5, "Fulcio GitHub Workflow Repository"),
    (6, "Fulcio GitHub Workflow Ref"),
    (8, "Fulcio Issuer (V2)"),
    (9, "Fulcio Build Signer URI"),
    (10, "Fulcio Build Signer Digest"),
    (11, "Fulcio Runner Environment"),
    (12, "Fulcio Source Repository URI"),
    (13, "Fulcio Source Repository Digest"),
    (14, "Fulcio Source Repository Ref"),
    (15, "Fulcio Source Repository Identifier"),
    (16, "Fulcio Source Repository Owner URI"),
    (17, "Fulcio Source Repository Owner Identifier"),
    (18, "Fulcio Build Config URI"),
    (19, "Fulcio Build Config Digest"),
    (20, "Fulcio Build Trigger"),
    (21, "Fulcio Run Invocation URI"),
];
const ARC: &str = "1.3.6.1.4.1.57264.1.";

/// The members of a certificate that rules and reports see.
#[derive(Debug, Default)]
pub(super) struct CertificateDetails {
    /// The subject key identifier in hex.
    pub(super) key_id: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Returns the subject alternative name and the OIDC issuer of a DER certificate.
pub(crate) fn subject_of(der: &[u8]) -> Option<(String, String)> {
    let mut metadata = describe(der).metadata;
    let issuer = metadata
        .remove("Fulcio Issuer (V2)")
        .or_else(|| metadata.remove("Fulcio Issuer"));
    let subject = metadata.remove("Subject Alternative Name")?;
    Some((subject, issuer?))
}

/// Describes a DER certificate; returns an empty description for a malformed one.
pub(super) fn describe(der: &[u8]) -> CertificateDetails {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return CertificateDetails::default();
    };
    let mut details = CertificateDetails::default();
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            details.metadata.insert(name.to_owned(), value);
        }
    };
    put("Subject", name(certificate.subject()));
    put("Issuer", name(certificate.issuer()));
    put("Serial Number", certificate.serial.to_str_radix(16));
    put("Not Before", time(certificate.validity().not_before));
    put("Not After", time(certificate.validity().not_after));
    for extension in certificate.extensions() {
        let oid = extension.oid.to_id_string();
        let claim = oid.strip_prefix(ARC).and_then(|number| number.parse().ok());
        if let Some((number, name)) = CLAIMS.iter().find(|(number, _)| Some(*number) == claim) {
            put(name, text(extension.value, *number >= 8));
        }
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => {
                put(
                    "Subject Alternative Name",
                    alternative_names(&names.general_names),
                );
            }
            ParsedExtension::SubjectKeyIdentifier(id) => details.key_id = Some(hex::encode(id.0)),
            _ => {}
        }
    }
    details
}

/// Returns the text of a claim, without the tag and length of a DER UTF8String.
fn text(value: &[u8], is_der: bool) -> String {
    let value = match value {
        [0x0c, length, rest @ ..] if is_der && usize::from(*length) == rest.len() => rest,
        [0x0c, 0x81, length, rest @ ..] if is_der && usize::from(*length) == rest.len() => rest,
        whole => whole,
    };
    String::from_utf8_lossy(value).into_owned()
}

fn time(time: ASN1Time) -> String {
    let time = Timestamp::from_second(time.timestamp());
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// The attributes that Go's `pkix` names, by their identifiers; others are written as numbers.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("2.5.4.6", "C"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.17", "POSTALCODE"),
];

/// Formats a name as Go's `pkix.Name` does (RFC 2253): the last part first, special characters escaped.
fn name(name: &X509Name<'_>) -> String {
    let parts = name.iter_rdn().map(|part| {
        let attributes = part.iter().map(|attribute| {
            let oid = attribute.attr_type().to_id_string();
            let known = ATTRIBUTES.iter().find(|(known, _)| *known == oid);
            match (known, attribute.as_str()) {
                (Some((_, name)), Ok(value)) => format!("{name}={}", escaped(value)),
                (None, Ok(value)) => format!("{oid}={}", escaped(value)),
                // Go writes a value that is not a text as DER.
                (_, Err(_)) => format!("{oid}=#{}", hex::encode(attribute.attr_value().data)),
            }
        });
        attributes.collect::<Vec<_>>().join("+")
    });
    let parts: Vec<_> = parts.collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::new();
    for (at, c) in value.chars().enumerate() {
        let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || c == '#' && at == 0
            || c == ' ' && (at == 0 || at == last);
        if special {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn alternative_names(names: &[GeneralName<'_>]) -> String {
    let mut parts = BTreeMap::<&str, Vec<String>>::new();
    for name in names {
        match name {
            GeneralName::URI(uri) => parts.entry("URIs").or_default().push((*uri).to_owned()),
            GeneralName::RFC822Name(email) => {
                let emails = parts.entry("Email Addresses").or_default();
                emails.push((*email).to_owned());
            }
            GeneralName::OtherName(_, value) => {
                let value = String::from_utf8_lossy(value).into_owned();
                parts.entry("OtherName").or_default().push(value);
            }
            _ => {}
        }
    }
    let parts = parts
        .into_iter()
        .map(|(kind, names)| format!("{kind}:{}", names.join(", ")));
    parts.collect::<Vec<_>>().join("; ")
}
