//! `rego.metadata.rule()` and `rego.metadata.chain()`: constants in place of the calls.

use std::sync::Arc;

use serde_json::Value;

use super::context::{each_body_mut, generated, operator};
use crate::{
    annotations::Link,
    syntax::{Body, Expr, ExprKind, Rule, Span, Term, TermKind},
};

/// Replaces the calls in a rule and its branches. Branches behind `else` have no annotations of their own.
pub(super) fn rule(rule: &mut Rule, chain: &[Link]) {
    let mut next = Some((rule, true));
    while let Some((rule, first)) = next {
        replace(rule, chain, first);
        next = rule.otherwise.as_deref_mut().map(|rule| (rule, false));
    }
}

fn replace(rule: &mut Rule, chain: &[Link], first: bool) {
    let mut apply = |body: &mut Body| {
        for expr in body {
            replace_call(expr, chain, first);
        }
    };
    let head = &mut rule.head;
    for term in head.key.iter_mut().chain(&mut head.value) {
        super::context::body_of_term_mut(term, &mut apply);
    }
    for expr in &mut rule.body {
        each_body_mut(expr, &mut apply);
    }
    apply(&mut rule.body);
}

fn replace_call(expr: &mut Expr, chain: &[Link], first: bool) {
    let span = expr.span;
    let ExprKind::Call(terms) = &mut expr.kind else {
        return;
    };
    let value = match terms.first().map(called) {
        Some(Called::Chain) => chain_term(chain, first, span),
        Some(Called::Rule) => rule_term(chain, first, span),
        _ => return,
    };
    let kind = match terms.pop() {
        Some(output) if !terms.is_empty() => {
            ExprKind::Call(vec![operator(span, "eq"), output, value])
        }
        _ => ExprKind::Term(value),
    };
    let with = std::mem::take(&mut expr.with);
    // As in OPA, `not` in front of the call alone is true.
    let negated = expr.negated && matches!(kind, ExprKind::Call(_));
    *expr = Expr {
        with,
        negated,
        ..generated(span, kind)
    };
}

enum Called {
    Chain,
    Rule,
    Other,
}

fn called(operator: &Term) -> Called {
    match super::super::syntax::display::term(operator).as_str() {
        "rego.metadata.chain" => Called::Chain,
        "rego.metadata.rule" => Called::Rule,
        _ => Called::Other,
    }
}

fn is_rule_scope(link: &Link) -> bool {
    link.annotations
        .as_ref()
        .is_none_or(|own| own.get("scope").and_then(Value::as_str) == Some("rule"))
}

fn chain_term(chain: &[Link], first: bool, span: Span) -> Term {
    let bare = chain.first().map(|link| Link {
        path: link.path.clone(),
        annotations: None,
    });
    let links = if first {
        chain.iter().map(|link| link_term(link, span)).collect()
    } else {
        let outer = chain.iter().filter(|link| !is_rule_scope(link));
        bare.iter()
            .chain(outer)
            .map(|link| link_term(link, span))
            .collect()
    };
    Term {
        span,
        kind: TermKind::Array(links),
    }
}

fn link_term(link: &Link, span: Span) -> Term {
    let text = |text: &str| Term {
        span,
        kind: TermKind::String(text.into()),
    };
    let path = Term {
        span,
        kind: TermKind::Array(link.path.iter().map(|part| text(part)).collect()),
    };
    let mut members = vec![(text("path"), path)];
    if let Some(annotations) = &link.annotations {
        members.push((text("annotations"), constant(annotations, span)));
    }
    Term {
        span,
        kind: TermKind::Object(members),
    }
}

/// The rule's first annotation, or an empty object.
fn rule_term(chain: &[Link], first: bool, span: Span) -> Term {
    let own = chain.iter().take_while(|link| is_rule_scope(link)).last();
    match own.and_then(|link| link.annotations.as_ref()) {
        Some(annotations) if first => constant(annotations, span),
        _ => Term {
            span,
            kind: TermKind::Object(Vec::new()),
        },
    }
}

/// Writes a number as Go does: `1.0` of the YAML is 1.
fn written(number: &serde_json::Number) -> String {
    let float = number.as_f64().filter(|_| number.is_f64());
    match float.and_then(crate::value::Number::from_f64) {
        Some(number) => number.to_string(),
        None => number.to_string(),
    }
}

fn constant(value: &Value, span: Span) -> Term {
    let kind = match value {
        Value::Null => TermKind::Null,
        Value::Bool(value) => TermKind::Bool(*value),
        Value::Number(number) => TermKind::Number(written(number).into()),
        Value::String(text) => TermKind::String(Arc::from(text.as_str())),
        Value::Array(list) => {
            TermKind::Array(list.iter().map(|value| constant(value, span)).collect())
        }
        Value::Object(members) => TermKind::Object(
            members
                .iter()
                .map(|(key, value)| {
                    let key = Term {
                        span,
                        kind: TermKind::String(Arc::from(key.as_str())),
                    };
                    (key, constant(value, span))
                })
                .collect(),
        ),
    };
    Term { span, kind }
}
