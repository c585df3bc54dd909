//! Describes a signing certificate with the member names of Conforma policies (Fulcio, "OID
//! information"). No decision about trust depends on it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use x509_cert::{
    Certificate,
    der::{Any, Decode as _, Tag, Tagged as _, oid::AssociatedOid as _},
    ext::pkix::{SubjectKeyIdentifier, name::GeneralName},
    name::Name,
    time::Time,
};

use super::{error::Reason, legacy::malformed, subject::alternative_names};

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
    let Ok(CertificateDetails { mut metadata, .. }) = read(der) else {
        return None;
    };
    let issuer = metadata
        .remove("Fulcio Issuer (V2)")
        .or_else(|| metadata.remove("Fulcio Issuer"));
    let subject = metadata.remove("Subject Alternative Name")?;
    Some((subject, issuer?))
}

/// Describes a DER certificate; empty without one.
///
/// # Errors
/// [`Reason::Malformed`].
pub(super) fn describe(der: Option<&[u8]>) -> Result<CertificateDetails, Reason> {
    let Some(der) = der else {
        return Ok(CertificateDetails::default());
    };
    read(der).map_err(|error| malformed("certificate", error))
}

fn read(der: &[u8]) -> Result<CertificateDetails, x509_cert::der::Error> {
    let certificate = Certificate::from_der(der)?;
    let mut details = CertificateDetails::default();
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            details.metadata.insert(name.to_owned(), value);
        }
    };
    let content = &certificate.tbs_certificate;
    put("Subject", name(&content.subject));
    put("Issuer", name(&content.issuer));
    put(
        "Serial Number",
        hex_number(content.serial_number.as_bytes()),
    );
    put("Not Before", time(content.validity.not_before));
    put("Not After", time(content.validity.not_after));
    let names = alternative_names(&certificate)?;
    put("Subject Alternative Name", shown_names(&names));
    for extension in content.extensions.iter().flatten() {
        let value = extension.extn_value.as_bytes();
        let oid = extension.extn_id.to_string();
        let claim = oid.strip_prefix(ARC).and_then(|number| number.parse().ok());
        if let Some((number, name)) = CLAIMS.iter().find(|(number, _)| Some(*number) == claim) {
            put(name, text(value, *number >= 8));
        }
        if extension.extn_id == SubjectKeyIdentifier::OID {
            let id = SubjectKeyIdentifier::from_der(value)?;
            details.key_id = Some(hex::encode(id.0.as_bytes()));
        }
    }
    Ok(details)
}

/// Returns a number in hex, without leading zeros.
fn hex_number(bytes: &[u8]) -> String {
    let digits = hex::encode(bytes);
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    }
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

fn time(time: Time) -> String {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(seconds);
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// The attributes that Go's `pkix` names, by their identifiers, in the order in which it writes them.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.3", "CN"),
    ("2.5.4.11", "OU"),
    ("2.5.4.10", "O"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.6", "C"),
];

/// Formats a name as Go's `pkix.Name` does: the known attributes in an order of its own, one of several serial numbers
/// and common names, and the others as DER.
fn name(name: &Name) -> String {
    let mut known: [Vec<String>; ATTRIBUTES.len()] = Default::default();
    let mut others = Vec::new();
    for attribute in name.0.iter().flat_map(|set| set.0.iter()) {
        let oid = attribute.oid.to_string();
        let text = string(&attribute.value);
        let at = ATTRIBUTES.iter().position(|(known, _)| *known == oid);
        match (at.and_then(|at| known.get_mut(at)), text) {
            (Some(values), Some(text)) => {
                if matches!(oid.as_str(), "2.5.4.3" | "2.5.4.5") {
                    values.clear();
                }
                values.push(escaped(text));
            }
            // Go passes over it.
            (Some(_), None) => {}
            (None, text) => {
                let value = &attribute.value;
                let der = match text {
                    Some(text) => der(
                        if is_printable(text) { 0x13 } else { 0x0c },
                        text.as_bytes(),
                    ),
                    None => der(value.tag().octet(), value.value()),
                };
                others.push(format!("{oid}=#{}", hex::encode(der)));
            }
        }
    }
    let known = ATTRIBUTES.iter().zip(known);
    let known = known.filter(|(_, values)| !values.is_empty());
    let mut parts: Vec<_> = known
        .map(|((_, name), values)| {
            let values = values.iter().map(|value| format!("{name}={value}"));
            values.collect::<Vec<_>>().join("+")
        })
        .collect();
    parts.extend(others.into_iter().rev());
    parts.join(",")
}

/// Returns the text of a value of a string type that holds ASCII or UTF-8.
fn string(value: &Any) -> Option<&str> {
    let is_text = matches!(
        value.tag(),
        Tag::Utf8String
            | Tag::PrintableString
            | Tag::NumericString
            | Tag::TeletexString
            | Tag::VideotexString
            | Tag::Ia5String
            | Tag::VisibleString
    );
    match std::str::from_utf8(value.value()) {
        Ok(text) if is_text => Some(text),
        _ => None,
    }
}

/// The characters of a `PrintableString`, as Go writes one.
fn is_printable(text: &str) -> bool {
    let is = |b: u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b);
    text.bytes().all(is)
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = length.iter().skip_while(|byte| **byte == 0).copied();
    let length: Vec<u8> = length.collect();
    let mut der = vec![tag];
    if content.len() >= 0x80 {
        der.push(0x80 | u8::try_from(length.len()).unwrap_or(0x7f));
    }
    if content.is_empty() {
        der.push(0);
    }
    der.extend(length);
    der.extend_from_slice(content);
    der
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

fn shown_names(names: &[GeneralName]) -> String {
    let mut parts = BTreeMap::<&str, Vec<String>>::new();
    for name in names {
        match name {
            GeneralName::UniformResourceIdentifier(uri) => {
                parts.entry("URIs").or_default().push(uri.to_string());
            }
            GeneralName::Rfc822Name(email) => {
                let emails = parts.entry("Email Addresses").or_default();
                emails.push(email.to_string());
            }
            GeneralName::OtherName(name) => {
                let value = String::from_utf8_lossy(name.value.value()).into_owned();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// DER of names, and the texts that Go's `pkix.Name` makes of them.
    #[test]
    fn names_are_written_as_go_writes_them() {
        for (der, text) in [
            (
                "308190310b3009060355040613024445310b3009060355040813024257310c300a06035504071303556c6d310e300c060355040913055765672031310e300c06035504111305383930373331133011060355040a130a41636d652c20496e632e31143008060355040b1301613008060355040b130162310f300d06035504030c06776562233120310a30080603550405130137",
                r"SERIALNUMBER=7,CN=web#1\ ,OU=a+OU=b,O=Acme\, Inc.,POSTALCODE=89073,STREET=Weg 1,L=Ulm,ST=BW,C=DE",
            ),
            (
                "3049310a300806035504031301783112301006092a864886f70d0109010c03614062310e300c060355040c13057469746c6531173015060a0992268993f22c64011913076578616d706c65",
                "CN=x,0.9.2342.19200300.100.1.25=#13076578616d706c65,2.5.4.12=#13057469746c65,1.2.840.113549.1.9.1=#0c03614062",
            ),
        ] {
            let der = hex::decode(der).unwrap();
            assert_eq!(name(&Name::from_der(&der).unwrap()), text);
        }
    }
}
