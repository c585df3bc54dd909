//! Slots that occur once: nothing reads what is bound to them.

use crate::compile::program::{
    Body, Branch, Expr, ExprKind, Head, Replacement, SlotInfo, Target, Term, TermKind,
};

/// Returns for each slot of a rule's branch if it has no name and occurs once.
pub(crate) fn unread(branch: &Branch, suffix: &[Term]) -> Vec<bool> {
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

    fn terms(&mut self, terms: &[Term]) {
        terms.iter().for_each(|term| self.term(term));
    }

    fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) => {}
            TermKind::Slot(slot) => self.slot(*slot),
            TermKind::Ref(reference) => {
                if let Head::Slot(slot) = reference.head {
                    self.slot(slot);
                }
                self.terms(&reference.path);
            }
            TermKind::Array(items) | TermKind::Set(items) => self.terms(items),
            TermKind::Object(entries) => {
                for (key, value) in entries {
                    self.term(key);
                    self.term(value);
                }
            }
            TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body) => {
                self.term(head);
                self.body(body);
            }
            TermKind::ObjectComprehension(head, body) => {
                self.term(&head.0);
                self.term(&head.1);
                self.body(body);
            }
        }
    }

    fn body(&mut self, body: &[Expr]) {
        body.iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Term(term) => self.term(term),
            ExprKind::Unify(a, b) => {
                self.term(a);
                self.term(b);
            }
            ExprKind::Call { args, output, .. } => {
                self.terms(args);
                output.iter().for_each(|term| self.term(term));
            }
            ExprKind::Every {
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
            ExprKind::Not(body) => self.body(body),
            ExprKind::Probe { keys, body } => {
                keys.iter().for_each(|slot| self.slot(*slot));
                self.body(body);
            }
            ExprKind::Unready(_) => {}
            ExprKind::And(left, right) | ExprKind::Or(left, right) => {
                self.body(left);
                self.body(right);
            }
        }
        for with in &expr.with {
            match &with.target {
                Target::Input(path) | Target::Data(path) => self.terms(path),
                Target::Function(_) | Target::Builtin(_) => {}
            }
            if let Replacement::Term(term) = &with.value {
                self.term(term);
            }
        }
    }
}
