//! Template strings, `print`, and calls inside of terms: each becomes an expression of its own.

use super::context::{
    Context, body_of_term_mut, calls, children_mut, each_body_mut, each_term_mut, generated,
    operator, requires_eval,
};
use super::{
    context::Vars,
    safety,
    vars::{self, SAFETY, Skip},
};
use crate::{
    error::Code,
    syntax::{Body, Expr, ExprKind, Rule, Span, TemplatePart, Term, TermKind, display, walk},
};

fn head_terms_mut(rule: &mut Rule) -> impl Iterator<Item = &mut Term> {
    rule.head
        .args
        .iter_mut()
        .chain(&mut rule.head.key)
        .chain(&mut rule.head.value)
}

/// Makes template strings calls of `internal.template_string`.
pub(super) fn templates(context: &mut Context, rule: &mut Rule) {
    if !has_template(rule) {
        return;
    }
    let mut safe = safety::reserved();
    for arg in &rule.head.args {
        safe.extend(vars::of_term(arg, Skip::default()));
    }
    let safe = templates_in_body(context, &safe, &mut rule.body);
    for term in head_terms_mut(rule) {
        template_in_term(context, &safe, term);
    }
}

fn has_template(rule: &Rule) -> bool {
    let head = &rule.head;
    let mut found = false;
    let mut visit = |term: &Term| {
        found |= matches!(term.kind, TermKind::Template { .. });
        !found
    };
    for term in head.args.iter().chain(&head.key).chain(&head.value) {
        walk::terms(term, &mut visit);
    }
    walk::body(&rule.body, &mut visit);
    found
}

/// Rewrites template strings in a body and returns its safe variables: an expression in a template string binds none.
pub(super) fn templates_in_body(context: &mut Context, globals: &Vars, body: &mut Body) -> Vars {
    let mut safe = globals.clone();
    for expr in body.iter() {
        let bound = safety::outputs(context, expr, &safe);
        safe.extend(bound);
    }
    for expr in body {
        match &mut expr.kind {
            ExprKind::Every(every) => {
                let mut inner = safe.clone();
                for term in every.key.iter().chain([&every.value]) {
                    inner.extend(vars::of_term(term, Skip::default()));
                }
                templates_in_body(context, &inner, &mut every.body);
            }
            ExprKind::Not(not) => {
                templates_in_body(context, &safe, &mut not.body);
            }
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                templates_in_body(context, &safe, &mut logical.left);
                templates_in_body(context, &safe, &mut logical.right);
            }
            _ => {}
        }
        each_term_mut(expr, &mut |term| template_in_term(context, &safe, term));
        // A call at the top of an expression is not a term: `$"…"` alone becomes one.
        if let ExprKind::Term(Term {
            kind: TermKind::Call(terms),
            ..
        }) = &mut expr.kind
        {
            expr.kind = ExprKind::Call(std::mem::take(terms));
        }
    }
    safe
}

fn template_in_term(context: &mut Context, safe: &Vars, term: &mut Term) {
    let inner = match &mut term.kind {
        TermKind::ArrayComprehension(_, body)
        | TermKind::SetComprehension(_, body)
        | TermKind::ObjectComprehension(_, body) => Some(templates_in_body(context, safe, body)),
        _ => None,
    };
    let safe = inner.as_ref().unwrap_or(safe);
    for child in children_mut(term) {
        template_in_term(context, safe, child);
    }
    let span = term.span;
    let TermKind::Template { parts, .. } = &mut term.kind else {
        return;
    };
    let parts: Vec<Term> = std::mem::take(parts)
        .into_iter()
        .filter_map(|part| template_part(context, safe, part))
        .collect();
    let parts = if parts.is_empty() {
        vec![Term {
            span,
            kind: TermKind::String("".into()),
        }]
    } else {
        parts
    };
    term.kind = TermKind::Call(vec![
        operator(span, "internal.template_string"),
        Term {
            span,
            kind: TermKind::Array(parts),
        },
    ]);
}

/// Returns the expression of a template string as a term. Calls of relations and other expressions are refused.
fn template_term(context: &mut Context, kind: ExprKind, span: Span) -> Option<Term> {
    let terms = match kind {
        ExprKind::Term(term) => return Some(term),
        ExprKind::Call(terms) => terms,
        _ => {
            context.error(Code::Compile, span, "unexpected template-string expression");
            return None;
        }
    };
    let called = terms.first().and_then(|operator| match &operator.kind {
        TermKind::Ref(terms) => context.builtin(terms).copied(),
        _ => None,
    });
    if let Some(relation) = called.filter(|called| called.relation) {
        let name = relation.name;
        let message =
            format!("illegal call to relation built-in '{name}' that may cause multiple outputs");
        context.error(Code::Compile, span, message);
        return None;
    }
    Some(Term {
        span,
        kind: TermKind::Call(terms),
    })
}

/// A part is a string, a number and so on, or a set with the value of an expression if it has one.
fn template_part(context: &mut Context, safe: &Vars, part: TemplatePart) -> Option<Term> {
    let expr = match part {
        TemplatePart::Text(text, span) => {
            return Some(Term {
                span,
                kind: TermKind::String(text),
            });
        }
        TemplatePart::Expr(expr) => expr,
    };
    let span = expr.span;
    let mut term = template_term(context, expr.kind, span)?;
    template_in_term(context, safe, &mut term);
    if super::context::is_scalar(&term) && expr.with.is_empty() {
        return Some(term);
    }
    if matches!(term.kind, TermKind::Var(_)) {
        return Some(Term {
            span,
            kind: TermKind::Set(vec![term]),
        });
    }
    undeclared(context, safe, &term);
    let (variable, mut capture) = context.capture(term);
    capture.generated = false;
    capture.with = expr.with;
    Some(Term {
        span,
        kind: TermKind::SetComprehension(Box::new(variable), vec![capture]),
    })
}

/// Refuses variables of an expression in a template string that nothing else binds.
fn undeclared(context: &mut Context, safe: &Vars, term: &Term) {
    let found = vars::of_term(term, SAFETY);
    let mut names: Vec<_> = found.iter().filter(|var| !safe.contains(*var)).collect();
    names.sort();
    for var in names {
        let name = context.written(var);
        let shown = if name.starts_with('$') { "_" } else { &*name };
        context.error(
            Code::Compile,
            term.span,
            format!("var {shown} is undeclared"),
        );
    }
}

/// Removes calls of `print`, or makes them calls of `internal.print`.
pub(super) fn prints(context: &mut Context, rule: &mut Rule, keep: bool) {
    for term in head_terms_mut(rule) {
        body_of_term_mut(term, &mut |body| prints_in_body(context, body, keep));
    }
    let body = &mut rule.body;
    for expr in body.iter_mut() {
        each_body_mut(expr, &mut |body| prints_in_body(context, body, keep));
    }
    prints_in_body(context, body, keep);
}

fn prints_in_body(context: &mut Context, body: &mut Body, keep: bool) {
    let first = body.first().map(|expr| expr.span).unwrap_or_default();
    if !keep {
        body.retain(|expr| !calls(expr, "print"));
        if body.is_empty() {
            body.push(generated(first, ExprKind::Term(true_term(first))));
        }
        return;
    }
    for expr in body {
        if !calls(expr, "print") {
            continue;
        }
        let span = expr.span;
        let ExprKind::Call(terms) = &mut expr.kind else {
            continue;
        };
        let parts = terms
            .split_off(1)
            .into_iter()
            .map(|operand| {
                let at = operand.span;
                let (variable, mut capture) = context.capture(operand);
                capture.generated = false;
                Term {
                    span: at,
                    kind: TermKind::SetComprehension(Box::new(variable), vec![capture]),
                }
            })
            .collect();
        *terms = vec![
            operator(span, "internal.print"),
            Term {
                span,
                kind: TermKind::Array(parts),
            },
        ];
    }
}

/// Makes all of a query's prints calls of `internal.print`, or removes them.
pub(super) fn query_prints(context: &mut Context, body: &mut Body, keep: bool) {
    for expr in body.iter_mut() {
        each_body_mut(expr, &mut |body| prints_in_body(context, body, keep));
    }
    prints_in_body(context, body, keep);
}

fn true_term(span: Span) -> Term {
    Term {
        span,
        kind: TermKind::Bool(true),
    }
}

/// Refuses functions without a result as values.
pub(super) fn void_calls(context: &mut Context, rule: &Rule) {
    let mut found = Vec::new();
    let mut visit = |term: &Term| {
        if let TermKind::Call(terms) = &term.kind
            && let Some(TermKind::Ref(operator)) = terms.first().map(|term| &term.kind)
            && context
                .builtin(operator)
                .is_some_and(|builtin| builtin.result.is_none())
        {
            found.push((term.span, display::term(term)));
        }
        true
    };
    let head = &rule.head;
    for term in head.args.iter().chain(&head.key).chain(&head.value) {
        walk::terms(term, &mut visit);
    }
    walk::body(&rule.body, &mut visit);
    for (span, shown) in found {
        context.error(Code::Type, span, format!("{shown} used as value"));
    }
}

/// Moves calls out of the terms of a rule.
pub(super) fn expr_terms(context: &mut Context, rule: &mut Rule) {
    let mut support = Body::new();
    for term in head_terms_mut(rule) {
        expand_term(context, term, &mut support);
    }
    append(&mut rule.body, support);
    expand_body(context, &mut rule.body);
}

/// Adds expressions to a body; one that is only `true` is replaced.
pub(super) fn append(body: &mut Body, more: Body) {
    if more.is_empty() {
        return;
    }
    if let [only] = body.as_slice()
        && matches!(
            &only.kind,
            ExprKind::Term(Term {
                kind: TermKind::Bool(true),
                ..
            })
        )
        && only.with.is_empty()
        && !only.negated
    {
        body.clear();
    }
    body.extend(more);
}

pub(super) fn expand_body(context: &mut Context, body: &mut Body) {
    let mut out = Body::with_capacity(body.len());
    for expr in std::mem::take(body) {
        expand_expr(context, expr, &mut out);
    }
    *body = out;
}

fn expand_expr(context: &mut Context, mut expr: Expr, out: &mut Body) {
    for with in &mut expr.with {
        expand_term(context, &mut with.value, out);
    }
    let mut support = Body::new();
    match &mut expr.kind {
        ExprKind::Term(term) => expand_term(context, term, &mut support),
        ExprKind::Call(terms) => {
            for term in terms.iter_mut().skip(1) {
                expand_term(context, term, &mut support);
            }
        }
        ExprKind::Every(every) => {
            let span = every.domain.span;
            let domain = std::mem::replace(&mut every.domain, true_term(span));
            let (variable, capture) = context.capture(domain);
            every.domain = variable;
            expand_expr(context, capture, &mut support);
            expand_body(context, &mut every.body);
        }
        ExprKind::Not(not) => expand_body(context, &mut not.body),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            expand_body(context, &mut logical.left);
            expand_body(context, &mut logical.right);
        }
        ExprKind::Some(_) => {}
    }
    for mut extra in support {
        extra.with.clone_from(&expr.with);
        out.push(extra);
    }
    out.push(expr);
}

/// Replaces the calls of a term by variables, and adds the calls.
fn expand_term(context: &mut Context, term: &mut Term, support: &mut Body) {
    let span = term.span;
    match &mut term.kind {
        TermKind::Call(terms) => {
            for operand in terms.iter_mut().skip(1) {
                expand_term(context, operand, support);
            }
            let output = Term {
                span,
                kind: TermKind::Var(context.variable()),
            };
            let mut terms = std::mem::take(terms);
            terms.push(output.clone());
            support.push(generated(span, ExprKind::Call(terms)));
            *term = output;
        }
        TermKind::Ref(terms) => {
            for part in terms.iter_mut() {
                expand_term(context, part, support);
            }
            if let Some(head) = terms.first_mut()
                && !matches!(head.kind, TermKind::Var(_))
            {
                let inner = std::mem::replace(head, true_term(span));
                let (variable, capture) = context.capture(inner);
                *head = variable;
                support.push(capture);
            }
        }
        TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body) => {
            let mut inner = Body::new();
            expand_term(context, head, &mut inner);
            append(body, inner);
            expand_body(context, body);
        }
        TermKind::ObjectComprehension(head, body) => {
            let mut inner = Body::new();
            expand_term(context, &mut head.0, &mut inner);
            expand_term(context, &mut head.1, &mut inner);
            append(body, inner);
            expand_body(context, body);
        }
        _ => {
            for child in children_mut(term) {
                expand_term(context, child, support);
            }
        }
    }
}

/// Moves references and comprehensions out of heads of comprehensions.
pub(super) fn comprehension_heads(context: &mut Context, rule: &mut Rule) {
    for term in head_terms_mut(rule) {
        heads_in_term(context, term);
    }
    heads_in_body(context, &mut rule.body);
}

pub(super) fn heads_in_body(context: &mut Context, body: &mut Body) {
    for expr in body {
        match &mut expr.kind {
            ExprKind::Every(every) => heads_in_body(context, &mut every.body),
            ExprKind::Not(not) => heads_in_body(context, &mut not.body),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                heads_in_body(context, &mut logical.left);
                heads_in_body(context, &mut logical.right);
            }
            _ => {}
        }
        each_term_mut(expr, &mut |term| heads_in_term(context, term));
    }
}

fn move_out(context: &mut Context, term: &mut Term, body: &mut Body) {
    if !requires_eval(term) {
        return;
    }
    let span = term.span;
    let inner = std::mem::replace(term, true_term(span));
    let (variable, capture) = context.capture(inner);
    *term = variable;
    append(body, vec![capture]);
}

fn heads_in_term(context: &mut Context, term: &mut Term) {
    for child in children_mut(term) {
        heads_in_term(context, child);
    }
    match &mut term.kind {
        TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body) => {
            heads_in_body(context, body);
            move_out(context, head, body);
        }
        TermKind::ObjectComprehension(head, body) => {
            heads_in_body(context, body);
            move_out(context, &mut head.0, body);
            move_out(context, &mut head.1, body);
        }
        _ => {}
    }
}

/// Moves references and comprehensions out of a rule's head.
pub(super) fn head_refs(context: &mut Context, rule: &mut Rule) {
    let mut body = std::mem::take(&mut rule.body);
    let head = &mut rule.head;
    for term in head
        .key
        .iter_mut()
        .chain(&mut head.value)
        .chain(&mut head.args)
    {
        move_out(context, term, &mut body);
    }
    rule.body = body;
}

/// Moves all but variables and scalars out of the reference of a rule's head.
pub(super) fn head_reference(context: &mut Context, rule: &mut Rule) {
    let mut body = std::mem::take(&mut rule.body);
    for part in rule.head.reference.iter_mut().skip(1) {
        if matches!(part.kind, TermKind::Var(_)) || super::context::is_scalar(part) {
            continue;
        }
        let span = part.span;
        let inner = std::mem::replace(part, true_term(span));
        let (variable, capture) = context.capture(inner);
        *part = variable;
        append(&mut body, vec![capture]);
    }
    rule.body = body;
}
