//! Constraints of schemas on single values.

use super::check::{Outcome, ValuePath};
use super::format;
use super::number::{is_multiple, normal, shown};
use super::parse::SchemaNode;
use crate::value::{Number, Value};

/// Checks the keywords for values of any type.
pub(super) fn common(node: &SchemaNode, value: &Value, out: &mut Outcome, place: &ValuePath<'_>) {
    if node.constant.is_some() || node.choices.is_some() {
        let own = normal(value);
        let field = place.field();
        if let Some(constant) = node.constant.as_ref().filter(|constant| **constant != own) {
            out.add(
                "const",
                place,
                format!("{field} does not match: {constant}"),
            );
        }
        if let Some(choices) = node
            .choices
            .as_ref()
            .filter(|choices| !choices.contains(&own))
        {
            let choices = choices.join(", ");
            let text = format!("{field} must be one of the following: {choices}");
            out.add("enum", place, text);
        }
    }
    if let (Some(form), Value::String(text)) = (&node.format, value)
        && !format::has(form, text)
    {
        out.add("format", place, format!("Does not match format '{form}'"));
    }
    out.score += 1;
}

/// Checks length, `pattern` and `format` of a string.
pub(super) fn texts(node: &SchemaNode, text: &str, out: &mut Outcome, place: &ValuePath<'_>) {
    if node.min_length.is_some() || node.max_length.is_some() {
        let length = text.chars().count();
        if let Some(least) = node.min_length.filter(|least| length < *least) {
            let text = format!("String length must be greater than or equal to {least}");
            out.add("string_gte", place, text);
        }
        if let Some(most) = node.max_length.filter(|most| length > *most) {
            let text = format!("String length must be less than or equal to {most}");
            out.add("string_lte", place, text);
        }
    }
    if let Some((pattern, _)) = node
        .pattern
        .as_ref()
        .filter(|(_, regex)| !regex.is_match(text))
    {
        out.add(
            "pattern",
            place,
            format!("Does not match pattern '{pattern}'"),
        );
    }
    out.score += 1;
}

/// Checks the bounds and `multipleOf` of a number.
pub(super) fn numbers(
    node: &SchemaNode,
    number: &Number,
    out: &mut Outcome,
    place: &ValuePath<'_>,
) {
    let bad = |multiple: &&Number| !is_multiple(number, multiple).unwrap_or(false);
    if let Some(multiple) = node.multiple.as_ref().filter(bad) {
        let text = format!("Must be a multiple of {}", shown(multiple));
        out.add("multiple_of", place, text);
    }
    if let Some(most) = node.maximum.as_ref().filter(|most| number > *most) {
        let text = format!("Must be less than or equal to {}", shown(most));
        out.add("number_lte", place, text);
    }
    if let Some(end) = node.below.as_ref().filter(|end| number >= *end) {
        out.add(
            "number_lt",
            place,
            format!("Must be less than {}", shown(end)),
        );
    }
    if let Some(least) = node.minimum.as_ref().filter(|least| number < *least) {
        let text = format!("Must be greater than or equal to {}", shown(least));
        out.add("number_gte", place, text);
    }
    if let Some(start) = node.above.as_ref().filter(|start| number <= *start) {
        out.add(
            "number_gt",
            place,
            format!("Must be greater than {}", shown(start)),
        );
    }
    out.score += 1;
}
