//! A request for a certificate (RFC 2986) as Go's `x509.CertificateRequest`.

use super::certificate::{PublicKey, address, algorithm, base64, or_null, signature_number, texts};
use super::extension::{Extension, KnownExtensions, list};
use super::name;
use crate::builtins::der::{Der, SEQUENCE};
use crate::builtins::keys::fields;
use crate::value::Value;

/// The identifier of the attribute with extensions.
const EXTENSIONS: [u64; 7] = [1, 2, 840, 113549, 1, 9, 14];

/// The structure; nothing for other structures.
pub(super) fn as_go(all: &[u8]) -> Option<Value> {
    let mut reader = Der(all);
    let mut outer = reader.sequence()?;
    let signed = outer.expect(SEQUENCE)?;
    let signature_algorithm = algorithm(outer.sequence()?)?;
    let signature = outer.bits()?;
    if !reader.is_empty() {
        return None;
    }
    let mut content = Der(signed.content);
    let version = i64::try_from(content.integer()?).ok()?;
    let subject = content.expect(SEQUENCE)?;
    let key = PublicKey::parse(content.expect(SEQUENCE)?.all)?;
    let attributes = content
        .optional(0xa0)
        .map_or(&[][..], |attributes| attributes.content);
    let extensions = extensions(attributes)?;
    let known = KnownExtensions::read(&extensions)?;
    let shown = extensions.iter().map(|extension| {
        fields([
            ("Id", name::numbers(&extension.identifier)),
            ("Critical", Value::Bool(extension.critical)),
            ("Value", base64(extension.value)),
        ])
    });
    let mut members = vec![
        ("Raw", base64(all)),
        ("RawTBSCertificateRequest", base64(signed.all)),
        ("RawSubject", base64(subject.all)),
        ("Version", Value::from(version)),
        ("Signature", base64(signature)),
        (
            "SignatureAlgorithm",
            Value::from(signature_number(&signature_algorithm)),
        ),
        ("Subject", name::as_go(&name::attributes(subject.content)?)),
        ("Attributes", Value::Null),
        ("Extensions", or_null(shown)),
        ("ExtraExtensions", Value::Null),
        ("DNSNames", texts(&known.names.dns)),
        ("EmailAddresses", texts(&known.names.email)),
        ("IPAddresses", texts(&known.names.ip)),
        (
            "URIs",
            or_null(known.names.uri.iter().map(|uri| address(uri))),
        ),
    ];
    members.extend(key.members()?);
    Some(Value::object(
        members
            .into_iter()
            .map(|(name, value)| (Value::from(name), value))
            .collect(),
    ))
}

fn extensions(attributes: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut rest = Der(attributes);
    while !rest.is_empty() {
        let mut attribute = rest.sequence()?;
        if attribute.identifier()? == EXTENSIONS {
            let mut values = Der(attribute.expect(0x31)?.content);
            return list(values.expect(SEQUENCE)?.content);
        }
    }
    Some(Vec::new())
}
