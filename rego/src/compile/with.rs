//! Checks targets and values of `with`.

use super::{
    context::{Context, requires_eval},
    tree::Tree,
};
use crate::{
    error::Code,
    signature::Declaration,
    syntax::{Body, Expr, ExprKind, Span, Term, TermKind, display},
};

/// Checks the `with` of a body, and moves values that are evaluated before the expression.
pub(super) fn body(context: &mut Context, tree: &Tree, body_: &mut Body) {
    let mut out = Body::with_capacity(body_.len());
    for mut expr in std::mem::take(body_) {
        nested(context, tree, &mut expr);
        for at in 0..expr.with.len() {
            match check(context, tree, &mut expr, at) {
                Ok(true) => {
                    if let Some(with) = expr.with.get_mut(at) {
                        let span = with.value.span;
                        let value = std::mem::replace(
                            &mut with.value,
                            Term {
                                span,
                                kind: TermKind::Null,
                            },
                        );
                        let (variable, capture) = context.capture(value);
                        with.value = variable;
                        out.push(capture);
                    }
                }
                Ok(false) => {}
                Err((code, span, message)) => context.error(code, span, message),
            }
        }
        out.push(expr);
    }
    *body_ = out;
}

fn nested(context: &mut Context, tree: &Tree, expr: &mut Expr) {
    match &mut expr.kind {
        ExprKind::Every(every) => body(context, tree, &mut every.body),
        ExprKind::Not(not) => body(context, tree, &mut not.body),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            body(context, tree, &mut logical.left);
            body(context, tree, &mut logical.right);
        }
        _ => {}
    }
    super::context::each_term_mut(expr, &mut |term| in_term(context, tree, term));
}

/// Checks the bodies in a term.
pub(super) fn in_term(context: &mut Context, tree: &Tree, term: &mut Term) {
    for child in super::context::children_mut(term) {
        in_term(context, tree, child);
    }
    if let TermKind::ArrayComprehension(_, inner)
    | TermKind::SetComprehension(_, inner)
    | TermKind::ObjectComprehension(_, inner) = &mut term.kind
    {
        body(context, tree, inner);
    }
}

type Refused = (Code, Span, String);

/// A variable that names a builtin is a reference to it.
fn builtin_name(context: &Context, term: &mut Term) -> Option<Declaration> {
    let span = term.span;
    if let TermKind::Var(name) = &term.kind
        && context.builtins.contains_key(&**name)
    {
        term.kind = TermKind::Ref(vec![Term {
            span,
            kind: TermKind::Var(name.clone()),
        }]);
    }
    match &term.kind {
        TermKind::Ref(terms) => context.builtin(terms).copied(),
        _ => None,
    }
}

/// Tells if the value has to be evaluated before.
fn check(context: &Context, tree: &Tree, expr: &mut Expr, at: usize) -> Result<bool, Refused> {
    let Some(with) = expr.with.get_mut(at) else {
        return Ok(false);
    };
    let target_builtin = builtin_name(context, &mut with.target);
    let value_builtin = builtin_name(context, &mut with.value).is_some();
    let span = with.target.span;
    let terms = match &with.target.kind {
        TermKind::Ref(terms) => terms.as_slice(),
        _ => &[],
    };
    let value_path = match &with.value.kind {
        TermKind::Ref(terms) => super::context::data_path(terms),
        _ => None,
    };
    let value_node = value_path.as_ref().and_then(|path| tree.find(path));
    match terms.first() {
        Some(head) if super::context::is_var(head, "data") => {
            if tree.covers(terms.get(1..).unwrap_or_default()) {
                return Err((
                    Code::Compile,
                    span,
                    "with keyword cannot partially replace virtual document(s)".to_owned(),
                ));
            }
            let function = super::context::data_path(terms)
                .and_then(|path| tree.find(&path))
                .is_some_and(|node| node.function());
            if function && (value_node.is_some() || value_builtin) {
                return Ok(false);
            }
            if value_node.is_some_and(|node| node.function()) {
                return Ok(false);
            }
        }
        Some(head) if super::context::is_var(head, "input") => {}
        _ => {
            let Some(builtin) = target_builtin else {
                let name = display::reference(terms);
                let message = match crate::builtins::not_offered(&name) {
                    Some(reason) => format!("function {name} is not offered: {reason}"),
                    None => {
                        "with keyword target must reference existing input, data, or a function"
                            .to_owned()
                    }
                };
                return Err((Code::Type, span, message));
            };
            check_builtin(&builtin, terms).map_err(|message| (Code::Compile, span, message))?;
            if value_node.is_some() || value_builtin {
                return Ok(false);
            }
        }
    }
    Ok(requires_eval(&with.value))
}

fn check_builtin(builtin: &Declaration, target: &[Term]) -> Result<(), String> {
    let name = builtin.name;
    let reason = if matches!(name, "eq" | "rego.metadata.chain" | "rego.metadata.rule") {
        format!("replacement of \"{name}\" invalid")
    } else if name.starts_with("internal.") {
        let name = display::reference(target);
        format!("replacement of internal function {name:?} invalid")
    } else if builtin.relation {
        "target must not be a relation".to_owned()
    } else if builtin.result.is_none() {
        "target must not be a void function".to_owned()
    } else {
        return Ok(());
    };
    Err(format!(
        "with keyword replacing built-in function: {reason}"
    ))
}
