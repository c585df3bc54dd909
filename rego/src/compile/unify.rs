//! Variables that an equality of two terms binds.

use std::collections::{HashMap, HashSet};

use super::{
    context::Vars,
    safety::is_safe,
    vars::{self, SAFETY, Skip, Visitor},
};
use crate::syntax::{Term, TermKind, Var, display};

const BOUND: Skip = Skip {
    ref_head: true,
    call_head: false,
    object_keys: true,
    closures: true,
    sets: false,
};

struct Unifier<'a> {
    safe: &'a Vars,
    unified: Vars,
    unknown: HashMap<Var, Vars>,
}

/// Returns the variables that are bound if `left = right` is evaluated with the safe ones bound.
pub(super) fn unified(safe: &Vars, left: &Term, right: &Term) -> Vars {
    let mut unifier = Unifier {
        safe,
        unified: Vars::new(),
        unknown: HashMap::new(),
    };
    unifier.unify(left, right);
    unifier.unified
}

/// Tells if a term's value is known: for calls and references the variables that they need are bound.
fn known(term: &Term, safe: &Vars) -> bool {
    match &term.kind {
        TermKind::Ref(terms) => is_safe(terms, safe),
        TermKind::Call(_) => vars::of_term(term, SAFETY).is_subset(safe),
        _ => true,
    }
}

impl Unifier<'_> {
    fn is_safe(&self, var: &Var) -> bool {
        self.safe.contains(var) || self.unified.contains(var)
    }

    fn unify(&mut self, left: &Term, right: &Term) {
        use TermKind::{Array, Call, Object, Ref, Var};
        match (&left.kind, &right.kind) {
            (Var(left), Var(right)) => {
                if self.is_safe(right) {
                    self.mark(left);
                } else if self.is_safe(left) {
                    self.mark(right);
                } else {
                    self.unknown(left, right);
                    self.unknown(right, left);
                }
            }
            (Var(var), Array(_) | Object(_)) => self.bind_variable(var, right),
            (Array(_) | Object(_), Var(var)) => self.bind_variable(var, left),
            (Var(var), _) if known(right, self.safe) => {
                self.mark(var);
            }
            (_, Var(var)) if known(left, self.safe) => {
                self.mark(var);
            }
            (Array(left), Array(right)) if left.len() == right.len() => {
                for (left, right) in left.iter().zip(right) {
                    self.unify(left, right);
                }
            }
            (Object(left), Object(right)) if left.len() == right.len() => {
                let right: HashMap<String, &Term> = right
                    .iter()
                    .map(|(key, value)| (display::term(key), value))
                    .collect();
                for (key, value) in left {
                    if let Some(other) = right.get(&display::term(key)) {
                        self.unify(value, other);
                    }
                }
            }
            (Array(_) | Object(_), Array(_) | Object(_)) => {}
            (Array(_) | Object(_), Ref(_) | Call(_)) if known(right, self.safe) => {
                self.mark_all(left);
            }
            (Ref(_) | Call(_), Array(_) | Object(_)) if known(left, self.safe) => {
                self.mark_all(right);
            }
            (Array(_), TermKind::ArrayComprehension(..)) => self.mark_all(left),
            (TermKind::ArrayComprehension(..), Array(_))
            | (TermKind::ObjectComprehension(..), Object(_)) => self.mark_all(right),
            _ => {}
        }
    }

    fn mark_all(&mut self, term: &Term) {
        let mut visitor = Visitor::new(BOUND);
        visitor.term(term);
        for var in visitor.found {
            self.mark(&var);
        }
    }

    fn mark(&mut self, var: &Var) {
        let mut next = vec![var.clone()];
        let mut seen: HashSet<Var> = HashSet::new();
        while let Some(var) = next.pop() {
            if !seen.insert(var.clone()) {
                continue;
            }
            self.unified.insert(var.clone());
            next.extend(self.unknown.remove(&var).into_iter().flatten());
            self.unknown.retain(|other, needs| {
                if needs.remove(&var) && needs.is_empty() {
                    next.push(other.clone());
                    return false;
                }
                true
            });
        }
    }

    fn unknown(&mut self, var: &Var, needs: &Var) {
        self.unknown
            .entry(var.clone())
            .or_default()
            .insert(needs.clone());
    }

    fn bind_variable(&mut self, var: &Var, term: &Term) {
        if self.is_safe(var) {
            self.mark_all(term);
            return;
        }
        let mut visitor = Visitor::new(BOUND);
        visitor.term(term);
        let unsafe_vars: Vec<Var> = visitor
            .found
            .into_iter()
            .filter(|var| !self.is_safe(var))
            .collect();
        if unsafe_vars.is_empty() {
            self.mark(var);
        } else {
            for needs in unsafe_vars {
                self.unknown(var, &needs);
            }
        }
    }
}
