//! Bodies and their expressions: `not`, `some`, `every`, `with`.

use super::{
    ast::{Body, Every, Expr, ExprKind, Not, Span, Term, TermKind, With},
    lexer::Tok,
    parser::{Parsed, Parser},
};

pub(super) fn plain(span: Span, kind: ExprKind) -> Expr {
    Expr {
        span,
        kind,
        with: Vec::new(),
        negated: false,
        generated: false,
        assignment: false,
    }
}

/// Returns the name of the builtin that a term calls.
fn callee(term: &Term) -> Option<String> {
    match &term.kind {
        TermKind::Call(terms) => terms.first().map(super::display::term),
        _ => None,
    }
}

impl Parser<'_> {
    /// A body up to a closing token, which is left under the cursor.
    pub(super) fn body(&mut self, end: Tok) -> Parsed<Body> {
        if !self.enter() {
            return None;
        }
        let body = self.query(false, end);
        self.leave();
        body
    }

    pub(super) fn query(&mut self, semicolon: bool, end: Tok) -> Parsed<Body> {
        if self.tok() == end {
            self.error(self.span(), "found empty body");
            return None;
        }
        let mut body = Body::new();
        loop {
            body.push(self.literal()?);
            if self.tok() == Tok::Semicolon {
                self.scan();
                continue;
            }
            if self.tok() == end || semicolon {
                return Some(body);
            }
            if !self.token().newline {
                if self.errors.is_empty() {
                    let end = super::names::name_of(end);
                    self.illegal(&format!("expected \\n or ; or {end}"));
                }
                return None;
            }
        }
    }

    /// One expression with all that belongs to it.
    pub(super) fn literal(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let mut expr = self.literal_inner()?;
        expr.span = self.from(start);
        if let ExprKind::Not(not) = &mut expr.kind
            && !not.explicit
        {
            for inner in &mut not.body {
                inner.span = expr.span;
            }
        }
        Some(expr)
    }

    fn literal_inner(&mut self) -> Parsed<Expr> {
        if let Some(done) = self.leading_operand() {
            return done;
        }
        if self.scan_ahead_ref() {
            return self.literal_expr(None);
        }
        let start = self.span();
        let negated = self.tok() == Tok::Not;
        if negated {
            self.scan();
        }
        if negated && self.keywords.not && self.tok() == Tok::LBrace {
            let not = self.not_body(start)?;
            return self.fold_tail(vec![not], false, self.from(start));
        }
        match self.tok() {
            tok @ (Tok::Some | Tok::Every) if negated => {
                let name = super::names::name_of(tok);
                self.illegal(&format!("illegal negation of '{name}'"));
                None
            }
            Tok::Some => self.some(),
            Tok::Every => self.every(),
            _ => self.literal_expr(negated.then_some(start)),
        }
    }

    /// An expression behind `not` (whose place is given) or without one.
    fn literal_expr(&mut self, not: Option<Span>) -> Parsed<Expr> {
        let start = self.span();
        if let Some(not) = not
            && self.keywords.not
            && self.tok() == Tok::LParen
            && let Some(group) = self.logical_group(true)
        {
            let (body, explicit, _) = group?;
            let span = self.from(not);
            let expr = plain(span, ExprKind::Not(Box::new(Not { body, explicit })));
            return self.fold_tail(vec![expr], false, span);
        }
        let mut expr = self.expr()?;
        let with_at = self.span();
        let with = self.tok() == Tok::With;
        if with {
            expr.with = self.withs()?;
        }
        if let Some(not) = not {
            if self.keywords.not {
                let with = std::mem::take(&mut expr.with);
                let body = vec![expr];
                expr = plain(
                    self.from(not),
                    ExprKind::Not(Box::new(Not {
                        body,
                        explicit: false,
                    })),
                );
                expr.with = with;
            } else {
                expr.negated = true;
            }
        }
        if !matches!(self.tok(), Tok::LogicalAnd | Tok::LogicalOr) {
            return Some(expr);
        }
        if with {
            self.with_on_operand(with_at);
            return None;
        }
        if not.is_none() && self.text_of(expr.span).starts_with('{') {
            self.brace_led(start, &expr);
            return None;
        }
        let span = expr.span;
        let expr = self.or_chain(vec![expr], false, span)?;
        self.attach_with(expr)
    }

    pub(super) fn attach_with(&mut self, mut expr: Expr) -> Parsed<Expr> {
        if self.tok() == Tok::With {
            expr.with = self.withs()?;
        }
        Some(expr)
    }

    /// `with target as value`, any number of them.
    fn withs(&mut self) -> Parsed<Vec<With>> {
        let mut withs = Vec::new();
        while self.tok() == Tok::With {
            let start = self.span();
            self.scan();
            if self.tok() != Tok::Ident {
                self.illegal("expected ident");
                return None;
            }
            let target = self.term()?;
            if !matches!(target.kind, TermKind::Ref(_) | TermKind::Var(_)) {
                self.illegal("expected with target path");
                return None;
            }
            if self.tok() != Tok::As {
                self.illegal("expected as keyword");
                return None;
            }
            self.scan();
            let value = self.infix_term()?;
            withs.push(With {
                span: self.from(start),
                target,
                value,
            });
        }
        Some(withs)
    }

    fn some(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let saved = self.save();
        self.scan();
        if let Some(term) = self.infix_term()
            && matches!(term.kind, TermKind::Call(_))
        {
            if !self.is_membership(&term) {
                self.illegal("expected `x in xs` or `x, y in xs` expression");
                return None;
            }
            let expr = plain(self.from(start), ExprKind::Some(vec![term]));
            return self.attach_with(expr);
        }
        if self.gave_up() {
            return None;
        }
        self.restore(saved);
        let mut names = Vec::new();
        loop {
            self.scan();
            if self.tok() != Tok::Ident {
                self.illegal("expected var");
                return None;
            }
            names.push(self.var());
            self.scan();
            if self.tok() != Tok::Comma {
                return Some(plain(self.from(start), ExprKind::Some(names)));
            }
        }
    }

    fn is_membership(&self, term: &Term) -> bool {
        let operands = match &term.kind {
            TermKind::Call(terms) => terms.len(),
            _ => 0,
        };
        match callee(term).as_deref() {
            Some("internal.member_2") => operands == 3,
            Some("internal.member_3") => operands == 4,
            _ => false,
        }
    }

    fn every(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.scan();
        let term = self.infix_term()?;
        let member = self.is_membership(&term);
        let TermKind::Call(mut terms) = term.kind else {
            self.illegal("expected `x[, y] in xs { ... }` expression");
            return None;
        };
        if !member {
            self.illegal("expected `x[, y] in xs { ... }` expression");
            return None;
        }
        let (domain, value, key) = (terms.pop()?, terms.pop()?, terms.pop());
        let key = key.filter(|_| !terms.is_empty());
        if key
            .as_ref()
            .is_some_and(|key| !matches!(key.kind, TermKind::Var(_)))
        {
            self.illegal("expected key to be a variable");
            return None;
        }
        if !matches!(value.kind, TermKind::Var(_)) {
            self.illegal("expected value to be a variable");
            return None;
        }
        if self.tok() != Tok::LBrace {
            self.illegal("missing body");
            return None;
        }
        self.scan();
        let body = self.body(Tok::RBrace)?;
        self.scan();
        let expr = plain(
            self.from(start),
            ExprKind::Every(Box::new(Every {
                key,
                value,
                domain,
                body,
            })),
        );
        self.attach_with(expr)
    }
}
