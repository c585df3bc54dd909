//! Applies JSON patches (RFC 6902), with negative indices as kustomize's library allows them.

use super::value::Value;

/// Applies every operation in order.
///
/// # Errors
/// The reason for which kustomize would fail.
pub(crate) fn apply(target: &mut Value, operations: &[Value]) -> Result<(), String> {
    for operation in operations {
        let text = |key: &str| operation.get(key).and_then(Value::text);
        let op = text("op").ok_or("an operation has no op")?;
        let path = text("path").ok_or("an operation has no path")?;
        let value = || {
            operation
                .get("value")
                .cloned()
                .ok_or_else(|| format!("{op} {path} has no value"))
        };
        match op {
            "add" => add(target, path, value()?)?,
            "replace" => {
                let place = find(target, path).ok_or_else(|| missing(path))?;
                *place = value()?;
            }
            "remove" => {
                remove(target, path)?;
            }
            "test" => {
                let wanted = value()?;
                let found = find(target, path).ok_or_else(|| missing(path))?;
                if !found.same(&wanted) {
                    return Err(format!("the test of {path} fails"));
                }
            }
            "move" => {
                let from = text("from").ok_or("a move has no from")?;
                let moved = remove(target, from)?;
                add(target, path, moved)?;
            }
            "copy" => {
                let from = text("from").ok_or("a copy has no from")?;
                let copied = find(target, from).ok_or_else(|| missing(from))?.clone();
                add(target, path, copied)?;
            }
            other => return Err(format!("{other} is not an operation")),
        }
    }
    Ok(())
}

fn missing(path: &str) -> String {
    format!("nothing at {path}")
}

fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn index(part: &str, length: usize) -> Option<usize> {
    match part.strip_prefix('-') {
        Some(back) => length.checked_sub(back.parse().ok()?),
        None => part.parse().ok(),
    }
}

fn find<'a>(target: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut at = target;
    if path.is_empty() {
        return Some(at);
    }
    for part in path.strip_prefix('/')?.split('/') {
        let part = unescaped(part);
        at = match at {
            Value::Map(_) => at.get_mut(&part)?,
            Value::List(items) => {
                let place = index(&part, items.len())?;
                items.get_mut(place)?
            }
            Value::Scalar(_) => return None,
        };
    }
    Some(at)
}

fn parent<'a, 'p>(target: &'a mut Value, path: &'p str) -> Option<(&'a mut Value, &'p str)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((find(target, parent)?, last))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let (parent, last) = parent(target, path).ok_or_else(|| missing(path))?;
    match parent {
        Value::Map(_) => parent.set(&unescaped(last), value),
        Value::List(items) => {
            let place = if last == "-" {
                Some(items.len())
            } else {
                index(last, items.len() + 1)
            };
            match place.filter(|place| *place <= items.len()) {
                Some(place) => items.insert(place, value),
                None => return Err(missing(path)),
            }
        }
        Value::Scalar(_) => return Err(missing(path)),
    }
    Ok(())
}

fn remove(target: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, last) = parent(target, path).ok_or_else(|| missing(path))?;
    let removed = match parent {
        Value::Map(_) => parent.remove(&unescaped(last)),
        Value::List(items) => {
            let place = index(last, items.len()).filter(|place| *place < items.len());
            place.map(|place| items.remove(place))
        }
        Value::Scalar(_) => None,
    };
    removed.ok_or_else(|| missing(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitops::graph::value::load;

    fn patched(patch: &str) -> Result<Value, String> {
        let mut target = load("f", "{a: {b: [x, y]}, c/d: 1}").unwrap().remove(0);
        let patch = load("p", patch).unwrap().remove(0);
        apply(&mut target, patch.items())?;
        Ok(target)
    }

    #[test]
    fn applies_each_operation() {
        for (patch, expected) in [
            (
                "[{op: replace, path: /a/b/0, value: z}]",
                "{a: {b: [z, y]}, c/d: 1}",
            ),
            (
                "[{op: add, path: /a/b/0, value: z}]",
                "{a: {b: [z, x, y]}, c/d: 1}",
            ),
            (
                "[{op: add, path: /a/b/-, value: z}]",
                "{a: {b: [x, y, z]}, c/d: 1}",
            ),
            (
                "[{op: replace, path: /a/b/-1, value: z}]",
                "{a: {b: [x, z]}, c/d: 1}",
            ),
            ("[{op: remove, path: /c~1d}]", "{a: {b: [x, y]}}"),
            (
                "[{op: test, path: /a/b/1, value: y}, {op: add, path: /e, value: 2}]",
                "{a: {b: [x, y]}, c/d: 1, e: 2}",
            ),
            (
                "[{op: move, from: /c~1d, path: /f}]",
                "{a: {b: [x, y]}, f: 1}",
            ),
            (
                "[{op: copy, from: /c~1d, path: /f}]",
                "{a: {b: [x, y]}, c/d: 1, f: 1}",
            ),
        ] {
            let expected = load("e", expected).unwrap().remove(0);
            assert!(patched(patch).unwrap().same(&expected), "{patch}");
        }
        for wrong in [
            "[{op: replace, path: /x, value: 1}]",
            "[{op: remove, path: /a/b/7}]",
            "[{op: test, path: /a/b/0, value: y}]",
            "[{op: add, path: /x/y, value: 1}]",
            "[{path: /x}]",
        ] {
            assert!(patched(wrong).is_err(), "{wrong}");
        }
    }
}
