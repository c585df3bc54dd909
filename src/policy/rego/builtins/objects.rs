//! `object.subset`: the engine breaks down at an empty array and compares what cannot be compared.

use regorus::Value;

/// `object.subset(super, sub)`: of two objects each member in depth, of two sets each element, of two
/// arrays a run, of an array and a set each element.
pub(super) fn subset(arguments: &[Value]) -> Value {
    let [whole, part] = arguments else {
        return Value::Undefined;
    };
    within(whole, part).map_or(Value::Undefined, Value::from)
}

fn within(whole: &Value, part: &Value) -> Option<bool> {
    Some(match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, part)| {
            let whole = whole.get(key);
            whole.is_some_and(|whole| within(whole, part).unwrap_or(whole == part))
        }),
        (Value::Set(whole), Value::Set(part)) => part.is_subset(whole),
        (Value::Array(whole), Value::Set(part)) => {
            part.iter().all(|one| whole.iter().any(|own| own == one))
        }
        (Value::Array(whole), Value::Array(part)) => {
            let (whole, part) = (whole.as_slice(), part.as_slice());
            part.is_empty() || whole.windows(part.len()).any(|run| run == part)
        }
        _ => return None,
    })
}
