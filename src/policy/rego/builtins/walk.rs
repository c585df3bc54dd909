//! `walk`, as one list: the engine's own takes variables that it binds for unbound ones afterwards.

use regorus::Value;

/// `walk(x)`: every document in a document, itself first, each with the path that leads to it.
pub(super) fn walk(arguments: &[Value]) -> Value {
    let [document] = arguments else {
        return Value::Undefined;
    };
    let mut found = Vec::new();
    collect(document, &mut Vec::new(), &mut found);
    Value::from(found)
}

fn collect(document: &Value, path: &mut Vec<Value>, found: &mut Vec<Value>) {
    let here = Value::from(path.clone());
    found.push(Value::from(vec![here, document.clone()]));
    let mut below = |key: Value, member: &Value| {
        path.push(key);
        collect(member, path, found);
        path.pop();
    };
    match document {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                below(Value::from(at), item);
            }
        }
        Value::Set(items) => items.iter().for_each(|item| below(item.clone(), item)),
        Value::Object(members) => {
            for (key, member) in members.iter() {
                below(key.clone(), member);
            }
        }
        _ => {}
    }
}
