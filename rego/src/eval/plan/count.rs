//! Slots that occur once: nothing reads what is bound to them.

use crate::compile::program::{
    Body, CompiledBranch, CompiledExpr, CompiledExprKind, CompiledTerm, CompiledTermKind, RefHead,
    SlotInfo, WithTarget, WithValue,
};

/// Returns for each slot of a rule's branch if it has no name and occurs once.
pub(crate) fn unread(branch: &CompiledBranch, suffix: &[CompiledTerm]) -> Vec<bool> {
    let mut counts = Counts(vec![0; branch.slots.len()]);
    counts.terms(&branch.args);
    counts.terms(suffix);
    branch
        .key
        .iter()
        .chain(&branch.value)
        .for_each(|term| counts.term(term));
    counts.body(&branch.body);
    counts.finish(&branch.slots)
}

/// Returns for each slot of a query if it has no name and occurs once.
pub(crate) fn unread_in_query(body: &Body, slots: &[SlotInfo]) -> Vec<bool> {
    let mut counts = Counts(vec![0; slots.len()]);
    counts.body(body);
    counts.finish(slots)
}

struct Counts(Vec<u32>);

impl Counts {
    fn finish(self, slots: &[SlotInfo]) -> Vec<bool> {
        self.0
            .iter()
            .zip(slots)
            .map(|(count, slot)| *count == 1 && slot.name.is_none())
            .collect()
    }

    fn slot(&mut self, slot: crate::compile::program::Slot) {
        if let Some(count) = self.0.get_mut(slot.0 as usize) {
            *count += 1;
        }
    }

    fn terms(&mut self, terms: &[CompiledTerm]) {
        terms.iter().for_each(|term| self.term(term));
    }

    fn term(&mut self, term: &CompiledTerm) {
        match &term.kind {
            CompiledTermKind::Null
            | CompiledTermKind::Bool(_)
            | CompiledTermKind::Number(_)
            | CompiledTermKind::String(_) => {}
            CompiledTermKind::Slot(slot) => self.slot(*slot),
            CompiledTermKind::Ref(reference) => {
                if let RefHead::Slot(slot) = reference.head {
                    self.slot(slot);
                }
                self.terms(&reference.path);
            }
            CompiledTermKind::Array(items) | CompiledTermKind::Set(items) => self.terms(items),
            CompiledTermKind::Object(entries) => {
                for (key, value) in entries {
                    self.term(key);
                    self.term(value);
                }
            }
            CompiledTermKind::ArrayComprehension(head, body)
            | CompiledTermKind::SetComprehension(head, body) => {
                self.term(head);
                self.body(body);
            }
            CompiledTermKind::ObjectComprehension(head, body) => {
                self.term(&head.0);
                self.term(&head.1);
                self.body(body);
            }
        }
    }

    fn body(&mut self, body: &[CompiledExpr]) {
        body.iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &CompiledExpr) {
        match &expr.kind {
            CompiledExprKind::Term(term) => self.term(term),
            CompiledExprKind::Unify(a, b) => {
                self.term(a);
                self.term(b);
            }
            CompiledExprKind::Call { args, output, .. } => {
                self.terms(args);
                output.iter().for_each(|term| self.term(term));
            }
            CompiledExprKind::Every {
                key,
                value,
                domain,
                body,
            } => {
                key.iter().for_each(|slot| self.slot(*slot));
                self.slot(*value);
                self.term(domain);
                self.body(body);
            }
            CompiledExprKind::Not(body) => self.body(body),
            CompiledExprKind::Probe { keys, body } => {
                keys.iter().for_each(|slot| self.slot(*slot));
                self.body(body);
            }
            CompiledExprKind::Unready(_) => {}
            CompiledExprKind::And(left, right) | CompiledExprKind::Or(left, right) => {
                self.body(left);
                self.body(right);
            }
        }
        for with in &expr.with {
            match &with.target {
                WithTarget::Input(path) | WithTarget::Data(path) => self.terms(path),
                WithTarget::Function(_) | WithTarget::Builtin(_) => {}
            }
            if let WithValue::Term(term) = &with.value {
                self.term(term);
            }
        }
    }
}
