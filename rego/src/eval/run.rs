//! Bodies: expressions one after the other, each solution of one with the rest.

use super::error::{EvalCode, Run};
use super::machine::{Flow, Machine, Then};
use super::plan::{
    Comparison, ComprehensionKind, Output, Pattern, PlanExpr, SlotId, Source, Stmt, StmtKind,
};
use crate::value::Value;

impl<'p> Machine<'p> {
    /// Calls `then` for each solution of a body.
    pub(crate) fn run(&mut self, body: &'p [Stmt], then: Then<'_, 'p>) -> Run<Flow> {
        self.nest()?;
        let flow = self.run_from(body, then)?;
        self.depth -= 1;
        Ok(flow)
    }

    fn run_from(&mut self, body: &'p [Stmt], then: Then<'_, 'p>) -> Run<Flow> {
        let mut rest = body;
        while let Some((stmt, behind)) = rest.split_first() {
            rest = behind;
            self.step()?;
            self.place = stmt.place;
            if let Some(trace) = &mut self.trace {
                trace.visit(stmt.place);
            }
            let holds = match &stmt.kind {
                StmtKind::Scan(scan, output) => {
                    return self.scan(scan, output, &mut |machine| machine.run(rest, then));
                }
                StmtKind::Walk(index, value, output) => {
                    return self.walk(*index, value, output, &mut |machine| {
                        machine.run(rest, then)
                    });
                }
                StmtKind::With(items, inner) => {
                    return self.with(items, inner, &mut |machine| machine.run(rest, then));
                }
                other => self.holds(other)?,
            };
            if !holds {
                self.failed(stmt);
                return Ok(Flow::Next);
            }
        }
        then(self)
    }

    /// Evaluates an expression that has at most one solution.
    fn holds(&mut self, kind: &'p StmtKind) -> Run<bool> {
        Ok(match kind {
            StmtKind::Let(slot, expr) => match self.eval(expr)? {
                Some(value) => {
                    self.set(*slot, value);
                    true
                }
                None => false,
            },
            StmtKind::Test(expr) => self
                .eval(expr)?
                .is_some_and(|value| !matches!(value, Value::Bool(false))),
            StmtKind::Equal(a, b) => self.equal(a, b)?,
            StmtKind::Match(pattern, PlanExpr::Comprehension(comprehension))
                if !may_match(pattern, &comprehension.kind) =>
            {
                false
            }
            StmtKind::Match(pattern, expr) => match self.eval(expr)? {
                Some(value) => self.matches(pattern, &value)?,
                None => false,
            },
            StmtKind::Compare(comparison, builtin, operands, output) => {
                let [a, b] = &**operands;
                let (Some(a), Some(b)) = (self.eval(a)?, self.eval(b)?) else {
                    return Ok(false);
                };
                self.compare(*comparison, *builtin, &a, &b, output)?
            }
            StmtKind::Builtin(index, args, output) => match self.builtin(*index, args)? {
                Some(value) => self.accept(output, value)?,
                None => false,
            },
            StmtKind::Function(set, args, output) => match self.function(*set, args)? {
                Some(value) => self.accept(output, value)?,
                None => false,
            },
            StmtKind::Print(args) => self.print(args)?,
            StmtKind::Not(body) => !self.some(body)?,
            StmtKind::Probe(keys, body) => self.probe(keys, body)?,
            StmtKind::Unready(message) => {
                return Err(self.error(EvalCode::Internal, &**message));
            }
            StmtKind::And(left, right) => self.any(left)? && self.any(right)?,
            StmtKind::Or(left, right) => self.any(left)? || self.any(right)?,
            StmtKind::Every {
                key,
                value,
                domain,
                body,
            } => match self.eval(domain)? {
                Some(domain) => self.every(*key, *value, &domain, body)?,
                None => false,
            },
            StmtKind::Never | StmtKind::Scan(..) | StmtKind::Walk(..) | StmtKind::With(..) => false,
        })
    }

    /// Applies a comparison, or the function that replaces its builtin under `with`.
    #[inline]
    fn compare(
        &mut self,
        comparison: Comparison,
        builtin: Option<usize>,
        a: &Value,
        b: &Value,
        output: &'p Output,
    ) -> Run<bool> {
        if !self.context.mocks.is_empty()
            && let Some(builtin) = builtin
            && let Some(mocked) = self.mocked_builtin(builtin, &[a.clone(), b.clone()])?
        {
            return match mocked {
                Some(value) => self.accept(output, value),
                None => Ok(false),
            };
        }
        let holds = match comparison {
            Comparison::Equal => a == b,
            Comparison::NotEqual => a != b,
            Comparison::Less => a < b,
            Comparison::LessEqual => a <= b,
            Comparison::Greater => a > b,
            Comparison::GreaterEqual => a >= b,
        };
        self.accept(output, Value::Bool(holds))
    }

    /// Evaluates a body without the values of some slots, which it gets back.
    fn probe(&mut self, keys: &[SlotId], body: &'p [Stmt]) -> Run<bool> {
        let values: Vec<Value> = keys.iter().map(|key| self.get(*key).clone()).collect();
        // A reference from an unbound variable has no value, as one from null.
        for key in keys {
            self.set(*key, Value::Null);
        }
        self.some(body)?;
        for (key, value) in keys.iter().zip(values) {
            self.set(*key, value);
        }
        Ok(true)
    }

    /// Compares two values. As in OPA a comprehension is evaluated behind a reference and a value on
    /// its left, and not at all if these are of another kind, unless the reference is to a base document.
    fn equal(&mut self, a: &'p PlanExpr, b: &'p PlanExpr) -> Run<bool> {
        let (a, b) = match (a, b) {
            (PlanExpr::Comprehension(_), PlanExpr::Path(_)) => (b, a),
            _ => (a, b),
        };
        let checked = match (a, b) {
            (PlanExpr::Path(path), PlanExpr::Comprehension(_)) => match path.source {
                Source::Base | Source::Tree(_) => false,
                Source::Rule(set) => !self.replaced(&self.rule_set(set).path),
                Source::Input | Source::Slot(_) => true,
            },
            (_, PlanExpr::Comprehension(_)) => true,
            _ => false,
        };
        let Some(a) = self.eval(a)? else {
            return Ok(false);
        };
        if checked {
            return self.equals(b, &a);
        }
        Ok(self.eval(b)?.is_some_and(|b| a == b))
    }

    /// Tells if a body has a solution.
    pub(crate) fn any(&mut self, body: &'p [Stmt]) -> Run<bool> {
        Ok(self.run(body, &mut |_| Ok(Flow::Done))? == Flow::Done)
    }

    /// Tells if a body has a solution, after all of them: as in OPA, an error in any of them is one
    /// of the negation.
    fn some(&mut self, body: &'p [Stmt]) -> Run<bool> {
        let mut found = false;
        self.run(body, &mut |_| {
            found = true;
            Ok(Flow::Next)
        })?;
        Ok(found)
    }

    fn every(
        &mut self,
        key: Option<usize>,
        value: usize,
        domain: &Value,
        body: &'p [Stmt],
    ) -> Run<bool> {
        if domain.count().is_none() {
            return Ok(false);
        }
        let flow = self.elements_of(domain, &mut |machine, name, item| {
            machine.step()?;
            if let Some(slot) = key {
                machine.set(slot, name);
            }
            machine.set(value, item.clone());
            // Done: an element was found for which the body does not hold.
            Ok(if machine.any(body)? {
                Flow::Next
            } else {
                Flow::Done
            })
        })?;
        Ok(flow == Flow::Next)
    }

    /// Uses the value of a call or reference. Returns false if it does not fit.
    pub(crate) fn accept(&mut self, output: &'p Output, value: Value) -> Run<bool> {
        match output {
            Output::Truthy => Ok(!matches!(value, Value::Bool(false))),
            Output::Match(Pattern::Bind(slot)) => {
                self.set(*slot, value);
                Ok(true)
            }
            Output::Match(pattern) => self.matches(pattern, &value),
        }
    }

    /// Uses the value of a base document: as in OPA a comprehension is evaluated whatever the value is.
    pub(crate) fn accept_base(&mut self, output: &'p Output, value: Value) -> Run<bool> {
        match output.comprehension() {
            Some(comprehension) => Ok(self.eval(comprehension)?.is_some_and(|own| own == value)),
            None => self.accept(output, value),
        }
    }

    /// Unifies a value with a pattern.
    pub(crate) fn matches(&mut self, pattern: &'p Pattern, value: &Value) -> Run<bool> {
        match pattern {
            Pattern::Any => Ok(true),
            Pattern::Bind(slot) => {
                self.set(*slot, value.clone());
                Ok(true)
            }
            Pattern::Equals(expr) => self.equals(expr, value),
            Pattern::Array(patterns) => {
                let Value::Array(items) = value else {
                    return Ok(false);
                };
                if items.len() != patterns.len() {
                    return Ok(false);
                }
                for (pattern, item) in patterns.iter().zip(items) {
                    if !self.matches(pattern, item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Pattern::Object(patterns) => {
                let Value::Object(object) = value else {
                    return Ok(false);
                };
                if object.len() != patterns.len() {
                    return Ok(false);
                }
                for (key, pattern) in patterns {
                    let Some(key) = self.eval(key)? else {
                        return Ok(false);
                    };
                    let Some(value) = object.get(&key) else {
                        return Ok(false);
                    };
                    if !self.matches(pattern, value)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }
}

/// Tells if OPA evaluates a comprehension to unify it with a pattern.
fn may_match(pattern: &Pattern, kind: &ComprehensionKind) -> bool {
    match pattern {
        Pattern::Array(_) => matches!(kind, ComprehensionKind::Array(_)),
        Pattern::Object(_) => matches!(kind, ComprehensionKind::Object(..)),
        _ => true,
    }
}
