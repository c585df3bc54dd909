//! Evaluates expressions and references that have at most one value.

use super::error::{EvalCode, Run};
use super::machine::{Flow, Machine};
use super::plan::{Comprehension, ComprehensionKind, Path, PlanExpr, Source};
use super::tree::stored;
use crate::value::{ObjectBuilder, SetBuilder, Value};

impl<'p> Machine<'p> {
    /// Returns the value of an expression.
    pub(crate) fn eval(&mut self, expr: &'p PlanExpr) -> Run<Option<Value>> {
        match expr {
            PlanExpr::Const(value) => Ok(Some(value.clone())),
            PlanExpr::Slot(slot) => Ok(Some(self.get(*slot).clone())),
            PlanExpr::Path(path) => self.path(path),
            PlanExpr::Array(items) => Ok(self.eval_all(items)?.map(Value::array)),
            PlanExpr::Set(items) => Ok(self.eval_all(items)?.map(Value::set)),
            PlanExpr::Object(entries) => {
                self.charge(entries.len() * 48)?;
                let mut object = ObjectBuilder::with_capacity(entries.len());
                for (key, value) in entries {
                    let (Some(key), Some(value)) = (self.eval(key)?, self.eval(value)?) else {
                        return Ok(None);
                    };
                    object.insert(key, value);
                }
                Ok(Some(Value::Object(object.finish())))
            }
            PlanExpr::Comprehension(comprehension) => self.comprehension(comprehension).map(Some),
        }
    }

    /// Returns all values, or `None` if one is undefined.
    pub(crate) fn eval_all(&mut self, exprs: &'p [PlanExpr]) -> Run<Option<Vec<Value>>> {
        self.charge(exprs.len() * 24)?;
        let mut values = Vec::with_capacity(exprs.len());
        for expr in exprs {
            match self.eval(expr)? {
                Some(value) => values.push(value),
                None => return Ok(None),
            }
        }
        Ok(Some(values))
    }

    /// Compares a value with that of an expression.
    pub(crate) fn equals(&mut self, expr: &'p PlanExpr, value: &Value) -> Run<bool> {
        Ok(match expr {
            PlanExpr::Const(constant) => constant == value,
            PlanExpr::Slot(slot) => self.get(*slot) == value,
            PlanExpr::Comprehension(comprehension) if !may_equal(value, &comprehension.kind) => {
                false
            }
            other => self.eval(other)?.is_some_and(|other| other == *value),
        })
    }

    /// Returns a key that is a constant or a slot.
    pub(crate) fn key<'a>(&'a self, expr: &'a PlanExpr) -> &'a Value {
        match expr {
            PlanExpr::Const(value) => value,
            PlanExpr::Slot(slot) => self.get(*slot),
            _ => &Value::Null,
        }
    }

    /// Follows keys from a value; `None` if one is missing.
    pub(crate) fn follow<'a>(
        &'a self,
        start: &'a Value,
        steps: &'a [PlanExpr],
    ) -> Option<&'a Value> {
        let mut value = start;
        for step in steps {
            value = value.get(self.key(step))?;
        }
        Some(value)
    }

    fn path(&mut self, path: &'p Path) -> Run<Option<Value>> {
        self.reads |= path.reads;
        let found = match path.source {
            Source::Input => match &self.context.input {
                Some(input) => self.follow(input, &path.steps),
                None => None,
            },
            Source::Slot(slot) => self.follow(self.get(slot), &path.steps),
            Source::Base if self.context.data.is_none() => path
                .steps
                .iter()
                .try_fold(&self.base, |value, step| stored(value, self.key(step))),
            Source::Base => {
                let keys: Vec<Value> = path
                    .steps
                    .iter()
                    .map(|step| self.key(step).clone())
                    .collect();
                return self.resolve(&keys);
            }
            Source::Rule(set) => return self.rule_at(set, &path.steps),
            Source::Tree(node) => {
                let plan = self.plan;
                return self.extent(Some(node), &plan.layout.nodes[node].path);
            }
        };
        Ok(found.cloned())
    }

    fn comprehension(&mut self, comprehension: &'p Comprehension) -> Run<Value> {
        let place = self.place;
        let value = match &comprehension.kind {
            ComprehensionKind::Array(head) => {
                let mut items = Vec::new();
                self.run(&comprehension.body, &mut |machine| {
                    if let Some(value) = machine.eval(head)? {
                        machine.charge(24)?;
                        items.push(value);
                    }
                    Ok(Flow::Next)
                })?;
                Value::array(items)
            }
            ComprehensionKind::Set(head) => {
                let mut items = SetBuilder::default();
                self.run(&comprehension.body, &mut |machine| {
                    if let Some(value) = machine.eval(head)? {
                        machine.charge(24)?;
                        items.insert(value);
                    }
                    Ok(Flow::Next)
                })?;
                Value::Set(items.finish())
            }
            ComprehensionKind::Object(key, head) => {
                let mut entries = ObjectBuilder::default();
                self.run(&comprehension.body, &mut |machine| {
                    if let (Some(key), Some(value)) = (machine.eval(key)?, machine.eval(head)?) {
                        machine.charge(48)?;
                        entries.insert(key, value);
                    }
                    Ok(Flow::Next)
                })?;
                match entries.finish_distinct() {
                    Ok(object) => Value::Object(object),
                    Err(_) => {
                        let message = "object keys must be unique";
                        let place = comprehension.place;
                        return Err(self.error_at(place, EvalCode::Conflict, message));
                    }
                }
            }
        };
        self.place = place;
        Ok(value)
    }
}

/// Tells if OPA evaluates a comprehension to compare it with a value.
fn may_equal(value: &Value, kind: &ComprehensionKind) -> bool {
    match value {
        Value::Array(_) => matches!(kind, ComprehensionKind::Array(_)),
        Value::Object(_) => matches!(kind, ComprehensionKind::Object(..)),
        Value::Set(_) => true,
        _ => false,
    }
}
