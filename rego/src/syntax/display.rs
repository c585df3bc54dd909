//! Terms as OPA prints them in messages.

use std::fmt::Write as _;

use super::ast::{Body, Expr, ExprKind, TemplatePart, Term, TermKind};

/// Infix operators by name of their builtin.
const INFIX: [(&str, &str); 15] = [
    ("eq", "="),
    ("assign", ":="),
    ("equal", "=="),
    ("neq", "!="),
    ("lt", "<"),
    ("lte", "<="),
    ("gt", ">"),
    ("gte", ">="),
    ("plus", "+"),
    ("minus", "-"),
    ("mul", "*"),
    ("div", "/"),
    ("rem", "%"),
    ("and", "&"),
    ("or", "|"),
];

/// Prints a term as OPA's messages do.
#[must_use]
pub fn term(term: &Term) -> String {
    let mut out = String::new();
    write_term(&mut out, term);
    out
}

/// Prints a reference with dots where OPA does: `data.a["b-c"]`.
#[must_use]
pub fn reference(terms: &[Term]) -> String {
    let mut out = String::new();
    write_reference(&mut out, terms);
    out
}

/// Name of a kind of term.
#[must_use]
pub fn kind(kind: &TermKind) -> &'static str {
    super::names::kind_name(kind)
}

/// Prints an expression as OPA's messages do, with `not` and `with`.
#[must_use]
pub fn expr(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr);
    out
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn write_reference(out: &mut String, terms: &[Term]) {
    for (at, part) in terms.iter().enumerate() {
        match &part.kind {
            _ if at == 0 => write_term(out, part),
            TermKind::String(name) if is_name(name) => {
                out.push('.');
                out.push_str(name);
            }
            _ => {
                out.push('[');
                write_term(out, part);
                out.push(']');
            }
        }
    }
}

fn write_list(out: &mut String, terms: &[Term]) {
    for (at, part) in terms.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write_term(out, part);
    }
}

fn write_term(out: &mut String, term: &Term) {
    match &term.kind {
        TermKind::Null => out.push_str("null"),
        TermKind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        TermKind::Number(text) => out.push_str(text),
        TermKind::String(text) => quoted(out, text),
        TermKind::Var(name) if name.starts_with('$') => out.push('_'),
        TermKind::Var(name) => out.push_str(name),
        TermKind::Ref(terms) => write_reference(out, terms),
        TermKind::Array(terms) => {
            out.push('[');
            write_list(out, terms);
            out.push(']');
        }
        TermKind::Set(terms) if terms.is_empty() => out.push_str("set()"),
        TermKind::Set(terms) => {
            out.push('{');
            write_list(out, terms);
            out.push('}');
        }
        TermKind::Object(members) => {
            out.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_term(out, key);
                out.push_str(": ");
                write_term(out, value);
            }
            out.push('}');
        }
        TermKind::ArrayComprehension(head, body) => {
            out.push('[');
            write_comprehension(out, &[head], body);
            out.push(']');
        }
        TermKind::SetComprehension(head, body) => {
            out.push('{');
            write_comprehension(out, &[head], body);
            out.push('}');
        }
        TermKind::ObjectComprehension(head, body) => {
            out.push('{');
            write_comprehension(out, &[&head.0, &head.1], body);
            out.push('}');
        }
        TermKind::Call(terms) => write_call(out, terms),
        TermKind::Template { parts, .. } => write_template(out, parts),
    }
}

fn write_template(out: &mut String, parts: &[TemplatePart]) {
    out.push_str("$\"");
    for part in parts {
        match part {
            TemplatePart::Text(text, _) => out.push_str(text),
            TemplatePart::Expr(expr) => {
                out.push('{');
                write_expr(out, expr);
                out.push('}');
            }
        }
    }
    out.push('"');
}

fn write_comprehension(out: &mut String, heads: &[&Term], body: &Body) {
    for (at, head) in heads.iter().enumerate() {
        if at > 0 {
            out.push_str(": ");
        }
        write_term(out, head);
    }
    out.push_str(" | ");
    for (at, expr) in body.iter().enumerate() {
        if at > 0 {
            out.push_str("; ");
        }
        write_expr(out, expr);
    }
}

fn write_call(out: &mut String, terms: &[Term]) {
    let Some((operator, operands)) = terms.split_first() else {
        return;
    };
    let mut name = String::new();
    write_term(&mut name, operator);
    let infix = INFIX.iter().find(|(builtin, _)| *builtin == name);
    if let (Some((_, sign)), [left, right]) = (infix, operands) {
        write_term(out, left);
        let _ = write!(out, " {sign} ");
        write_term(out, right);
        return;
    }
    out.push_str(&name);
    out.push('(');
    write_list(out, operands);
    out.push(')');
}

fn write_body(out: &mut String, body: &Body) {
    out.push_str("{ ");
    for (at, inner) in body.iter().enumerate() {
        if at > 0 {
            out.push_str("; ");
        }
        write_expr(out, inner);
    }
    out.push_str(" }");
}

fn write_expr(out: &mut String, expr: &Expr) {
    if expr.negated {
        out.push_str("not ");
    }
    match &expr.kind {
        ExprKind::Term(term) => write_term(out, term),
        ExprKind::Call(terms) => write_call(out, terms),
        ExprKind::Some(terms) => {
            out.push_str("some ");
            write_list(out, terms);
        }
        ExprKind::Every(every) => {
            out.push_str("every ");
            if let Some(key) = &every.key {
                write_term(out, key);
                out.push_str(", ");
            }
            write_term(out, &every.value);
            out.push_str(" in ");
            write_term(out, &every.domain);
            out.push(' ');
            write_body(out, &every.body);
        }
        ExprKind::Not(not) => {
            out.push_str("not ");
            write_body(out, &not.body);
        }
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            write_body(out, &logical.left);
            let and = matches!(expr.kind, ExprKind::And(_));
            out.push_str(if and { " and " } else { " or " });
            write_body(out, &logical.right);
        }
    }
    for with in &expr.with {
        out.push_str(" with ");
        write_term(out, &with.target);
        out.push_str(" as ");
        write_term(out, &with.value);
    }
}
