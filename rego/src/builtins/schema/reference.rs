//! References between schemas (RFC 3986, RFC 6901), resolved before a schema is read.

use std::collections::HashMap;

use crate::value::{Array, Object, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Draft {
    Four,
    Six,
    Seven,
    /// None is named: the keywords of all.
    Any,
}

/// A document that references may name, with its version.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) draft: Option<Draft>,
}

/// Documents by the absolute reference that names them.
pub(super) type Pool = HashMap<String, Document>;

/// A reference in its normal form: without an empty fragment.
pub(super) fn normal(text: &str) -> String {
    text.strip_suffix('#').unwrap_or(text).to_owned()
}

/// The reference without and with only its fragment.
fn cut(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

fn has_scheme(text: &str) -> bool {
    let before = text.split(['/', '?', '#']).next().unwrap_or_default();
    before.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// A reference as seen from a base.
pub(super) fn resolved(base: &str, reference: &str) -> String {
    let (base, _) = cut(base);
    if has_scheme(reference) {
        return normal(reference);
    }
    let (path, fragment) = cut(reference);
    let mark = if fragment.is_empty() { "" } else { "#" };
    if path.is_empty() {
        return format!("{base}{mark}{fragment}");
    }
    let (authority, own) = match base.find("://") {
        Some(at) => {
            let end = base.get(at + 3..).and_then(|rest| rest.find('/'));
            let end = end.map_or(base.len(), |end| at + 3 + end);
            base.split_at_checked(end).unwrap_or((base, ""))
        }
        None => ("", base),
    };
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        let folder = own
            .rfind('/')
            .map_or("", |end| own.get(..=end).unwrap_or_default());
        let slash = if !authority.is_empty() && folder.is_empty() {
            "/"
        } else {
            ""
        };
        format!("{slash}{folder}{path}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "." => {}
            ".." if parts.len() > 1 => drop(parts.pop()),
            ".." => {}
            part => parts.push(part),
        }
    }
    format!("{authority}{}{mark}{fragment}", parts.join("/"))
}

/// The version that a document names.
pub(super) fn draft(document: &Value) -> Result<Option<Draft>, String> {
    let Value::Object(members) = document else {
        return match document {
            Value::Bool(_) => Ok(None),
            _ => Err("schema is invalid".to_owned()),
        };
    };
    match members.get_str("$schema") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(match normal(text).as_str() {
            "http://json-schema.org/draft-04/schema" => Some(Draft::Four),
            "http://json-schema.org/draft-06/schema" => Some(Draft::Six),
            "http://json-schema.org/draft-07/schema" => Some(Draft::Seven),
            _ => None,
        }),
        Some(_) => Err("$schema must be of type string".to_owned()),
    }
}

/// The document with absolute references; parts with an identifier of their own go to the pool.
pub(super) fn collect(
    document: &Value,
    base: &str,
    draft: Option<Draft>,
    pool: &mut Pool,
) -> Result<Value, String> {
    match document {
        Value::Array(items) => {
            let items: Result<Array, String> = items
                .iter()
                .map(|item| collect(item, base, draft, pool))
                .collect::<Result<Vec<_>, _>>()
                .map(Array::from);
            Ok(Value::Array(items?))
        }
        Value::Object(members) => object(members, base, draft, pool),
        scalar => Ok(scalar.clone()),
    }
}

fn object(
    members: &Object,
    base: &str,
    draft: Option<Draft>,
    pool: &mut Pool,
) -> Result<Value, String> {
    let name = if members.get_str("id").is_some() {
        "id"
    } else {
        "$id"
    };
    let id = members.get_str(name).and_then(Value::as_str);
    let local = id.map_or_else(|| base.to_owned(), |id| resolved(base, id));
    if id.is_some() && pool.contains_key(&local) {
        return Err(format!("Reference already exists: \"{local}\""));
    }
    if id.is_some() {
        let value = Value::Null;
        pool.insert(local.clone(), Document { value, draft });
    }
    let mut found = Vec::with_capacity(members.len());
    for (key, member) in members.iter() {
        let new = match (key.as_str().unwrap_or_default(), member) {
            ("const" | "enum", _) => member.clone(),
            ("$ref", Value::String(text)) => Value::from(resolved(&local, text)),
            ("properties" | "dependencies" | "patternProperties", Value::Object(children)) => {
                let mut new = Vec::with_capacity(children.len());
                for (key, child) in children.iter() {
                    new.push((key.clone(), collect(child, &local, draft, pool)?));
                }
                Value::object(new)
            }
            _ => collect(member, &local, draft, pool)?,
        };
        found.push((key.clone(), new));
    }
    let found = Value::object(found);
    if id.is_some() {
        let value = found.clone();
        pool.insert(local, Document { value, draft });
    }
    Ok(found)
}

/// The document that an absolute reference names.
pub(super) fn find(reference: &str, pool: &Pool) -> Result<Document, String> {
    if let Some(found) = pool.get(reference) {
        return Ok(found.clone());
    }
    let (base, fragment) = cut(reference);
    let Some(document) = pool.get(base) else {
        return Err(match has_scheme(reference) {
            true => format!("remote schema {reference} is not allowed"),
            false => format!("Reference {reference} must be canonical"),
        });
    };
    Ok(Document {
        value: at(&document.value, &unescaped(fragment))?.clone(),
        draft: document.draft,
    })
}

/// Decodes the percent signs of a fragment.
fn unescaped(fragment: &str) -> String {
    let bytes = fragment.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let code = fragment
            .get(at + 1..at + 3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 3;
            }
            (byte, _) => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Resolves a pointer in a document; other text means the document itself.
fn at<'a>(document: &'a Value, pointer: &str) -> Result<&'a Value, String> {
    let Some(path) = pointer.strip_prefix('/') else {
        return Ok(document);
    };
    let mut found = document;
    for part in path.split('/') {
        let name = part.replace("~1", "/").replace("~0", "~");
        let next = match found {
            Value::Array(items) => name.parse::<usize>().ok().and_then(|at| items.get(at)),
            other => other.member(&name),
        };
        found = next.ok_or_else(|| format!("Object has no key '{name}'"))?;
    }
    Ok(found)
}
