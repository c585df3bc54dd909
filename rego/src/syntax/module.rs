//! Statements of a module, and whole texts.

use std::sync::Arc;

use super::{
    ast::{Comment, Expr, Import, Module, Package, Rule, Span, TermKind},
    lexer::Tok,
    names::kind_name,
    parser::{Parsed, Parser},
};
use crate::error::Error;

/// Kinds of statements of a module.
enum Statement {
    Package(Package),
    Import(Import),
    Rules(Vec<Rule>),
    Body(Vec<Expr>),
}

impl Parser<'_> {
    /// Parses the whole text as a module.
    pub(super) fn module(mut self, text: &Arc<str>) -> Result<Module, Vec<Error>> {
        self.report_lexer();
        self.cancelled();
        let mut statements = Vec::new();
        while self.tok() != Tok::Eof && self.errors.is_empty() {
            let Some(statement) = self.statement() else {
                if self.errors.is_empty() {
                    self.illegal("");
                }
                break;
            };
            statements.push(statement);
        }
        if self.errors.is_empty()
            && let Some(module) = self.assemble(statements, text)
            && self.errors.is_empty()
        {
            return Ok(module);
        }
        self.errors.sort_by_key(|error| error.span.start);
        Err(self.errors)
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let saved = self.save();
        if self.tok() == Tok::Package {
            if let Some(package) = self.package() {
                return Some(Statement::Package(package));
            }
            if !self.errors.is_empty() {
                return None;
            }
            self.restore(saved);
        }
        if self.tok() == Tok::Import {
            if let Some(import) = self.import() {
                return Some(Statement::Import(import));
            }
            if !self.errors.is_empty() {
                return None;
            }
            self.restore(saved);
        }
        if let Some(rules) = self.rules() {
            return Some(Statement::Rules(rules));
        }
        if !self.errors.is_empty() {
            return None;
        }
        self.restore(saved);
        self.query(true, Tok::Eof).map(Statement::Body)
    }

    fn assemble(&mut self, statements: Vec<Statement>, text: &Arc<str>) -> Option<Module> {
        let mut statements = statements.into_iter();
        let package = match statements.next() {
            Some(Statement::Package(package)) => package,
            None => {
                self.error(
                    Span {
                        line: 0,
                        ..Span::default()
                    },
                    "empty module",
                );
                return None;
            }
            Some(other) => {
                let span = match &other {
                    Statement::Import(import) => import.span,
                    Statement::Rules(rules) => rules.first().map_or(Span::default(), |r| r.span),
                    Statement::Body(body) => body.first().map_or(Span::default(), |e| e.span),
                    Statement::Package(package) => package.span,
                };
                self.error(span, "package expected");
                return None;
            }
        };
        let (mut imports, mut rules) = (Vec::new(), Vec::new());
        for statement in statements {
            match statement {
                Statement::Import(import) => imports.push(import),
                Statement::Rules(more) => rules.extend(more),
                Statement::Body(body) => match super::heads::rule_from_body(body) {
                    Ok(rule) => rules.push(rule),
                    Err((span, message)) => self.error(span, message),
                },
                Statement::Package(package) => self.error(package.span, "unexpected package"),
            }
        }
        for rule in &rules {
            for (span, message) in super::heads::check(rule) {
                self.error(span, message);
            }
        }
        Some(Module {
            file: self.file.clone(),
            text: text.clone(),
            package,
            imports,
            rules,
            comments: self.comments(),
        })
    }

    fn comments(&self) -> Vec<Comment> {
        self.lexed
            .comments
            .iter()
            .map(|(_, span)| Comment {
                span: *span,
                text: self
                    .text_of(*span)
                    .get(1..)
                    .unwrap_or_default()
                    .trim_end_matches('\r')
                    .into(),
            })
            .collect()
    }

    fn package(&mut self) -> Parsed<Package> {
        let start = self.keyword_before_path()?;
        let term = self.term()?;
        let mut path: Vec<Arc<str>> = Vec::new();
        match &term.kind {
            TermKind::Var(name) => path.push(name.clone()),
            TermKind::Ref(terms) => {
                for (at, part) in terms.iter().enumerate() {
                    match &part.kind {
                        TermKind::Var(name) if at == 0 => path.push(name.clone()),
                        TermKind::String(name) if at > 0 => path.push(name.clone()),
                        other => {
                            let wanted = if at == 0 { "var" } else { "string" };
                            let name = kind_name(other);
                            self.error(
                                part.span,
                                format!("unexpected {name} token: expecting {wanted}"),
                            );
                            return None;
                        }
                    }
                }
            }
            _ => {
                self.illegal("");
                return None;
            }
        }
        Some(Package {
            span: self.from(start),
            path,
        })
    }

    /// Parses a whole text as a query.
    pub(super) fn whole_query(mut self) -> Result<Vec<Expr>, Vec<Error>> {
        self.report_lexer();
        if self.errors.is_empty() {
            let body = self.query(false, Tok::Eof);
            if let Some(body) = body
                && self.errors.is_empty()
            {
                return Ok(body);
            }
        }
        if self.errors.is_empty() {
            self.illegal("");
        }
        Err(self.errors)
    }
}
