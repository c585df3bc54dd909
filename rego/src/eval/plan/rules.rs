//! Planning of rules: heads, branches and variants with given keys.

use super::build::{Planned, Planner, SlotScope};
use super::count::unread;
use super::{Branch, Definition, Pattern, PlanExpr, SetKind, Stmt, StmtKind};
use crate::compile::program::{self, CompiledTerm, CompiledTermKind};
use crate::value::Value;

impl Planner<'_> {
    /// Plans a rule as a member of a rule set whose path has a length.
    pub(super) fn definition(
        &mut self,
        rule: &program::CompiledRule,
        depth: usize,
        kind: SetKind,
    ) -> Planned<Definition> {
        self.file = rule.module.0;
        let place = self.place(rule.span);
        // A rule below an object has the rest of its path as keys.
        let below = rule.path.get(depth..).unwrap_or_default();
        let mut keys: Vec<CompiledTerm> = below
            .iter()
            .map(|name| CompiledTerm {
                span: rule.span,
                kind: CompiledTermKind::String(name.clone()),
            })
            .collect();
        keys.extend(rule.suffix.iter().cloned());
        let given = match kind {
            SetKind::Complete | SetKind::Function => 0,
            SetKind::Set => 1,
            SetKind::Object => keys.len() + usize::from(rule.branch.key.is_some()),
        };
        let variants = (0..=given)
            .map(|count| self.branch(&rule.branch, &keys, count))
            .collect::<Planned<_>>()?;
        Ok(Definition { place, variants })
    }

    /// Plans one body; the first keys are given.
    fn branch(
        &mut self,
        branch: &program::CompiledBranch,
        keys: &[CompiledTerm],
        given: usize,
    ) -> Planned<Branch> {
        self.unread = unread(branch, keys);
        let mut scope = SlotScope::new(branch.slots.len());
        let (mut args, mut body) = (Vec::new(), Vec::new());
        let element = branch.key.iter();
        let mut compared = Vec::new();
        for term in branch
            .args
            .iter()
            .chain(keys.iter().chain(element).take(given))
        {
            if self.binds(&scope, term) {
                args.push(self.pattern(&mut scope, term, &mut body)?);
            } else {
                // The elements of a set say nothing before the body has bound their variables.
                let slot = scope.temporary();
                args.push(Pattern::Bind(slot));
                compared.push((slot, term));
            }
        }
        body.extend(self.body(&mut scope, &branch.body)?);
        for (slot, term) in compared {
            let place = self.place(term.span);
            let given = self.value(&mut scope, term, &mut body)?;
            let kind = StmtKind::Equal(given, PlanExpr::Slot(slot));
            body.push(Stmt { place, kind });
        }
        let mut expr =
            |scope: &mut SlotScope, term: &CompiledTerm| self.value(scope, term, &mut body);
        let keys = keys
            .iter()
            .map(|key| expr(&mut scope, key))
            .collect::<Planned<Vec<_>>>()?;
        let value = match branch.key.as_ref().or(branch.value.as_ref()) {
            Some(term) => expr(&mut scope, term)?,
            None => PlanExpr::Const(Value::Bool(true)),
        };
        let otherwise = match &branch.otherwise {
            Some(otherwise) => Some(Box::new(self.branch(otherwise, &[], 0)?)),
            None => None,
        };
        Ok(Branch {
            guard: None,
            place: self.place(branch.span),
            slots: scope.bound.len(),
            args,
            body,
            keys,
            value,
            contains: branch.key.is_some(),
            otherwise,
            names: branch.slots.iter().map(|slot| slot.name.clone()).collect(),
        })
    }
}
