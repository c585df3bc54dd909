//! Parses package URLs: `pkg:type/namespace/name@version?qualifiers#subpath` (purl-spec).

use serde_json::{Value, json};

/// Returns the parts of a package URL as `ec.purl.parse` does; `None` for another text.
pub(super) fn parse(text: &str) -> Option<Value> {
    let (scheme, rest) = text.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("pkg") {
        return None;
    }
    let (rest, subpath) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let path = rest.trim_matches('/');
    let (kind, rest) = path.split_once('/')?;
    let (path, version) = match rest.rsplit_once('@') {
        // The @ of a scope such as @angular is followed by a slash.
        Some((path, version)) if !version.contains('/') => (path, decoded(version)?),
        _ => (rest, String::new()),
    };
    let mut segments: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let name = decoded(segments.pop()?)?;
    let namespace: Option<Vec<_>> = segments.into_iter().map(decoded).collect();
    let kind = kind.to_ascii_lowercase();
    if name.is_empty() || !is_type(&kind) {
        return None;
    }
    let subpath = subpath
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."));
    let subpath: Option<Vec<_>> = subpath.map(decoded).collect();
    let (namespace, name) = normalised(&kind, namespace?.join("/"), name);
    Some(json!({
        "type": kind,
        "namespace": namespace,
        "name": name,
        "version": version,
        "qualifiers": qualifiers_of(qualifiers)?,
        "subpath": subpath?.join("/"),
    }))
}

/// Returns the qualifiers by key, without those that have no value.
fn qualifiers_of(text: &str) -> Option<Vec<Value>> {
    let mut found = std::collections::BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=')?;
        let key = key.to_ascii_lowercase();
        let starts = key.starts_with(|c: char| c.is_ascii_alphabetic());
        let valid = key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        if !starts || !valid {
            return None;
        }
        let value = decoded(value)?;
        if !value.is_empty() {
            found.insert(key, value);
        }
    }
    let pairs = found.into_iter();
    Some(
        pairs
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect(),
    )
}

fn is_type(kind: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b".+-".contains(&b);
    kind.starts_with(|c: char| c.is_ascii_alphabetic()) && kind.bytes().all(valid)
}

/// Normalises namespace and name by the rules of the package's type.
fn normalised(kind: &str, namespace: String, name: String) -> (String, String) {
    match kind {
        "bitbucket" | "github" | "golang" | "composer" => {
            (namespace.to_lowercase(), name.to_lowercase())
        }
        "alpm" | "apk" | "deb" => (namespace.to_lowercase(), name.to_lowercase()),
        "rpm" => (namespace.to_lowercase(), name),
        "pypi" => (namespace, name.to_lowercase().replace('_', "-")),
        _ => (namespace, name),
    }
}

/// Decodes percent-encoding; `None` if the result is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_all_parts() {
        let purl = "pkg:RPM/redhat/a%20b@1.0%2B2?Arch=x86_64&epoch=&distro=el9#./docs/";
        let expected = json!({
            "type": "rpm", "namespace": "redhat", "name": "a b", "version": "1.0+2",
            "qualifiers": [{"key": "arch", "value": "x86_64"}, {"key": "distro", "value": "el9"}],
            "subpath": "docs",
        });
        assert_eq!(parse(purl), Some(expected));
    }

    #[test]
    fn keeps_the_scope_of_a_name() {
        let parsed = parse("pkg:npm/@angular/core").unwrap();
        assert_eq!(parsed["namespace"], "@angular");
        assert_eq!(parsed["name"], "core");
        assert_eq!(parsed["version"], "");
    }

    #[test]
    fn refuses_what_is_none() {
        for wrong in [
            "",
            "pkg:",
            "pkg:rpm",
            "pkg:rpm/",
            "rpm/a",
            "pkg:r%m/a",
            "pkg:rpm/%zz",
            "pkg:rpm/a?b",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
