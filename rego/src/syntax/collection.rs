//! Arrays, sets, objects, their comprehensions, and template strings. The cursor ends at the closing token.

use super::{
    ast::{Body, ExprKind, Span, TemplatePart, Term, TermKind},
    lexer::Tok,
    literal,
    parser::{Parsed, Parser},
};

impl Parser<'_> {
    /// Parses an array or its comprehension: `[…]`.
    pub(super) fn array(&mut self) -> Parsed<Term> {
        let start = self.span();
        self.scan();
        let kind = if self.tok() == Tok::RBrack {
            TermKind::Array(Vec::new())
        } else {
            self.array_inner()?
        };
        Some(self.closed(start, kind))
    }

    fn closed(&self, start: Span, kind: TermKind) -> Term {
        let end = self.span().end;
        Term {
            span: Span { end, ..start },
            kind,
        }
    }

    fn leading_comma(&mut self) -> bool {
        let comma = self.tok() == Tok::Comma;
        if comma {
            self.scan();
        }
        comma
    }

    fn array_inner(&mut self) -> Parsed<TermKind> {
        let comma = self.leading_comma();
        let head = self.term()?;
        if self.tok() == Tok::Or && !comma {
            let saved = self.save();
            if let Some(body) = self.attempt_body(Tok::RBrack) {
                return Some(TermKind::ArrayComprehension(Box::new(head), body));
            }
            if self.tok() != Tok::Comma || self.gave_up() {
                return None;
            }
            self.restore(saved);
        }
        let first = self.listed_term(Some(head))?;
        self.rest(Tok::RBrack, first).map(TermKind::Array)
    }

    /// The rest of a list behind its first term.
    fn rest(&mut self, end: Tok, first: Term) -> Parsed<Vec<Term>> {
        if self.comma_or(end)? {
            self.list(end, vec![first])
        } else {
            Some(vec![first])
        }
    }

    /// Body of a comprehension, if it is one.
    fn attempt_body(&mut self, end: Tok) -> Parsed<Body> {
        self.scan();
        self.attempts += 1;
        let body = self.body(end);
        self.attempts -= 1;
        body
    }

    /// Parses a set, an object or a comprehension of either: `{…}`.
    pub(super) fn set_or_object(&mut self) -> Parsed<Term> {
        let start = self.span();
        self.scan();
        let kind = if self.tok() == Tok::RBrace {
            TermKind::Object(Vec::new())
        } else {
            self.set_or_object_inner()?
        };
        Some(self.closed(start, kind))
    }

    fn set_or_object_inner(&mut self) -> Parsed<TermKind> {
        let comma = self.leading_comma();
        let head = self.term()?;
        match self.tok() {
            Tok::Or if !comma => {
                let saved = self.save();
                if let Some(body) = self.attempt_body(Tok::RBrace) {
                    return Some(TermKind::SetComprehension(Box::new(head), body));
                }
                if self.tok() != Tok::Comma || self.gave_up() {
                    return None;
                }
                self.restore(saved);
                let first = self.listed_term(Some(head))?;
                return self.rest(Tok::RBrace, first).map(TermKind::Set);
            }
            Tok::RBrace | Tok::Comma => {
                return self.rest(Tok::RBrace, head).map(TermKind::Set);
            }
            Tok::Colon => return self.object(head, !comma),
            _ => {}
        }
        let head = self.listed_term(Some(head))?;
        match self.tok() {
            Tok::RBrace | Tok::Comma => self.rest(Tok::RBrace, head).map(TermKind::Set),
            Tok::Colon => self.object(head, !comma),
            _ => {
                self.illegal("non-terminated set");
                None
            }
        }
    }

    fn object(&mut self, key: Term, comprehension: bool) -> Parsed<TermKind> {
        self.scan();
        let value = self.term()?;
        if comprehension && self.tok() == Tok::Or {
            let saved = self.save();
            if let Some(body) = self.attempt_body(Tok::RBrace) {
                return Some(TermKind::ObjectComprehension(Box::new((key, value)), body));
            }
            if self.gave_up() {
                return None;
            }
            // The value may be a union of sets.
            self.restore(saved);
        }
        self.object_rest(key, value)
    }

    fn object_rest(&mut self, key: Term, value: Term) -> Parsed<TermKind> {
        let value = self.listed_term(Some(value))?;
        let mut members = vec![(key, value)];
        match self.tok() {
            Tok::RBrace => return Some(TermKind::Object(members)),
            Tok::Comma => {}
            _ => {
                self.illegal("non-terminated object");
                return None;
            }
        }
        while self.comma_or(Tok::RBrace)? && self.tok() != Tok::RBrace {
            let key = self.listed_term(None)?;
            if self.tok() != Tok::Colon {
                self.illegal("expected \":\"");
                return None;
            }
            self.scan();
            let value = self.listed_term(None)?;
            members.push((key, value));
        }
        Some(TermKind::Object(members))
    }

    /// Parses a template string with its expressions: `$"…{expr}…"`.
    pub(super) fn template(&mut self, raw: bool) -> Parsed<Term> {
        let start = self.span();
        let mut parts = Vec::new();
        loop {
            let (span, lit) = (self.span(), self.lit());
            let inner = lit.strip_prefix('$').unwrap_or(lit);
            let inner = inner
                .get(1..inner.len().saturating_sub(1))
                .unwrap_or_default();
            let inner = inner_text(inner, raw);
            let text = if raw {
                Some(inner)
            } else {
                literal::unescape(&inner)
            };
            let Some(text) = text else {
                self.error(span, format!("illegal template-string part: {lit}"));
                return None;
            };
            if !text.is_empty() {
                parts.push(TemplatePart::Text(text.into(), span));
            }
            if matches!(self.tok(), Tok::End | Tok::RawEnd) {
                break;
            }
            self.scan();
            parts.push(self.template_expr()?);
            if !matches!(
                self.tok(),
                Tok::Part | Tok::End | Tok::RawPart | Tok::RawEnd
            ) {
                self.error(self.span(), "expected } to end template string expression");
                return None;
            }
        }
        Some(self.closed(start, TermKind::Template { raw, parts }))
    }

    fn template_expr(&mut self) -> Parsed<TemplatePart> {
        let Some(expr) = self.literal() else {
            if self.errors.is_empty() {
                self.error(self.span(), "invalid template-string expression");
            }
            return None;
        };
        let refused = match &expr.kind {
            _ if expr.negated => Some("negation ('not')"),
            ExprKind::Call(terms) => match terms.first().map(super::display::term).as_deref() {
                Some("eq") => Some("unification ('=')"),
                Some("assign") => Some("assignment (':=')"),
                _ => None,
            },
            ExprKind::Every(_) => Some("'every'"),
            ExprKind::Some(_) => Some("'some'"),
            _ => None,
        };
        if let Some(refused) = refused {
            self.error(
                expr.span,
                format!("unexpected {refused} in template-string expression"),
            );
            return None;
        }
        Some(TemplatePart::Expr(expr))
    }
}

/// Takes the backslash from `\{`; other escapes stay.
fn inner_text(lit: &str, raw: bool) -> String {
    let mut out = String::with_capacity(lit.len());
    let mut chars = lit.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next_if(|next| *next == '{' || (!raw && *next == '\\')) {
            Some('{') => out.push('{'),
            Some(other) => {
                out.push(c);
                out.push(other);
            }
            None => out.push(c),
        }
    }
    out
}
