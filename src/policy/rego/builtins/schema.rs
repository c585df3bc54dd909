//! `json.match_schema` and `json.verify_schema` with the messages of the reference implementation's validator.
//!
//! As there, references outside of the schema and patterns with a look-ahead are refused.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use jsonschema::{
    Draft, Retrieve, Uri, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use regorus::Value;
use serde_json::{Value as Json, json};

use super::from_json;

/// How many compiled schemas are kept.
const KEPT: usize = 64;

/// A compiled schema with the document it came from.
struct Compiled {
    validator: Validator,
    document: Json,
}

/// Compiled schemas by the identity of the value they came from: they take longer to compile than to use.
static COMPILED: Mutex<Vec<(Value, Arc<Compiled>)>> = Mutex::new(Vec::new());

/// `json.match_schema(document, schema)`: `[matches, errors]`.
pub(super) fn match_schema(arguments: &[Value]) -> Value {
    let [document, schema] = arguments else {
        return Value::Undefined;
    };
    if !matches!(
        document,
        Value::String(_) | Value::Object(_) | Value::Array(_)
    ) {
        return Value::Undefined;
    }
    let (Some(document), Ok(schema)) = (to_json(document), compiled(schema)) else {
        return Value::Undefined;
    };
    let mut errors = Vec::new();
    let found: Vec<_> = schema.validator.iter_errors(&document).collect();
    for error in telling(&found) {
        report(error, &schema.document, &mut errors);
    }
    from_json(json!([errors.is_empty(), errors]))
}

/// `json.verify_schema(schema)`: `[valid, error]`.
pub(super) fn verify_schema(arguments: &[Value]) -> Value {
    let Some(schema) = arguments.first() else {
        return Value::Undefined;
    };
    from_json(match compiled(schema) {
        Ok(_) => json!([true, null]),
        Err(error) => json!([false, error]),
    })
}

/// The JSON document in a string, or the value as JSON.
fn to_json(value: &Value) -> Option<Json> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        other => serde_json::to_value(other).ok(),
    }
}

fn compiled(schema: &Value) -> Result<Arc<Compiled>, String> {
    let same = |known: &Value| match (known, schema) {
        (Value::Object(known), Value::Object(schema)) => Arc::ptr_eq(known, schema),
        _ => false,
    };
    let kept = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = kept().iter().find(|(known, _)| same(known)) {
        return Ok(Arc::clone(found));
    }
    // Of a list the reference implementation says something else by now; Conforma's tests want this.
    if !matches!(schema, Value::Object(_) | Value::String(_)) {
        return Err("jsonschema: wrong type, expected string or object".to_owned());
    }
    let document = to_json(schema).ok_or("jsonschema: invalid JSON string")?;
    if !document.is_object() {
        return Err("jsonschema: schema is invalid".to_owned());
    }
    if !patterns_are_valid(&document, false) {
        return Err("jsonschema: pattern must be a valid regex".to_owned());
    }
    let mut embedded = HashMap::new();
    collect_ids(&document, &mut embedded);
    let mut options = jsonschema::options().should_validate_formats(true);
    if document.get("$schema").is_none() {
        // The reference implementation takes a schema without a version for an older one.
        options = options.with_draft(Draft::Draft7);
    }
    let built = options.with_retriever(Embedded(embedded)).build(&document);
    let validator = built.map_err(|error| format!("jsonschema: {error}"))?;
    let compiled = Arc::new(Compiled {
        validator,
        document,
    });
    let mut kept = kept();
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push((schema.clone(), Arc::clone(&compiled)));
    Ok(compiled)
}

/// Whether every `pattern` keyword is a linear-time regular expression.
fn patterns_are_valid(schema: &Json, names: bool) -> bool {
    match schema {
        Json::Object(members) => {
            let pattern = members.get("pattern").and_then(Json::as_str);
            let invalid = |pattern: &str| regex::Regex::new(pattern).is_err();
            let own = names || !pattern.is_some_and(invalid);
            own && members.iter().all(|(key, member)| {
                let holds_names = ["properties", "definitions", "$defs", "patternProperties"];
                patterns_are_valid(member, !names && holds_names.contains(&key.as_str()))
            })
        }
        Json::Array(items) => items.iter().all(|item| patterns_are_valid(item, false)),
        _ => true,
    }
}

/// The schemas inside of a schema that have an identifier of their own.
struct Embedded(HashMap<String, Json>);

impl Retrieve for Embedded {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        let found = self.0.get(uri.as_str()).cloned();
        found.ok_or_else(|| format!("remote schema {uri} is not allowed").into())
    }
}

fn collect_ids(schema: &Json, found: &mut HashMap<String, Json>) {
    match schema {
        Json::Object(members) => {
            let id = members.get("$id").and_then(Json::as_str);
            if let Some(id) = id.filter(|id| id.contains("://")) {
                found.insert(id.trim_end_matches('#').to_owned(), schema.clone());
            }
            for member in members.values() {
                collect_ids(member, found);
            }
        }
        Json::Array(items) => {
            for item in items {
                collect_ids(item, found);
            }
        }
        _ => {}
    }
}

/// Adds the error, in the words of the reference implementation, with those that caused it.
fn report(error: &ValidationError<'_>, schema: &Json, out: &mut Vec<Json>) {
    let path = error.instance_path().to_string();
    let path = path.trim_start_matches('/');
    let parts = path
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"));
    let field = match path {
        "" => "(Root)".to_owned(),
        _ => parts.collect::<Vec<_>>().join("."),
    };
    for (kind, text) in described(error, &field, schema) {
        let whole = format!("{field}: {text}");
        out.push(json!({"error": whole, "type": kind, "field": field, "desc": text}));
    }
    match error.kind() {
        Kind::OneOfNotValid { context } | Kind::AnyOf { context } => {
            for cause in telling(closest(context)) {
                report(cause, schema, out);
            }
        }
        _ => {}
    }
}

/// The errors without those that a schema has beside a wrong type: the reference implementation stops there.
fn telling<'e, 'd>(
    errors: &'e [ValidationError<'d>],
) -> impl Iterator<Item = &'e ValidationError<'d>> {
    let place = |error: &ValidationError<'_>| {
        let keyword = error.schema_path().as_str().to_owned();
        let schema = keyword
            .rsplit_once('/')
            .map(|(schema, _)| schema.to_owned());
        (error.instance_path().to_string(), schema)
    };
    let typed = |error: &&ValidationError<'_>| matches!(error.kind(), Kind::Type { .. });
    let wrong: BTreeSet<_> = errors.iter().filter(typed).map(place).collect();
    errors
        .iter()
        .filter(move |error| typed(error) || !wrong.contains(&place(error)))
}

/// The kind and the text of an error; some become several.
fn described(
    error: &ValidationError<'_>,
    field: &str,
    schema: &Json,
) -> Vec<(&'static str, String)> {
    let least = "must be greater than or equal to";
    let most = "must be less than or equal to";
    let one = match error.kind() {
        Kind::Type { kind } => ("invalid_type", wrong_type(kind, error, schema)),
        Kind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            if error.schema_path().as_str().contains("/dependencies/") {
                (
                    "missing_dependency",
                    format!("Has a dependency on {property}"),
                )
            } else {
                ("required", format!("{property} is required"))
            }
        }
        Kind::MultipleOf { multiple_of } => (
            "multiple_of",
            format!("Must be a multiple of {multiple_of}"),
        ),
        Kind::FalseSchema => ("false", "False always fails validation".to_owned()),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let text = |name: &String| format!("Additional property {name} is not allowed");
            let each = unexpected.iter().map(text);
            return each
                .map(|text| ("additional_property_not_allowed", text))
                .collect();
        }
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let options: Vec<_> = options.iter().map(Json::to_string).collect();
            let options = options.join(", ");
            (
                "enum",
                format!("{field} must be one of the following: {options}"),
            )
        }
        Kind::Constant { expected_value } => {
            ("const", format!("{field} does not match: {expected_value}"))
        }
        Kind::UniqueItems => return repeated(error.instance().as_ref()),
        Kind::Pattern { pattern } => ("pattern", format!("Does not match pattern '{pattern}'")),
        Kind::Format { format } => ("format", format!("Does not match format '{format}'")),
        Kind::MinItems { limit } => (
            "array_min_items",
            format!("Array must have at least {limit} items"),
        ),
        Kind::MaxItems { limit } => (
            "array_max_items",
            format!("Array must have at most {limit} items"),
        ),
        Kind::MinLength { limit } => ("string_gte", format!("String length {least} {limit}")),
        Kind::MaxLength { limit } => ("string_lte", format!("String length {most} {limit}")),
        Kind::Minimum { limit } => (
            "number_gte",
            format!("Must be greater than or equal to {limit}"),
        ),
        Kind::Maximum { limit } => (
            "number_lte",
            format!("Must be less than or equal to {limit}"),
        ),
        Kind::ExclusiveMinimum { limit } => ("number_gt", format!("Must be greater than {limit}")),
        Kind::ExclusiveMaximum { limit } => ("number_lt", format!("Must be less than {limit}")),
        Kind::MinProperties { limit } => (
            "array_min_properties",
            format!("Must have at least {limit} properties"),
        ),
        Kind::MaxProperties { limit } => (
            "array_max_properties",
            format!("Must have at most {limit} properties"),
        ),
        Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. } => (
            "number_one_of",
            "Must validate one and only one schema (oneOf)".to_owned(),
        ),
        Kind::AnyOf { .. } => (
            "number_any_of",
            "Must validate at least one schema (anyOf)".to_owned(),
        ),
        Kind::Not { .. } => (
            "number_not",
            "Must not validate the schema (not)".to_owned(),
        ),
        Kind::Contains => (
            "contains",
            "At least one of the items must match".to_owned(),
        ),
        Kind::PropertyNames { error } => {
            let name = error.instance().to_string();
            (
                "invalid_property_name",
                format!("Property name of {name} does not match"),
            )
        }
        Kind::AdditionalItems { .. } => (
            "array_no_additional_items",
            "No additional items allowed on array".to_owned(),
        ),
        _ => ("invalid", error.to_string()),
    };
    vec![one]
}

fn wrong_type(kind: &TypeKind, error: &ValidationError<'_>, schema: &Json) -> String {
    let expected = match kind {
        TypeKind::Single(expected) => expected.to_string(),
        // The order of the schema is the order of the message.
        TypeKind::Multiple(expected) => {
            let listed = schema.pointer(error.schema_path().as_str());
            let listed = listed.and_then(Json::as_array).into_iter().flatten();
            let mut listed: Vec<_> = listed.filter_map(Json::as_str).map(str::to_owned).collect();
            if listed.is_empty() {
                listed = expected
                    .iter()
                    .map(|expected| expected.to_string())
                    .collect();
            }
            format!("[{}]", listed.join(","))
        }
    };
    let given = match error.instance().as_ref() {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.as_f64().is_none_or(|n| n.fract() == 0.0) => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    format!("Invalid type. Expected: {expected}, given: {given}")
}

/// One error for each pair of equal items.
fn repeated(items: &Json) -> Vec<(&'static str, String)> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut errors = Vec::new();
    for (second, item) in items.iter().enumerate() {
        let before = items.iter().take(second).enumerate();
        for (first, _) in before.filter(|(_, other)| *other == item) {
            let text = format!("array items[{first},{second}] must be unique");
            errors.push(("unique", text));
        }
    }
    errors
}

/// The alternative that got furthest: its errors are the ones to show.
fn closest<'a>(
    alternatives: &'a [Vec<ValidationError<'static>>],
) -> &'a [ValidationError<'static>] {
    let score = |errors: &Vec<ValidationError<'static>>| {
        let depth =
            |error: &ValidationError<'_>| error.instance_path().to_string().matches('/').count();
        let deepest = errors.iter().map(depth).max().unwrap_or(0);
        let typed = errors
            .iter()
            .any(|error| matches!(error.kind(), Kind::Type { .. }));
        (deepest, !typed)
    };
    let best = alternatives.iter().rev().max_by_key(|errors| score(errors));
    best.map(Vec::as_slice).unwrap_or_default()
}
