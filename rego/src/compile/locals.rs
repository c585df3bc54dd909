//! Gives each declared variable a name of its own: arguments, `:=`, `some` and `every`.

use std::collections::HashMap;

use super::{
    context::{Context, Vars, calls, is_root, is_scalar, is_var, operator},
    safety,
    vars::{self, Skip},
};
use crate::{
    error::Code,
    syntax::{Body, Expr, ExprKind, Head, Rule, TemplatePart, Term, TermKind, Var, With, display},
};

/// How a name came into a scope.
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

fn rename_arg(context: &mut Context, scopes: &mut Scopes, term: &mut Term) {
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

fn branch(context: &mut Context, args: &Scopes, rule: &mut Rule) {
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
    for child in super::context::children_mut(term) {
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
            for child in super::context::children_mut(term) {
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
    super::context::each_term_mut(expr, &mut |term| rename_everywhere(term, rename));
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

/// Renames in a query.
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
    declarations: &[(crate::syntax::Span, Vars)],
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

/// Renames in one expression; `false` for a declaration, which is no expression any more.
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
            let message = "cannot assign vars inside implicit and operand";
            operand(
                context,
                scopes,
                &mut logical.left,
                logical.explicit_left,
                message,
            );
            operand(
                context,
                scopes,
                &mut logical.right,
                logical.explicit_right,
                message,
            );
        }
        ExprKind::Or(logical) => {
            let message = "cannot assign vars inside implicit or operand";
            operand(
                context,
                scopes,
                &mut logical.left,
                logical.explicit_left,
                message,
            );
            operand(
                context,
                scopes,
                &mut logical.right,
                logical.explicit_right,
                message,
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

fn declare(
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

fn assignment(context: &mut Context, scopes: &mut Scopes, expr: &mut Expr) {
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

fn some(context: &mut Context, scopes: &mut Scopes, expr: &mut Expr) -> bool {
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
            let shadowed = terms.first().is_some_and(|operator| {
                vars::of_term(operator, Skip::default())
                    .iter()
                    .any(|var| scopes.declared(var).is_some_and(|own| own != var))
            });
            if shadowed && let Some(operator) = terms.first() {
                let name = display::term(operator);
                context.error(
                    Code::Compile,
                    span,
                    format!("called function {name} shadowed"),
                );
            }
            for term in terms {
                rename_term(context, scopes, term);
            }
        }
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) => {
            for term in terms {
                rename_term(context, scopes, term);
            }
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
