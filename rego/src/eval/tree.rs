//! Documents below `data` that consist of rules and base documents.

use super::error::Run;
use super::machine::{Flow, Machine, Then};
use super::plan::{NodeId, Output, Step};
use crate::value::{Object, ObjectBuilder, Value};

impl<'p> Machine<'p> {
    /// Tells if `with` replaces the document at a path, or one that it is part of.
    pub(crate) fn replaced(&self, path: &[Value]) -> bool {
        self.context
            .targets
            .iter()
            .any(|target| path.starts_with(target))
    }

    /// Returns the base document at a path, with what `with` replaces in it.
    pub(crate) fn resolve(&mut self, path: &[Value]) -> Run<Option<Value>> {
        let mut keys = path.iter();
        let replacement = self.context.data.as_ref();
        let replacement = replacement
            .and_then(|data| keys.try_fold(data, |value, key| value.get(key)))
            .cloned();
        if self.replaced(path) {
            return Ok(replacement);
        }
        let real = path
            .iter()
            .try_fold(&self.base, |value, key| stored(value, key))
            .cloned();
        Ok(match (replacement, real) {
            (Some(replacement), Some(real)) => Some(merge(&replacement, &real)),
            (replacement, real) => replacement.or(real),
        })
    }

    /// Returns the document at a node: its base document and all rules below it.
    pub(crate) fn extent(&mut self, node: Option<NodeId>, path: &[Value]) -> Run<Option<Value>> {
        let base = self.resolve(path)?;
        let Some(node) = node else { return Ok(base) };
        let rules = Value::Object(self.leaves(node)?);
        Ok(Some(match base {
            Some(base) => merge(&base, &rules),
            None => rules,
        }))
    }

    fn leaves(&mut self, node: NodeId) -> Run<Object> {
        self.nest()?;
        let plan = self.plan;
        let mut object = ObjectBuilder::default();
        for (name, child) in &plan.layout.nodes[node].children {
            let value = match plan.layout.nodes[*child].set {
                Some(set) => self.rule_at(set, &[])?,
                None => Some(Value::Object(self.leaves(*child)?)),
            };
            if let Some(value) = value {
                object.insert(Value::String(name.clone()), value);
            }
        }
        self.depth -= 1;
        Ok(object.finish())
    }

    /// Calls `then` for each value of a reference from a node (or from base documents) on.
    pub(crate) fn scan_tree(
        &mut self,
        node: Option<NodeId>,
        path: Vec<Value>,
        steps: &'p [Step],
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        let Some((step, rest)) = steps.split_first() else {
            return match self.extent(node, &path)? {
                Some(value) => {
                    if self.accept_base(output, value)? {
                        then(self)
                    } else {
                        Ok(Flow::Next)
                    }
                }
                None => Ok(Flow::Next),
            };
        };
        let pattern = match step {
            Step::Get(key) => {
                let Some(key) = self.eval(key)? else {
                    return Ok(Flow::Next);
                };
                return self.scan_child(node, path, key, rest, output, then);
            }
            Step::Each(pattern) => pattern,
        };
        let base = self.resolve(&path)?;
        let mut keys: Vec<Value> = match &base {
            Some(Value::Array(items)) => (0..items.len()).map(Value::from).collect(),
            Some(Value::Object(object)) => object.keys().cloned().collect(),
            Some(Value::Set(set)) => set.iter().cloned().collect(),
            _ => Vec::new(),
        };
        if let Some(node) = node {
            let children = self.plan.layout.nodes[node].children.keys();
            let children = children.map(|name| Value::String(name.clone()));
            keys.extend(
                children.filter(|key| base.as_ref().is_none_or(|base| base.get(key).is_none())),
            );
        }
        for key in keys {
            self.step()?;
            if self.matches(pattern, &key)?
                && self.scan_child(node, path.clone(), key, rest, output, then)? == Flow::Done
            {
                return Ok(Flow::Done);
            }
        }
        Ok(Flow::Next)
    }

    fn scan_child(
        &mut self,
        node: Option<NodeId>,
        mut path: Vec<Value>,
        key: Value,
        rest: &'p [Step],
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        let children = node.map(|node| &self.plan.layout.nodes[node].children);
        let child = match (&key, children) {
            (Value::String(name), Some(children)) => children.get(name).copied(),
            _ => None,
        };
        path.push(key);
        if self.replaced(&path) {
            return self.scan_tree(None, path, rest, output, then);
        }
        match child.and_then(|child| self.plan.layout.nodes[child].set) {
            Some(set) => self.scan_rule(set, rest, output, then),
            None if child.is_none() && output.comprehension().is_none() => {
                match self.resolve(&path)? {
                    Some(value) => self.scan_value(value, rest, output, then),
                    None => Ok(Flow::Next),
                }
            }
            None => self.scan_tree(child, path, rest, output, then),
        }
    }
}

/// Returns the member of a base document; a number is looked up by its text, as OPA's storage does.
pub(crate) fn stored<'a>(document: &'a Value, key: &'a Value) -> Option<&'a Value> {
    match (document, key) {
        (Value::Object(object), Value::Number(number)) => object.get_str(&number.to_string()),
        _ => document.get(key),
    }
}

/// Merges objects; where both have a value that is not an object, the first one is kept.
pub(crate) fn merge(a: &Value, b: &Value) -> Value {
    let (Value::Object(left), Value::Object(right)) = (a, b) else {
        return a.clone();
    };
    let mut merged = ObjectBuilder::default();
    for (key, value) in left.iter() {
        let value = match right.get(key) {
            Some(other) => merge(value, other),
            None => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    for (key, value) in right.iter() {
        if !left.contains_key(key) {
            merged.insert(key.clone(), value.clone());
        }
    }
    Value::Object(merged.finish())
}

/// Returns a document with a part replaced; objects are made where there is none.
pub(crate) fn replace(document: Option<Value>, path: &[Value], value: Value) -> Value {
    let Some((key, rest)) = path.split_first() else {
        return value;
    };
    let object = match document {
        Some(Value::Object(object)) => object,
        _ => Object::default(),
    };
    let below = replace(object.get(key).cloned(), rest, value);
    Value::Object(object.with(key.clone(), below))
}
