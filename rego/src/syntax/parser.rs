//! State of the parser: cursor, imported keywords, limits and errors.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    ast::{Span, Term},
    lexer::{Lexed, Tok, Token, lex},
    names::name_of,
};
use crate::Stop;
use crate::error::{Code, Error};

/// Largest depth of nested terms, bodies and chains of operators.
pub(super) const MAX_DEPTH: u32 = 300;

/// Work that is done for each token at most: no valid module comes near.
const STEPS_PER_TOKEN: usize = 100;

/// Result of a parser function; the reason for `None` is in [`Parser::errors`], if there is one.
pub(super) type Parsed<T> = Option<T>;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keywords {
    pub(super) not: bool,
    pub(super) and: bool,
    pub(super) or: bool,
    /// `in`, `every`, `contains`, `if`, `not`, `and` and `or` are names: in the path of an import.
    pub(super) names: bool,
}

/// A position that [`Parser::restore`] returns to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saved {
    at: usize,
    name: Option<usize>,
    errors: usize,
    hints: usize,
}

pub(super) struct Parser<'a> {
    pub(super) file: Arc<str>,
    pub(super) text: &'a str,
    pub(super) lexed: Lexed,
    pub(super) at: usize,
    /// Index of a token that is a name although it is a keyword.
    name: Option<usize>,
    pub(super) errors: Vec<Error>,
    hints: Vec<String>,
    wildcards: u32,
    depth: u32,
    steps: usize,
    /// A limit was reached, so parsing ends.
    stopped: bool,
    pub(super) stop: Stop,
    pub(super) keywords: Keywords,
    /// Number of attempts around that may be taken back.
    pub(super) attempts: u32,
    /// Arrays, sets and objects that an attempt has read, by index of their first token.
    pub(super) read: HashMap<usize, (Term, usize)>,
    /// Braces that are not an operand of `and` or `or`, by index of their token.
    pub(super) no_operand: HashSet<usize>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(file: Arc<str>, text: &'a str) -> Self {
        Self {
            file,
            text,
            lexed: lex(text),
            at: 0,
            name: None,
            errors: Vec::new(),
            hints: Vec::new(),
            wildcards: 0,
            depth: 0,
            steps: 0,
            stopped: false,
            stop: Stop::default(),
            keywords: Keywords::default(),
            attempts: 0,
            read: HashMap::new(),
            no_operand: HashSet::new(),
        }
    }

    /// Returns the token under the cursor, with keywords told from names.
    pub(super) fn tok(&self) -> Tok {
        self.tok_at(self.at)
    }

    fn tok_at(&self, at: usize) -> Tok {
        let token = self.token_at(at);
        if token.tok != Tok::Ident || self.name == Some(at) {
            return token.tok;
        }
        let keywords = self.keywords;
        match self.text_of(token.span) {
            "package" => Tok::Package,
            "import" => Tok::Import,
            "as" => Tok::As,
            "default" => Tok::Default,
            "else" => Tok::Else,
            "not" if !keywords.names => Tok::Not,
            "some" => Tok::Some,
            "with" => Tok::With,
            "null" => Tok::Null,
            "true" => Tok::True,
            "false" => Tok::False,
            "in" if !keywords.names => Tok::In,
            "every" if !keywords.names => Tok::Every,
            "contains" if !keywords.names => Tok::Contains,
            "if" if !keywords.names => Tok::If,
            "and" if keywords.and && !keywords.names => Tok::LogicalAnd,
            "or" if keywords.or && !keywords.names => Tok::LogicalOr,
            _ => Tok::Ident,
        }
    }

    fn token_at(&self, at: usize) -> Token {
        let tokens = &self.lexed.tokens;
        tokens
            .get(at)
            .or_else(|| tokens.last())
            .copied()
            .unwrap_or(Token {
                tok: Tok::Eof,
                span: Span::default(),
                space: false,
                newline: false,
            })
    }

    pub(super) fn token(&self) -> Token {
        self.token_at(self.at)
    }

    /// Returns the place of the token under the cursor.
    pub(super) fn span(&self) -> Span {
        self.token().span
    }

    /// Returns the end of the token before the cursor.
    pub(super) fn last_end(&self) -> u32 {
        self.at
            .checked_sub(1)
            .map_or(0, |before| self.token_at(before).span.end)
    }

    /// Returns the span from a start to the last token.
    pub(super) fn from(&self, start: Span) -> Span {
        Span {
            end: self.last_end().max(start.start),
            ..start
        }
    }

    pub(super) fn text_of(&self, span: Span) -> &'a str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// Returns the text of the token under the cursor.
    pub(super) fn lit(&self) -> &'a str {
        self.text_of(self.span())
    }

    pub(super) fn scan(&mut self) {
        if self.at + 1 < self.lexed.tokens.len() {
            self.at += 1;
            self.report_lexer();
        }
    }

    /// Records the lexer's error for the token under the cursor.
    pub(super) fn report_lexer(&mut self) {
        let errors = &self.lexed.errors;
        if let Ok(index) = errors.binary_search_by_key(&self.at, |(token, _)| *token)
            && let Some((_, message)) = errors.get(index)
        {
            self.error(self.span(), *message);
        }
    }

    /// Tells if the token behind the cursor continues a reference.
    pub(super) fn reference_follows(&self) -> bool {
        let next = self.token_at(self.at + 1);
        !next.space && matches!(next.tok, Tok::Dot | Tok::LBrack)
    }

    /// Tells if the token behind the cursor is an opening parenthesis without space before it.
    pub(super) fn call_follows(&self) -> bool {
        let next = self.token_at(self.at + 1);
        !next.space && next.tok == Tok::LParen
    }

    /// Takes the token under the cursor as one that directly follows the one before.
    pub(super) fn without_space(&mut self) {
        if let Some(token) = self.lexed.tokens.get_mut(self.at) {
            token.space = false;
        }
    }

    /// Takes the keyword under the cursor as a name.
    pub(super) fn take_as_name(&mut self) {
        self.name = Some(self.at);
    }

    /// Tells if the token is a name or a keyword: both may be part of a reference.
    pub(super) fn is_word(&self) -> bool {
        self.token().tok == Tok::Ident
    }

    pub(super) fn is_keyword(&self) -> bool {
        self.is_word() && self.tok() != Tok::Ident
    }

    /// Takes a keyword as a name if a reference follows: `default.x`, `input.if`.
    pub(super) fn scan_ahead_ref(&mut self) -> bool {
        let name = self.is_keyword() && self.reference_follows();
        if name {
            self.take_as_name();
        }
        name
    }

    pub(super) fn save(&self) -> Saved {
        Saved {
            at: self.at,
            name: self.name,
            errors: self.errors.len(),
            hints: self.hints.len(),
        }
    }

    pub(super) fn restore(&mut self, saved: Saved) {
        if self.stopped {
            return;
        }
        self.at = saved.at;
        self.name = saved.name;
        self.errors.truncate(saved.errors);
        self.hints.truncate(saved.hints);
    }

    /// Goes one level down; every `true` is followed by [`leave`](Self::leave).
    pub(super) fn enter(&mut self) -> bool {
        self.steps += 1;
        if self.stopped {
            return false;
        }
        if self.depth >= MAX_DEPTH {
            self.too_deep();
            return false;
        }
        if self.steps > 10_000 + STEPS_PER_TOKEN * self.lexed.tokens.len() {
            self.stopped = true;
            self.error(self.span(), "expression too complex");
            return false;
        }
        if self.steps & 0xff == 0 && self.cancelled() {
            return false;
        }
        self.depth += 1;
        true
    }

    /// Ends parsing if the host has cancelled it.
    pub(super) fn cancelled(&mut self) -> bool {
        let Some(reason) = self.stop.reason() else {
            return false;
        };
        self.stopped = true;
        self.errors.clear();
        self.error(self.span(), reason);
        if let Some(error) = self.errors.last_mut() {
            error.code = Code::Cancelled;
        }
        true
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn too_deep(&mut self) {
        self.stopped = true;
        self.error(
            self.span(),
            format!("max parsing recursion depth exceeded ({MAX_DEPTH} levels)"),
        );
    }

    /// Tells if parsing has ended for good, so that backtracking would not help.
    pub(super) fn gave_up(&self) -> bool {
        self.stopped
    }

    pub(super) fn wildcard(&mut self) -> Arc<str> {
        let name = format!("${}", self.wildcards);
        self.wildcards += 1;
        name.into()
    }

    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        self.hints.push(hint.into());
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        let mut message = message.into();
        match self.hints.as_slice() {
            [] => {}
            [hint] => message = format!("{message} (hint: {hint})"),
            hints => message = format!("{message} (hints: {})", hints.join(", ")),
        }
        self.hints.clear();
        self.errors.push(Error {
            code: Code::Parse,
            message,
            file: self.file.clone(),
            span,
            line: super::line_of(self.text, span).to_owned(),
        });
    }

    /// Reports the token under the cursor.
    pub(super) fn illegal(&mut self, note: &str) {
        let tok = self.tok();
        if tok == Tok::Illegal {
            self.error(self.span(), "illegal token");
            return;
        }
        let token = self.token();
        let kind = if self.is_keyword() {
            "keyword"
        } else {
            "token"
        };
        let name = if self.lit().starts_with('}') {
            "}"
        } else {
            name_of(tok)
        };
        let colon = if note.is_empty() { "" } else { ": " };
        self.error(token.span, format!("unexpected {name} {kind}{colon}{note}"));
    }

    /// Reports white space where a name was expected.
    pub(super) fn unexpected_space(&mut self, note: &str) {
        let before = self.token_at(self.at.saturating_sub(1)).span;
        let width = self.text_of(before).chars().count();
        let span = Span {
            start: before.end,
            end: before.end,
            line: before.line,
            column: before.column + u32::try_from(width).unwrap_or(0),
        };
        self.error(span, format!("unexpected whitespace token: {note}"));
    }
}
