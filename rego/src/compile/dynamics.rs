//! Moves references and comprehensions out of operands: what is left is flat.

use super::context::{Context, calls, generated, operator};
use crate::syntax::{Body, Expr, ExprKind, Term, TermKind, With};

/// Makes `==` an equality, and flattens a body.
pub(super) fn body(context: &mut Context, body: &mut Body) {
    let mut out = Body::with_capacity(body.len());
    for expr in std::mem::take(body) {
        flatten(context, expr, &mut out);
    }
    *body = out;
}

fn flatten(context: &mut Context, mut expr: Expr, out: &mut Body) {
    if calls(&expr, "equal")
        && let ExprKind::Call(terms) = &mut expr.kind
        && terms.len() == 3
        && let Some(name) = terms.first_mut()
    {
        *name = operator(name.span, "eq");
    }
    let equality = calls(&expr, "eq");
    let with = expr.with.clone();
    match &mut expr.kind {
        ExprKind::Call(terms) => {
            for term in terms.iter_mut().skip(1) {
                if equality {
                    in_term(context, &with, term, out);
                } else {
                    flatten_operand(context, &with, term, out);
                }
            }
        }
        ExprKind::Term(term) => in_term(context, &with, term, out),
        ExprKind::Every(every) => {
            flatten_operand(context, &with, &mut every.domain, out);
            body(context, &mut every.body);
        }
        ExprKind::Not(not) => body(context, &mut not.body),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            body(context, &mut logical.left);
            body(context, &mut logical.right);
        }
        ExprKind::Some(_) => {}
    }
    out.push(expr);
}

/// Flattens inside of a term that may itself stay a reference or a comprehension.
fn in_term(context: &mut Context, with: &[With], term: &mut Term, out: &mut Body) {
    match &mut term.kind {
        TermKind::Ref(terms) => {
            for part in terms.iter_mut().skip(1) {
                flatten_operand(context, with, part, out);
            }
        }
        TermKind::ArrayComprehension(_, inner)
        | TermKind::SetComprehension(_, inner)
        | TermKind::ObjectComprehension(_, inner) => body(context, inner),
        _ => flatten_operand(context, with, term, out),
    }
}

fn flatten_operand(context: &mut Context, with: &[With], term: &mut Term, out: &mut Body) {
    match &mut term.kind {
        TermKind::Ref(terms) => {
            for part in terms.iter_mut().skip(1) {
                flatten_operand(context, with, part, out);
            }
            replace(context, with, term, out);
        }
        TermKind::ArrayComprehension(_, inner)
        | TermKind::SetComprehension(_, inner)
        | TermKind::ObjectComprehension(_, inner) => {
            body(context, inner);
            replace(context, with, term, out);
        }
        TermKind::Array(terms) | TermKind::Set(terms) => {
            for part in terms {
                flatten_operand(context, with, part, out);
            }
        }
        TermKind::Object(members) => {
            for (key, value) in members.iter_mut() {
                flatten_operand(context, with, key, out);
                flatten_operand(context, with, value, out);
            }
            in_order(members);
        }
        _ => {}
    }
}

/// Sorts members as OPA does before they get their values: of keys with one value the last member is kept, a constant
/// before a variable.
fn in_order(members: &mut [(Term, Term)]) {
    let rank = |(key, _): &(Term, Term)| match &key.kind {
        TermKind::Var(name) => {
            let number = name
                .strip_prefix('~')
                .and_then(|digits| digits.parse::<u64>().ok());
            (1, number.unwrap_or(u64::MAX), Some(name.clone()))
        }
        _ if super::context::is_scalar(key) => (0, 0, None),
        _ => (2, 0, None),
    };
    members.sort_by_cached_key(rank);
}

fn replace(context: &mut Context, with: &[With], term: &mut Term, out: &mut Body) {
    let span = term.span;
    let variable = Term {
        span,
        kind: TermKind::Var(context.variable()),
    };
    let inner = std::mem::replace(term, variable.clone());
    let mut capture = generated(
        span,
        ExprKind::Call(vec![operator(span, "eq"), variable, inner]),
    );
    capture.with = with.to_vec();
    out.push(capture);
}
