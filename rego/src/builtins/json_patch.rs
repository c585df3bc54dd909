//! `json.patch`: RFC 6902 on documents of Rego, in which a set's elements are their own paths.

use super::objects::segments;
use super::operand::{Answer, Failure, array, value};
use crate::value::{Array, Object, Value};

/// A document, or nothing after its root was removed.
type Document = Option<Value>;

/// `json.patch(document, operations)`: all operations or none.
pub(super) fn patch(operands: &[Value]) -> Answer {
    let mut document = Some(value(operands, 0).clone());
    for operation in array(operands, 1)? {
        document = apply(document, operation)?;
    }
    document.ok_or(Failure::Undefined)
}

fn attribute<'a>(operation: &'a Object, name: &str) -> Result<&'a Value, Failure> {
    let found = operation.get_str(name);
    found.ok_or_else(|| Failure::new(format!("missing required attribute '{name}'")))
}

fn apply(document: Document, operation: &Value) -> Result<Document, Failure> {
    let Value::Object(operation) = operation else {
        let text =
            "must be an array of JSON-Patch objects, but at least one element is not an object";
        return Err(Failure::new(text));
    };
    let path = attribute(operation, "path")?;
    let kind = attribute(operation, "op")?;
    let Some(name) = kind.as_str() else {
        let found = kind.type_name();
        return Err(Failure::new(format!(
            "attribute 'op' must be a string but found: {found}"
        )));
    };
    let path = segments(path)?;
    let origin = || segments(attribute(operation, "from")?);
    match name {
        "add" => insert(document, &path, attribute(operation, "value")?.clone()),
        "remove" => remove(document, &path),
        "replace" => {
            let rest = remove(document, &path)?;
            insert(rest, &path, attribute(operation, "value")?.clone())
        }
        "move" => {
            let from = origin()?;
            let chunk = at(document.as_ref(), &from)?;
            let rest = remove(document, &from)?;
            insert(rest, &path, chunk)
        }
        "copy" => {
            let chunk = at(document.as_ref(), &origin()?)?;
            insert(document, &path, chunk)
        }
        "test" => {
            let found = at(document.as_ref(), &path)?;
            if found == *attribute(operation, "value")? {
                Ok(document)
            } else {
                Err(Failure::new("value from EditTree != patch value"))
            }
        }
        other => Err(Failure::new(format!("unrecognized op: '{other}'"))),
    }
}

fn missing(key: &Value, kind: &str) -> Failure {
    Failure::new(format!("path {key} does not exist in {kind} term"))
}

/// Returns the value at a path, or fails if there is none.
fn at(document: Option<&Value>, path: &[Value]) -> Result<Value, Failure> {
    let mut found = document.ok_or_else(deleted)?;
    for key in path {
        found = child(found, key)?;
    }
    Ok(found.clone())
}

fn deleted() -> Failure {
    Failure::new("deleted node encountered")
}

fn child<'a>(document: &'a Value, key: &Value) -> Result<&'a Value, Failure> {
    match document {
        Value::Object(object) => object.get(key).ok_or_else(|| missing(key, "object")),
        Value::Set(set) => set.get(key).ok_or_else(|| missing(key, "set")),
        Value::Array(items) => {
            let at = index(items.len(), key)?;
            items.get(at).ok_or_else(|| missing(key, "array"))
        }
        _ => Err(Failure::new("expected composite type")),
    }
}

/// The index that a key names in an array of a length: `-` is behind the last.
fn index(length: usize, key: &Value) -> Result<usize, Failure> {
    let found = match key {
        Value::Number(number) => number
            .as_i64()
            .ok_or_else(|| Failure::new("invalid number type for indexing"))?,
        Value::String(text) if text.as_ref() == "-" => return Ok(length),
        Value::String(text) => {
            let found = text
                .parse()
                .map_err(|_| Failure::new("invalid string for indexing"))?;
            if text.starts_with('0') && text.as_ref() != "0" {
                return Err(Failure::new("leading zeros are not allowed in JSON paths"));
            }
            found
        }
        _ => return Err(Failure::new("invalid type for indexing")),
    };
    usize::try_from(found).map_err(|_| Failure::new("index for array out of bounds"))
}

/// Changes what is at the path of a document, whose last segment the change gets.
fn change(
    document: Value,
    path: &[Value],
    edit: &mut dyn FnMut(Value, &Value) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    let Some((first, rest)) = path.split_first() else {
        return Err(Failure::new("empty path"));
    };
    if rest.is_empty() {
        return edit(document, first);
    }
    let new = change(child(&document, first)?.clone(), rest, edit)?;
    Ok(match document {
        Value::Object(object) => Value::Object(object.with(first.clone(), new)),
        Value::Set(set) => {
            let mut items = set.into_vec();
            items.retain(|item| item != first);
            items.push(new);
            Value::set(items)
        }
        Value::Array(items) => {
            let place = index(items.len(), first)?;
            let mut items = items.into_vec();
            if let Some(item) = items.get_mut(place) {
                *item = new;
            }
            Value::Array(Array::from(items))
        }
        scalar => scalar,
    })
}

fn insert(document: Document, path: &[Value], new: Value) -> Result<Document, Failure> {
    if path.is_empty() {
        return Ok(Some(new));
    }
    let mut edit = |parent, key: &Value| match parent {
        Value::Object(object) => Ok(Value::Object(object.with(key.clone(), new.clone()))),
        Value::Set(_) if *key != new => {
            Err(Failure::new("set key does not equal value to be inserted"))
        }
        Value::Set(set) => {
            let mut items = set.into_vec();
            items.push(new.clone());
            Ok(Value::set(items))
        }
        Value::Array(items) => {
            let place = index(items.len(), key)?;
            if place > items.len() {
                return Err(Failure::new("index for array insertion out of bounds"));
            }
            let mut items = items.into_vec();
            items.insert(place, new.clone());
            Ok(Value::Array(Array::from(items)))
        }
        _ => Err(Failure::new("expected composite type")),
    };
    change(document.ok_or_else(deleted)?, path, &mut edit).map(Some)
}

fn remove(document: Document, path: &[Value]) -> Result<Document, Failure> {
    let document = document.ok_or_else(deleted)?;
    if path.is_empty() {
        return Ok(None);
    }
    let mut edit = |parent: Value, key: &Value| {
        child(&parent, key)?;
        Ok(match parent {
            Value::Object(object) => Value::Object(object.without(key)),
            Value::Set(set) => {
                let mut items = set.into_vec();
                items.retain(|item| item != key);
                Value::set(items)
            }
            Value::Array(items) => {
                let place = index(items.len(), key)?;
                let mut items = items.into_vec();
                items.remove(place);
                Value::Array(Array::from(items))
            }
            scalar => scalar,
        })
    };
    change(document, path, &mut edit).map(Some)
}
