//! `uri.*` and `urlquery.*` as Go's `net/url` reads and writes them.

use std::collections::BTreeMap;

use super::operand::{Answer, Failure, give, object, string, value};
use crate::value::{ObjectBuilder, Value};

/// The part of a URL that a text with escapes is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Path,
    User,
    Query,
    Fragment,
    Host,
    Zone,
}

#[derive(Debug, Default)]
pub(super) struct Url {
    pub(super) scheme: String,
    opaque: String,
    host: String,
    pub(super) path: String,
    raw_path: String,
    raw_query: String,
    fragment: String,
}

/// Decodes `%` and, in a query, `+`.
fn unescape(text: &str, mode: Mode) -> Result<String, String> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let digits = text.get(at + 1..at + 3);
                let code = digits
                    .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(code) = code else {
                    let end = (at + 3).min(bytes.len());
                    let shown = text.get(at..end).or(text.get(at..)).unwrap_or("%");
                    return Err(format!("invalid URL escape {shown:?}"));
                };
                let bad = match mode {
                    Mode::Host => code < 0x80 && digits != Some("25"),
                    Mode::Zone => {
                        code < 0x80 && code != b'%' && code != b' ' && escaped_in(code, Mode::Host)
                    }
                    _ => false,
                };
                if bad {
                    let shown = text.get(at..at + 3).unwrap_or("%");
                    return Err(format!("invalid URL escape {shown:?}"));
                }
                out.push(code);
                at += 3;
                continue;
            }
            b'+' if mode == Mode::Query => out.push(b' '),
            byte if matches!(mode, Mode::Host | Mode::Zone)
                && *byte < 0x80
                && escaped_in(*byte, mode) =>
            {
                let shown = char::from(*byte).to_string();
                return Err(format!("invalid character {shown:?} in host name"));
            }
            byte => out.push(*byte),
        }
        at += 1;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Tells if a byte is written as an escape.
fn escaped_in(byte: u8, mode: Mode) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    let host = matches!(mode, Mode::Host | Mode::Zone);
    if host && b"!$&'()*+,;=:[]<>\"".contains(&byte) {
        return false;
    }
    if b"$&+,/:;=?@".contains(&byte) {
        return match mode {
            Mode::Path => byte == b'?',
            Mode::User => b"@/?:".contains(&byte),
            Mode::Query => true,
            Mode::Fragment => false,
            Mode::Host | Mode::Zone => true,
        };
    }
    !(mode == Mode::Fragment && b"!()*".contains(&byte))
}

/// Writes a text for a query.
fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte == b' ' {
            out.push('+');
        } else if escaped_in(byte, Mode::Query) {
            out.push_str(&format!("%{byte:02X}"));
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

/// Writes a path as Go does by default.
fn path_escape(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if escaped_in(byte, Mode::Path) {
            out.push_str(&format!("%{byte:02X}"));
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

impl Url {
    /// Go's `url.Parse`; the error is its text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let wrapped = |reason: String| format!("parse {text:?}: {reason}");
        let mut url = Self::without_fragment(rest).map_err(wrapped)?;
        url.fragment = unescape(fragment, Mode::Fragment).map_err(wrapped)?;
        Ok(url)
    }

    fn without_fragment(text: &str) -> Result<Self, String> {
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let mut url = Self::default();
        if text == "*" {
            text.clone_into(&mut url.path);
            return Ok(url);
        }
        let (scheme, rest) = scheme(text)?;
        url.scheme = scheme.to_lowercase();
        let rest = match rest.strip_suffix('?') {
            Some(before) if !before.contains('?') => before,
            _ => {
                let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
                query.clone_into(&mut url.raw_query);
                before
            }
        };
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Ok(url);
            }
            let first = rest.split('/').next().unwrap_or_default();
            if first.contains(':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let has_authority =
            rest.starts_with("//") && (!url.scheme.is_empty() || !rest.starts_with("///"));
        let path = match rest.strip_prefix("//").filter(|_| has_authority) {
            Some(after) => {
                let (authority, path) = match after.find('/') {
                    Some(at) => after.split_at_checked(at).unwrap_or((after, "")),
                    None => (after, ""),
                };
                url.host = authority_host(authority)?;
                path
            }
            None => rest,
        };
        url.path = unescape(path, Mode::Path)?;
        if path_escape(&url.path) != path {
            path.clone_into(&mut url.raw_path);
        }
        Ok(url)
    }

    /// The structure as Go writes it in JSON.
    pub(super) fn as_go(&self) -> Value {
        let text = |text: &str| Value::from(text);
        super::keys::fields([
            ("Scheme", text(&self.scheme)),
            ("Opaque", text(&self.opaque)),
            ("User", Value::Null),
            ("Host", text(&self.host)),
            ("Path", text(&self.path)),
            ("RawPath", text(&self.raw_path)),
            ("OmitHost", Value::Bool(false)),
            ("ForceQuery", Value::Bool(false)),
            ("RawQuery", text(&self.raw_query)),
            ("Fragment", text(&self.fragment)),
            ("RawFragment", text("")),
        ])
    }

    fn hostname(&self) -> &str {
        let host = self.host.rfind(':').filter(|colon| {
            let port = self.host.get(colon + 1..).unwrap_or_default();
            port.bytes().all(|byte| byte.is_ascii_digit())
        });
        let host = host
            .and_then(|colon| self.host.get(..colon))
            .unwrap_or(&self.host);
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(host)
    }

    fn port(&self) -> &str {
        let port = self.host.rsplit_once(':').map_or("", |(_, port)| port);
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            port
        } else {
            ""
        }
    }
}

/// The scheme before the first colon and the rest.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, letter) in text.char_indices() {
        match letter {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => {
                let rest = text.get(at + 1..).unwrap_or_default();
                return Ok((text.get(..at).unwrap_or_default(), rest));
            }
            _ => break,
        }
    }
    Ok(("", text))
}

/// The host of an authority, after the user's name and password were checked.
fn authority_host(authority: &str) -> Result<String, String> {
    let host = match authority.rsplit_once('@') {
        None => authority,
        Some((user, host)) => {
            let allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
            if !user.bytes().all(allowed) {
                return Err("net/url: invalid userinfo".to_owned());
            }
            unescape(user, Mode::User)?;
            host
        }
    };
    let invalid_port = |port: &str| format!("invalid port {port:?} after host");
    let valid = |port: &str| {
        let digits = port.strip_prefix(':');
        port.is_empty() || digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
    };
    if let Some(rest) = host.strip_prefix('[') {
        let Some(end) = rest.rfind(']') else {
            return Err("missing ']' in host".to_owned());
        };
        let (inner, port) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let port = port.strip_prefix(']').unwrap_or(port);
        if !valid(port) {
            return Err(invalid_port(port));
        }
        let (own, zone) = match inner.find("%25") {
            Some(at) => inner.split_at_checked(at).unwrap_or((inner, "")),
            None => (inner, ""),
        };
        let own = unescape(own, Mode::Host)?;
        if own.parse::<std::net::Ipv6Addr>().is_err() {
            return Err("invalid host".to_owned());
        }
        let zone = unescape(zone, Mode::Zone)?;
        return Ok(format!("[{own}{zone}]{port}"));
    }
    if let Some(at) = host.rfind(':') {
        let port = host.get(at..).unwrap_or_default();
        if !valid(port) {
            return Err(invalid_port(port));
        }
    }
    unescape(host, Mode::Host)
}

/// `uri.parse(text)`: an object with the parts of the URL that are not empty.
pub(super) fn parse(operands: &[Value]) -> Answer {
    let url = Url::parse(string(operands, 0)?).map_err(Failure::new)?;
    let raw_path = if url.raw_path.is_empty() {
        &url.path
    } else {
        &url.raw_path
    };
    let parts = [
        ("scheme", url.scheme.as_str()),
        ("hostname", url.hostname()),
        ("port", url.port()),
        ("path", &url.path),
        ("raw_path", raw_path),
        ("raw_query", &url.raw_query),
        ("fragment", &url.fragment),
    ];
    let mut found = ObjectBuilder::default();
    for (name, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
        found.insert(Value::from(name), Value::from(part));
    }
    give(found.finish())
}

/// `uri.is_valid(text)`: false for an empty text and for other values than strings.
pub(super) fn is_valid(operands: &[Value]) -> Answer {
    let valid = |text: &str| !text.is_empty() && Url::parse(text).is_ok();
    give(value(operands, 0).as_str().is_some_and(valid))
}

/// `urlquery.encode(text)`: escapes a text for a query, a blank as `+`.
pub(super) fn query_encode(operands: &[Value]) -> Answer {
    give(query_escape(string(operands, 0)?))
}

/// `urlquery.decode(text)`: resolves `%XX` and `+`; fails for a broken escape.
pub(super) fn query_decode(operands: &[Value]) -> Answer {
    give(unescape(string(operands, 0)?, Mode::Query).map_err(Failure::new)?)
}

/// `urlquery.encode_object(object)`: in order of the names.
pub(super) fn query_encode_object(operands: &[Value]) -> Answer {
    let wrong = || Failure::at(1, "values must be string, array[string], or set[string]");
    let mut pairs = Vec::new();
    for (name, given) in object(operands, 0)?.iter() {
        let name = match name {
            Value::String(name) => name.to_string(),
            other => other.to_string(),
        };
        let items = match given {
            Value::String(_) => std::slice::from_ref(given),
            Value::Array(items) => items,
            Value::Set(items) => items.items(),
            _ => return Err(wrong()),
        };
        for item in items {
            let item = item.as_str().ok_or_else(wrong)?;
            pairs.push(format!("{}={}", query_escape(&name), query_escape(item)));
        }
    }
    give(pairs.join("&"))
}

/// `urlquery.decode_object(text)`: each name with the list of its values.
pub(super) fn query_decode_object(operands: &[Value]) -> Answer {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for pair in string(operands, 0)?
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        if pair.contains(';') {
            return Err(Failure::new("invalid semicolon separator in query"));
        }
        let (name, given) = pair.split_once('=').unwrap_or((pair, ""));
        let name = unescape(name, Mode::Query).map_err(Failure::new)?;
        let given = unescape(given, Mode::Query).map_err(Failure::new)?;
        found.entry(name).or_default().push(Value::from(given));
    }
    let members = found.into_iter();
    let members = members.map(|(name, values)| (Value::from(name), Value::array(values)));
    give(Value::object(members.collect()))
}
