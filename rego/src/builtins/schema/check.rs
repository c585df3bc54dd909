//! Checks a document: errors in the order and the words of the reference implementation, which of several
//! alternatives shows those of the one that got furthest.

mod members;

use std::collections::HashMap;

use super::number::{is_whole, normal};
use super::parse::{Additional, At, Dependency, Schema, SchemaNode};
use super::scalars::{common, numbers, texts};
use crate::builtins::operand::Failure;
use crate::value::{Array, Object, Value};

/// The deepest nesting of schemas while a document is checked.
const MAX_DEPTH: usize = 1_000;

/// The most schemas that one document is checked by.
const MAX_STEPS: usize = 5_000_000;

#[derive(Debug, Clone)]
pub(super) struct Error {
    pub(super) kind: &'static str,
    pub(super) field: String,
    pub(super) text: String,
}

/// Errors of a check, and a score of the parts that matched.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    errors: Vec<Error>,
    pub(super) score: i64,
}

impl Outcome {
    fn valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// Adds an error at a place.
    pub(super) fn add(&mut self, kind: &'static str, place: &ValuePath<'_>, text: String) {
        let field = place.field();
        self.errors.push(Error { kind, field, text });
        self.score -= 2;
    }

    fn merge(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.score += other.score;
    }
}

/// The place of a value in its document.
#[derive(Clone, Copy)]
pub(super) struct ValuePath<'a> {
    parent: Option<(&'a ValuePath<'a>, &'a str)>,
}

impl ValuePath<'_> {
    /// The names on the way, with points.
    pub(super) fn field(&self) -> String {
        let mut parts = Vec::new();
        let mut place = self;
        while let Some((parent, name)) = place.parent {
            parts.push(name);
            place = parent;
        }
        if parts.is_empty() {
            return "(Root)".to_owned();
        }
        parts.reverse();
        parts.join(".")
    }
}

struct Checker<'s> {
    nodes: &'s [SchemaNode],
    depth: usize,
    steps: usize,
}

impl Schema {
    /// Returns the errors of a document, in the order of the reference implementation.
    pub(super) fn check(&self, document: &Value) -> Result<Vec<Error>, Failure> {
        let mut checker = Checker {
            nodes: &self.nodes,
            depth: 0,
            steps: 0,
        };
        let mut outcome = Outcome::default();
        checker.value(0, document, &mut outcome, &ValuePath { parent: None })?;
        Ok(outcome.errors)
    }
}

/// The type of a value as messages name it.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if is_whole(number) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) | Value::Set(_) => "array",
        Value::Object(_) => "object",
    }
}

type Done = Result<(), Failure>;

impl<'s> Checker<'s> {
    fn value(&mut self, at: At, value: &Value, out: &mut Outcome, place: &ValuePath<'_>) -> Done {
        self.steps += 1;
        if self.depth >= MAX_DEPTH || self.steps > MAX_STEPS {
            return Err(Failure::Halt(
                "json.match_schema: the schema is too deep".to_owned(),
            ));
        }
        let nodes = self.nodes;
        let Some(node) = nodes.get(at) else {
            return Ok(());
        };
        if let Some(pass) = node.pass {
            if !pass {
                out.add("false", place, "False always fails validation".to_owned());
            }
            return Ok(());
        }
        self.depth += 1;
        let done = match node.reference {
            Some(reference) => self.value(reference, value, out, place),
            None => self.typed(node, value, out, place),
        };
        self.depth -= 1;
        done
    }

    fn typed(
        &mut self,
        node: &SchemaNode,
        value: &Value,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        let given = type_of(value);
        let fits = node.types.is_empty()
            || node.types.contains(&given)
            || (given == "integer" && node.types.contains(&"number"));
        if !fits {
            let expected = match node.types.as_slice() {
                [one] => (*one).to_owned(),
                several => format!("[{}]", several.join(",")),
            };
            let text = format!("Invalid type. Expected: {expected}, given: {given}");
            out.add("invalid_type", place, text);
            return Ok(());
        }
        self.combined(node, value, out, place)?;
        match value {
            Value::Number(number) => {
                numbers(node, number, out, place);
                common(node, value, out, place);
            }
            Value::Array(items) => {
                self.array(node, items, out, place)?;
                common(node, value, out, place);
            }
            Value::Object(members) => {
                self.object(node, members, out, place)?;
                common(node, value, out, place);
                for (name, schema) in &node.properties {
                    if let Some(member) = members.get_str(name) {
                        let below = ValuePath {
                            parent: Some((place, name)),
                        };
                        self.value(*schema, member, out, &below)?;
                    }
                }
            }
            Value::String(text) => {
                common(node, value, out, place);
                texts(node, text, out, place);
            }
            _ => common(node, value, out, place),
        }
        out.score += 1;
        Ok(())
    }

    fn apart(&mut self, at: At, value: &Value, place: &ValuePath<'_>) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        self.value(at, value, &mut outcome, place)?;
        Ok(outcome)
    }

    fn combined(
        &mut self,
        node: &SchemaNode,
        value: &Value,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        if !node.any_of.is_empty() {
            self.any_of(&node.any_of, value, out, place)?;
        }
        if !node.one_of.is_empty() {
            self.one_of(&node.one_of, value, out, place)?;
        }
        if !node.all_of.is_empty() {
            let mut all = true;
            for schema in &node.all_of {
                let found = self.apart(*schema, value, place)?;
                all &= found.valid();
                out.merge(found);
            }
            if !all {
                let text = "Must validate all the schemas (allOf)";
                out.add("number_all_of", place, text.to_owned());
            }
        }
        if let Some(not) = node.not
            && self.apart(not, value, place)?.valid()
        {
            let text = "Must not validate the schema (not)";
            out.add("number_not", place, text.to_owned());
        }
        if let Value::Object(members) = value {
            self.dependencies(node, members, value, out, place)?;
        }
        self.condition(node, value, out, place)?;
        out.score += 1;
        Ok(())
    }

    fn any_of(
        &mut self,
        schemas: &[At],
        value: &Value,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        let mut best: Option<Outcome> = None;
        for schema in schemas {
            let found = self.apart(*schema, value, place)?;
            if found.valid() {
                return Ok(());
            }
            if best.as_ref().is_none_or(|best| found.score > best.score) {
                best = Some(found);
            }
        }
        let text = "Must validate at least one schema (anyOf)";
        out.add("number_any_of", place, text.to_owned());
        if let Some(best) = best {
            out.merge(best);
        }
        Ok(())
    }

    fn one_of(
        &mut self,
        schemas: &[At],
        value: &Value,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        let (mut valid, mut best): (usize, Option<Outcome>) = (0, None);
        for schema in schemas {
            let found = self.apart(*schema, value, place)?;
            if found.valid() {
                valid += 1;
            } else if valid == 0 && best.as_ref().is_none_or(|best| found.score > best.score) {
                best = Some(found);
            }
        }
        if valid == 1 {
            return Ok(());
        }
        let text = "Must validate one and only one schema (oneOf)";
        out.add("number_one_of", place, text.to_owned());
        if let Some(best) = best.filter(|_| valid == 0) {
            out.merge(best);
        }
        Ok(())
    }

    fn dependencies(
        &mut self,
        node: &SchemaNode,
        members: &Object,
        value: &Value,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        for (name, dependency) in &node.dependencies {
            if members.get_str(name).is_none() {
                continue;
            }
            match dependency {
                Dependency::Schema(schema) => self.value(*schema, value, out, place)?,
                Dependency::Names(names) => {
                    for name in names.iter().filter(|name| members.get_str(name).is_none()) {
                        let text = format!("Has a dependency on {name}");
                        out.add("missing_dependency", place, text);
                    }
                }
            }
        }
        Ok(())
    }

    fn condition(
        &mut self,
        node: &SchemaNode,
        value: &Value,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        let Some(condition) = node.condition else {
            return Ok(());
        };
        let holds = self.apart(condition, value, place)?.valid();
        let (schema, kind, text) = if holds {
            (
                node.then,
                "condition_then",
                "Must validate \"then\" as \"if\" was valid",
            )
        } else {
            (
                node.otherwise,
                "condition_else",
                "Must validate \"else\" as \"if\" was not valid",
            )
        };
        if let Some(schema) = schema {
            let found = self.apart(schema, value, place)?;
            if !found.valid() {
                out.add(kind, place, text.to_owned());
                out.merge(found);
            }
        }
        Ok(())
    }

    fn item(
        &mut self,
        schema: At,
        items: &Array,
        at: usize,
        place: &ValuePath<'_>,
    ) -> Result<Outcome, Failure> {
        let name = at.to_string();
        let below = ValuePath {
            parent: Some((place, &name)),
        };
        match items.get(at) {
            Some(item) => self.apart(schema, item, &below),
            None => Ok(Outcome::default()),
        }
    }

    fn array(
        &mut self,
        node: &SchemaNode,
        items: &Array,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        for at in 0..items.len() {
            let schema = match node.items.get(if node.each_item { 0 } else { at }) {
                Some(schema) => *schema,
                None if node.items.is_empty() => break,
                None => match node.additional_items {
                    Additional::Schema(schema) => schema,
                    Additional::Free => break,
                    Additional::Forbidden => {
                        let text = "No additional items allowed on array";
                        out.add("array_no_additional_items", place, text.to_owned());
                        break;
                    }
                },
            };
            let found = self.item(schema, items, at, place)?;
            out.merge(found);
        }
        let count = items.len();
        if let Some(least) = node.min_items.filter(|least| count < *least) {
            let text = format!("Array must have at least {least} items");
            out.add("array_min_items", place, text);
        }
        if let Some(most) = node.max_items.filter(|most| count > *most) {
            let text = format!("Array must have at most {most} items");
            out.add("array_max_items", place, text);
        }
        if node.unique {
            let mut known = HashMap::new();
            for (at, item) in items.iter().enumerate() {
                if let Some(before) = known.insert(normal(item), at) {
                    let text = format!("array items[{before},{at}] must be unique");
                    out.add("unique", place, text);
                }
            }
        }
        if let Some(schema) = node.contains {
            self.contains(schema, items, out, place)?;
        }
        out.score += 1;
        Ok(())
    }

    fn contains(
        &mut self,
        schema: At,
        items: &Array,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        let mut best: Option<Outcome> = None;
        for at in 0..items.len() {
            let found = self.item(schema, items, at, place)?;
            if found.valid() {
                return Ok(());
            }
            if best.as_ref().is_none_or(|best| found.score > best.score) {
                best = Some(found);
            }
        }
        out.add(
            "contains",
            place,
            "At least one of the items must match".to_owned(),
        );
        if let Some(best) = best {
            out.merge(best);
        }
        Ok(())
    }
}
