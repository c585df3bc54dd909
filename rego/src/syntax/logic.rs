//! `and`, `or` and `not { … }`: operands, groups and chains.

use super::{
    ast::{Body, Expr, ExprKind, Logical, Not, Span, Term, TermKind},
    body::plain,
    lexer::Tok,
    parser::{Parsed, Parser, Saved},
};

/// An operand: its body, if it was written with braces, and its place.
pub(super) type Operand = (Body, bool, Span);

/// Tells if a body is a single `a | b`: it reads like a comprehension.
fn is_union(body: &Body, text: impl Fn(Span) -> bool) -> bool {
    let Some(Expr {
        kind: ExprKind::Call(terms),
        span,
        ..
    }) = body.first()
    else {
        return false;
    };
    let parenthesised = text(*span);
    !parenthesised
        && terms.first().is_some_and(|operator| {
            operator.span.end - operator.span.start == 1 && super::display::term(operator) == "or"
        })
}

impl Parser<'_> {
    fn logical_keywords(&self) -> bool {
        self.keywords.and || self.keywords.or
    }

    fn at_logical(&self) -> bool {
        matches!(self.tok(), Tok::LogicalAnd | Tok::LogicalOr)
    }

    /// An expression that begins with `{ … }` or `( … )` as operand of `and` or `or`; `None` if it does not.
    pub(super) fn leading_operand(&mut self) -> Option<Parsed<Expr>> {
        if !self.logical_keywords() {
            return None;
        }
        match self.tok() {
            Tok::LBrace if !self.no_operand.contains(&self.at) => self.leading_braces(),
            Tok::LParen => match self.logical_group(false)? {
                Some((body, explicit, span)) => Some(self.fold_tail(body, explicit, span)),
                None => Some(None),
            },
            _ => None,
        }
    }

    fn leading_braces(&mut self) -> Option<Parsed<Expr>> {
        let (saved, first, start) = (self.save(), self.at, self.span());
        self.attempts += 1;
        self.scan();
        let body = self.body(Tok::RBrace);
        self.attempts -= 1;
        if let Some(body) = body {
            self.scan();
            if self.at_logical() {
                if self.refuse_union(&body, start) {
                    return Some(None);
                }
                let expr = self.or_chain(body, true, start);
                return Some(expr.and_then(|expr| self.attach_with(expr)));
            }
        }
        if self.gave_up() {
            return Some(None);
        }
        self.restore(saved);
        self.no_operand.insert(first);
        None
    }

    fn refuse_union(&mut self, body: &Body, braces: Span) -> bool {
        let text = self.text;
        let union = is_union(body, |span| {
            text.get(span.start as usize..)
                .is_some_and(|text| text.starts_with('('))
        });
        if union {
            let braces_text = self.text_of(self.from(braces));
            self.hint(format!(
                "write `({braces_text})` for the comprehension, or put the union of sets in parentheses"
            ));
            self.error(
                braces,
                "ambiguous `{ ... | ... }` operand: read as a body holding a set-union expression, not as a comprehension",
            );
        }
        union
    }

    /// Reports `with` on an operand of `and` or `or`, which is not allowed.
    pub(super) fn with_on_operand(&mut self, with: Span) {
        let word = super::names::name_of(self.tok());
        self.hint(format!(
            "Wrap the operand in `(...)` or `{{...}}` to scope, or move `with` after the `{word}` expression to apply it to the whole expression"
        ));
        self.error(
            with,
            format!("`with` modifier is not allowed on operand of `{word}`"),
        );
    }

    /// Reports an operand that begins with a brace and is a value.
    pub(super) fn brace_led(&mut self, start: Span, expr: &Expr) {
        if matches!(&expr.kind, ExprKind::Term(Term { kind: TermKind::Object(members), .. }) if members.is_empty())
        {
            self.error(start, "found empty body");
            return;
        }
        let word = super::names::name_of(self.tok());
        self.value_operand(start, expr.span, word);
    }

    fn value_operand(&mut self, start: Span, operand: Span, word: &str) {
        let text = self.text_of(operand);
        self.hint(format!(
            "wrap the operand to keep the value: `({text}) {word} ...`"
        ));
        self.error(
            start,
            format!("operand of `{word}` cannot begin with `{{` unless the braces hold a body"),
        );
    }

    /// Reads `and`, `or` and `with` behind a complete operand.
    pub(super) fn fold_tail(&mut self, mut body: Body, explicit: bool, span: Span) -> Parsed<Expr> {
        let expr = if self.at_logical() {
            self.or_chain(body, explicit, span)?
        } else {
            body.pop()?
        };
        self.attach_with(expr)
    }

    /// `not { … }`; the cursor is at the brace.
    pub(super) fn not_body(&mut self, not: Span) -> Parsed<Expr> {
        let (saved, brace) = (self.save(), self.span());
        self.scan();
        let empty = self.tok() == Tok::RBrace;
        let Some(body) = self.body(Tok::RBrace) else {
            self.braces_with_value(saved, brace, empty, None);
            return None;
        };
        self.scan();
        if self.refuse_union(&body, brace) {
            return None;
        }
        let span = self.from(not);
        let not = Not {
            body,
            explicit: true,
        };
        Some(plain(span, ExprKind::Not(Box::new(not))))
    }

    /// Braces that do not form a body: if they are a value, the error says so.
    fn braces_with_value(
        &mut self,
        saved: Saved,
        brace: Span,
        empty: bool,
        word: Option<&'static str>,
    ) {
        if empty || self.gave_up() {
            return;
        }
        let failed = self.save();
        let errors = std::mem::take(&mut self.errors);
        self.restore(saved);
        let term = self.infix_term();
        self.errors.clear();
        let Some(term) = term else {
            self.restore(failed);
            self.errors = errors;
            return;
        };
        let operand = self.from(brace);
        if let Some(word) = word {
            self.value_operand(brace, operand, word);
            return;
        }
        let text = self.text_of(operand);
        self.hint(format!(
            "write `not ({text})` to negate the value, or `not {{{text}}}` for a body holding it"
        ));
        let kind = super::names::kind_name(&term.kind);
        self.error(
            brace,
            format!("`{{...}}` in an operand position must contain expression(s), got: {kind}"),
        );
    }

    /// A chain of `or`, whose operands may be chains of `and`; the cursor is at the first operator.
    pub(super) fn or_chain(&mut self, left: Body, explicit: bool, span: Span) -> Parsed<Expr> {
        if !self.enter() {
            return None;
        }
        let expr = self.or_chain_inner(left, explicit, span);
        self.leave();
        expr
    }

    fn or_chain_inner(&mut self, mut left: Body, mut explicit: bool, span: Span) -> Parsed<Expr> {
        if self.tok() == Tok::LogicalAnd {
            left = vec![self.and_chain(left, explicit, span)?];
            explicit = false;
        }
        let mut links = 0;
        while self.tok() == Tok::LogicalOr {
            self.scan();
            let (mut right, mut explicit_right, at) = self.operand(Some("or"))?;
            if self.tok() == Tok::LogicalAnd {
                right = vec![self.and_chain(right, explicit_right, at)?];
                explicit_right = false;
            }
            let logical = Logical {
                left,
                right,
                explicit_left: explicit,
                explicit_right,
            };
            self.check_void(&logical, "or");
            left = vec![plain(self.from(span), ExprKind::Or(Box::new(logical)))];
            explicit = false;
            links += 1;
            if links > super::parser::MAX_DEPTH {
                self.too_deep();
                return None;
            }
        }
        left.pop()
    }

    fn and_chain(&mut self, mut left: Body, mut explicit: bool, span: Span) -> Parsed<Expr> {
        let mut links = 0;
        while self.tok() == Tok::LogicalAnd {
            self.scan();
            let (right, explicit_right, _) = self.operand(Some("and"))?;
            let logical = Logical {
                left,
                right,
                explicit_left: explicit,
                explicit_right,
            };
            self.check_void(&logical, "and");
            left = vec![plain(self.from(span), ExprKind::And(Box::new(logical)))];
            explicit = false;
            links += 1;
            if links > super::parser::MAX_DEPTH {
                self.too_deep();
                return None;
            }
        }
        left.pop()
    }

    /// Refuses operands that call a function without a result.
    fn check_void(&mut self, logical: &Logical, word: &str) {
        for body in [&logical.left, &logical.right] {
            let prints = body.iter().all(|expr| {
                !expr.negated
                    && matches!(&expr.kind, ExprKind::Call(terms)
                        if terms.first().is_some_and(|name| super::display::term(name) == "print"))
            });
            if let Some(first) = body.first().filter(|_| prints) {
                let span = first.span;
                self.hint("`print` produces no value and always succeeds, so the operand can never fail; move it out of the operand, or add an expression that can fail");
                self.error(
                    span,
                    format!("operand of `{word}` cannot consist only of calls to `print`"),
                );
            }
        }
    }

    /// One operand; without a word for an attempt that is taken back if it fails.
    fn operand(&mut self, word: Option<&'static str>) -> Parsed<Operand> {
        if !self.enter() {
            return None;
        }
        let operand = self.operand_inner(word);
        self.leave();
        operand
    }

    fn operand_inner(&mut self, word: Option<&'static str>) -> Parsed<Operand> {
        let start = self.span();
        if self.tok() == Tok::LBrace {
            let saved = self.save();
            self.scan();
            let empty = self.tok() == Tok::RBrace;
            let Some(body) = self.body(Tok::RBrace) else {
                if let Some(word) = word {
                    self.braces_with_value(saved, start, empty, Some(word));
                }
                return None;
            };
            self.scan();
            self.refuse_union(&body, start);
            return Some((body, true, start));
        }
        let negated = self.tok() == Tok::Not && !self.reference_follows();
        if negated {
            self.scan();
        }
        if negated && self.keywords.not && self.tok() == Tok::LBrace {
            let not = self.not_body(start)?;
            return Some((vec![not], false, self.from(start)));
        }
        if self.tok() == Tok::LParen
            && self.logical_keywords()
            && (!negated || self.keywords.not)
            && let Some(group) = self.logical_group(true)
        {
            let (body, explicit, span) = group?;
            if !negated {
                return Some((body, explicit, span));
            }
            let span = self.from(start);
            let not = plain(span, ExprKind::Not(Box::new(Not { body, explicit })));
            return Some((vec![not], false, span));
        }
        let mut expr = self.expr()?;
        if negated && self.keywords.not {
            let body = vec![expr];
            expr = plain(
                self.from(start),
                ExprKind::Not(Box::new(Not {
                    body,
                    explicit: false,
                })),
            );
        } else {
            expr.negated = negated;
        }
        let span = expr.span;
        Some((vec![expr], false, span))
    }

    /// `( … )` around operands of `and`, `or` or `not`. `None` if the parentheses hold a term.
    pub(super) fn logical_group(&mut self, operand: bool) -> Option<Parsed<Operand>> {
        if !self.enter() {
            return Some(None);
        }
        self.attempts += 1;
        let group = self.logical_group_inner(operand);
        self.attempts -= 1;
        self.leave();
        group
    }

    fn logical_group_inner(&mut self, operand: bool) -> Option<Parsed<Operand>> {
        let (saved, open) = (self.save(), self.span());
        if self.no_operand.contains(&self.at) {
            return None;
        }
        let first = self.at;
        self.scan();
        if self.tok() == Tok::RParen {
            if operand {
                self.error(open, "empty parenthesized group");
                return Some(None);
            }
            self.restore(saved);
            return None;
        }
        let Some((mut body, explicit, span)) = self.operand(None) else {
            return self.no_group(saved, first);
        };
        if self.at_logical() {
            let group = self
                .or_chain(body, explicit, span)
                .and_then(|expr| self.attach_with(expr))
                .and_then(|expr| self.closing_paren().then_some(expr));
            return Some(group.map(|expr| (vec![expr], false, self.from(open))));
        }
        if self.tok() == Tok::With
            && !explicit
            && let [_] = body.as_slice()
        {
            let with = self.span();
            let expr = body.pop().and_then(|expr| self.attach_with(expr));
            let Some(expr) = expr else { return Some(None) };
            if self.at_logical() {
                self.with_on_operand(with);
                return Some(None);
            }
            if !self.closing_paren() {
                return Some(None);
            }
            if operand || self.at_logical() {
                return Some(Some((vec![expr], false, self.from(open))));
            }
            return self.no_group(saved, first);
        }
        if explicit {
            return self.body_in_parens(saved, open, span);
        }
        let is_group = |expr: &Expr| {
            let kind = &expr.kind;
            expr.negated || matches!(kind, ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_))
        };
        if !matches!(body.as_slice(), [expr] if is_group(expr)) {
            return self.no_group(saved, first);
        }
        Some(self.closing_paren().then(|| (body, false, self.from(open))))
    }

    /// Refuses a body in parentheses. `None` if the braces are a set or an object.
    fn body_in_parens(&mut self, saved: Saved, open: Span, span: Span) -> Option<Parsed<Operand>> {
        let braces = self.text_of(self.from(span));
        self.restore(saved);
        self.scan();
        let term = self.term();
        self.restore(saved);
        if term.is_some() {
            return None;
        }
        self.hint(format!("drop the parens to keep the body: `{braces}`"));
        self.error(open, "`(...)` in an operand position cannot contain a body");
        Some(None)
    }

    /// Takes an attempt back: the parenthesis opens a term.
    fn no_group(&mut self, saved: Saved, first: usize) -> Option<Parsed<Operand>> {
        if self.gave_up() {
            return Some(None);
        }
        self.restore(saved);
        self.no_operand.insert(first);
        None
    }

    fn closing_paren(&mut self) -> bool {
        let closed = self.tok() == Tok::RParen;
        if closed {
            self.scan();
        } else {
            self.error(self.span(), "expected ) to close parenthesized group");
        }
        closed
    }
}
