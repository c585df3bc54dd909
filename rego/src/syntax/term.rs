//! Terms: scalars, references, calls and operators. Arrays, sets and objects are in `collection`.

use std::sync::Arc;

use super::{
    ast::{Expr, ExprKind, Span, Term, TermKind},
    lexer::Tok,
    literal,
    names::kind_name,
    parser::{Parsed, Parser},
};

/// Precedence and builtin of an operator.
fn infix(tok: Tok) -> Option<(u8, &'static str)> {
    Some(match tok {
        Tok::Equal => (RELATION, "equal"),
        Tok::Neq => (RELATION, "neq"),
        Tok::Lt => (RELATION, "lt"),
        Tok::Lte => (RELATION, "lte"),
        Tok::Gt => (RELATION, "gt"),
        Tok::Gte => (RELATION, "gte"),
        Tok::Or => (1, "or"),
        Tok::And => (2, "and"),
        Tok::Add => (3, "plus"),
        Tok::Sub => (3, "minus"),
        Tok::Mul => (4, "mul"),
        Tok::Quo => (4, "div"),
        Tok::Rem => (4, "rem"),
        _ => return None,
    })
}

/// Precedence of comparisons, the lowest one behind `in`.
const RELATION: u8 = 0;

/// Tells if a reference may begin with a term of this kind.
fn may_be_head(kind: &TermKind) -> bool {
    matches!(
        kind,
        TermKind::Var(_)
            | TermKind::Array(_)
            | TermKind::Set(_)
            | TermKind::Object(_)
            | TermKind::ArrayComprehension(..)
            | TermKind::SetComprehension(..)
            | TermKind::ObjectComprehension(..)
            | TermKind::Call(_)
    )
}

/// Makes the operator of a call: a reference of one or more names.
fn operator(span: Span, name: &str) -> Term {
    let mut terms = Vec::new();
    for (at, part) in name.split('.').enumerate() {
        let part: Arc<str> = part.into();
        terms.push(Term {
            span,
            kind: if at == 0 {
                TermKind::Var(part)
            } else {
                TermKind::String(part)
            },
        });
    }
    Term {
        span,
        kind: TermKind::Ref(terms),
    }
}

impl Parser<'_> {
    /// An expression without `not`, `some`, `every` and `with`.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let left = self.infix_term()?;
        let kind = match self.tok() {
            tok @ (Tok::Assign | Tok::Unify) => {
                let name = if tok == Tok::Assign { "assign" } else { "eq" };
                let operator = operator(self.span(), name);
                self.scan();
                let right = self.infix_term()?;
                ExprKind::Call(vec![operator, left, right])
            }
            _ => match left.kind {
                TermKind::Call(terms) => ExprKind::Call(terms),
                kind => ExprKind::Term(Term {
                    span: left.span,
                    kind,
                }),
            },
        };
        Some(Expr {
            span: self.from(start),
            kind,
            with: Vec::new(),
            negated: false,
            generated: false,
            assignment: false,
        })
    }

    /// A term with operators; `k, v in xs` is one.
    pub(super) fn infix_term(&mut self) -> Parsed<Term> {
        self.membership(None, true)
    }

    /// A term with operators in a list, where a comma ends it.
    pub(super) fn listed_term(&mut self, first: Option<Term>) -> Parsed<Term> {
        self.membership(first, false)
    }

    fn membership(&mut self, first: Option<Term>, key_value: bool) -> Parsed<Term> {
        if !self.enter() {
            return None;
        }
        let term = self.membership_inner(first, key_value);
        self.leave();
        term
    }

    fn membership_inner(&mut self, first: Option<Term>, key_value: bool) -> Parsed<Term> {
        let mut left = self.operators(first, RELATION)?;
        for _ in 0..super::parser::MAX_DEPTH {
            if key_value && self.tok() == Tok::Comma {
                let saved = self.save();
                self.scan();
                if let Some(value) = self.operators(None, RELATION)
                    && self.tok() == Tok::In
                {
                    let operator = operator(self.span(), "internal.member_3");
                    self.scan();
                    let domain = self.operators(None, RELATION)?;
                    let span = self.from(left.span);
                    left = Term {
                        span,
                        kind: TermKind::Call(vec![operator, left, value, domain]),
                    };
                    if self.tok() != Tok::In {
                        return Some(left);
                    }
                    continue;
                }
                if self.gave_up() {
                    return None;
                }
                self.restore(saved);
            }
            self.scan_ahead_ref();
            if self.tok() != Tok::In {
                return Some(left);
            }
            let operator = operator(self.span(), "internal.member_2");
            self.scan();
            let domain = self.operators(None, RELATION)?;
            let span = self.from(left.span);
            left = Term {
                span,
                kind: TermKind::Call(vec![operator, left, domain]),
            };
            if self.tok() != Tok::In {
                return Some(left);
            }
        }
        self.too_deep();
        None
    }

    /// Operators of at least a precedence; all bind to the left.
    fn operators(&mut self, first: Option<Term>, least: u8) -> Parsed<Term> {
        let mut left = match first {
            Some(term) => term,
            None => self.term()?,
        };
        let mut chain = 0;
        while let Some((precedence, name)) = infix(self.tok())
            && precedence >= least
        {
            let operator = operator(self.span(), name);
            self.scan();
            let right = self.operators(None, precedence + 1)?;
            let span = self.from(left.span);
            left = Term {
                span,
                kind: TermKind::Call(vec![operator, left, right]),
            };
            chain += 1;
            if chain > super::parser::MAX_DEPTH {
                self.too_deep();
                return None;
            }
        }
        Some(left)
    }

    /// Parses a term without infix operators.
    pub(super) fn term(&mut self) -> Parsed<Term> {
        if !self.enter() {
            return None;
        }
        let term = self.term_inner();
        self.leave();
        term
    }

    fn term_inner(&mut self) -> Parsed<Term> {
        if matches!(self.tok(), Tok::LogicalAnd | Tok::LogicalOr) && self.call_follows() {
            self.take_as_name();
        }
        let start = self.span();
        let scalar = |kind| Some(Term { span: start, kind });
        let mut minus = None;
        let head = match self.tok() {
            Tok::Null => scalar(TermKind::Null),
            Tok::True => scalar(TermKind::Bool(true)),
            Tok::False => scalar(TermKind::Bool(false)),
            Tok::Sub => {
                let saved = self.save();
                self.scan();
                if matches!(self.tok(), Tok::Ident | Tok::Contains) {
                    minus = Some(start);
                    Some(self.var())
                } else {
                    self.restore(saved);
                    self.number()
                }
            }
            Tok::Dot | Tok::Number => self.number(),
            Tok::String => self.string(),
            Tok::Part | Tok::End if self.lit().starts_with('$') => self.template(false),
            Tok::RawPart | Tok::RawEnd if self.lit().starts_with('$') => self.template(true),
            Tok::Ident | Tok::Contains => Some(self.var()),
            Tok::LBrack | Tok::LBrace => return self.collection_with_rest(),
            Tok::LParen => self.parenthesised(),
            _ => {
                self.illegal("");
                None
            }
        }?;
        let term = self.finish(head)?;
        let Some(start) = minus else {
            return Some(term);
        };
        let zero = Term {
            span: start,
            kind: TermKind::Number("0".into()),
        };
        Some(Term {
            span: self.from(start),
            kind: TermKind::Call(vec![operator(start, "minus"), zero, term]),
        })
    }

    /// An array, set, object or comprehension; what an attempt has read is not read again.
    fn collection_with_rest(&mut self) -> Parsed<Term> {
        let first = self.at;
        if let Some((term, last)) = self.read.get(&first) {
            let (term, last) = (term.clone(), *last);
            self.at = last;
            return self.finish(term);
        }
        let term = if self.tok() == Tok::LBrack {
            self.array()
        } else {
            self.set_or_object()
        }?;
        if self.attempts > 0 {
            self.read.insert(first, (term.clone(), self.at));
        }
        self.finish(term)
    }

    fn parenthesised(&mut self) -> Parsed<Term> {
        let start = self.span();
        self.scan();
        let mut term = self.infix_term()?;
        if self.tok() != Tok::RParen {
            self.error(self.span(), "non-terminated expression");
            return None;
        }
        term.span.start = start.start;
        term.span.end = self.span().end;
        Some(term)
    }

    /// Steps over the last token of a term, and reads what continues it.
    pub(super) fn finish(&mut self, head: Term) -> Parsed<Term> {
        self.scan();
        if !self.token().space && matches!(self.tok(), Tok::LParen | Tok::Dot | Tok::LBrack) {
            return self.reference(head);
        }
        Some(root(head))
    }

    pub(super) fn var(&mut self) -> Term {
        let span = self.span();
        let name: Arc<str> = match self.lit() {
            "_" => self.wildcard(),
            name => name.into(),
        };
        Term {
            span,
            kind: TermKind::Var(name),
        }
    }

    /// A reference or a call: the cursor is at `.`, `[` or `(`.
    pub(super) fn reference(&mut self, head: Term) -> Parsed<Term> {
        if !self.enter() {
            return None;
        }
        let term = self.reference_inner(head);
        self.leave();
        term
    }

    fn reference_inner(&mut self, head: Term) -> Parsed<Term> {
        let start = head.span;
        if !may_be_head(&head.kind) {
            let name = kind_name(&head.kind);
            self.error(start, format!("illegal ref (head cannot be {name})"));
            return None;
        }
        let mut terms = vec![head];
        let mut calls = 0;
        while !self.token().space {
            match self.tok() {
                Tok::Dot => terms.push(self.name_after_dot()?),
                Tok::LBrack => {
                    self.scan();
                    let term = self.infix_term()?;
                    if self.tok() != Tok::RBrack {
                        self.illegal("expected [");
                        return None;
                    }
                    terms.push(term);
                    self.scan();
                }
                Tok::LParen => {
                    let operator = Term {
                        span: self.from(start),
                        kind: TermKind::Ref(std::mem::take(&mut terms)),
                    };
                    let call = self.call(operator)?;
                    calls += 1;
                    if calls > super::parser::MAX_DEPTH {
                        self.too_deep();
                        return None;
                    }
                    if self.token().space || !matches!(self.tok(), Tok::Dot | Tok::LBrack) {
                        return Some(call);
                    }
                    terms.push(call);
                }
                _ => break,
            }
        }
        let span = self.from(start);
        Some(Term {
            span,
            kind: TermKind::Ref(terms),
        })
    }

    fn name_after_dot(&mut self) -> Parsed<Term> {
        self.scan();
        if self.token().space {
            self.unexpected_space("expected identifier");
            return None;
        }
        if !self.is_word() {
            self.illegal("expected identifier");
            return None;
        }
        let name = Term {
            span: self.span(),
            kind: TermKind::String(self.lit().into()),
        };
        self.scan();
        Some(name)
    }

    /// Operands of a call; the cursor is at `(`.
    fn call(&mut self, operator: Term) -> Parsed<Term> {
        let start = operator.span;
        let set = matches!(&operator.kind, TermKind::Ref(terms)
            if matches!(terms.as_slice(), [Term { kind: TermKind::Var(name), .. }] if &**name == "set"));
        self.scan();
        let terms = self.list(Tok::RParen, vec![operator])?;
        self.scan();
        let kind = if set && terms.len() == 1 {
            TermKind::Set(Vec::new())
        } else {
            TermKind::Call(terms)
        };
        Some(Term {
            span: self.from(start),
            kind,
        })
    }

    /// Terms between commas up to a closing token, which is left under the cursor.
    pub(super) fn list(&mut self, end: Tok, mut terms: Vec<Term>) -> Parsed<Vec<Term>> {
        if self.tok() == end {
            return Some(terms);
        }
        loop {
            terms.push(self.listed_term(None)?);
            if !self.comma_or(end)? || self.tok() == end {
                return Some(terms);
            }
        }
    }

    /// Steps over a comma; `false` at the closing token.
    pub(super) fn comma_or(&mut self, end: Tok) -> Parsed<bool> {
        if self.tok() == end {
            return Some(false);
        }
        if self.tok() == Tok::Comma {
            self.scan();
            return Some(true);
        }
        let end = super::names::name_of(end);
        self.illegal(&format!("expected \",\" or \"{end}\""));
        None
    }

    fn number(&mut self) -> Parsed<Term> {
        let start = self.span();
        let mut text = String::new();
        if self.tok() == Tok::Sub {
            text.push('-');
            self.scan();
            if !matches!(self.tok(), Tok::Number | Tok::Dot) {
                self.illegal("expected number");
                return None;
            }
        }
        let point = self.tok() == Tok::Dot;
        if point {
            // OPA keeps `.5` as written, which is not a number in JSON.
            text.push_str("0.");
            self.scan();
            if self.tok() != Tok::Number {
                self.illegal("expected number");
                return None;
            }
        }
        let digits = self.lit();
        let zero = digits.as_bytes();
        if !point
            && zero.len() > 1
            && zero.first() == Some(&b'0')
            && !matches!(zero.get(1), Some(b'.' | b'e' | b'E'))
        {
            self.illegal("expected number without leading zero");
            return None;
        }
        if point && digits.contains('.') {
            self.illegal("invalid float");
            return None;
        }
        text.push_str(digits);
        if literal::too_big(&text) {
            self.error(self.span(), "number too big");
            return None;
        }
        Some(Term {
            span: Span {
                end: self.span().end,
                ..start
            },
            kind: TermKind::Number(text.into()),
        })
    }
}

/// Makes `input` and `data` references of one element.
pub(super) fn root(term: Term) -> Term {
    match &term.kind {
        TermKind::Var(name) if matches!(&**name, "input" | "data") => Term {
            span: term.span,
            kind: TermKind::Ref(vec![term]),
        },
        _ => term,
    }
}
