//! Checks the subject of a signing certificate: exactly one name, without control characters.

use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
};

use super::error::Reason;
use crate::text;

/// Checks the subject alternative names of a certificate. Fulcio issues exactly one; with several, the
/// compared name may differ from the one that is shown.
///
/// # Errors
/// [`Reason::Chain`] with the defect, [`Reason::Malformed`].
pub(super) fn check(der: &[u8]) -> Result<(), Reason> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| Reason::Malformed {
        what: "certificate",
        reason: error.to_string(),
    })?;
    let wrong = |reason: String| Err(Reason::Chain { reason });
    let extensions = certificate.extensions().iter();
    let names: Vec<_> = extensions
        .filter_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => Some(names.general_names.as_slice()),
            _ => None,
        })
        .flatten()
        .collect();
    let [name] = names.as_slice() else {
        let count = names.len();
        return wrong(format!(
            "the certificate has {count} subject names, expected one"
        ));
    };
    let shown = match name {
        GeneralName::URI(name) | GeneralName::RFC822Name(name) | GeneralName::DNSName(name) => {
            (*name).to_owned()
        }
        GeneralName::OtherName(_, value) => other_name(value),
        _ => return wrong("the certificate's subject is of an unknown kind".to_owned()),
    };
    if shown.is_empty() || shown.chars().any(text::is_unsafe) {
        return wrong("the certificate's subject is empty or has control characters".to_owned());
    }
    Ok(())
}

/// Returns the text of an `OtherName`, which is a DER UTF8String in an explicit tag.
fn other_name(value: &[u8]) -> String {
    let text = match value {
        [0xa0, _, 0x0c, length, rest @ ..] | [0x0c, length, rest @ ..]
            if usize::from(*length) == rest.len() =>
        {
            rest
        }
        whole => whole,
    };
    String::from_utf8_lossy(text).into_owned()
}
