//! Planning of unification: which side is the value, and in which order parts are unified.

use super::build::{Planned, Planner, SlotScope};
use super::{Output, Pattern, PlanExpr, Stmt, StmtKind};
use crate::compile::program::{CompiledTerm, CompiledTermKind};
use crate::eval::error::Place;

type Pair<'t> = (&'t CompiledTerm, &'t CompiledTerm);

impl Planner<'_> {
    /// Plans `a = b`: the side whose value is known is unified with the other.
    pub(super) fn unify(
        &mut self,
        scope: &mut SlotScope,
        a: &CompiledTerm,
        b: &CompiledTerm,
        place: Place,
        out: &mut Vec<Stmt>,
    ) -> Planned<()> {
        let mut pairs = Vec::new();
        if self.ground(scope, a) || self.ground(scope, b) {
            pairs.push((a, b));
        } else if !self.decompose(a, b, &mut pairs) {
            out.push(Stmt {
                place,
                kind: StmtKind::Never,
            });
            return Ok(());
        }
        while !pairs.is_empty() {
            // Parts whose value is known come first: they bind slots of the others.
            let known = |(a, b): &Pair<'_>| self.ground(scope, a) || self.ground(scope, b);
            let next = pairs
                .iter()
                .position(known)
                .or_else(|| {
                    pairs
                        .iter()
                        .position(|(a, b)| enumerates(a) || enumerates(b))
                })
                .unwrap_or(0);
            let (a, b) = pairs.remove(next);
            self.unify_pair(scope, a, b, place, out)?;
        }
        Ok(())
    }

    /// Takes arrays and objects apart. Returns false if they never unify.
    fn decompose<'t>(
        &self,
        a: &'t CompiledTerm,
        b: &'t CompiledTerm,
        pairs: &mut Vec<Pair<'t>>,
    ) -> bool {
        match (&a.kind, &b.kind) {
            (CompiledTermKind::Array(left), CompiledTermKind::Array(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .zip(right)
                        .all(|(a, b)| self.decompose(a, b, pairs))
            }
            (CompiledTermKind::Object(left), CompiledTermKind::Object(right)) => {
                if left.len() != right.len() {
                    return false;
                }
                for (key, value) in left {
                    let Some(name) = constant(key) else {
                        pairs.push((a, b));
                        return true;
                    };
                    let other = right.iter().find(|(key, _)| constant(key) == Some(name));
                    let Some((_, other)) = other else {
                        return false;
                    };
                    if !self.decompose(value, other, pairs) {
                        return false;
                    }
                }
                true
            }
            _ => {
                pairs.push((a, b));
                true
            }
        }
    }

    fn unify_pair(
        &mut self,
        scope: &mut SlotScope,
        a: &CompiledTerm,
        b: &CompiledTerm,
        place: Place,
        out: &mut Vec<Stmt>,
    ) -> Planned<()> {
        match (self.ground(scope, a), self.ground(scope, b)) {
            (true, true) => {
                let left = self.value(scope, a, out)?;
                let right = self.value(scope, b, out)?;
                out.push(Stmt {
                    place,
                    kind: StmtKind::Equal(left, right),
                });
                Ok(())
            }
            (false, true) => {
                let value = self.value(scope, b, out)?;
                self.bind(scope, a, value, place, out)
            }
            (true, false) => {
                let mut value = self.value(scope, a, out)?;
                if let (
                    PlanExpr::Comprehension(_),
                    CompiledTermKind::Array(_) | CompiledTermKind::Object(_),
                ) = (&value, &b.kind)
                {
                    // On the left it is evaluated whatever the pattern is.
                    value = self.stored(scope, value, place, out);
                }
                self.bind(scope, b, value, place, out)
            }
            (false, false) => {
                let (value, pattern) = if enumerates(a) { (a, b) } else { (b, a) };
                if let (CompiledTermKind::Ref(reference), CompiledTermKind::Slot(_)) =
                    (&value.kind, &pattern.kind)
                {
                    let scan = self.scan(scope, reference, out)?;
                    let pattern = self.pattern(scope, pattern, out)?;
                    let kind = StmtKind::Scan(Box::new(scan), Output::Match(pattern));
                    out.push(Stmt { place, kind });
                    return Ok(());
                }
                let value = self.value(scope, value, out)?;
                self.bind(scope, pattern, value, place, out)
            }
        }
    }

    /// Keeps a value in a slot.
    fn stored(
        &self,
        scope: &mut SlotScope,
        value: PlanExpr,
        place: Place,
        out: &mut Vec<Stmt>,
    ) -> PlanExpr {
        let slot = scope.temporary();
        let kind = StmtKind::Let(slot, value);
        out.push(Stmt { place, kind });
        PlanExpr::Slot(slot)
    }

    /// Unifies a term that has unbound slots with a value.
    fn bind(
        &mut self,
        scope: &mut SlotScope,
        target: &CompiledTerm,
        value: PlanExpr,
        place: Place,
        out: &mut Vec<Stmt>,
    ) -> Planned<()> {
        if self.ground(scope, target) {
            let other = self.value(scope, target, out)?;
            out.push(Stmt {
                place,
                kind: StmtKind::Equal(other, value),
            });
            return Ok(());
        }
        let kind = match &target.kind {
            CompiledTermKind::Ref(reference) => {
                let value = match value {
                    PlanExpr::Const(_) | PlanExpr::Slot(_) | PlanExpr::Comprehension(_) => value,
                    other => self.stored(scope, other, place, out),
                };
                let scan = self.scan(scope, reference, out)?;
                StmtKind::Scan(Box::new(scan), Output::Match(Pattern::Equals(value)))
            }
            _ => match self.pattern(scope, target, out)? {
                Pattern::Bind(slot) => StmtKind::Let(slot, value),
                Pattern::Any => StmtKind::Match(Pattern::Any, value),
                pattern => StmtKind::Match(pattern, value),
            },
        };
        out.push(Stmt { place, kind });
        Ok(())
    }
}

/// Tells if a term has a value after its slots are found by enumeration.
fn enumerates(term: &CompiledTerm) -> bool {
    match &term.kind {
        CompiledTermKind::Slot(_) => false,
        CompiledTermKind::Array(items) | CompiledTermKind::Set(items) => {
            items.iter().all(enumerates)
        }
        CompiledTermKind::Object(entries) => entries.iter().all(|(_, value)| enumerates(value)),
        _ => true,
    }
}

fn constant(term: &CompiledTerm) -> Option<&str> {
    match &term.kind {
        CompiledTermKind::String(text) => Some(text),
        _ => None,
    }
}
