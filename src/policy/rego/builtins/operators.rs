//! What operators give: undefined for operands that they are not made for.

use regorus::Value;

/// `a + b` of two numbers.
pub(super) fn plus(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Number(left), Value::Number(right)] => {
            left.add(right).map_or(Value::Undefined, Value::Number)
        }
        _ => Value::Undefined,
    }
}

/// `a - b` of two numbers or sets.
pub(super) fn minus(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Number(left), Value::Number(right)] => {
            left.sub(right).map_or(Value::Undefined, Value::Number)
        }
        [Value::Set(left), Value::Set(right)] => Value::from(left.difference(right)),
        _ => Value::Undefined,
    }
}

/// `a * b` of two numbers.
pub(super) fn times(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Number(left), Value::Number(right)] => {
            left.mul(right).map_or(Value::Undefined, Value::Number)
        }
        _ => Value::Undefined,
    }
}

/// `a / b` of two numbers, the second not zero.
pub(super) fn divided(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Number(left), zero @ Value::Number(right)] if *zero != Value::from(0) => left
            .clone()
            .divide(right)
            .map_or(Value::Undefined, Value::Number),
        _ => Value::Undefined,
    }
}

/// `a % b` of two whole numbers, the second not zero.
pub(super) fn remainder(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Number(left), zero @ Value::Number(right)]
            if *zero != Value::from(0) && left.is_integer() && right.is_integer() =>
        {
            let left = left.clone();
            left.modulo(right).map_or(Value::Undefined, Value::Number)
        }
        _ => Value::Undefined,
    }
}

/// `a | b` of two sets.
pub(super) fn union(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Set(left), Value::Set(right)] => Value::from(left.union(right)),
        _ => Value::Undefined,
    }
}

/// `a & b` of two sets.
pub(super) fn intersection(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Set(left), Value::Set(right)] => Value::from(left.intersection(right)),
        _ => Value::Undefined,
    }
}

/// The value itself.
pub(super) fn same(arguments: &[Value]) -> Value {
    arguments.first().cloned().unwrap_or(Value::Undefined)
}

/// `element in list`.
pub(super) fn member(arguments: &[Value]) -> Value {
    let [element, list] = arguments else {
        return Value::Undefined;
    };
    Value::from(match list {
        Value::Array(list) => list.iter().any(|one| one == element),
        Value::Object(list) => list.iter().any(|(_, one)| one == element),
        Value::Set(list) => list.contains(element),
        _ => false,
    })
}

/// `key, element in list`.
pub(super) fn member_at(arguments: &[Value]) -> Value {
    let [key, element, list] = arguments else {
        return Value::Undefined;
    };
    Value::from(match list {
        Value::Array(_) | Value::Object(_) => list[key] == *element,
        Value::Set(list) => key == element && list.contains(element),
        _ => false,
    })
}
