//! Parses a schema into nodes that refer to each other by index, so that schemas may contain themselves.

use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use super::keywords::{invalid, limits, list, numbers, text, texts, types};
use super::reference::{self, Document, Draft, Pool};
use crate::builtins::regex::compiled;
use crate::value::{Number, Object, Value};

pub(super) const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "number", "null", "object", "string",
];

/// A place in the list of schemas.
pub(super) type At = usize;

/// The deepest nesting of a schema.
const MAX_DEPTH: usize = 500;

/// The part of a schema that is expected next.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Additional {
    #[default]
    Free,
    Forbidden,
    Schema(At),
}

#[derive(Debug, Clone)]
pub(super) enum Dependency {
    Names(Vec<String>),
    Schema(At),
}

#[derive(Debug, Default)]
pub(super) struct SchemaNode {
    /// A schema that is `true` or `false`.
    pub(super) pass: Option<bool>,
    pub(super) reference: Option<At>,
    pub(super) types: Vec<&'static str>,
    pub(super) properties: Vec<(String, At)>,
    pub(super) additional: Additional,
    pub(super) patterns: Vec<(Arc<Regex>, At)>,
    pub(super) names: Option<At>,
    pub(super) dependencies: Vec<(String, Dependency)>,
    pub(super) items: Vec<At>,
    /// `items` is one schema for all items, not a list of schemas.
    pub(super) each_item: bool,
    pub(super) additional_items: Additional,
    pub(super) multiple: Option<Number>,
    pub(super) minimum: Option<Number>,
    pub(super) above: Option<Number>,
    pub(super) maximum: Option<Number>,
    pub(super) below: Option<Number>,
    pub(super) min_length: Option<usize>,
    pub(super) max_length: Option<usize>,
    pub(super) pattern: Option<(String, Arc<Regex>)>,
    pub(super) format: Option<String>,
    pub(super) min_properties: Option<usize>,
    pub(super) max_properties: Option<usize>,
    pub(super) required: Vec<String>,
    pub(super) min_items: Option<usize>,
    pub(super) max_items: Option<usize>,
    pub(super) unique: bool,
    pub(super) contains: Option<At>,
    pub(super) constant: Option<String>,
    pub(super) choices: Option<Vec<String>>,
    pub(super) one_of: Vec<At>,
    pub(super) any_of: Vec<At>,
    pub(super) all_of: Vec<At>,
    pub(super) not: Option<At>,
    pub(super) condition: Option<At>,
    pub(super) then: Option<At>,
    pub(super) otherwise: Option<At>,
}

/// A schema with all that it contains; the first is the whole.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) nodes: Vec<SchemaNode>,
}

/// A schema that is being read.
struct SchemaReader {
    nodes: Vec<SchemaNode>,
    pool: Pool,
    references: HashMap<String, At>,
    depth: usize,
}

impl Schema {
    /// Reads a schema; the error is the one of the reference implementation.
    pub(super) fn parse(document: &Value) -> Result<Self, String> {
        let draft = reference::draft(document)?;
        let mut pool = Pool::new();
        let value = reference::collect(document, "", draft, &mut pool)?;
        let whole = value.clone();
        pool.insert(String::new(), Document { value, draft });
        let mut reader = SchemaReader {
            nodes: Vec::new(),
            pool,
            references: HashMap::new(),
            depth: 0,
        };
        reader.schema(&whole, draft.unwrap_or(Draft::Any))?;
        Ok(Self {
            nodes: reader.nodes,
        })
    }
}

impl SchemaReader {
    fn add(&mut self) -> At {
        self.nodes.push(SchemaNode::default());
        self.nodes.len() - 1
    }

    fn schema(&mut self, document: &Value, draft: Draft) -> Result<At, String> {
        let at = self.add();
        self.fill(at, document, draft)?;
        Ok(at)
    }

    fn fill(&mut self, at: At, document: &Value, draft: Draft) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        let node = match document {
            Value::Bool(pass) if draft >= Draft::Six => SchemaNode {
                pass: Some(*pass),
                ..SchemaNode::default()
            },
            Value::Object(members) => self.node(members, draft)?,
            _ => return Err("Expected: Valid Schema, given: Invalid JSON".to_owned()),
        };
        if let Some(place) = self.nodes.get_mut(at) {
            *place = node;
        }
        self.depth -= 1;
        Ok(())
    }

    fn node(&mut self, members: &Object, draft: Draft) -> Result<SchemaNode, String> {
        let hybrid_id = draft == Draft::Any && members.get_str("id").is_some();
        let old_id = draft == Draft::Four || hybrid_id;
        text(members, if old_id { "id" } else { "$id" })?;
        match members.get_str("definitions") {
            None => {}
            Some(Value::Object(definitions)) => {
                for definition in definitions.values() {
                    match definition {
                        Value::Bool(_) | Value::Object(_) => self.schema(definition, draft)?,
                        _ => return Err(invalid("Array Of Schemas", "definitions")),
                    };
                }
            }
            Some(_) => return Err(invalid("Array Of Schemas", "definitions")),
        }
        text(members, "title")?;
        text(members, "description")?;
        if let Some(reference) = text(members, "$ref")? {
            return Ok(SchemaNode {
                reference: Some(self.refer(reference, draft)?),
                ..SchemaNode::default()
            });
        }
        let mut node = SchemaNode::default();
        types(members, &mut node)?;
        self.object(members, draft, &mut node)?;
        self.array(members, draft, &mut node)?;
        numbers(members, draft, &mut node)?;
        texts(members, &mut node)?;
        limits(members, draft, &mut node)?;
        if draft >= Draft::Six
            && let Some(contains) = members.get_str("contains")
        {
            node.contains = Some(self.schema(contains, draft)?);
        }
        self.combined(members, draft, &mut node)?;
        Ok(node)
    }

    fn refer(&mut self, reference: &str, draft: Draft) -> Result<At, String> {
        if let Some(known) = self.references.get(reference) {
            return Ok(*known);
        }
        let at = self.add();
        self.references.insert(reference.to_owned(), at);
        let found = reference::find(reference, &self.pool)?;
        if !matches!(found.value, Value::Bool(_) | Value::Object(_)) {
            return Err("Valid Schema must be of type object".to_owned());
        }
        self.fill(at, &found.value, found.draft.unwrap_or(draft))?;
        Ok(at)
    }

    fn additional(
        &mut self,
        members: &Object,
        name: &str,
        draft: Draft,
    ) -> Result<Additional, String> {
        Ok(match members.get_str(name) {
            None | Some(Value::Bool(true)) => Additional::Free,
            Some(Value::Bool(false)) => Additional::Forbidden,
            Some(schema @ Value::Object(_)) => Additional::Schema(self.schema(schema, draft)?),
            Some(_) => return Err(invalid("boolean/Valid Schema", name)),
        })
    }

    fn object(
        &mut self,
        members: &Object,
        draft: Draft,
        node: &mut SchemaNode,
    ) -> Result<(), String> {
        match members.get_str("properties") {
            None => {}
            Some(Value::Object(properties)) => {
                for (name, schema) in properties.iter() {
                    let name = name.as_str().unwrap_or_default().to_owned();
                    node.properties.push((name, self.schema(schema, draft)?));
                }
            }
            Some(_) => return Err("Properties must be of type object".to_owned()),
        }
        node.additional = self.additional(members, "additionalProperties", draft)?;
        match members.get_str("patternProperties") {
            None => {}
            Some(Value::Object(patterns)) => {
                for (pattern, schema) in patterns.iter() {
                    let pattern = pattern.as_str().unwrap_or_default();
                    let regex = compiled(pattern);
                    let regex =
                        regex.ok_or_else(|| format!("Invalid regex pattern '{pattern}'"))?;
                    node.patterns.push((regex, self.schema(schema, draft)?));
                }
            }
            Some(_) => return Err(invalid("Valid Schema", "patternProperties")),
        }
        if draft >= Draft::Six
            && let Some(names) = members.get_str("propertyNames")
        {
            node.names = match names {
                Value::Bool(_) | Value::Object(_) => Some(self.schema(names, draft)?),
                _ => return Err(invalid("Valid Schema", "patternProperties")),
            };
        }
        self.dependencies(members, draft, node)
    }

    fn dependencies(
        &mut self,
        members: &Object,
        draft: Draft,
        node: &mut SchemaNode,
    ) -> Result<(), String> {
        let wrong = || "Dependency must be of type Schema Or Array Of Strings".to_owned();
        let dependencies = match members.get_str("dependencies") {
            None => return Ok(()),
            Some(Value::Object(dependencies)) => dependencies,
            Some(_) => return Err("dependencies must be of type object".to_owned()),
        };
        for (name, demand) in dependencies.iter() {
            let demand = match demand {
                Value::Array(names) => {
                    let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                    Dependency::Names(names.collect::<Option<_>>().ok_or_else(wrong)?)
                }
                Value::Bool(_) | Value::Object(_) => {
                    Dependency::Schema(self.schema(demand, draft)?)
                }
                _ => return Err(wrong()),
            };
            node.dependencies
                .push((name.as_str().unwrap_or_default().to_owned(), demand));
        }
        Ok(())
    }

    fn array(
        &mut self,
        members: &Object,
        draft: Draft,
        node: &mut SchemaNode,
    ) -> Result<(), String> {
        let wrong = || invalid("Valid Schema/Array Of Schemas", "items");
        match members.get_str("items") {
            None => {}
            Some(Value::Array(items)) => {
                for item in items {
                    match item {
                        Value::Bool(_) | Value::Object(_) => {
                            node.items.push(self.schema(item, draft)?);
                        }
                        _ => return Err(wrong()),
                    }
                }
            }
            Some(item @ (Value::Bool(_) | Value::Object(_))) => {
                node.items.push(self.schema(item, draft)?);
                node.each_item = true;
            }
            Some(_) => return Err(wrong()),
        }
        node.additional_items = self.additional(members, "additionalItems", draft)?;
        Ok(())
    }

    fn schemas(&mut self, members: &Object, name: &str, draft: Draft) -> Result<Vec<At>, String> {
        let schemas = list(members, name)?.unwrap_or_default();
        schemas
            .iter()
            .map(|schema| self.schema(schema, draft))
            .collect()
    }

    fn combined(
        &mut self,
        members: &Object,
        draft: Draft,
        node: &mut SchemaNode,
    ) -> Result<(), String> {
        node.one_of = self.schemas(members, "oneOf", draft)?;
        node.any_of = self.schemas(members, "anyOf", draft)?;
        node.all_of = self.schemas(members, "allOf", draft)?;
        node.not = self.maybe(members, "not", draft)?;
        if draft >= Draft::Seven {
            node.condition = self.maybe(members, "if", draft)?;
            node.then = self.maybe(members, "then", draft)?;
            node.otherwise = self.maybe(members, "else", draft)?;
        }
        Ok(())
    }

    fn maybe(&mut self, members: &Object, name: &str, draft: Draft) -> Result<Option<At>, String> {
        match members.get_str(name) {
            None => Ok(None),
            Some(schema @ (Value::Bool(_) | Value::Object(_))) => {
                self.schema(schema, draft).map(Some)
            }
            Some(_) => Err(format!("{name} must be of an object")),
        }
    }
}
