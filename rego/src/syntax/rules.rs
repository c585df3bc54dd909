//! Parses rules: heads, bodies and `else`.

use super::{
    ast::{Body, ExprKind, Head, Rule, Span, Term, TermKind},
    body::plain,
    lexer::Tok,
    names::kind_name,
    parser::{Parsed, Parser},
};

/// The value of rules that have none.
pub(super) fn true_at(span: Span) -> Term {
    Term {
        span,
        kind: TermKind::Bool(true),
    }
}

/// The body of rules that have none.
pub(super) fn true_body(span: Span) -> Body {
    vec![plain(span, ExprKind::Term(true_at(span)))]
}

impl Parser<'_> {
    /// A rule, and one more for each further body. `None` without an error: it is something else.
    pub(super) fn rules(&mut self) -> Parsed<Vec<Rule>> {
        let start = self.span();
        self.scan_ahead_ref();
        let default = self.tok() == Tok::Default;
        if default {
            self.scan();
            self.scan_ahead_ref();
        }
        if self.tok() != Tok::Ident {
            return None;
        }
        let head = self.head(default)?;
        if !self.errors.is_empty() {
            return None;
        }
        let mut rule = Rule {
            span: self.from(start),
            default,
            head,
            body: Body::new(),
            generated_body: false,
            otherwise: None,
        };
        if default {
            return self.default_rule(rule);
        }
        self.rule_body(&mut rule)?;
        if rule.generated_body {
            return Some(vec![rule]);
        }
        if self.tok() == Tok::Else && !self.scan_ahead_ref() {
            self.check_else(&rule)?;
            rule.otherwise = Some(Box::new(self.otherwise(&rule.head)?));
        }
        rule.span = self.from(start);
        let mut rules = vec![rule];
        self.further_bodies(&mut rules)?;
        Some(rules)
    }

    fn rule_body(&mut self, rule: &mut Rule) -> Parsed<()> {
        if self.tok() == Tok::If {
            rule.head.has_if = true;
            self.scan();
            return self.body_after_if(rule);
        }
        if self.tok() == Tok::LBrace {
            self.scan();
            rule.body = self.body(Tok::RBrace)?;
            self.scan();
            return Some(());
        }
        if rule.head.has_contains {
            rule.body = true_body(rule.span);
            rule.generated_body = true;
            rule.span = rule.head.span;
            return Some(());
        }
        None
    }

    /// `if literal` or `if { body }`; a set behind `if` is a body.
    fn body_after_if(&mut self, rule: &mut Rule) -> Parsed<()> {
        let saved = self.save();
        let brace = self.tok() == Tok::LBrace;
        self.attempts += u32::from(brace);
        let literal = self.literal();
        self.attempts -= u32::from(brace);
        if let Some(expr) = literal {
            let set = brace
                && matches!(&expr.kind, ExprKind::Term(term) if matches!(term.kind, TermKind::Set(_)));
            if !set {
                rule.body.push(expr);
                return Some(());
            }
        }
        if !brace || self.gave_up() {
            return None;
        }
        self.restore(saved);
        self.scan();
        rule.body = self.body(Tok::RBrace)?;
        self.scan();
        Some(())
    }

    fn check_else(&mut self, rule: &Rule) -> Parsed<()> {
        let dynamic = rule
            .head
            .reference
            .iter()
            .skip(1)
            .any(|part| !super::walk::is_ground(part));
        if dynamic {
            self.error(
                self.span(),
                "else keyword cannot be used on rules with variables in head",
            );
            return None;
        }
        if rule.head.key.is_some() {
            self.error(
                self.span(),
                "else keyword cannot be used on multi-value rules",
            );
            return None;
        }
        Some(())
    }

    fn further_bodies(&mut self, rules: &mut Vec<Rule>) -> Parsed<()> {
        while self.tok() == Tok::LBrace {
            let first = rules.first()?;
            if first.otherwise.is_some() {
                self.error(self.span(), "expected else keyword");
                return None;
            }
            let mut head = first.head.clone();
            let start = self.span();
            self.scan();
            let body = self.body(Tok::RBrace)?;
            self.scan();
            self.fresh_wildcards(&mut head);
            head.span = self.from(start);
            rules.push(Rule {
                span: self.from(start),
                default: false,
                head,
                body,
                generated_body: false,
                otherwise: None,
            });
        }
        Some(())
    }

    fn fresh_wildcards(&mut self, head: &mut Head) {
        for arg in &mut head.args {
            if let TermKind::Var(name) = &mut arg.kind
                && name.starts_with('$')
            {
                *name = self.wildcard();
            }
        }
    }

    fn otherwise(&mut self, head: &Head) -> Parsed<Rule> {
        if !self.enter() {
            return None;
        }
        let rule = self.otherwise_inner(head);
        self.leave();
        rule
    }

    fn otherwise_inner(&mut self, head: &Head) -> Parsed<Rule> {
        let start = self.span();
        let mut own = head.clone();
        self.fresh_wildcards(&mut own);
        own.span = start;
        own.generated_value = false;
        own.has_if = false;
        self.scan();
        match self.tok() {
            Tok::LBrace | Tok::If => {
                own.generated_value = true;
                own.value = Some(true_at(start));
            }
            tok @ (Tok::Assign | Tok::Unify) => {
                own.assign = tok == Tok::Assign;
                self.scan();
                own.value = Some(self.infix_term()?);
                own.span = self.from(start);
            }
            _ => {
                self.illegal("expected else value term or rule body");
                return None;
            }
        }
        let mut rule = Rule {
            span: start,
            default: false,
            head: own,
            body: Body::new(),
            generated_body: false,
            otherwise: None,
        };
        rule.head.has_if = self.tok() == Tok::If;
        if !rule.head.has_if && self.tok() != Tok::LBrace {
            rule.body = true_body(start);
            rule.generated_body = true;
            rule.span = self.from(start);
            return Some(rule);
        }
        if rule.head.has_if {
            self.scan();
        }
        if self.tok() == Tok::LBrace {
            self.scan();
            rule.body = self.body(Tok::RBrace)?;
            self.scan();
        } else if self.tok() == Tok::Eof {
            self.illegal("rule body expected");
            return None;
        } else {
            rule.body.push(self.literal()?);
        }
        if self.tok() == Tok::Else {
            rule.otherwise = Some(Box::new(self.otherwise(head)?));
        }
        rule.span = self.from(start);
        Some(rule)
    }

    fn head(&mut self, default: bool) -> Parsed<Head> {
        let start = self.span();
        let name = self.var();
        let term = self.head_reference(name)?;
        let mut head = Head {
            span: self.from(start),
            reference: Vec::new(),
            args: Vec::new(),
            function: false,
            key: None,
            value: None,
            assign: false,
            generated_value: false,
            has_if: false,
            has_contains: false,
        };
        match term.kind {
            TermKind::Var(_) => head.reference.push(term),
            TermKind::Ref(terms) => head.reference = terms,
            TermKind::Call(mut terms) => {
                head.function = true;
                head.args = terms.split_off(1);
                match terms.pop()?.kind {
                    TermKind::Ref(terms) => head.reference = terms,
                    _ => return None,
                }
            }
            _ => return None,
        }
        if !matches!(head.reference.first()?.kind, TermKind::Var(_)) {
            self.illegal("rule head ref invalid");
            return None;
        }
        self.head_value(&mut head, default)?;
        head.span = self.from(start);
        Some(head)
    }

    fn head_value(&mut self, head: &mut Head, default: bool) -> Parsed<()> {
        let name = super::display::reference(&head.reference);
        match self.tok() {
            Tok::Contains => {
                if head.function {
                    self.illegal(&format!("the contains keyword can only be used with multi-value rule definitions (e.g., {name} contains <VALUE> {{ ... }})"));
                }
                self.scan();
                head.has_contains = true;
                head.key = self.infix_term();
                if head.key.is_none() {
                    self.illegal(&format!(
                        "expected rule key term (e.g., {name} contains <VALUE> {{ ... }})"
                    ));
                }
                return Some(());
            }
            tok @ (Tok::Unify | Tok::Assign) => {
                self.scan();
                head.assign = tok == Tok::Assign;
                head.value = self.infix_term();
                if head.value.is_none() {
                    let expected = match () {
                        () if !head.args.is_empty() => {
                            format!("function value term (e.g., {name}(...) := <VALUE> {{ ... }})")
                        }
                        () if default => {
                            format!("default rule value term (e.g., default {name} := <VALUE>)")
                        }
                        () => format!("rule value term (e.g., {name} := <VALUE> {{ ... }})"),
                    };
                    self.illegal(&format!("expected {expected}"));
                }
            }
            _ => {}
        }
        if head.value.is_none() {
            head.generated_value = true;
            head.value = Some(true_at(head.span));
        }
        Some(())
    }

    fn head_reference(&mut self, name: Term) -> Parsed<Term> {
        self.scan();
        let next = self.token();
        if !next.space
            && matches!(
                self.tok(),
                Tok::Add
                    | Tok::Sub
                    | Tok::Mul
                    | Tok::Quo
                    | Tok::Rem
                    | Tok::And
                    | Tok::Or
                    | Tok::Equal
                    | Tok::Neq
                    | Tok::Gt
                    | Tok::Gte
                    | Tok::Lt
                    | Tok::Lte
            )
        {
            self.illegal("");
            return None;
        }
        // White space before a reference's brackets ends the name for terms, not for heads.
        if matches!(self.tok(), Tok::LParen | Tok::Dot | Tok::LBrack) {
            return self.head_rest(name);
        }
        Some(super::term::root(name))
    }

    fn head_rest(&mut self, name: Term) -> Parsed<Term> {
        if !self.token().space {
            return self.reference(name);
        }
        self.without_space();
        self.reference(name)
    }

    fn default_rule(&mut self, mut rule: Rule) -> Parsed<Vec<Rule>> {
        rule.body = true_body(rule.span);
        let span = rule.span;
        let mut refused = Vec::new();
        if rule.head.value.is_none() {
            self.error(span, "illegal default rule (must have a value)");
            return None;
        }
        if let Some(value) = &rule.head.value {
            super::walk::outside_closures(value, &mut |term| {
                let name = match &term.kind {
                    TermKind::Ref(_) => "ref",
                    TermKind::Var(_) => "var",
                    TermKind::Call(_) => "call",
                    _ => return true,
                };
                refused.push(format!(
                    "illegal default rule (value cannot contain {name})"
                ));
                false
            });
        }
        let mut seen: Vec<&str> = Vec::new();
        for arg in &rule.head.args {
            match &arg.kind {
                TermKind::Var(name) if seen.contains(&&**name) => refused.push(format!(
                    "illegal default rule (arguments cannot be repeated {name})"
                )),
                TermKind::Var(name) => seen.push(name),
                other => refused.push(format!(
                    "illegal default rule (arguments cannot contain {})",
                    kind_name(other)
                )),
            }
        }
        // OPA's documents have members for names alone: a default of another key is a rule like any other.
        let constant = |part: &Term| !matches!(part.kind, TermKind::String(_) | TermKind::Var(_));
        if rule.head.reference.iter().skip(1).any(constant) {
            rule.default = false;
            rule.generated_body = true;
        }
        for message in refused {
            self.error(span, message);
        }
        self.errors.is_empty().then(|| vec![rule])
    }
}
