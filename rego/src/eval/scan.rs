//! Evaluates references that enumerate, and `walk`.

use super::error::Run;
use super::machine::{Flow, Machine, Then};
use super::plan::{Output, Pattern, PlanExpr, Scan, Source, Step};
use crate::value::Value;

impl<'p> Machine<'p> {
    /// Calls `then` for each value of a reference.
    pub(crate) fn scan(
        &mut self,
        scan: &'p Scan,
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        self.reads |= scan.reads;
        let value = match scan.source {
            Source::Input => self.context.input.clone(),
            Source::Slot(slot) => Some(self.get(slot).clone()),
            Source::Base
                if self.context.data.is_none()
                    && has_string_keys(&scan.steps)
                    && output.comprehension().is_none() =>
            {
                Some(self.base.clone())
            }
            Source::Base => return self.scan_tree(None, Vec::new(), &scan.steps, output, then),
            Source::Rule(set) => return self.scan_rule(set, &scan.steps, output, then),
            Source::Tree(node) => {
                let path = self.plan.layout.nodes[node].path.clone();
                return self.scan_tree(Some(node), path, &scan.steps, output, then);
            }
        };
        match value {
            Some(value) => self.scan_value(value, &scan.steps, output, then),
            None => Ok(Flow::Next),
        }
    }

    /// Calls `then` for each value below one.
    pub(crate) fn scan_value(
        &mut self,
        value: Value,
        steps: &'p [Step],
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        let (mut value, mut steps) = (value, steps);
        while let Some((step, rest)) = steps.split_first() {
            match step {
                Step::Get(key) => {
                    let found = match key {
                        PlanExpr::Const(_) | PlanExpr::Slot(_) => value.get(self.key(key)).cloned(),
                        other => match self.eval(other)? {
                            Some(key) => value.get(&key).cloned(),
                            None => None,
                        },
                    };
                    match found {
                        Some(found) => value = found,
                        None => return Ok(Flow::Next),
                    }
                }
                Step::Each(pattern) => return self.each(&value, pattern, rest, output, then),
            }
            steps = rest;
        }
        if self.accept(output, value)? {
            then(self)
        } else {
            Ok(Flow::Next)
        }
    }

    fn each(
        &mut self,
        value: &Value,
        pattern: &'p Pattern,
        rest: &'p [Step],
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        self.elements_of(value, &mut |machine, key, item| {
            machine.step()?;
            let fits = match pattern {
                Pattern::Any => true,
                Pattern::Bind(slot) => {
                    machine.set(*slot, key);
                    true
                }
                other => machine.matches(other, &key)?,
            };
            if fits {
                machine.scan_value(item.clone(), rest, output, then)
            } else {
                Ok(Flow::Next)
            }
        })
    }

    /// Calls a function for each key and element of a collection until it is done.
    pub(crate) fn elements_of(
        &mut self,
        value: &Value,
        visit: &mut dyn FnMut(&mut Self, Value, &Value) -> Run<Flow>,
    ) -> Run<Flow> {
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    if visit(self, Value::from(at), item)? == Flow::Done {
                        return Ok(Flow::Done);
                    }
                }
            }
            Value::Object(object) => {
                for (key, item) in object.iter() {
                    if visit(self, key.clone(), item)? == Flow::Done {
                        return Ok(Flow::Done);
                    }
                }
            }
            Value::Set(set) => {
                for item in set {
                    if visit(self, item.clone(), item)? == Flow::Done {
                        return Ok(Flow::Done);
                    }
                }
            }
            _ => {}
        }
        Ok(Flow::Next)
    }

    /// Calls `then` for each pair of a path and a value below a value.
    pub(crate) fn walk(
        &mut self,
        index: usize,
        value: &'p PlanExpr,
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        let Some(value) = self.eval(value)? else {
            return Ok(Flow::Next);
        };
        if let Some(mocked) = self.mocked_builtin(index, std::slice::from_ref(&value))? {
            let Some(value) = mocked else {
                return Ok(Flow::Next);
            };
            return if self.accept(output, value)? {
                then(self)
            } else {
                Ok(Flow::Next)
            };
        }
        self.walk_value(&mut Vec::new(), &value, output, then)
    }

    fn walk_value(
        &mut self,
        path: &mut Vec<Value>,
        value: &Value,
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        self.step()?;
        self.nest()?;
        let flow = self.walk_below(path, value, output, then)?;
        self.depth -= 1;
        Ok(flow)
    }

    fn walk_below(
        &mut self,
        path: &mut Vec<Value>,
        value: &Value,
        output: &'p Output,
        then: Then<'_, 'p>,
    ) -> Run<Flow> {
        if self.walked(path, value, output)? && then(self)? == Flow::Done {
            return Ok(Flow::Done);
        }
        self.elements_of(value, &mut |machine, key, item| {
            path.push(key);
            let flow = machine.walk_value(path, item, output, then);
            path.pop();
            flow
        })
    }

    /// Unifies the output of `walk` with the pair of a path and a value.
    fn walked(&mut self, path: &[Value], value: &Value, output: &'p Output) -> Run<bool> {
        let array = |machine: &mut Self| -> Run<Value> {
            machine.charge(48 + 24 * path.len())?;
            Ok(Value::array(path.to_vec()))
        };
        if let Output::Match(Pattern::Array(pair)) = output
            && let [first, second] = pair.as_ref()
        {
            if matches!(first, Pattern::Any) {
                return self.matches(second, value);
            }
            let path = array(self)?;
            return Ok(self.matches(first, &path)? && self.matches(second, value)?);
        }
        let path = array(self)?;
        self.accept(output, Value::array(vec![path, value.clone()]))
    }
}

/// Tells if all known keys are names: others are looked up in base documents by their text.
fn has_string_keys(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::Get(PlanExpr::Const(Value::String(_))) | Step::Each(_) => true,
        Step::Get(_) => false,
    })
}
