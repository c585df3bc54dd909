//! Renames the variables that `:=` and `some` declare.

use super::{IN_NEGATED, Occurrence, Scopes, fresh, rename_term, rename_with};
use crate::compile::context::{Context, is_root, operator};
use crate::compile::safety;
use crate::compile::vars::{self, Skip};
use crate::error::Code;
use crate::syntax::{Expr, ExprKind, Term, TermKind, Var, display};

/// Declares a name in the innermost scope.
pub(super) fn declare(
    context: &mut Context,
    scopes: &mut Scopes,
    name: &Var,
    occurrence: Occurrence,
) -> Result<Var, String> {
    match scopes.occurrence(name) {
        Some(Occurrence::Seen) => Err(format!("var {name} referenced above")),
        Some(Occurrence::Assigned) => Err(format!("var {name} assigned above")),
        Some(Occurrence::Declared) => Err(format!("var {name} declared above")),
        Some(Occurrence::Arg) => Err(format!("arg {name} redeclared")),
        None => Ok(fresh(context, scopes, name, occurrence)),
    }
}

/// Renames in `:=`, which becomes an equality.
pub(super) fn assignment(context: &mut Context, scopes: &mut Scopes, expr: &mut Expr) {
    if expr.negated {
        context.error(Code::Compile, expr.span, IN_NEGATED);
        return;
    }
    let errors = context.errors.len();
    let ExprKind::Call(terms) = &mut expr.kind else {
        return;
    };
    let [name, left, right] = terms.as_mut_slice() else {
        return;
    };
    rename_term(context, scopes, right);
    for with in &mut expr.with {
        rename_term(context, scopes, &mut with.value);
    }
    assign_to(context, scopes, left);
    if context.errors.len() == errors {
        *name = operator(name.span, "eq");
        expr.assignment = true;
    }
}

fn assign_to(context: &mut Context, scopes: &mut Scopes, term: &mut Term) {
    let span = term.span;
    let root = is_root(term).cloned();
    match &mut term.kind {
        TermKind::Var(name) => {
            match declare(context, scopes, &name.clone(), Occurrence::Assigned) {
                Ok(own) => *name = own,
                Err(message) => context.error(Code::Compile, span, message),
            }
        }
        TermKind::Array(terms) => {
            for term in terms {
                assign_to(context, scopes, term);
            }
        }
        TermKind::Object(members) => {
            for (_, value) in members {
                assign_to(context, scopes, value);
            }
        }
        kind => {
            if let Some(name) = root {
                match declare(context, scopes, &name, Occurrence::Assigned) {
                    Ok(own) => *kind = TermKind::Var(own),
                    Err(message) => context.error(Code::Compile, span, message),
                }
                return;
            }
            let name = display::kind(kind);
            context.error(Code::Compile, span, format!("cannot assign to {name}"));
        }
    }
}

/// Renames in `some`; `false` if nothing of it stays.
pub(super) fn some(context: &mut Context, scopes: &mut Scopes, expr: &mut Expr) -> bool {
    let span = expr.span;
    let ExprKind::Some(terms) = &mut expr.kind else {
        return true;
    };
    let mut terms = std::mem::take(terms);
    let Some(TermKind::Call(call)) = terms.first_mut().map(|term| &mut term.kind) else {
        for term in &terms {
            if let TermKind::Var(name) = &term.kind
                && let Err(message) = declare(context, scopes, name, Occurrence::Declared)
            {
                context.error(Code::Compile, span, message);
                return false;
            }
        }
        return false;
    };
    let (Some(container), Some(value), key) = (call.pop(), call.pop(), call.pop()) else {
        return false;
    };
    // Without a key the function's name was taken for one.
    let key = key.filter(|_| !call.is_empty()).unwrap_or_else(|| Term {
        span: value.span,
        kind: TermKind::Var(context.variable()),
    });
    let safe = vars::of_term(&container, Skip::default());
    let at = container.span;
    let reference = match container.kind {
        TermKind::Ref(mut path) => {
            path.push(key);
            path
        }
        _ => vec![container, key],
    };
    let reference = Term {
        span: at,
        kind: TermKind::Ref(reference),
    };
    expr.kind = ExprKind::Call(vec![operator(span, "eq"), value, reference]);
    let mut outputs: Vec<Var> = safety::outputs_of_equality(expr, &safe)
        .into_iter()
        .collect();
    outputs.sort();
    for name in outputs {
        if let Err(message) = declare(context, scopes, &name, Occurrence::Declared) {
            context.error(Code::Compile, span, message);
            return false;
        }
    }
    if let ExprKind::Call(terms) = &mut expr.kind {
        for term in terms.iter_mut().skip(1) {
            rename_term(context, scopes, term);
        }
    }
    for with in &mut expr.with {
        rename_with(context, scopes, with);
    }
    true
}
