//! Checks the subject of a signing certificate: exactly one name, without control characters.

use x509_cert::{
    Certificate,
    der::{Decode as _, oid::AssociatedOid as _},
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::{error::Reason, legacy::malformed};
use crate::text;

/// Checks the subject alternative names of a certificate. Fulcio issues exactly one; with several, the
/// compared name may differ from the one that is shown.
///
/// # Errors
/// [`Reason::Chain`] with the defect, [`Reason::Malformed`].
pub(super) fn check(der: &[u8]) -> Result<(), Reason> {
    let unreadable = |error: x509_cert::der::Error| malformed("certificate", error);
    let certificate = Certificate::from_der(der).map_err(unreadable)?;
    let wrong = |reason: String| Err(Reason::Chain { reason });
    let names = alternative_names(&certificate).map_err(unreadable)?;
    let [name] = names.as_slice() else {
        let count = names.len();
        return wrong(format!(
            "the certificate has {count} subject names, expected one"
        ));
    };
    let shown = match name {
        GeneralName::UniformResourceIdentifier(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::DnsName(name) => name.to_string(),
        GeneralName::OtherName(name) => String::from_utf8_lossy(name.value.value()).into_owned(),
        _ => return wrong("the certificate's subject is of an unknown kind".to_owned()),
    };
    if shown.is_empty() || shown.chars().any(text::is_unsafe) {
        return wrong("the certificate's subject is empty or has control characters".to_owned());
    }
    Ok(())
}

/// Returns the subject alternative names of all extensions that have some.
///
/// # Errors
/// An extension that does not parse.
pub(super) fn alternative_names(
    certificate: &Certificate,
) -> Result<Vec<GeneralName>, x509_cert::der::Error> {
    let extensions = certificate.tbs_certificate.extensions.iter().flatten();
    let mut names = Vec::new();
    for extension in extensions.filter(|extension| extension.extn_id == SubjectAltName::OID) {
        names.extend(SubjectAltName::from_der(extension.extn_value.as_bytes())?.0);
    }
    Ok(names)
}
