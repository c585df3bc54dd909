//! `format`: the forms of texts that are checked; unknown ones pass.

use std::net::IpAddr;

use crate::builtins::regex::compiled;
use crate::builtins::time::is_time;
use crate::builtins::urls::Url;

const HOSTNAME: &str = r"^([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])(\.([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]{0,61}[a-zA-Z0-9]))*$";
const TEMPLATE: &str = "^([^{]*({[^}]*})?)*$";
const UUID: &str = "^(?i)[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$";
const POINTER: &str = "^(?:/(?:[^~/]|~0|~1)*)*$";
const RELATIVE_POINTER: &str = "^(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~0|~1)*)*)$";

/// Tells if a text has a form.
pub(super) fn has(format: &str, text: &str) -> bool {
    let matches = |pattern: &str| compiled(pattern).is_some_and(|regex| regex.is_match(text));
    let any = |layouts: &[&str]| layouts.iter().any(|layout| is_time(layout, text));
    let url = || Url::parse(text).ok().filter(|_| !text.contains('\\'));
    match format {
        "date" => any(&["2006-01-02"]),
        "time" => any(&["15:04:05Z07:00", "15:04:05"]),
        "date-time" => any(&[
            "15:04:05",
            "15:04:05Z07:00",
            "2006-01-02",
            "RFC3339",
            "RFC3339Nano",
        ]),
        "hostname" => text.len() < 256 && matches(HOSTNAME),
        "email" | "idn-email" => is_email(text),
        "ipv4" => text.parse::<IpAddr>().is_ok() && text.contains('.'),
        "ipv6" => text.parse::<IpAddr>().is_ok() && text.contains(':'),
        "uri" | "iri" => url().is_some_and(|url| !url.scheme.is_empty()),
        "uri-reference" | "iri-reference" => url().is_some(),
        "uri-template" => url()
            .is_some_and(|url| compiled(TEMPLATE).is_some_and(|regex| regex.is_match(&url.path))),
        "uuid" => matches(UUID),
        "regex" => text.is_empty() || compiled(text).is_some(),
        "json-pointer" => matches(POINTER),
        "relative-json-pointer" => matches(RELATIVE_POINTER),
        _ => true,
    }
}

/// Tells if a text is an address of mail, with a name before it or without.
fn is_email(text: &str) -> bool {
    let text = text.trim();
    let address = match text.split_once('<') {
        Some((_, rest)) => match rest.strip_suffix('>') {
            Some(address) => address,
            None => return false,
        },
        None => text,
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let atom = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| {
                c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
            })
    };
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let literal = domain.starts_with('[') && domain.ends_with(']');
    (quoted || local.split('.').all(atom)) && (literal || domain.split('.').all(atom))
}
