//! Values of Rego: JSON and sets, cheap to clone, in OPA's total order.
//!
//! A value that does not exist (undefined) is not a [`Value`]: functions that may have no answer
//! return an `Option` or an error.

mod compare;
mod convert;
mod decimal;
mod float;
mod json;
mod number;
mod object;
mod set;
mod shared;
mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use json::JsonError;
pub use number::Number;
pub use object::{Object, ObjectBuilder};
pub use set::{Set, SetBuilder};
pub use shared::Array;
pub use text::quoted;

/// A value of Rego. Composite values are shared: a clone copies a pointer.
///
/// Values are ordered as in OPA: null, booleans, numbers, strings, arrays, objects, sets.
/// `1` and `1.0` are equal and keep their own text.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(Arc<str>),
    Array(Array),
    Object(Object),
    Set(Set),
}

impl Value {
    pub fn string(text: &str) -> Value {
        Value::String(Arc::from(text))
    }

    /// Returns an array of the given items.
    pub fn array(items: Vec<Value>) -> Value {
        Value::Array(Array::from(items))
    }

    /// Returns a set of the given items, in any order and with duplicates.
    pub fn set(items: Vec<Value>) -> Value {
        Value::Set(items.into_iter().collect())
    }

    /// Returns an object of the given entries; the last of two entries with equal keys is kept.
    pub fn object(entries: Vec<(Value, Value)>) -> Value {
        Value::Object(entries.into_iter().collect())
    }

    /// Returns the name of the type, as the builtin `type_name` returns it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Set(_) => "set",
        }
    }

    /// Returns the element at a key: of an array by index, of an object by key, of a set the
    /// key as it was given: `1.0` for the element `1`.
    pub fn get<'a>(&'a self, key: &'a Value) -> Option<&'a Value> {
        match self {
            Value::Array(items) => {
                let Value::Number(number) = key else {
                    return None;
                };
                items.get(usize::try_from(number.as_i64()?).ok()?)
            }
            Value::Object(object) => object.get(key),
            Value::Set(set) => set.contains(key).then_some(key),
            _ => None,
        }
    }

    /// Returns the value of an object's member by name.
    pub fn member(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(object) => object.get_str(name),
            _ => None,
        }
    }

    /// Returns the number of elements of a collection.
    pub fn count(&self) -> Option<usize> {
        match self {
            Value::Array(items) => Some(items.len()),
            Value::Object(object) => Some(object.len()),
            Value::Set(set) => Some(set.len()),
            _ => None,
        }
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn as_set(&self) -> Option<&Set> {
        match self {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }

    /// Estimates the bytes that this value adds when it is made, without what it shares.
    pub fn shallow_bytes(&self) -> usize {
        let entry = size_of::<Value>();
        entry
            + match self {
                Value::Null | Value::Bool(_) => 0,
                Value::Number(number) => number.extra_bytes(),
                Value::String(text) => text.len(),
                Value::Array(items) => items.len() * entry,
                Value::Object(object) => object.len() * entry * 2,
                Value::Set(set) => set.len() * entry,
            }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(Arc::from(text))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Number(Number::from(value))
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Value {
        Value::Number(Number::from(value))
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        Value::Number(number)
    }
}

impl From<Array> for Value {
    fn from(items: Array) -> Value {
        Value::Array(items)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object)
    }
}

impl From<Set> for Value {
    fn from(set: Set) -> Value {
        Value::Set(set)
    }
}
