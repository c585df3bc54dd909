//! Variables of terms and expressions, as OPA's visitor finds them.

use super::context::{Context, Vars};
use crate::syntax::{Body, Expr, ExprKind, TemplatePart, Term, TermKind, Var, With};

/// Parts of an expression in which variables are not collected.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Skip {
    pub(super) ref_head: bool,
    /// The function of a call, and heads of references in `with`.
    pub(super) call_head: bool,
    pub(super) object_keys: bool,
    pub(super) closures: bool,
    pub(super) sets: bool,
}

/// Terms that the safety check leaves out.
pub(super) const SAFETY: Skip = Skip {
    ref_head: false,
    call_head: true,
    object_keys: false,
    closures: true,
    sets: false,
};

/// Variables of patterns that a value binds.
pub(super) const PATTERN: Skip = Skip {
    ref_head: true,
    call_head: false,
    object_keys: true,
    closures: true,
    sets: true,
};

/// Collects variables, except those in skipped parts.
pub(super) struct Visitor<'a> {
    skip: Skip,
    /// With it, variables of operands without braces that come from outside are found in spite of `closures`.
    promote: Option<&'a Context>,
    pub(super) found: Vars,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(skip: Skip) -> Self {
        Self {
            skip,
            promote: None,
            found: Vars::new(),
        }
    }

    pub(super) fn promoting(context: &'a Context) -> Self {
        Self {
            skip: SAFETY,
            promote: Some(context),
            found: Vars::new(),
        }
    }

    fn add(&mut self, var: &Var) {
        if !self.found.contains(var) {
            self.found.insert(var.clone());
        }
    }

    pub(super) fn terms<'t>(&mut self, terms: impl IntoIterator<Item = &'t Term>) {
        for term in terms {
            self.term(term);
        }
    }

    pub(super) fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Var(name) => self.add(name),
            TermKind::Ref(terms) => self.terms(terms.iter().skip(usize::from(self.skip.ref_head))),
            TermKind::Array(terms) => self.terms(terms),
            TermKind::Set(terms) if !self.skip.sets => {
                self.terms(terms);
            }
            TermKind::Object(members) => {
                for (key, value) in members {
                    if !self.skip.object_keys {
                        self.term(key);
                    }
                    self.term(value);
                }
            }
            TermKind::Call(terms) => self.call(terms),
            TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body)
                if !self.skip.closures =>
            {
                self.term(head);
                self.body(body);
            }
            TermKind::ObjectComprehension(head, body) if !self.skip.closures => {
                self.term(&head.0);
                self.term(&head.1);
                self.body(body);
            }
            TermKind::Template { parts, .. } if !self.skip.closures => {
                for part in parts {
                    if let TemplatePart::Expr(expr) = part {
                        self.expr(expr);
                    }
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, terms: &[Term]) {
        let mut terms = terms.iter();
        if self.skip.call_head
            && let Some(Term {
                kind: TermKind::Ref(operator),
                ..
            }) = terms.next()
        {
            self.terms(operator.iter().skip(1));
        }
        self.terms(terms);
    }

    pub(super) fn body(&mut self, body: &Body) {
        for expr in body {
            self.expr(expr);
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Term(term) => self.term(term),
            ExprKind::Call(terms) => self.call(terms),
            ExprKind::Some(terms) => self.terms(terms),
            ExprKind::Every(every) => {
                if self.skip.closures {
                    self.term(&every.domain);
                    return;
                }
                self.terms(every.key.iter().chain([&every.value, &every.domain]));
                self.body(&every.body);
            }
            ExprKind::Not(not) => self.operand(&not.body, not.explicit),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                self.operand(&logical.left, logical.explicit_left);
                self.operand(&logical.right, logical.explicit_right);
            }
        }
        for with in &expr.with {
            self.with(with);
        }
    }

    fn operand(&mut self, body: &Body, explicit: bool) {
        match self.promote {
            Some(context) if !explicit => self
                .found
                .extend(super::safety::vars_from_outside(context, body)),
            Some(_) => {}
            None if self.skip.closures => {}
            None => self.body(body),
        }
    }

    pub(super) fn with(&mut self, with: &With) {
        for term in [&with.target, &with.value] {
            match &term.kind {
                TermKind::Ref(terms) if self.skip.call_head => self.terms(terms.iter().skip(1)),
                _ if self.skip.call_head && std::ptr::eq(term, &raw const with.target) => {}
                _ => self.term(term),
            }
        }
    }
}

/// Returns the variables of a term.
pub(super) fn of_term(term: &Term, skip: Skip) -> Vars {
    let mut visitor = Visitor::new(skip);
    visitor.term(term);
    visitor.found
}

/// Returns the variables of an expression.
pub(super) fn of_expr(expr: &Expr, skip: Skip) -> Vars {
    let mut visitor = Visitor::new(skip);
    visitor.expr(expr);
    visitor.found
}

/// Returns the variables that a body declares with `:=` and `some`, nested bodies included, comprehensions excluded.
pub(super) fn declared(body: &Body) -> Vars {
    let mut visitor = Visitor::new(Skip::default());
    declared_in(body, &mut visitor);
    visitor.found
}

fn declared_in(body: &Body, visitor: &mut Visitor<'_>) {
    for expr in body {
        declared_by(expr, visitor);
    }
}

/// Adds the variables that an expression declares.
pub(super) fn declared_by(expr: &Expr, visitor: &mut Visitor<'_>) {
    match &expr.kind {
        ExprKind::Call(terms) if super::context::calls(expr, "assign") => {
            if let [_, left, _] = terms.as_slice() {
                visitor.term(left);
            }
        }
        ExprKind::Some(terms) => {
            for term in terms {
                match &term.kind {
                    TermKind::Call(call) => {
                        let last = call.len().saturating_sub(1);
                        visitor.terms(call.iter().take(last).skip(1));
                    }
                    _ => visitor.term(term),
                }
            }
        }
        ExprKind::Every(every) => declared_in(&every.body, visitor),
        ExprKind::Not(not) => declared_in(&not.body, visitor),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            declared_in(&logical.left, visitor);
            declared_in(&logical.right, visitor);
        }
        _ => {}
    }
}
