//! Objects: members by key, unions, `json.remove` and `json.filter`.

use super::operand::{Answer, Failure, array, elements, give, object, value};
use super::subset::subset as is_subset;
use crate::value::{Array, Object, ObjectBuilder, Set, Value};

/// `object.get(object, key, default)`: an array is a path.
pub(super) fn get(operands: &[Value]) -> Answer {
    let found = object(operands, 0)?;
    let default = value(operands, 2);
    let found = match value(operands, 1) {
        Value::Array(path) => {
            let mut found = Some(value(operands, 0));
            for key in path {
                found = found.and_then(|found| found.get(key));
            }
            found
        }
        key => found.get(key),
    };
    give(found.unwrap_or(default).clone())
}

/// `object.keys(object)`: the set of the keys.
pub(super) fn keys(operands: &[Value]) -> Answer {
    give(object(operands, 0)?.keys().cloned().collect::<Set>())
}

/// The keys in an operand that is an object, a set or an array.
fn key_set(operands: &[Value]) -> Result<Set, Failure> {
    match value(operands, 1) {
        Value::Array(keys) => Ok(keys.iter().cloned().collect()),
        Value::Set(keys) => Ok(keys.clone()),
        Value::Object(object) => Ok(object.keys().cloned().collect()),
        other => Err(Failure::wrong_type(2, other, &["object", "set", "array"])),
    }
}

fn kept(object: &Object, keep: impl Fn(&Value) -> bool) -> Answer {
    let mut members = ObjectBuilder::with_capacity(object.len());
    for (key, member) in object.iter().filter(|(key, _)| keep(key)) {
        members.insert(key.clone(), member.clone());
    }
    give(members.finish())
}

/// `object.remove(object, keys)`: keys in an array, a set or an object.
pub(super) fn remove(operands: &[Value]) -> Answer {
    let object = object(operands, 0)?;
    let keys = key_set(operands)?;
    kept(object, |key| !keys.contains(key))
}

/// `object.filter(object, keys)`: keeps keys in an array, a set or an object.
pub(super) fn filter(operands: &[Value]) -> Answer {
    let object = object(operands, 0)?;
    let keys = key_set(operands)?;
    kept(object, |key| keys.contains(key))
}

/// `object.union(a, b)`: the second wins, objects in both are merged in depth.
pub(super) fn union(operands: &[Value]) -> Answer {
    let (first, second) = (object(operands, 0)?, object(operands, 1)?);
    give(merged(first, second))
}

fn merged(first: &Object, second: &Object) -> Object {
    if first.is_empty() || second.is_empty() {
        return if first.is_empty() {
            second.clone()
        } else {
            first.clone()
        };
    }
    let mut members = ObjectBuilder::with_capacity(first.len() + second.len());
    for (key, old) in first.iter() {
        let new = match (old, second.get(key)) {
            (Value::Object(old), Some(Value::Object(new))) => Value::Object(merged(old, new)),
            (_, Some(new)) => new.clone(),
            (old, None) => old.clone(),
        };
        members.insert(key.clone(), new);
    }
    for (key, new) in second.iter().filter(|(key, _)| !first.contains_key(key)) {
        members.insert(key.clone(), new.clone());
    }
    members.finish()
}

/// `object.union_n(objects)`: merges from left to right; later members win.
pub(super) fn union_n(operands: &[Value]) -> Answer {
    let whole = value(operands, 0);
    let mut all = Object::default();
    for item in array(operands, 0)? {
        let Value::Object(object) = item else {
            return Err(Failure::wrong_element(1, whole, item, "object"));
        };
        all = merged(&all, object);
    }
    give(all)
}

/// `object.subset(super, sub)`: objects in depth, sets, arrays, or a set within an array.
pub(super) fn subset(operands: &[Value]) -> Answer {
    match is_subset(value(operands, 0), value(operands, 1)) {
        Some(found) => give(found),
        None => Err(Failure::Operand(
            "both arguments object.subset must be of the same type or array and set".to_owned(),
        )),
    }
}

/// Paths as a tree; a leaf ends one.
#[derive(Default)]
struct KeyTree {
    leaf: bool,
    below: Vec<(Value, KeyTree)>,
}

impl KeyTree {
    fn add(&mut self, path: &[Value]) {
        if self.leaf {
            return;
        }
        let Some((first, rest)) = path.split_first() else {
            self.leaf = true;
            self.below.clear();
            return;
        };
        if let Some((_, tree)) = self.below.iter_mut().find(|(key, _)| key == first) {
            return tree.add(rest);
        }
        let mut tree = Self::default();
        tree.add(rest);
        self.below.push((first.clone(), tree));
    }

    fn at(&self, key: &Value) -> Option<&Self> {
        self.below
            .iter()
            .find(|(own, _)| own == key)
            .map(|(_, tree)| tree)
    }
}

/// The segments of a path: an array of keys, or a text with slashes.
pub(super) fn segments(path: &Value) -> Result<Vec<Value>, Failure> {
    match path {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => {
            let parts = text.trim_start_matches('/').split('/');
            let unescaped = parts.map(|part| part.replace("~1", "/").replace("~0", "~"));
            Ok(unescaped.map(Value::from).collect())
        }
        Value::Array(keys) => Ok(keys.to_vec()),
        other => {
            let text = "must be one of {set, array} containing string paths or array of path segments but got";
            Err(Failure::at(2, &format!("{text} {}", other.type_name())))
        }
    }
}

fn tree(operands: &[Value]) -> Result<KeyTree, Failure> {
    let mut tree = KeyTree::default();
    for path in elements(operands, 1, &["set", "array"])? {
        let path = segments(path)?;
        if !path.is_empty() {
            tree.add(&path);
        }
    }
    Ok(tree)
}

/// `json.remove(object, paths)`: all paths are those of the object as it was given.
pub(super) fn json_remove(operands: &[Value]) -> Answer {
    object(operands, 0)?;
    without(value(operands, 0), Some(&tree(operands)?)).ok_or(Failure::Undefined)
}

fn without(document: &Value, tree: Option<&KeyTree>) -> Option<Value> {
    let Some(tree) = tree else {
        return Some(document.clone());
    };
    if tree.leaf {
        return None;
    }
    Some(match document {
        Value::Object(object) => {
            let kept = object.iter();
            let kept = kept
                .filter_map(|(key, member)| Some((key.clone(), without(member, tree.at(key))?)));
            Value::Object(kept.collect())
        }
        Value::Set(set) => {
            let kept = set.iter().filter_map(|item| without(item, tree.at(item)));
            Value::Set(kept.collect())
        }
        Value::Array(items) => {
            let kept = items.iter().enumerate();
            let kept =
                kept.filter_map(|(at, item)| without(item, tree.at(&Value::from(at.to_string()))));
            Value::Array(kept.collect::<Array>())
        }
        scalar => scalar.clone(),
    })
}

/// `json.filter(object, paths)`: keeps the parts that the paths lead to.
pub(super) fn json_filter(operands: &[Value]) -> Answer {
    object(operands, 0)?;
    give(only(value(operands, 0), &tree(operands)?))
}

/// Selects the parts of a document that the tree names: a filter of Open Policy Agent leaves scalars below a path as they are.
fn only(document: &Value, tree: &KeyTree) -> Value {
    if tree.leaf {
        return document.clone();
    }
    match document {
        Value::Object(object) => {
            let kept = object.iter();
            let kept =
                kept.filter_map(|(key, member)| Some((key.clone(), only(member, tree.at(key)?))));
            Value::Object(kept.collect())
        }
        Value::Set(set) => {
            let kept = set
                .iter()
                .filter_map(|item| Some(only(item, tree.at(item)?)));
            Value::Set(kept.collect())
        }
        Value::Array(items) => {
            let kept = items.iter().enumerate();
            let kept = kept
                .filter_map(|(at, item)| Some(only(item, tree.at(&Value::from(at.to_string()))?)));
            Value::Array(kept.collect::<Array>())
        }
        scalar => scalar.clone(),
    }
}
