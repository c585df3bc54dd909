//! Planning of terms: values, patterns and comprehensions.

use std::sync::Arc;

use super::build::{Planned, Planner, SlotScope};
use super::{Comprehension, ComprehensionKind, Output, Pattern, PlanExpr, Stmt, StmtKind};
use crate::compile::program::{self, CompiledTerm, CompiledTermKind, RefHead};
use crate::value::{Number, Value};

impl Planner<'_> {
    /// Tells if a term has a value without binding a slot.
    pub(super) fn ground(&self, scope: &SlotScope, term: &CompiledTerm) -> bool {
        let bound = |slot: program::Slot| scope.bound.get(slot.0 as usize) == Some(&true);
        match &term.kind {
            CompiledTermKind::Slot(slot) => bound(*slot),
            CompiledTermKind::Ref(reference) => {
                let head = match reference.head {
                    RefHead::Slot(slot) => bound(slot),
                    RefHead::Input | RefHead::Data => true,
                };
                head && reference.path.iter().all(|term| self.ground(scope, term))
            }
            CompiledTermKind::Array(items) | CompiledTermKind::Set(items) => {
                items.iter().all(|term| self.ground(scope, term))
            }
            CompiledTermKind::Object(entries) => entries
                .iter()
                .all(|(key, value)| self.ground(scope, key) && self.ground(scope, value)),
            _ => true,
        }
    }

    /// Plans a term as a value. References in it that enumerate are moved in front.
    pub(super) fn value(
        &mut self,
        scope: &mut SlotScope,
        term: &CompiledTerm,
        out: &mut Vec<Stmt>,
    ) -> Planned<PlanExpr> {
        Ok(match &term.kind {
            CompiledTermKind::Null => PlanExpr::Const(Value::Null),
            CompiledTermKind::Bool(value) => PlanExpr::Const(Value::Bool(*value)),
            CompiledTermKind::String(text) => PlanExpr::Const(Value::String(Arc::clone(text))),
            CompiledTermKind::Number(text) => match Number::parse(text) {
                Some(number) => PlanExpr::Const(Value::Number(number)),
                None => {
                    let place = self.place(term.span);
                    return Err(self.internal(place, format!("{text} is not a number")));
                }
            },
            CompiledTermKind::Slot(slot) => {
                if scope.bound.get(slot.0 as usize) != Some(&true) {
                    let place = self.place(term.span);
                    return Err(self.internal(place, "a variable is used before it is bound"));
                }
                PlanExpr::Slot(slot.0 as usize)
            }
            CompiledTermKind::Ref(reference) => self.reference(scope, term, reference, out)?,
            CompiledTermKind::Array(items) => {
                folded(PlanExpr::Array(self.values(scope, items, out)?))
            }
            CompiledTermKind::Set(items) => folded(PlanExpr::Set(self.values(scope, items, out)?)),
            CompiledTermKind::Object(entries) => {
                let mut planned = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = self.value(scope, key, out)?;
                    planned.push((key, self.value(scope, value, out)?));
                }
                folded(PlanExpr::Object(planned.into()))
            }
            CompiledTermKind::ArrayComprehension(head, body) => {
                let kind = |mut heads: Vec<PlanExpr>| heads.pop().map(ComprehensionKind::Array);
                self.comprehension(scope, term, &[head], body, kind)?
            }
            CompiledTermKind::SetComprehension(head, body) => {
                let kind = |mut heads: Vec<PlanExpr>| heads.pop().map(ComprehensionKind::Set);
                self.comprehension(scope, term, &[head], body, kind)?
            }
            CompiledTermKind::ObjectComprehension(head, body) => {
                let kind = |mut heads: Vec<PlanExpr>| {
                    let value = heads.pop()?;
                    Some(ComprehensionKind::Object(heads.pop()?, value))
                };
                self.comprehension(scope, term, &[&head.0, &head.1], body, kind)?
            }
        })
    }

    fn values(
        &mut self,
        scope: &mut SlotScope,
        items: &[CompiledTerm],
        out: &mut Vec<Stmt>,
    ) -> Planned<Box<[PlanExpr]>> {
        let items = items.iter();
        items.map(|item| self.value(scope, item, out)).collect()
    }

    /// Plans a reference as a value; one that enumerates is moved in front.
    fn reference(
        &mut self,
        scope: &mut SlotScope,
        term: &CompiledTerm,
        reference: &program::Ref,
        out: &mut Vec<Stmt>,
    ) -> Planned<PlanExpr> {
        if self.ground(scope, term) && !self.dynamic(reference) {
            return self.path(scope, reference, out);
        }
        let scan = self.scan(scope, reference, out)?;
        let slot = scope.temporary();
        let place = self.place(term.span);
        let kind = StmtKind::Scan(Box::new(scan), Output::Match(Pattern::Bind(slot)));
        out.push(Stmt { place, kind });
        Ok(PlanExpr::Slot(slot))
    }

    fn comprehension(
        &mut self,
        scope: &mut SlotScope,
        term: &CompiledTerm,
        heads: &[&CompiledTerm],
        body: &[program::CompiledExpr],
        kind: impl Fn(Vec<PlanExpr>) -> Option<ComprehensionKind>,
    ) -> Planned<PlanExpr> {
        let place = self.place(term.span);
        let outer = scope.bound.clone();
        let mut body = self.body(scope, body)?;
        let mut values = Vec::new();
        for head in heads {
            values.push(self.value(scope, head, &mut body)?);
        }
        scope.leave(&outer);
        let Some(kind) = kind(values) else {
            return Err(self.internal(place, "a comprehension has no head"));
        };
        Ok(PlanExpr::Comprehension(Arc::new(Comprehension {
            kind,
            body,
            place,
        })))
    }

    /// Tells if a value can be unified with a term: if it is ground, or made of slots, arrays and
    /// the values of objects.
    pub(super) fn binds(&self, scope: &SlotScope, term: &CompiledTerm) -> bool {
        if self.ground(scope, term) {
            return true;
        }
        match &term.kind {
            CompiledTermKind::Slot(_) => true,
            CompiledTermKind::Array(items) => items.iter().all(|item| self.binds(scope, item)),
            CompiledTermKind::Object(entries) => entries
                .iter()
                .all(|(key, value)| self.ground(scope, key) && self.binds(scope, value)),
            _ => false,
        }
    }

    /// Plans a term that a value is unified with; its slots are bound from left to right.
    pub(super) fn pattern(
        &mut self,
        scope: &mut SlotScope,
        term: &CompiledTerm,
        out: &mut Vec<Stmt>,
    ) -> Planned<Pattern> {
        if self.ground(scope, term) {
            return Ok(Pattern::Equals(self.value(scope, term, out)?));
        }
        Ok(match &term.kind {
            CompiledTermKind::Slot(slot) => {
                scope.bound[slot.0 as usize] = true;
                if self.unread.get(slot.0 as usize) == Some(&true) {
                    return Ok(Pattern::Any);
                }
                Pattern::Bind(slot.0 as usize)
            }
            CompiledTermKind::Array(items) => {
                let items = items.iter().map(|item| self.pattern(scope, item, out));
                Pattern::Array(items.collect::<Planned<_>>()?)
            }
            CompiledTermKind::Object(entries) => {
                let mut planned = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = self.value(scope, key, out)?;
                    planned.push((key, self.pattern(scope, value, out)?));
                }
                Pattern::Object(planned.into())
            }
            _ => Pattern::Equals(self.value(scope, term, out)?),
        })
    }
}

/// Returns a constant for a collection of constants.
fn folded(expr: PlanExpr) -> PlanExpr {
    let constant = |expr: &PlanExpr| match expr {
        PlanExpr::Const(value) => Some(value.clone()),
        _ => None,
    };
    let value = match &expr {
        PlanExpr::Array(items) => items
            .iter()
            .map(constant)
            .collect::<Option<Vec<_>>>()
            .map(Value::array),
        PlanExpr::Set(items) => items
            .iter()
            .map(constant)
            .collect::<Option<Vec<_>>>()
            .map(Value::set),
        PlanExpr::Object(entries) => {
            let pairs = entries
                .iter()
                .map(|(key, value)| Some((constant(key)?, constant(value)?)))
                .collect::<Option<Vec<_>>>();
            pairs.map(Value::object)
        }
        _ => None,
    };
    value.map_or(expr, PlanExpr::Const)
}
