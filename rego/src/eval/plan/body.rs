//! Plans bodies and expressions: which of them test, bind or enumerate.

use super::build::{Planned, Planner, SlotScope};
use super::{Callee, Comparison, Output, PlanExpr, PlanWith, Replacement, Stmt, StmtKind};
use crate::compile::program::{
    self, CompiledExprKind, CompiledTerm, CompiledTermKind, Slot, WithTarget,
};
use crate::eval::error::Place;
use crate::signature::Declaration;
use crate::value::Value;

impl Planner<'_> {
    /// Plans the expressions of a body. Slots that they bind are bound behind it.
    pub(super) fn body(
        &mut self,
        scope: &mut SlotScope,
        body: &[program::CompiledExpr],
    ) -> Planned<Vec<Stmt>> {
        let mut out = Vec::with_capacity(body.len());
        for expr in body {
            self.expression(scope, expr, &mut out)?;
        }
        Ok(out)
    }

    /// Plans a body whose slots end with it.
    fn nested(
        &mut self,
        scope: &mut SlotScope,
        body: &[program::CompiledExpr],
    ) -> Planned<Vec<Stmt>> {
        let outer = scope.bound.clone();
        let planned = self.body(scope, body);
        scope.leave(&outer);
        planned
    }

    fn expression(
        &mut self,
        scope: &mut SlotScope,
        expr: &program::CompiledExpr,
        out: &mut Vec<Stmt>,
    ) -> Planned<()> {
        let place = self.place(expr.span);
        if expr.with.is_empty() {
            return self.signed(scope, expr, out);
        }
        let mut with = Vec::new();
        for item in &expr.with {
            with.push(self.with(scope, item, out)?);
        }
        let mut inner = Vec::new();
        self.signed(scope, expr, &mut inner)?;
        out.push(Stmt {
            place,
            kind: StmtKind::With(with.into(), inner),
        });
        Ok(())
    }

    fn signed(
        &mut self,
        scope: &mut SlotScope,
        expr: &program::CompiledExpr,
        out: &mut Vec<Stmt>,
    ) -> Planned<()> {
        if !expr.negated {
            return self.plain(scope, expr, out);
        }
        let outer = scope.bound.clone();
        let mut inner = Vec::new();
        self.plain(scope, expr, &mut inner)?;
        scope.leave(&outer);
        out.push(Stmt {
            place: self.place(expr.span),
            kind: StmtKind::Not(inner),
        });
        Ok(())
    }

    fn plain(
        &mut self,
        scope: &mut SlotScope,
        expr: &program::CompiledExpr,
        out: &mut Vec<Stmt>,
    ) -> Planned<()> {
        let place = self.place(expr.span);
        let kind = match &expr.kind {
            CompiledExprKind::Term(term) => return self.test(scope, term, place, out),
            CompiledExprKind::Unify(a, b) => return self.unify(scope, a, b, place, out),
            CompiledExprKind::Call {
                callee,
                args,
                output,
            } => {
                return self.call(scope, callee, args, output.as_ref(), place, out);
            }
            CompiledExprKind::Every {
                key,
                value,
                domain,
                body,
            } => {
                let domain = self.value(scope, domain, out)?;
                self.every(scope, *key, *value, domain, body)?
            }
            CompiledExprKind::Not(body) => StmtKind::Not(self.nested(scope, body)?),
            CompiledExprKind::Unready(message) => StmtKind::Unready(message.clone()),
            CompiledExprKind::Probe { keys, body } => match self.probe(scope, keys, body) {
                Some(probe) => probe,
                None => return Ok(()),
            },
            CompiledExprKind::And(left, right) => {
                StmtKind::And(self.nested(scope, left)?, self.nested(scope, right)?)
            }
            CompiledExprKind::Or(left, right) => {
                StmtKind::Or(self.nested(scope, left)?, self.nested(scope, right)?)
            }
        };
        out.push(Stmt { place, kind });
        Ok(())
    }

    fn every(
        &mut self,
        scope: &mut SlotScope,
        key: Option<Slot>,
        value: Slot,
        domain: PlanExpr,
        body: &[program::CompiledExpr],
    ) -> Planned<StmtKind> {
        let outer = scope.bound.clone();
        let (key, value) = (key.map(|slot| slot.0 as usize), value.0 as usize);
        for slot in key.into_iter().chain([value]) {
            scope.bound[slot] = true;
        }
        let body = self.body(scope, body)?;
        scope.leave(&outer);
        Ok(StmtKind::Every {
            key,
            value,
            domain,
            body,
        })
    }

    /// Plans a probe. `None` if a variable of the body would be bound later by OPA: then there is nothing to imitate.
    fn probe(
        &mut self,
        scope: &mut SlotScope,
        keys: &[Slot],
        body: &[program::CompiledExpr],
    ) -> Option<StmtKind> {
        let outer = scope.bound.clone();
        let keys: Box<[usize]> = keys.iter().map(|key| key.0 as usize).collect();
        for key in &keys {
            scope.bound[*key] = false;
        }
        let probe = self.body(scope, body);
        scope.leave(&outer);
        Some(StmtKind::Probe(keys, probe.ok()?))
    }

    fn test(
        &mut self,
        scope: &mut SlotScope,
        term: &CompiledTerm,
        place: Place,
        out: &mut Vec<Stmt>,
    ) -> Planned<()> {
        let kind = match &term.kind {
            CompiledTermKind::Ref(reference) if !self.ground(scope, term) => {
                let scan = self.scan(scope, reference, out)?;
                StmtKind::Scan(Box::new(scan), Output::Truthy)
            }
            _ => StmtKind::Test(self.value(scope, term, out)?),
        };
        out.push(Stmt { place, kind });
        Ok(())
    }

    fn call(
        &mut self,
        scope: &mut SlotScope,
        callee: &program::CompiledCallee,
        args: &[CompiledTerm],
        output: Option<&CompiledTerm>,
        place: Place,
        out: &mut Vec<Stmt>,
    ) -> Planned<()> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.value(scope, arg, out)?);
        }
        let declaration = match callee {
            program::CompiledCallee::Function(path) => {
                let Some(set) = self.set_at(path) else {
                    let message = format!("function data.{} has no rules", path.join("."));
                    return Err(self.internal(place, message));
                };
                self.uses.sets.insert(set);
                let output = self.output(scope, output, out)?;
                let kind = StmtKind::Function(set, values.into(), output);
                out.push(Stmt { place, kind });
                return Ok(());
            }
            program::CompiledCallee::Builtin(declaration) => declaration,
        };
        let kind = match (comparison(declaration), values.len()) {
            _ if declaration.name == "internal.print" => StmtKind::Print(values.into()),
            (Some(comparison), 2) => {
                let right = values.pop().unwrap_or(PlanExpr::Const(Value::Null));
                let left = values.pop().unwrap_or(PlanExpr::Const(Value::Null));
                let builtin = self.layout.builtin_ids.get(declaration.name).copied();
                let output = self.output(scope, output, out)?;
                StmtKind::Compare(comparison, builtin, Box::new([left, right]), output)
            }
            _ => {
                let index = self.builtin(declaration.name, place)?;
                self.uses.impure |= declaration.nondeterministic || self.calls_host(index);
                let output = self.output(scope, output, out)?;
                match values.pop() {
                    Some(value) if declaration.relation => StmtKind::Walk(index, value, output),
                    last => {
                        values.extend(last);
                        StmtKind::Builtin(index, values.into(), output)
                    }
                }
            }
        };
        out.push(Stmt { place, kind });
        Ok(())
    }

    fn calls_host(&self, index: usize) -> bool {
        self.layout
            .builtins
            .get(index)
            .is_some_and(|builtin| builtin.is_host())
    }

    fn output(
        &mut self,
        scope: &mut SlotScope,
        output: Option<&CompiledTerm>,
        out: &mut Vec<Stmt>,
    ) -> Planned<Output> {
        Ok(match output {
            None => Output::Truthy,
            Some(term) => Output::Match(self.pattern(scope, term, out)?),
        })
    }

    fn with(
        &mut self,
        scope: &mut SlotScope,
        with: &program::CompiledWith,
        out: &mut Vec<Stmt>,
    ) -> Planned<PlanWith> {
        let place = self.place(with.span);
        let callee = match &with.target {
            WithTarget::Input(path) | WithTarget::Data(path) => {
                let mut steps = Vec::new();
                for term in path {
                    steps.push(self.value(scope, term, out)?);
                }
                let program::WithValue::Term(term) = &with.value else {
                    return Err(self.internal(place, "a document is replaced by a function"));
                };
                let value = self.value(scope, term, out)?;
                return Ok(match with.target {
                    WithTarget::Input(_) => PlanWith::Input(steps.into(), value),
                    _ => PlanWith::Data(steps.into(), value),
                });
            }
            WithTarget::Function(path) => {
                self.callee(&program::CompiledCallee::Function(path.clone()), place)?
            }
            WithTarget::Builtin(declaration) => {
                self.callee(&program::CompiledCallee::Builtin(*declaration), place)?
            }
        };
        let replacement = match &with.value {
            program::WithValue::Term(term) => Replacement::Value(self.value(scope, term, out)?),
            program::WithValue::Callee(other) => {
                let other = self.callee(other, place)?;
                if let Callee::Rules(set) = other {
                    self.uses.sets.insert(set);
                }
                Replacement::Callee(other)
            }
        };
        Ok(PlanWith::Function(callee, replacement))
    }

    fn callee(&self, callee: &program::CompiledCallee, place: Place) -> Planned<Callee> {
        match callee {
            program::CompiledCallee::Builtin(declaration) => {
                self.builtin(declaration.name, place).map(Callee::Builtin)
            }
            program::CompiledCallee::Function(path) => match self.set_at(path) {
                Some(set) => Ok(Callee::Rules(set)),
                None => {
                    let message = format!("function data.{} has no rules", path.join("."));
                    Err(self.internal(place, message))
                }
            },
        }
    }
}

fn comparison(declaration: &Declaration) -> Option<Comparison> {
    Some(match declaration.name {
        "equal" => Comparison::Equal,
        "neq" => Comparison::NotEqual,
        "lt" => Comparison::Less,
        "lte" => Comparison::LessEqual,
        "gt" => Comparison::Greater,
        "gte" => Comparison::GreaterEqual,
        _ => return None,
    })
}
