//! `json.match_schema` and `json.verify_schema`: JSON Schema, drafts 4, 6 and 7, with the errors of the
//! validator of Open Policy Agent. References outside of the schema are refused.

mod check;
mod format;
mod keywords;
mod number;
mod parse;
mod reference;
mod scalars;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::operand::{Answer, Failure, give, value};
use crate::value::{Array, Value};

use parse::Schema;

/// Number of compiled schemas that are cached.
const KEPT: usize = 64;

/// Parsed schemas by their source: parsing one takes longer than applying it.
type Compiled = HashMap<Value, Arc<Schema>>;

static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

/// Returns the JSON document of an operand: a string is parsed, an array or object is used as it is.
fn document(given: &Value) -> Result<Value, String> {
    match given {
        Value::String(text) => Value::from_json(text).map_err(|_| "invalid JSON string".to_owned()),
        Value::Object(_) | Value::Array(_) => Ok(as_json(given)),
        _ => Err("wrong type, expected string or object".to_owned()),
    }
}

/// Returns the value with arrays in place of sets and strings as keys.
fn as_json(value: &Value) -> Value {
    match value {
        Value::Set(items) => Value::Array(items.iter().map(as_json).collect()),
        Value::Array(items) => Value::Array(items.iter().map(as_json).collect::<Array>()),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| {
                let name = match name {
                    Value::String(_) => name.clone(),
                    other => Value::from(other.to_json()),
                };
                (name, as_json(member))
            });
            Value::Object(members.collect())
        }
        scalar => scalar.clone(),
    }
}

fn schema(given: &Value) -> Result<Arc<Schema>, String> {
    let kept = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = kept().get(given) {
        return Ok(Arc::clone(found));
    }
    // Newer versions report a list as an invalid schema; Conforma's tests expect this.
    if matches!(given, Value::Array(_)) {
        return Err("wrong type, expected string or object".to_owned());
    }
    let read = Arc::new(Schema::parse(&document(given)?)?);
    let mut kept = kept();
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(given.clone(), Arc::clone(&read));
    Ok(read)
}

/// `json.verify_schema(schema)`: `[valid, error]`, where the error of a valid schema is `null`.
pub(super) fn verify_schema(operands: &[Value]) -> Answer {
    let (valid, reason) = match schema(value(operands, 0)) {
        Ok(_) => (true, Value::Null),
        Err(reason) => (false, Value::from(format!("jsonschema: {reason}"))),
    };
    give(Value::array(vec![Value::Bool(valid), reason]))
}

/// `json.match_schema(document, schema)`: `[matches, errors]`, an object for each error.
pub(super) fn match_schema(operands: &[Value]) -> Answer {
    let document = document(value(operands, 0)).map_err(Failure::new)?;
    let schema = schema(value(operands, 1)).map_err(Failure::new)?;
    let errors = schema.check(&document)?;
    let shown = errors.iter().map(|error| {
        super::keys::fields([
            (
                "error",
                Value::from(format!("{}: {}", error.field, error.text)),
            ),
            ("type", Value::from(error.kind)),
            ("field", Value::from(error.field.as_str())),
            ("desc", Value::from(error.text.as_str())),
        ])
    });
    give(Value::array(vec![
        Value::Bool(errors.is_empty()),
        Value::array(shown.collect()),
    ]))
}
