//! Statements that are rules without a body, and the rules of Rego v1 for heads.

use super::{
    ast::{Body, Expr, ExprKind, Head, Rule, Span, Term, TermKind},
    display,
    imports::is_keyword,
    names::kind_name,
    rules::{true_at, true_body},
};

/// A place and the error message.
type Refused = (Span, String);

/// Makes a rule from an expression at the top of a module: `p := 1`, `p.q`, `f(x) := y`.
pub(super) fn rule_from_body(mut body: Body) -> Result<Rule, Refused> {
    let span = body.first().map_or(Span::default(), |expr| expr.span);
    let fail = |message: &str| Err((span, message.to_owned()));
    let Some(expr) = body.pop() else {
        return fail("empty body");
    };
    if !body.is_empty() {
        return fail("multiple expressions cannot be used for rule head");
    }
    if !expr.with.is_empty() {
        return fail("expressions using with keyword cannot be used for rule head");
    }
    if expr.negated {
        return fail("negated expressions cannot be used for rule head");
    }
    from_expr(expr).map_err(|message| (span, message))
}

fn from_expr(expr: Expr) -> Result<Rule, String> {
    let span = expr.span;
    match expr.kind {
        ExprKind::Some(_) => Err("'some' declarations cannot be used for rule head".to_owned()),
        ExprKind::Every(_) | ExprKind::Not(_) | ExprKind::And(_) | ExprKind::Or(_) => {
            Err("expression cannot be used for rule head".to_owned())
        }
        ExprKind::Term(Term {
            kind: TermKind::Ref(terms),
            span,
        }) => {
            if terms.len() == 1 {
                return Err("refs cannot be used for rule head".to_owned());
            }
            let mut rule = rule(span, terms, Vec::new(), None)?;
            // `p.q` alone is a partial set of Rego v0, which v1 refuses.
            rule.generated_body = true;
            Ok(rule)
        }
        ExprKind::Term(term) => Err(format!(
            "{} cannot be used for rule name",
            kind_name(&term.kind)
        )),
        ExprKind::Call(terms) => from_call(span, terms),
    }
}

fn from_call(span: Span, mut terms: Vec<Term>) -> Result<Rule, String> {
    let operator = terms.first().map(display::term).unwrap_or_default();
    if matches!(operator.as_str(), "eq" | "assign") {
        let (Some(value), Some(name)) = (terms.pop(), terms.pop()) else {
            return Err("assignment requires two operands".to_owned());
        };
        if terms.is_empty() {
            return Err("assignment requires two operands".to_owned());
        }
        let mut rule = from_equality(span, name, value)?;
        rule.head.assign = operator == "assign";
        return Ok(rule);
    }
    let builtin = crate::builtins::declarations()
        .iter()
        .any(|builtin| builtin.name == operator);
    if builtin {
        return Err("rule name conflicts with built-in function".to_owned());
    }
    if terms.len() <= 1 {
        return Err("rule argument list must take at least one argument".to_owned());
    }
    let args = terms.split_off(1);
    match terms.pop().map(|term| term.kind) {
        Some(TermKind::Ref(reference)) => {
            let mut rule = rule(span, reference, args, None)?;
            rule.generated_body = true;
            // A function without a value and a body is true of all arguments.
            rule.head.generated_value = false;
            rule.head.function = true;
            Ok(rule)
        }
        _ => Err("expression cannot be used for rule head".to_owned()),
    }
}

fn from_equality(span: Span, name: Term, value: Term) -> Result<Rule, String> {
    match name.kind {
        TermKind::Var(_) => rule(span, vec![name], Vec::new(), Some(value)),
        TermKind::Ref(terms) => rule(span, terms, Vec::new(), Some(value)),
        TermKind::Call(mut terms) => {
            let args = terms.split_off(1);
            match terms.pop().map(|term| term.kind) {
                Some(TermKind::Ref(reference)) => {
                    let mut rule = rule(span, reference, args, Some(value))?;
                    rule.head.function = true;
                    Ok(rule)
                }
                _ => Err("expression cannot be used for rule head".to_owned()),
            }
        }
        other => Err(format!(
            "{} cannot be used for rule name",
            kind_name(&other)
        )),
    }
}

fn rule(
    span: Span,
    reference: Vec<Term>,
    args: Vec<Term>,
    value: Option<Term>,
) -> Result<Rule, String> {
    if !matches!(
        reference.first().map(|head| &head.kind),
        Some(TermKind::Var(_))
    ) {
        return Err(format!(
            "invalid rule head: {}",
            display::reference(&reference)
        ));
    }
    let generated_value = value.is_none();
    Ok(Rule {
        span,
        default: false,
        head: Head {
            span,
            reference,
            args,
            function: false,
            key: None,
            value: Some(value.unwrap_or_else(|| true_at(span))),
            assign: false,
            generated_value,
            has_if: false,
            has_contains: false,
        },
        body: true_body(span),
        generated_body: true,
        otherwise: None,
    })
}

/// Checks the demands of Rego v1 on a rule and its branches.
pub(super) fn check(rule: &Rule) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut next = Some(rule);
    while let Some(rule) = next {
        let kind = if rule.head.args.is_empty() {
            "rule"
        } else {
            "function"
        };
        if let [
            Term {
                kind: TermKind::Var(name),
                ..
            },
        ] = rule.head.reference.as_slice()
            && is_keyword(name)
        {
            refused.push((
                rule.span,
                format!("{name} keyword cannot be used for rule name"),
            ));
        }
        if rule.generated_body && rule.head.generated_value {
            refused.push((
                rule.span,
                format!("{kind} must have value assignment and/or body declaration"),
            ));
        }
        if !rule.generated_body && !rule.head.has_if && !rule.default {
            refused.push((
                rule.span,
                format!("`if` keyword is required before {kind} body"),
            ));
        }
        let set = rule.head.generated_value
            && !rule.head.has_if
            && !rule.head.function
            && !rule.default
            && rule.head.reference.len() == 2;
        if set {
            refused.push((
                rule.span,
                "`contains` keyword is required for partial set rules".to_owned(),
            ));
        }
        next = rule.otherwise.as_deref();
    }
    refused
}
