//! Variables of heads: arguments, and what the body declares.

use super::{Occurrence, Scope, Scopes, fresh, rename_body, rename_term};
use crate::compile::context::{Context, Vars, children_mut, each_term_mut, is_scalar};
use crate::compile::vars::{self, Skip};
use crate::error::Code;
use crate::syntax::{Body, Expr, ExprKind, Head, Rule, TemplatePart, Term, TermKind, Var};

pub(super) fn rename_arg(context: &mut Context, scopes: &mut Scopes, term: &mut Term) {
    let span = term.span;
    match &mut term.kind {
        TermKind::Var(name) => {
            *name = match scopes.declared(name) {
                Some(own) => own.clone(),
                None => fresh(context, scopes, &name.clone(), Occurrence::Arg),
            };
        }
        TermKind::Object(members) => {
            for (_, value) in members {
                rename_arg(context, scopes, value);
            }
        }
        TermKind::Array(terms) | TermKind::Ref(terms) => {
            for term in terms {
                rename_arg(context, scopes, term);
            }
        }
        TermKind::Call(_) => {
            context.error(Code::Compile, span, "rule arguments cannot contain calls");
        }
        _ => {}
    }
}

fn head_terms_mut(head: &mut Head) -> impl Iterator<Item = &mut Term> {
    head.args
        .iter_mut()
        .chain(head.reference.iter_mut().skip(1))
        .chain(&mut head.key)
        .chain(&mut head.value)
}

pub(super) fn branch(context: &mut Context, args: &Scopes, rule: &mut Rule) {
    let head = &rule.head;
    let scalars = head.args.iter().all(is_scalar)
        && head.reference.iter().skip(1).all(is_scalar)
        && head.key.iter().chain(&head.value).all(is_scalar);
    let mut used = Vars::new();
    if !scalars {
        for term in head_terms_mut(&mut rule.head) {
            nested_in_head(context, term);
        }
        let head = &rule.head;
        for term in head
            .reference
            .iter()
            .skip(1)
            .chain(&head.key)
            .chain(&head.value)
        {
            used.extend(vars::of_term(term, Skip::default()));
        }
    }
    let mut scopes = args.clone();
    shadowed_builtins(context, &mut scopes, rule);
    rename_body(context, &mut scopes, &used, &mut rule.body);
    if !scalars && let Some(scope) = scopes.0.first() {
        for term in head_terms_mut(&mut rule.head) {
            rename_head(scope, term);
        }
    }
}

/// Renames in comprehensions of a head: they have scopes of their own.
fn nested_in_head(context: &mut Context, term: &mut Term) {
    if matches!(
        term.kind,
        TermKind::ArrayComprehension(..)
            | TermKind::SetComprehension(..)
            | TermKind::ObjectComprehension(..)
            | TermKind::Template { .. }
    ) {
        rename_term(context, &mut Scopes::new(), term);
        return;
    }
    for child in children_mut(term) {
        nested_in_head(context, child);
    }
}

/// Replaces all variables that the body declares.
fn rename_head(scope: &Scope, term: &mut Term) {
    let mut rename = |var: &mut Var| {
        if let Some((own, _)) = scope.0.get(var) {
            *var = own.clone();
        }
    };
    rename_everywhere(term, &mut rename);
}

fn rename_everywhere(term: &mut Term, rename: &mut dyn FnMut(&mut Var)) {
    match &mut term.kind {
        TermKind::Var(name) => rename(name),
        TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body) => {
            rename_everywhere(head, rename);
            rename_in_body(body, rename);
        }
        TermKind::ObjectComprehension(head, body) => {
            rename_everywhere(&mut head.0, rename);
            rename_everywhere(&mut head.1, rename);
            rename_in_body(body, rename);
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                if let TemplatePart::Expr(expr) = part {
                    rename_in_expr(expr, rename);
                }
            }
        }
        _ => {
            for child in children_mut(term) {
                rename_everywhere(child, rename);
            }
        }
    }
}

fn rename_in_body(body: &mut Body, rename: &mut dyn FnMut(&mut Var)) {
    for expr in body {
        rename_in_expr(expr, rename);
    }
}

fn rename_in_expr(expr: &mut Expr, rename: &mut dyn FnMut(&mut Var)) {
    match &mut expr.kind {
        ExprKind::Every(every) => rename_in_body(&mut every.body, rename),
        ExprKind::Not(not) => rename_in_body(&mut not.body, rename),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            rename_in_body(&mut logical.left, rename);
            rename_in_body(&mut logical.right, rename);
        }
        _ => {}
    }
    each_term_mut(expr, &mut |term| rename_everywhere(term, rename));
}

/// Gives variables named as a builtin names of their own, so that no stage takes them for the builtin.
fn shadowed_builtins(context: &mut Context, scopes: &mut Scopes, rule: &Rule) {
    let mut visitor = vars::Visitor::new(vars::SAFETY);
    visitor.body(&rule.body);
    let mut named: Vec<Var> = visitor
        .found
        .into_iter()
        .filter(|name| context.builtins.contains_key(&**name))
        .collect();
    if named.is_empty() {
        return;
    }
    named.sort();
    let declared = vars::declared(&rule.body);
    let mut replaced = Vars::new();
    for expr in &rule.body {
        for with in &expr.with {
            replaced.extend(vars::of_term(&with.target, Skip::default()));
            replaced.extend(vars::of_term(&with.value, Skip::default()));
        }
    }
    for name in named {
        if !declared.contains(&name)
            && !replaced.contains(&name)
            && scopes.declared(&name).is_none()
        {
            fresh(context, scopes, &name, Occurrence::Seen);
        }
    }
}
