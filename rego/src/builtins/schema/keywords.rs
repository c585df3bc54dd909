//! The keywords of a schema that hold no schemas.

use super::number::normal;
use super::parse::{SchemaNode, TYPES};
use super::reference::Draft;
use crate::builtins::regex::compiled;
use crate::value::{Number, Object, Value};

/// The error of a keyword with a value of another type.
pub(super) fn invalid(expected: &str, given: &str) -> String {
    format!("Invalid type. Expected: {expected}, given: {given}")
}

/// Returns the value of a keyword that must be a string.
pub(super) fn text<'a>(members: &'a Object, name: &str) -> Result<Option<&'a str>, String> {
    match members.get_str(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid("string", name)),
    }
}

/// Returns the value of a keyword that must be a list.
pub(super) fn list<'a>(members: &'a Object, name: &str) -> Result<Option<&'a [Value]>, String> {
    match members.get_str(name) {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(_) => Err(format!("{name} must be of an array")),
    }
}

fn number(members: &Object, name: &str) -> Result<Option<Number>, String> {
    match members.get_str(name) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.clone())),
        Some(_) => Err(format!("{name} must be of a Number")),
    }
}

fn size(members: &Object, name: &str) -> Result<Option<usize>, String> {
    let Some(given) = members.get_str(name) else {
        return Ok(None);
    };
    let number = given.as_number().and_then(Number::as_i64);
    let number = number.ok_or_else(|| format!("{name} must be of an integer"))?;
    let size = usize::try_from(number);
    size.map(Some)
        .map_err(|_| format!("{name} must be greater than or equal to 0"))
}

fn sizes(
    members: &Object,
    least: &str,
    most: &str,
) -> Result<(Option<usize>, Option<usize>), String> {
    Ok((size(members, least)?, size(members, most)?))
}

fn kind(name: &str, known: &[&'static str]) -> Result<&'static str, String> {
    let Some(found) = TYPES.iter().find(|own| **own == name) else {
        let expected = TYPES.join(" ");
        return Err(format!(
            "has a primitive type that is NOT VALID -- given: /{name}/ Expected valid values are:[{expected}]"
        ));
    };
    if known.contains(found) {
        return Err(format!("{found} type is duplicated"));
    }
    Ok(found)
}

/// Reads `type`: a name or a list of names.
pub(super) fn types(members: &Object, node: &mut SchemaNode) -> Result<(), String> {
    let wrong = || invalid("type", "string/Array Of Strings");
    match members.get_str("type") {
        None => {}
        Some(Value::String(name)) => node.types.push(kind(name, &node.types)?),
        Some(Value::Array(names)) => {
            for name in names {
                let name = name.as_str().ok_or_else(wrong)?;
                node.types.push(kind(name, &node.types)?);
            }
        }
        Some(_) => return Err(wrong()),
    }
    Ok(())
}

/// A bound that excludes itself: a number, or in older versions a flag for the other bound.
fn exclusive(
    members: &Object,
    names: (&str, &str),
    draft: Draft,
    bound: &mut Option<Number>,
) -> Result<Option<Number>, String> {
    let (name, other) = names;
    match (members.get_str(name), draft) {
        (None, _) => Ok(None),
        (Some(Value::Bool(flag)), Draft::Four | Draft::Any) => {
            if bound.is_none() {
                return Err(format!("{name} cannot be used without {other}"));
            }
            Ok(if *flag { bound.take() } else { None })
        }
        (Some(Value::Number(number)), Draft::Six | Draft::Seven | Draft::Any) => {
            Ok(Some(number.clone()))
        }
        (Some(_), Draft::Four) => Err(invalid("boolean", name)),
        (Some(_), Draft::Any) => Err(invalid("boolean/number", name)),
        (Some(_), _) => Err(invalid("number", name)),
    }
}

/// Reads the keywords for numbers.
pub(super) fn numbers(members: &Object, draft: Draft, node: &mut SchemaNode) -> Result<(), String> {
    match members.get_str("multipleOf") {
        None => {}
        Some(Value::Number(number)) if *number > Number::from(0_i64) => {
            node.multiple = Some(number.clone());
        }
        Some(Value::Number(_)) => {
            return Err("multipleOf must be strictly greater than 0".to_owned());
        }
        Some(_) => return Err(invalid("Number", "multipleOf")),
    }
    node.minimum = number(members, "minimum")?;
    let names = ("exclusiveMinimum", "minimum");
    node.above = exclusive(members, names, draft, &mut node.minimum)?;
    node.maximum = number(members, "maximum")?;
    let names = ("exclusiveMaximum", "maximum");
    node.below = exclusive(members, names, draft, &mut node.maximum)?;
    Ok(())
}

/// Reads the keywords for strings.
pub(super) fn texts(members: &Object, node: &mut SchemaNode) -> Result<(), String> {
    (node.min_length, node.max_length) = sizes(members, "minLength", "maxLength")?;
    if node
        .min_length
        .zip(node.max_length)
        .is_some_and(|(least, most)| least > most)
    {
        return Err("minLength cannot be greater than maxLength".to_owned());
    }
    if let Some(pattern) = text(members, "pattern")? {
        let regex = compiled(pattern);
        let regex = regex.ok_or_else(|| "pattern must be a valid regex".to_owned())?;
        node.pattern = Some((pattern.to_owned(), regex));
    }
    node.format = text(members, "format")?.map(str::to_owned);
    Ok(())
}

/// Reads the keywords for sizes, required names, `enum` and `const`.
pub(super) fn limits(members: &Object, draft: Draft, node: &mut SchemaNode) -> Result<(), String> {
    (node.min_properties, node.max_properties) = sizes(members, "minProperties", "maxProperties")?;
    if node
        .min_properties
        .zip(node.max_properties)
        .is_some_and(|(least, most)| least > most)
    {
        return Err("minProperties cannot be greater than maxProperties".to_owned());
    }
    for name in list(members, "required")?.unwrap_or_default() {
        let name = name.as_str().ok_or_else(|| invalid("string", "required"))?;
        if node.required.iter().any(|own| own == name) {
            return Err("required items must be unique".to_owned());
        }
        node.required.push(name.to_owned());
    }
    (node.min_items, node.max_items) = sizes(members, "minItems", "maxItems")?;
    node.unique = match members.get_str("uniqueItems") {
        None => false,
        Some(Value::Bool(unique)) => *unique,
        Some(_) => return Err("uniqueItems must be of a boolean".to_owned()),
    };
    if draft >= Draft::Six {
        node.constant = members.get_str("const").map(normal);
    }
    if let Some(given) = list(members, "enum")? {
        let mut choices: Vec<String> = Vec::with_capacity(given.len());
        for choice in given {
            let choice = normal(choice);
            if choices.contains(&choice) {
                return Err("enum items must be unique".to_owned());
            }
            choices.push(choice);
        }
        node.choices = Some(choices);
    }
    Ok(())
}
