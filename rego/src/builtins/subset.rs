//! `object.subset`: tests if one collection is within another.

use crate::value::{Object, Value};

/// Of two objects each member in depth, of two sets each element, of two arrays a run, of an array
/// and a set each element; nothing for other pairs.
pub(super) fn subset(whole: &Value, part: &Value) -> Option<bool> {
    Some(match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => members(whole, part),
        (Value::Set(whole), Value::Set(part)) => part.iter().all(|one| whole.contains(one)),
        (Value::Array(whole), Value::Array(part)) => run(whole, part),
        (Value::Array(whole), Value::Set(part)) => covers(whole, part),
        _ => return None,
    })
}

fn members(whole: &Object, part: &Object) -> bool {
    part.iter().all(|(key, part)| {
        let Some(whole) = whole.get(key) else {
            return false;
        };
        if whole == part {
            return true;
        }
        match (whole, part) {
            (Value::Object(_), Value::Object(_))
            | (Value::Set(_), Value::Set(_))
            | (Value::Array(_), Value::Array(_)) => subset(whole, part).unwrap_or(false),
            _ => false,
        }
    })
}

/// Tells if a part follows in the whole; as in OPA, a match that breaks off begins again one further.
fn run(whole: &[Value], part: &[Value]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|run| run == part)
}

/// Tells if the items of an array are all of the set; an empty array covers nothing, not even an empty set.
fn covers(whole: &[Value], part: &crate::value::Set) -> bool {
    let mut missing = part.len();
    for item in whole {
        if part.contains(item) {
            missing = missing.wrapping_sub(1);
        }
        if missing == 0 {
            return true;
        }
    }
    false
}
