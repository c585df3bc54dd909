//! Comprehensions that OPA evaluates once for all values of a variable (its comprehension index).
//!
//! OPA evaluates the body of such a comprehension without the variables that the enclosing body has bound. Where a call
//! of a builtin comes before the expression that binds its operand again, OPA fails with an internal error. A probe in
//! front of the comprehension fails in the same cases: it evaluates the body up to that call. Where such a variable is an
//! expression by itself, or `not`, `every`, `and`, `or` or `with` uses it, OPA's value is that of another expression: this
//! is refused.

use super::{
    context::{Context, Vars, calls, each_term_mut, generated, operator},
    safety::{outputs, reserved},
    vars::{self, SAFETY, Skip, Visitor},
};
use crate::error::Code;
use crate::syntax::{Body, Expr, ExprKind, Rule, Span, Term, TermKind, Var, walk};

/// Operator of a probe: an array of the variables that are unbound, and a comprehension with the body.
pub(super) const PROBE: &str = "~probe";
/// Operator of the call that fails, with the message.
pub(super) const UNREADY: &str = "~unready";

/// Puts probes into a rule's body.
pub(super) fn rule(context: &mut Context, rule: &mut Rule) {
    let mut candidates = reserved();
    for arg in &rule.head.args {
        candidates.extend(vars::of_term(arg, Skip::default()));
    }
    checked(context, &mut candidates, &mut rule.body);
}

/// Puts probes into the body of a query.
pub(super) fn query(context: &mut Context, query: &mut Body) {
    checked(context, &mut reserved(), query);
}

fn checked(context: &mut Context, candidates: &mut Vars, body_: &mut Body) {
    let mut refused = Vec::new();
    body(context, candidates, body_, &mut refused);
    for (span, var) in refused {
        let name = context.written(&var);
        let message = format!(
            "var {name} is used in a nested body of a comprehension that OPA evaluates without it"
        );
        context.error(Code::Compile, span, message);
    }
}

/// Comprehensions that are refused, with a variable.
type Refused = Vec<(Span, Var)>;

fn body(context: &Context, candidates: &mut Vars, body_: &mut Body, refused: &mut Refused) {
    if !body_.iter().any(has_closure) {
        candidates.extend(body_.iter().flat_map(|expr| vars::of_expr(expr, SAFETY)));
        return;
    }
    let mut out = Body::with_capacity(body_.len());
    for expr in std::mem::take(body_) {
        match probe(context, candidates, &expr) {
            Ok(probe) => out.extend(probe),
            Err(var) => refused.push((expr.span, var)),
        }
        candidates.extend(vars::of_expr(&expr, SAFETY));
        out.push(expr);
    }
    for expr in out.iter_mut().filter(|expr| !calls(expr, PROBE)) {
        nested(context, candidates, expr, refused);
    }
    *body_ = out;
}

fn has_closure(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Term(term) => super::context::requires_eval(term),
        ExprKind::Call(terms) => terms.iter().skip(1).any(super::context::requires_eval),
        _ => true,
    }
}

fn nested(context: &Context, candidates: &mut Vars, expr: &mut Expr, refused: &mut Refused) {
    match &mut expr.kind {
        ExprKind::Every(every) => body(context, candidates, &mut every.body, refused),
        ExprKind::Not(not) => body(context, candidates, &mut not.body, refused),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            body(context, candidates, &mut logical.left, refused);
            body(context, candidates, &mut logical.right, refused);
        }
        _ => {}
    }
    each_term_mut(expr, &mut |term| {
        if let Some(inner) = comprehension_body_mut(term) {
            body(context, candidates, inner, refused);
        }
    });
}

fn comprehension_body_mut(term: &mut Term) -> Option<&mut Body> {
    match &mut term.kind {
        TermKind::ArrayComprehension(_, body)
        | TermKind::SetComprehension(_, body)
        | TermKind::ObjectComprehension(_, body) => Some(body),
        _ => None,
    }
}

fn comprehension_body(term: &Term) -> Option<&Body> {
    match &term.kind {
        TermKind::ArrayComprehension(_, body)
        | TermKind::SetComprehension(_, body)
        | TermKind::ObjectComprehension(_, body) => Some(body),
        _ => None,
    }
}

/// Returns the probe for `variable = comprehension` if OPA indexes the comprehension and cannot evaluate it then.
///
/// # Errors
/// A variable of the enclosing body without which the comprehension has another value.
fn probe(context: &Context, candidates: &Vars, expr: &Expr) -> Result<Option<Expr>, Var> {
    if !calls(expr, "eq") || expr.negated || !expr.with.is_empty() {
        return Ok(None);
    }
    let ExprKind::Call(terms) = &expr.kind else {
        return Ok(None);
    };
    let [_, left, right] = terms.as_slice() else {
        return Ok(None);
    };
    let body = match (&left.kind, &right.kind) {
        (TermKind::Var(_), _) => comprehension_body(right),
        (_, TermKind::Var(_)) => comprehension_body(left),
        _ => None,
    };
    let Some(body) = body.filter(|body| indexed(context, candidates, body)) else {
        return Ok(None);
    };
    let Some(probe) = unready(context, candidates, body)? else {
        return Ok(None);
    };
    let mut visitor = Visitor::new(Skip::default());
    visitor.body(body);
    let mut unbound: Vec<Var> = visitor
        .found
        .into_iter()
        .filter(|var| candidates.contains(var) && !reserved().contains(var))
        .collect();
    unbound.sort();
    let span = expr.span;
    let term = |kind| Term { span, kind };
    let variables = unbound
        .into_iter()
        .map(|var| term(TermKind::Var(var)))
        .collect();
    let terms = vec![
        operator(span, PROBE),
        term(TermKind::Array(variables)),
        term(TermKind::ArrayComprehension(
            Box::new(term(TermKind::Null)),
            probe,
        )),
    ];
    Ok(Some(generated(span, ExprKind::Call(terms))))
}

/// Tells if OPA evaluates a comprehension with this body once for all values of a candidate.
fn indexed(context: &Context, candidates: &Vars, body: &Body) -> bool {
    let mut visitor = Visitor::new(SAFETY);
    visitor.body(body);
    if visitor
        .found
        .iter()
        .all(|var| matches!(&**var, "input" | "data") || !candidates.contains(var))
    {
        return false;
    }
    let mut known = reserved();
    for expr in body {
        let bound = outputs(context, expr, &known);
        known.extend(bound);
    }
    visitor.found.is_subset(&known)
        && !enumerates(candidates, body)
        && !closes_over(candidates, body)
}

/// Tells if a reference, or `walk`, may bind a candidate: OPA does not index such a comprehension.
fn enumerates(candidates: &Vars, body: &Body) -> bool {
    let (mut seen, mut found) = (Vars::new(), false);
    for expr in body {
        let new = |term: &Term, skip: Skip, seen: &Vars| {
            vars::of_term(term, skip)
                .iter()
                .any(|var| candidates.contains(var) && !seen.contains(var))
        };
        if calls(expr, "walk")
            && let ExprKind::Call(terms) = &expr.kind
            && let Some(output) = terms.get(2)
        {
            found |= new(output, Skip::default(), &seen);
        }
        walk::expr(expr, &mut |term| match &term.kind {
            TermKind::Ref(_) => {
                found |= new(
                    term,
                    Skip {
                        ref_head: true,
                        ..Skip::default()
                    },
                    &seen,
                );
                !found
            }
            TermKind::Var(name) => {
                seen.insert(name.clone());
                true
            }
            _ => comprehension_body(term).is_none(),
        });
    }
    found
}

/// Tells if a comprehension in the body uses a candidate.
fn closes_over(candidates: &Vars, body: &Body) -> bool {
    let mut found = false;
    walk::body(body, &mut |term| {
        if comprehension_body(term).is_none() {
            return !found;
        }
        let skip = Skip {
            ref_head: true,
            ..Skip::default()
        };
        found |= !vars::of_term(term, skip).is_disjoint(candidates);
        false
    });
    found
}

/// Returns the body up to the first call whose operand is not bound, which is replaced by a failure.
///
/// # Errors
/// A variable without which the body has more solutions than OPA finds with it. Where it has fewer, OPA evaluates the
/// comprehension again with all variables.
fn unready(context: &Context, candidates: &Vars, body: &Body) -> Result<Option<Body>, Var> {
    let mut bound = reserved();
    for (at, expr) in body.iter().enumerate() {
        if let ExprKind::Call(terms) = &expr.kind
            && !calls(expr, "eq")
            && let Some(kind) = unready_call(context, expr, terms, &bound)?
        {
            let mut probe: Body = body.iter().take(at).cloned().collect();
            let with = expr.with.clone();
            probe.push(Expr {
                with,
                ..generated(expr.span, kind)
            });
            return Ok(Some(probe));
        }
        let is_open = |var: &Var| candidates.contains(var) && !bound.contains(var);
        if let ExprKind::Term(term) = &expr.kind
            && let TermKind::Var(var) = &term.kind
            && is_open(var)
        {
            // An unbound variable holds: its negation has no solution.
            return if expr.negated {
                Ok(None)
            } else {
                Err(var.clone())
            };
        }
        let used = if expr.negated || is_nested(expr) {
            vars::of_expr(expr, Skip::default())
        } else {
            let values = expr.with.iter().map(|with| &with.value);
            values
                .flat_map(|value| vars::of_term(value, Skip::default()))
                .collect()
        };
        if let Some(var) = used.into_iter().find(is_open) {
            return Err(var);
        }
        let outputs = outputs(context, expr, &bound);
        bound.extend(outputs);
    }
    Ok(None)
}

fn is_nested(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Every(_) | ExprKind::Not(_) | ExprKind::And(_) | ExprKind::Or(_)
    )
}

fn unready_call(
    context: &Context,
    expr: &Expr,
    terms: &[Term],
    bound: &Vars,
) -> Result<Option<ExprKind>, Var> {
    let Some((called, operands)) = terms.split_first() else {
        return Ok(None);
    };
    let TermKind::Ref(name) = &called.kind else {
        return Ok(None);
    };
    let open = |operand: &Term| {
        vars::of_term(operand, Skip::default())
            .into_iter()
            .find(|var| !bound.contains(var))
    };
    let Some(builtin) = context.builtin(name) else {
        let arity = context.arity(called).unwrap_or(operands.len());
        return match operands.iter().take(arity).find_map(open) {
            // OPA evaluates the function without this argument.
            Some(var) => Err(var),
            None => Ok(None),
        };
    };
    let checked = if builtin.result.is_none() {
        operands.len()
    } else {
        builtin.args.len()
    };
    let mut checked = operands.iter().take(checked).enumerate();
    let found = checked.find_map(|(at, operand)| Some((at, open(operand)?)));
    Ok(found.map(|(at, var)| {
        let (name, variable) = (builtin.name, context.written(&var));
        let message = format!(
            "built-in function {name} called with operand {} that requires evaluation: {variable}",
            at + 1
        );
        let message = Term {
            span: expr.span,
            kind: TermKind::String(message.into()),
        };
        ExprKind::Call(vec![operator(expr.span, UNREADY), message])
    }))
}
