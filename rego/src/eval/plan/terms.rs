//! Planning of terms: values, patterns and comprehensions.

use std::sync::Arc;

use super::build::{Planned, Planner, Scope};
use super::{Comprehension, ComprehensionKind, Expr, Output, Pattern, Stmt, StmtKind};
use crate::compile::program::{self, Head, Term, TermKind};
use crate::value::{Number, Value};

impl Planner<'_> {
    /// Tells if a term has a value without binding a slot.
    pub(super) fn ground(&self, scope: &Scope, term: &Term) -> bool {
        let bound = |slot: program::Slot| scope.bound.get(slot.0 as usize) == Some(&true);
        match &term.kind {
            TermKind::Slot(slot) => bound(*slot),
            TermKind::Ref(reference) => {
                let head = match reference.head {
                    Head::Slot(slot) => bound(slot),
                    Head::Input | Head::Data => true,
                };
                head && reference.path.iter().all(|term| self.ground(scope, term))
            }
            TermKind::Array(items) | TermKind::Set(items) => {
                items.iter().all(|term| self.ground(scope, term))
            }
            TermKind::Object(entries) => entries
                .iter()
                .all(|(key, value)| self.ground(scope, key) && self.ground(scope, value)),
            _ => true,
        }
    }

    /// Plans a term as a value. References in it that enumerate are moved in front.
    pub(super) fn value(
        &mut self,
        scope: &mut Scope,
        term: &Term,
        out: &mut Vec<Stmt>,
    ) -> Planned<Expr> {
        let all = |this: &mut Self, scope: &mut Scope, items: &[Term], out: &mut Vec<Stmt>| {
            items
                .iter()
                .map(|item| this.value(scope, item, out))
                .collect::<Planned<Box<[Expr]>>>()
        };
        Ok(match &term.kind {
            TermKind::Null => Expr::Const(Value::Null),
            TermKind::Bool(value) => Expr::Const(Value::Bool(*value)),
            TermKind::String(text) => Expr::Const(Value::String(Arc::clone(text))),
            TermKind::Number(text) => match Number::parse(text) {
                Some(number) => Expr::Const(Value::Number(number)),
                None => {
                    let place = self.place(term.span);
                    return Err(self.internal(place, format!("{text} is not a number")));
                }
            },
            TermKind::Slot(slot) => {
                if scope.bound.get(slot.0 as usize) != Some(&true) {
                    let place = self.place(term.span);
                    return Err(self.internal(place, "a variable is used before it is bound"));
                }
                Expr::Slot(slot.0 as usize)
            }
            TermKind::Ref(reference) => self.reference(scope, term, reference, out)?,
            TermKind::Array(items) => folded(Expr::Array(all(self, scope, items, out)?)),
            TermKind::Set(items) => folded(Expr::Set(all(self, scope, items, out)?)),
            TermKind::Object(entries) => {
                let mut planned = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = self.value(scope, key, out)?;
                    planned.push((key, self.value(scope, value, out)?));
                }
                folded(Expr::Object(planned.into()))
            }
            TermKind::ArrayComprehension(head, body) => {
                let kind = |mut heads: Vec<Expr>| heads.pop().map(ComprehensionKind::Array);
                self.comprehension(scope, term, &[head], body, kind)?
            }
            TermKind::SetComprehension(head, body) => {
                let kind = |mut heads: Vec<Expr>| heads.pop().map(ComprehensionKind::Set);
                self.comprehension(scope, term, &[head], body, kind)?
            }
            TermKind::ObjectComprehension(head, body) => {
                let kind = |mut heads: Vec<Expr>| {
                    let value = heads.pop()?;
                    Some(ComprehensionKind::Object(heads.pop()?, value))
                };
                self.comprehension(scope, term, &[&head.0, &head.1], body, kind)?
            }
        })
    }

    /// Plans a reference as a value; one that enumerates is moved in front.
    fn reference(
        &mut self,
        scope: &mut Scope,
        term: &Term,
        reference: &program::Ref,
        out: &mut Vec<Stmt>,
    ) -> Planned<Expr> {
        if self.ground(scope, term) && !self.dynamic(reference) {
            return self.path(scope, reference, out);
        }
        let scan = self.scan(scope, reference, out)?;
        let slot = scope.temporary();
        let place = self.place(term.span);
        let kind = StmtKind::Scan(Box::new(scan), Output::Match(Pattern::Bind(slot)));
        out.push(Stmt { place, kind });
        Ok(Expr::Slot(slot))
    }

    fn comprehension(
        &mut self,
        scope: &mut Scope,
        term: &Term,
        heads: &[&Term],
        body: &[program::Expr],
        kind: impl Fn(Vec<Expr>) -> Option<ComprehensionKind>,
    ) -> Planned<Expr> {
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
        Ok(Expr::Comprehension(Arc::new(Comprehension {
            kind,
            body,
            place,
        })))
    }

    /// Tells if a value can be unified with a term: if it is ground, or made of slots, arrays and
    /// the values of objects.
    pub(super) fn binds(&self, scope: &Scope, term: &Term) -> bool {
        if self.ground(scope, term) {
            return true;
        }
        match &term.kind {
            TermKind::Slot(_) => true,
            TermKind::Array(items) => items.iter().all(|item| self.binds(scope, item)),
            TermKind::Object(entries) => entries
                .iter()
                .all(|(key, value)| self.ground(scope, key) && self.binds(scope, value)),
            _ => false,
        }
    }

    /// Plans a term that a value is unified with; its slots are bound from left to right.
    pub(super) fn pattern(
        &mut self,
        scope: &mut Scope,
        term: &Term,
        out: &mut Vec<Stmt>,
    ) -> Planned<Pattern> {
        if self.ground(scope, term) {
            return Ok(Pattern::Equals(self.value(scope, term, out)?));
        }
        Ok(match &term.kind {
            TermKind::Slot(slot) => {
                scope.bound[slot.0 as usize] = true;
                if self.unread.get(slot.0 as usize) == Some(&true) {
                    return Ok(Pattern::Any);
                }
                Pattern::Bind(slot.0 as usize)
            }
            TermKind::Array(items) => {
                let items = items.iter().map(|item| self.pattern(scope, item, out));
                Pattern::Array(items.collect::<Planned<_>>()?)
            }
            TermKind::Object(entries) => {
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
fn folded(expr: Expr) -> Expr {
    let constant = |expr: &Expr| match expr {
        Expr::Const(value) => Some(value.clone()),
        _ => None,
    };
    let value = match &expr {
        Expr::Array(items) => items
            .iter()
            .map(constant)
            .collect::<Option<Vec<_>>>()
            .map(Value::array),
        Expr::Set(items) => items
            .iter()
            .map(constant)
            .collect::<Option<Vec<_>>>()
            .map(Value::set),
        Expr::Object(entries) => {
            let pairs = entries
                .iter()
                .map(|(key, value)| Some((constant(key)?, constant(value)?)))
                .collect::<Option<Vec<_>>>();
            pairs.map(Value::object)
        }
        _ => None,
    };
    value.map_or(expr, Expr::Const)
}
