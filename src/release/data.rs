//! Merges the data of a Release, its plan and its admission.
//!
//! The later document wins: Release, then ReleasePlan, then ReleasePlanAdmission. Objects are
//! merged member by member; a scalar is replaced, but not by null; `false` is a value. Lists of
//! components are merged by name and version, repositories by URL, other lists are united.

use serde_json::{Map, Value};

use super::{Error, kind};

/// Merges documents in the order of increasing precedence; each has the name of its object.
///
/// # Errors
/// [`Error::Shape`] for a document that is not an object, [`Error::Merge`] where two documents
/// have different kinds of values at one place.
pub(crate) fn merge(documents: &[(String, Value)]) -> Result<Value, Error> {
    let mut merged = Value::Object(Map::new());
    for (name, document) in documents {
        match document {
            Value::Null => {}
            Value::Object(_) => add(&mut merged, document, "data", name)?,
            other => {
                return Err(Error::Shape {
                    object: name.clone(),
                    member: "spec.data".to_owned(),
                    found: kind(other),
                    expected: "an object",
                });
            }
        }
    }
    Ok(merged)
}

fn add(base: &mut Value, over: &Value, path: &str, document: &str) -> Result<(), Error> {
    match (&mut *base, over) {
        (_, Value::Null) => Ok(()),
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                match base.get_mut(key) {
                    Some(present) => add(present, value, &format!("{path}.{key}"), document)?,
                    None => drop(base.insert(key.clone(), value.clone())),
                }
            }
            Ok(())
        }
        (Value::Array(base), Value::Array(over)) => {
            for item in over {
                match base.iter_mut().find(|present| same(present, item)) {
                    Some(present) => add(present, item, &format!("{path}[]"), document)?,
                    None => base.push(item.clone()),
                }
            }
            Ok(())
        }
        (Value::Null, over) => {
            *base = over.clone();
            Ok(())
        }
        (base, over) if is_container(base) || is_container(over) => Err(Error::Merge {
            member: path.to_owned(),
            first: kind(base),
            second: kind(over),
            document: document.to_owned(),
        }),
        (base, over) => {
            *base = over.clone();
            Ok(())
        }
    }
}

/// Tells whether two entries of a list are the same: equal, of one name and version, or of one URL.
fn same(first: &Value, second: &Value) -> bool {
    let member = |value: &Value, name: &str| value.get(name).filter(|v| v.is_string()).cloned();
    let identity = |value: &Value| match member(value, "name") {
        Some(name) => Some((name, member(value, "version"))),
        None => member(value, "url").map(|url| (url, None)),
    };
    first == second || identity(first).is_some_and(|found| Some(found) == identity(second))
}

fn is_container(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(documents: &[Value]) -> Result<Value, Error> {
        let named = documents.iter().enumerate();
        let named: Vec<_> = named
            .map(|(number, document)| (format!("document {number}"), document.clone()))
            .collect();
        merge(&named)
    }

    #[test]
    fn the_later_document_wins_and_false_survives() {
        let plan = json!({"mapping": {"components": [{"name": "web", "public": true,
            "repositories": [{"url": "q.io/o/web", "tags": ["a", "plan"]}]}]}});
        let admission = json!({"mapping": {"components": [{"name": "web", "public": false,
            "repositories": [{"url": "q.io/o/web", "tags": ["a", "admission"]}]}],
            "defaults": {"tags": null}}});
        assert_eq!(
            merged(&[plan, admission]).unwrap(),
            json!({"mapping": {"components": [{"name": "web", "public": false,
                "repositories": [{"url": "q.io/o/web", "tags": ["a", "plan", "admission"]}]}],
                "defaults": {"tags": null}}})
        );
    }

    #[test]
    fn versions_of_a_component_stay_apart() {
        let one = json!({"components": [{"name": "web", "version": "v1", "x": 1}]});
        let two = json!({"components": [{"name": "web", "version": "v2", "x": 2}]});
        let both = merged(&[one, two]).unwrap();
        assert_eq!(both["components"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn null_changes_nothing_and_other_kinds_are_an_error() {
        let base = json!({"a": 1, "b": {"c": 2}});
        assert_eq!(merged(&[base.clone(), Value::Null]).unwrap(), base);
        let null = json!({"a": null, "b": null});
        assert_eq!(merged(&[base.clone(), null]).unwrap(), base);
        for other in [json!({"b": [1]}), json!({"a": {"x": 1}}), json!({"b": 1})] {
            let error = merged(&[base.clone(), other]).unwrap_err();
            assert!(matches!(error, Error::Merge { .. }), "{error}");
        }
        assert!(matches!(
            merged(&[json!([])]).unwrap_err(),
            Error::Shape { .. }
        ));
    }
}
