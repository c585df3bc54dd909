//! Aggregates, arrays and sets: `count`, `sum`, `sort`, `array.*`, `union` …

use num_bigint::BigInt;

use super::operand::{Answer, Failure, array, elements, give, integer, set, value};
use crate::value::{Number, Set, Value};

/// `count(collection)`: elements, or the letters of a string.
pub(super) fn count(operands: &[Value]) -> Answer {
    let given = value(operands, 0);
    match given {
        Value::String(text) => give(text.chars().count()),
        other => match other.count() {
            Some(count) => give(count),
            None => Err(Failure::wrong_type(
                1,
                given,
                &["array", "object", "set", "string"],
            )),
        },
    }
}

/// Folds numbers: exactly while all are whole, with 64 bits of mantissa otherwise.
fn folded(
    operands: &[Value],
    start: i64,
    exact: fn(BigInt, BigInt) -> BigInt,
    rounded: fn(&[&Number]) -> Number,
) -> Answer {
    let items = elements(operands, 0, &["set", "array"])?;
    let whole = value(operands, 0);
    let mut sum = BigInt::from(start);
    let mut all_whole = true;
    for item in items {
        let Some(integer) = item.as_number().and_then(Number::to_bigint) else {
            all_whole = false;
            break;
        };
        sum = exact(sum, integer);
    }
    if all_whole {
        return give(Number::from(sum));
    }
    let mut numbers = Vec::with_capacity(items.len());
    for item in items {
        let Some(number) = item.as_number() else {
            return Err(Failure::wrong_element(1, whole, item, "number"));
        };
        numbers.push(number);
    }
    give(rounded(&numbers))
}

/// `sum(numbers)` of an array or a set: 0 for an empty one.
pub(super) fn sum(operands: &[Value]) -> Answer {
    folded(
        operands,
        0,
        |a, b| a + b,
        |all| Number::sum(all.iter().copied()),
    )
}

/// `product(numbers)` of an array or a set: 1 for an empty one.
pub(super) fn product(operands: &[Value]) -> Answer {
    folded(
        operands,
        1,
        |a, b| a * b,
        |all| Number::product(all.iter().copied()),
    )
}

/// `max(collection)`: the last of equal elements of an array; undefined for an empty collection.
pub(super) fn max(operands: &[Value]) -> Answer {
    let items = elements(operands, 0, &["set", "array"])?;
    items.iter().max().cloned().ok_or(Failure::Undefined)
}

/// `min(collection)`: the last of equal elements of an array; undefined for an empty collection.
pub(super) fn min(operands: &[Value]) -> Answer {
    let items = elements(operands, 0, &["set", "array"])?;
    items.iter().rev().min().cloned().ok_or(Failure::Undefined)
}

/// `sort(collection)`: an array in the order of all values, duplicates kept.
pub(super) fn sort(operands: &[Value]) -> Answer {
    let mut items = elements(operands, 0, &["set", "array"])?.to_vec();
    items.sort();
    give(Value::array(items))
}

/// `all(collection)`: true if each element is `true`, also when there is none.
pub(super) fn all(operands: &[Value]) -> Answer {
    let items = elements(operands, 0, &["array", "set"])?;
    give(items.iter().all(|item| matches!(item, Value::Bool(true))))
}

/// `any(collection)`: true if at least one element is `true`.
pub(super) fn any(operands: &[Value]) -> Answer {
    let items = elements(operands, 0, &["array", "set"])?;
    give(items.iter().any(|item| matches!(item, Value::Bool(true))))
}

/// `element in collection`: false for operands that are not collections.
pub(super) fn member(operands: &[Value]) -> Answer {
    let element = value(operands, 0);
    give(match value(operands, 1) {
        Value::Set(set) => set.contains(element),
        Value::Array(items) => items.contains(element),
        Value::Object(object) => object.values().any(|one| one == element),
        _ => false,
    })
}

/// `key, element in collection`: a set has its elements as keys.
pub(super) fn member_at(operands: &[Value]) -> Answer {
    let (key, element) = (value(operands, 0), value(operands, 1));
    give(match value(operands, 2) {
        Value::Set(set) => key == element && set.contains(key),
        other => other.get(key) == Some(element),
    })
}

pub(super) fn concat(operands: &[Value]) -> Answer {
    let (first, second) = (array(operands, 0)?, array(operands, 1)?);
    if first.is_empty() {
        return give(value(operands, 1).clone());
    }
    if second.is_empty() {
        return give(value(operands, 0).clone());
    }
    give(Value::array(first.iter().chain(second).cloned().collect()))
}

/// `array.flatten(array)`: replaces nested arrays by their elements, one level deep.
pub(super) fn flatten(operands: &[Value]) -> Answer {
    let mut items = Vec::new();
    for item in array(operands, 0)? {
        match item {
            Value::Array(nested) => items.extend(nested.iter().cloned()),
            other => items.push(other.clone()),
        }
    }
    give(Value::array(items))
}

/// `array.slice(array, start, stop)`: bounds are clamped to the array.
pub(super) fn slice(operands: &[Value]) -> Answer {
    let items = array(operands, 0)?;
    let bound = |index: i64| {
        usize::try_from(index.max(0))
            .unwrap_or(usize::MAX)
            .min(items.len())
    };
    let (start, stop) = (bound(integer(operands, 1)?), bound(integer(operands, 2)?));
    give(Value::array(
        items.get(start..stop).unwrap_or_default().to_vec(),
    ))
}

pub(super) fn reverse(operands: &[Value]) -> Answer {
    give(Value::array(
        array(operands, 0)?.iter().rev().cloned().collect(),
    ))
}

pub(super) fn and(operands: &[Value]) -> Answer {
    give(set(operands, 0)?.intersection(set(operands, 1)?))
}

pub(super) fn or(operands: &[Value]) -> Answer {
    give(set(operands, 0)?.union(set(operands, 1)?))
}

pub(super) fn difference(operands: &[Value]) -> Answer {
    give(set(operands, 0)?.difference(set(operands, 1)?))
}

fn sets<'a>(operands: &'a [Value]) -> Result<Vec<&'a Set>, Failure> {
    let one = |item: &'a Value| {
        item.as_set()
            .ok_or_else(|| Failure::wrong_type(1, item, &["set"]))
    };
    set(operands, 0)?.iter().map(one).collect()
}

pub(super) fn intersection(operands: &[Value]) -> Answer {
    let mut sets = sets(operands)?.into_iter();
    let first = sets.next().cloned().unwrap_or_default();
    give(sets.fold(first, |found, set| found.intersection(set)))
}

pub(super) fn union(operands: &[Value]) -> Answer {
    let sets = sets(operands)?;
    give(sets.into_iter().flatten().cloned().collect::<Set>())
}
