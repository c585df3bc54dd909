//! Parses the elements of the values of rules: messages, or objects with a message.

use serde_json::Value;

use super::{
    super::{finding::RuleFinding, metadata::Metadata},
    Error,
};

/// Parses one element of a rule's value.
///
/// # Errors
/// [`Error::Result`] for an element that is neither a message nor an object with one.
pub(super) fn finding(element: &Value, rule: &str) -> Result<RuleFinding, Error> {
    let wrong = || Error::Result {
        rule: rule.to_owned(),
        given: kind(element),
    };
    match element {
        Value::String(msg) => Ok(RuleFinding {
            msg: msg.clone(),
            metadata: Metadata::default(),
            location: None,
        }),
        Value::Object(members) => {
            let msg = members
                .get("msg")
                .and_then(Value::as_str)
                .ok_or_else(wrong)?;
            let metadata = members
                .iter()
                .filter(|(member, _)| !matches!(member.as_str(), "msg" | "_loc"))
                .map(|(member, value)| (member.clone(), value.clone()));
            Ok(RuleFinding {
                msg: msg.to_owned(),
                metadata: metadata.collect(),
                location: None,
            })
        }
        _ => Err(wrong()),
    }
}

/// Returns the type of a value, as error messages name it.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object without the text msg",
    }
}
