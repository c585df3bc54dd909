//! Conversions from `serde_json` values and back.

use std::str::FromStr as _;
use std::sync::Arc;

use serde_json::Value as Json;

use super::json::member_name;
use super::{Number, ObjectBuilder, Value};

impl From<&Json> for Value {
    fn from(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Value::from(integer),
                None => Value::Number(read(number)),
            },
            Json::String(text) => Value::String(Arc::from(text.as_str())),
            Json::Array(items) => Value::array(items.iter().map(Value::from).collect()),
            Json::Object(members) => {
                let mut object = ObjectBuilder::with_capacity(members.len());
                for (name, value) in members {
                    object.insert(Value::string(name), Value::from(value));
                }
                Value::Object(object.finish())
            }
        }
    }
}

/// The text of a number in `serde_json` is JSON, so it is always read.
fn read(number: &serde_json::Number) -> Number {
    Number::parse(&number.to_string()).unwrap_or_else(|| Number::from(0i64))
}

impl From<&Value> for Json {
    /// Returns the value as OPA writes it in JSON: sets as arrays in order, keys as text. A number
    /// that `serde_json` cannot hold is the nearest one that it can.
    fn from(value: &Value) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => written(number),
            Value::String(text) => Json::String(text.to_string()),
            Value::Array(items) => items.iter().map(Json::from).collect(),
            Value::Set(items) => items.iter().map(Json::from).collect(),
            Value::Object(object) => {
                let members = object
                    .iter()
                    .map(|(key, value)| (member_name(key).into_owned(), Json::from(value)));
                Json::Object(members.collect())
            }
        }
    }
}

fn written(number: &Number) -> Json {
    if let Some(small) = number.small() {
        return Json::from(small);
    }
    let text = number.to_string();
    if let Ok(integer) = text.parse::<i64>() {
        return Json::from(integer);
    }
    match serde_json::Number::from_str(&text) {
        Ok(number) => Json::Number(number),
        Err(_) => Json::from(f64::MAX.copysign(number.to_f64())),
    }
}
