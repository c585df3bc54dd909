//! Gives each declared variable a name of its own: arguments, `:=`, `some` and `every`.

mod declare;
mod heads;

use std::collections::HashMap;

use super::{
    context::{Context, Vars, calls, is_root, is_var},
    vars::{self, Skip},
};
use crate::{
    error::Code,
    syntax::{
        Body, Expr, ExprKind, Logical, Rule, Span, TemplatePart, Term, TermKind, Var, With, display,
    },
};
use declare::{assignment, declare, some};
use heads::{branch, rename_arg};

/// The way in which a name came into a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occurrence {
    Arg,
    Seen,
    Assigned,
    Declared,
}

#[derive(Debug, Clone, Default)]
struct Scope(HashMap<Var, (Var, Occurrence)>);

/// Scopes from the outermost to the current one.
#[derive(Debug, Clone)]
struct Scopes(Vec<Scope>);

impl Scopes {
    fn new() -> Self {
        Self(vec![Scope::default()])
    }

    fn declared(&self, name: &Var) -> Option<&Var> {
        self.0
            .iter()
            .rev()
            .find_map(|scope| scope.0.get(name))
            .map(|(own, _)| own)
    }

    fn occurrence(&self, name: &Var) -> Option<Occurrence> {
        self.0
            .last()?
            .0
            .get(name)
            .map(|(_, occurrence)| *occurrence)
    }

    fn insert(&mut self, name: Var, own: Var, occurrence: Occurrence) {
        if let Some(scope) = self.0.last_mut() {
            scope.0.insert(name, (own, occurrence));
        }
    }

    fn push(&mut self) {
        self.0.push(Scope::default());
    }

    fn pop(&mut self) {
        self.0.pop();
    }
}

const IN_NEGATED: &str = "cannot assign vars inside negated expression";

/// Renames the variables of a rule and its branches.
pub(super) fn rule(context: &mut Context, rule: &mut Rule) {
    let mut args = Scopes::new();
    for arg in &mut rule.head.args {
        rename_arg(context, &mut args, arg);
    }
    let mut next = Some(rule);
    while let Some(rule) = next {
        branch(context, &args, rule);
        next = rule.otherwise.as_deref_mut();
    }
}

fn fresh(context: &mut Context, scopes: &mut Scopes, name: &Var, occurrence: Occurrence) -> Var {
    let own = context.variable();
    context.names.insert(own.clone(), name.clone());
    scopes.insert(name.clone(), own.clone(), occurrence);
    own
}

/// Renames the variables that a query declares.
pub(super) fn query(context: &mut Context, body: &mut Body) {
    rename_body(context, &mut Scopes::new(), &Vars::new(), body);
}

fn rename_body(context: &mut Context, scopes: &mut Scopes, used: &Vars, body: &mut Body) {
    let errors = context.errors.len();
    let mut declarations = Vec::new();
    let mut out = Body::with_capacity(body.len());
    for mut expr in std::mem::take(body) {
        let mut visitor = vars::Visitor::new(Skip::default());
        if matches!(expr.kind, ExprKind::Some(_)) || calls(&expr, "assign") {
            vars::declared_by(&expr, &mut visitor);
        }
        declarations.push((expr.span, visitor.found));
        if rename_statement(context, scopes, &mut expr) {
            out.push(expr);
        }
    }
    if out.is_empty() {
        let span = declarations
            .first()
            .map(|(span, _)| *span)
            .unwrap_or_default();
        out.push(super::context::generated(
            span,
            ExprKind::Term(Term {
                span,
                kind: TermKind::Bool(true),
            }),
        ));
    }
    *body = out;
    if context.errors.len() == errors {
        unused(context, scopes, used, body, &declarations);
    }
}

/// Refuses `some x` without a use of `x`.
fn unused(
    context: &mut Context,
    scopes: &Scopes,
    used: &Vars,
    body: &Body,
    declarations: &[(Span, Vars)],
) {
    let Some(scope) = scopes.0.last() else { return };
    let mut declared: Vec<(&Var, &Var)> = scope
        .0
        .iter()
        .filter(|(_, (_, occurrence))| *occurrence == Occurrence::Declared)
        .map(|(name, (own, _))| (own, name))
        .collect();
    if declared.is_empty() {
        return;
    }
    declared.sort();
    let mut visitor = vars::Visitor::new(Skip::default());
    visitor.body(body);
    for (own, name) in declared {
        if visitor.found.contains(own)
            || used.contains(name)
            || used.contains(own)
            || name.starts_with('$')
            || name.starts_with('~')
        {
            continue;
        }
        let span = declarations
            .iter()
            .find(|(_, vars)| vars.contains(name))
            .or(declarations.first())
            .map(|(span, _)| *span)
            .unwrap_or_default();
        context.error(Code::Compile, span, format!("declared var {name} unused"));
    }
}

/// Renames in one expression; `false` for a declaration, which is removed.
fn rename_statement(context: &mut Context, scopes: &mut Scopes, expr: &mut Expr) -> bool {
    if calls(expr, "assign") {
        assignment(context, scopes, expr);
        return true;
    }
    match &mut expr.kind {
        ExprKind::Some(_) => return some(context, scopes, expr),
        ExprKind::Every(every) => {
            rename_term(context, scopes, &mut every.domain);
            scopes.push();
            for term in every.key.iter_mut().chain([&mut every.value]) {
                if let TermKind::Var(name) = &mut term.kind
                    && !name.starts_with('$')
                {
                    match declare(context, scopes, &name.clone(), Occurrence::Declared) {
                        Ok(own) => *name = own,
                        Err(message) => context.error(Code::Compile, expr.span, message),
                    }
                }
            }
            rename_body(context, scopes, &Vars::new(), &mut every.body);
            scopes.pop();
        }
        ExprKind::Not(not) => {
            operand(context, scopes, &mut not.body, not.explicit, IN_NEGATED);
        }
        ExprKind::And(logical) => {
            operands(
                context,
                scopes,
                logical,
                "cannot assign vars inside implicit and operand",
            );
        }
        ExprKind::Or(logical) => {
            operands(
                context,
                scopes,
                logical,
                "cannot assign vars inside implicit or operand",
            );
        }
        ExprKind::Term(term) => rename_term(context, scopes, term),
        ExprKind::Call(terms) => {
            for term in terms {
                rename_term(context, scopes, term);
            }
        }
    }
    for with in &mut expr.with {
        rename_with(context, scopes, with);
    }
    true
}

fn operands(context: &mut Context, scopes: &mut Scopes, logical: &mut Logical, message: &str) {
    for (body, explicit) in [
        (&mut logical.left, logical.explicit_left),
        (&mut logical.right, logical.explicit_right),
    ] {
        operand(context, scopes, body, explicit, message);
    }
}

fn operand(
    context: &mut Context,
    scopes: &mut Scopes,
    body: &mut Body,
    explicit: bool,
    message: &str,
) {
    if explicit {
        scopes.push();
        rename_body(context, scopes, &Vars::new(), body);
        scopes.pop();
        return;
    }
    for expr in body {
        if calls(expr, "assign") {
            context.error(Code::Compile, expr.span, message);
        } else {
            rename_statement(context, scopes, expr);
        }
    }
}

fn rename_with(context: &mut Context, scopes: &mut Scopes, with: &mut With) {
    // A target in `input` is the document, even if a variable has its name.
    match &mut with.target.kind {
        TermKind::Ref(terms) if terms.first().is_some_and(|head| is_var(head, "input")) => {
            for part in terms.iter_mut().skip(1) {
                rename_term(context, scopes, part);
            }
        }
        _ => rename_term(context, scopes, &mut with.target),
    }
    rename_term(context, scopes, &mut with.value);
}

/// Refuses a call of a function whose name a variable has.
fn refuse_shadowed(context: &mut Context, scopes: &Scopes, operator: &Term, span: Span) {
    let names = vars::of_term(operator, Skip::default());
    let is_shadowed = |var| scopes.declared(var).is_some_and(|own| own != var);
    if names.iter().any(is_shadowed) {
        let name = display::term(operator);
        let message = format!("called function {name} shadowed");
        context.error(Code::Compile, span, message);
    }
}

fn rename_all(context: &mut Context, scopes: &mut Scopes, terms: &mut [Term]) {
    for term in terms {
        rename_term(context, scopes, term);
    }
}

fn rename_term(context: &mut Context, scopes: &mut Scopes, term: &mut Term) {
    let span = term.span;
    if let Some(root) = is_root(term) {
        if let Some(own) = scopes.declared(root).filter(|own| *own != root).cloned() {
            term.kind = TermKind::Var(own);
        }
        return;
    }
    match &mut term.kind {
        TermKind::Var(name) => {
            if let Some(own) = scopes.declared(name) {
                *name = own.clone();
            } else {
                scopes.insert(name.clone(), name.clone(), Occurrence::Seen);
            }
        }
        TermKind::Call(terms) => {
            if let Some(operator) = terms.first() {
                refuse_shadowed(context, scopes, operator, span);
            }
            rename_all(context, scopes, terms);
        }
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) => {
            rename_all(context, scopes, terms);
        }
        TermKind::Object(members) => {
            for (key, value) in members {
                rename_term(context, scopes, key);
                rename_term(context, scopes, value);
            }
        }
        TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body) => {
            let used = vars::of_term(head, Skip::default());
            scopes.push();
            rename_body(context, scopes, &used, body);
            rename_term(context, scopes, head);
            scopes.pop();
        }
        TermKind::ObjectComprehension(head, body) => {
            let mut used = vars::of_term(&head.0, Skip::default());
            used.extend(vars::of_term(&head.1, Skip::default()));
            scopes.push();
            rename_body(context, scopes, &used, body);
            rename_term(context, scopes, &mut head.0);
            rename_term(context, scopes, &mut head.1);
            scopes.pop();
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                if let TemplatePart::Expr(expr) = part {
                    rename_statement(context, scopes, expr);
                }
            }
        }
        _ => {}
    }
}
