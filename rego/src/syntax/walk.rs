//! Visits the terms in terms and bodies.

use super::ast::{Body, Expr, ExprKind, TemplatePart, Term, TermKind};

/// Tells if a term contains no variable, reference or call; comprehensions are ground, as in OPA.
pub(crate) fn is_ground(term: &Term) -> bool {
    match &term.kind {
        TermKind::Var(_) | TermKind::Call(_) => false,
        TermKind::Ref(terms) => terms.iter().skip(1).all(is_ground),
        TermKind::Array(terms) | TermKind::Set(terms) => terms.iter().all(is_ground),
        TermKind::Object(members) => members
            .iter()
            .all(|(key, value)| is_ground(key) && is_ground(value)),
        _ => true,
    }
}

/// Visits a term and the terms in it, bodies of comprehensions excluded, while the visitor returns `true`.
pub(crate) fn outside_closures<'a>(term: &'a Term, visit: &mut impl FnMut(&'a Term) -> bool) {
    if !visit(term) {
        return;
    }
    match &term.kind {
        TermKind::Ref(terms)
        | TermKind::Array(terms)
        | TermKind::Set(terms)
        | TermKind::Call(terms) => {
            for term in terms {
                outside_closures(term, visit);
            }
        }
        TermKind::Object(members) => {
            for (key, value) in members {
                outside_closures(key, visit);
                outside_closures(value, visit);
            }
        }
        _ => {}
    }
}

/// Visits all terms of a term, bodies of comprehensions and templates included, while the visitor returns `true`.
pub(crate) fn terms<'a>(term: &'a Term, visit: &mut dyn FnMut(&'a Term) -> bool) {
    if !visit(term) {
        return;
    }
    match &term.kind {
        TermKind::Ref(inner)
        | TermKind::Array(inner)
        | TermKind::Set(inner)
        | TermKind::Call(inner) => {
            for term in inner {
                terms(term, visit);
            }
        }
        TermKind::Object(members) => {
            for (key, value) in members {
                terms(key, visit);
                terms(value, visit);
            }
        }
        TermKind::ArrayComprehension(head, inner) | TermKind::SetComprehension(head, inner) => {
            terms(head, visit);
            body(inner, visit);
        }
        TermKind::ObjectComprehension(head, inner) => {
            terms(&head.0, visit);
            terms(&head.1, visit);
            body(inner, visit);
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                if let TemplatePart::Expr(inner) = part {
                    expr(inner, visit);
                }
            }
        }
        _ => {}
    }
}

/// Visits all terms of a body.
pub(crate) fn body<'a>(body: &'a Body, visit: &mut dyn FnMut(&'a Term) -> bool) {
    for inner in body {
        expr(inner, visit);
    }
}

/// Visits all terms of an expression.
pub(crate) fn expr<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Term) -> bool) {
    match &expr.kind {
        ExprKind::Term(term) => terms(term, visit),
        ExprKind::Call(inner) | ExprKind::Some(inner) => {
            for term in inner {
                terms(term, visit);
            }
        }
        ExprKind::Every(every) => {
            if let Some(key) = &every.key {
                terms(key, visit);
            }
            terms(&every.value, visit);
            terms(&every.domain, visit);
            body(&every.body, visit);
        }
        ExprKind::Not(not) => body(&not.body, visit),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            body(&logical.left, visit);
            body(&logical.right, visit);
        }
    }
    for with in &expr.with {
        terms(&with.target, visit);
        terms(&with.value, visit);
    }
}
