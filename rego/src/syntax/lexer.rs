//! Lexer: the whole text at once, template strings included.

use super::Span;

/// Kind of a token. Keywords are identifiers here: the parser tracks which are imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tok {
    /// Text of the error is in [`Lexed::errors`].
    Illegal,
    Eof,
    Ident,
    Number,
    /// The token has its quotes or backticks.
    String,
    /// Template part up to an opening brace; the delimiters are part of the token.
    Part,
    /// Template part up to the closing quote.
    End,
    RawPart,
    RawEnd,
    LBrack,
    RBrack,
    LBrace,
    RBrace,
    LParen,
    RParen,
    Comma,
    Colon,
    Add,
    Sub,
    Mul,
    Quo,
    Rem,
    And,
    Or,
    Unify,
    Equal,
    Assign,
    Neq,
    Gt,
    Lt,
    Gte,
    Lte,
    Dot,
    Semicolon,
    // Keywords: never returned by the lexer.
    Package,
    Import,
    As,
    Default,
    Else,
    Not,
    Some,
    With,
    Null,
    True,
    False,
    In,
    Every,
    Contains,
    If,
    LogicalAnd,
    LogicalOr,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) tok: Tok,
    pub(super) span: Span,
    /// White space or a comment is before the token.
    pub(super) space: bool,
    /// A line break is before the token.
    pub(super) newline: bool,
}

#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    /// Comments: number of tokens before it, and place.
    pub(super) comments: Vec<(usize, Span)>,
    /// Errors by index of the token.
    pub(super) errors: Vec<(usize, &'static str)>,
}

pub(super) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer::new(text);
    let mut out = Lexed::default();
    if text.starts_with('\u{feff}') {
        lexer.next();
    }
    let (mut space, mut newline) = (false, false);
    loop {
        match lexer.peek() {
            Some(b'\n') => {
                (space, newline) = (true, true);
                lexer.next();
                continue;
            }
            Some(b' ' | b'\t' | b'\r') => {
                space = true;
                lexer.next();
                continue;
            }
            Some(b'#') => {
                let start = lexer.span();
                while lexer.peek().is_some_and(|b| b != b'\n') {
                    lexer.next();
                }
                out.comments.push((out.tokens.len(), lexer.until(start)));
                continue;
            }
            _ => {}
        }
        let start = lexer.span();
        let tok = lexer.token();
        let mut span = lexer.until(start);
        if tok == Tok::Eof {
            // The place of the last character, as in OPA.
            span.column = span.column.saturating_sub(1);
        }
        let tok = if let Some(message) = lexer.error.take() {
            out.errors.push((out.tokens.len(), message));
            Tok::Illegal
        } else {
            tok
        };
        out.tokens.push(Token {
            tok,
            span,
            space,
            newline,
        });
        (space, newline) = (false, false);
        if tok == Tok::Eof {
            return out;
        }
    }
}

/// A template string whose closing quote is not read yet.
struct Template {
    raw: bool,
    /// Braces that are open in the current expression.
    depth: u32,
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: u32,
    column: u32,
    error: Option<&'static str>,
    templates: Vec<Template>,
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "texts are shorter than 4 GiB: checked by the parser"
)]
impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            line: 1,
            column: 1,
            error: None,
            templates: Vec::new(),
        }
    }

    fn span(&self) -> Span {
        let at = self.at as u32;
        Span {
            start: at,
            end: at,
            line: self.line,
            column: self.column,
        }
    }

    fn until(&self, start: Span) -> Span {
        Span {
            end: self.at as u32,
            ..start
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) {
        let Some(first) = self.peek() else { return };
        if first == b'\n' {
            self.line += 1;
            self.column = 1;
            self.at += 1;
            return;
        }
        self.column += 1;
        if first < 0x80 {
            if first == 0 {
                self.error = Some("illegal null character");
            }
            self.at += 1;
            return;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.chars().next().map_or(1, char::len_utf8);
        if rest.starts_with('\u{feff}') && self.at > 0 {
            self.error = Some("illegal byte-order mark");
        }
        self.at += length;
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.next();
        }
        found
    }

    fn token(&mut self) -> Tok {
        let Some(first) = self.peek() else {
            return Tok::Eof;
        };
        if first.is_ascii_alphabetic() || first == b'_' {
            self.word();
            return Tok::Ident;
        }
        if first.is_ascii_digit() {
            self.number();
            return Tok::Number;
        }
        self.next();
        match first {
            b'"' => self.string(),
            b'`' => self.raw_string(),
            b'$' => self.template_start(),
            b'{' => {
                if let Some(template) = self.templates.last_mut() {
                    template.depth += 1;
                }
                Tok::LBrace
            }
            b'}' => self.closing_brace(),
            _ => self.operator(first),
        }
    }

    fn operator(&mut self, first: u8) -> Tok {
        match first {
            b'[' => Tok::LBrack,
            b']' => Tok::RBrack,
            b'(' => Tok::LParen,
            b')' => Tok::RParen,
            b',' => Tok::Comma,
            b':' if self.eat(b'=') => Tok::Assign,
            b':' => Tok::Colon,
            b'+' => Tok::Add,
            b'-' => Tok::Sub,
            b'*' => Tok::Mul,
            b'/' => Tok::Quo,
            b'%' => Tok::Rem,
            b'&' => Tok::And,
            b'|' => Tok::Or,
            b'=' if self.eat(b'=') => Tok::Equal,
            b'=' => Tok::Unify,
            b'>' if self.eat(b'=') => Tok::Gte,
            b'>' => Tok::Gt,
            b'<' if self.eat(b'=') => Tok::Lte,
            b'<' => Tok::Lt,
            b'!' if self.eat(b'=') => Tok::Neq,
            b'!' => {
                self.error = Some("illegal ! character");
                Tok::Illegal
            }
            b';' => Tok::Semicolon,
            b'.' => Tok::Dot,
            _ => {
                self.error.get_or_insert("illegal token");
                Tok::Illegal
            }
        }
    }

    /// Letters, digits and `_`; digits of other scripts are part of a name as in OPA.
    fn word(&mut self) {
        while let Some(byte) = self.peek() {
            let part = byte.is_ascii_alphanumeric()
                || byte == b'_'
                || (byte >= 0x80
                    && self
                        .text
                        .get(self.at..)
                        .and_then(|rest| rest.chars().next())
                        .is_some_and(|c| c.is_numeric() && !c.is_alphabetic()));
            if !part {
                return;
            }
            self.next();
        }
    }

    fn digits(&mut self) -> bool {
        let before = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.next();
        }
        self.at > before
    }

    fn number(&mut self) {
        self.digits();
        if self.eat(b'.') && !self.digits() {
            self.error = Some("expected fraction");
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.next();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.next();
            }
            if !self.digits() {
                self.error = Some("expected exponent");
            }
        }
        if self
            .peek()
            .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        {
            self.error = Some("illegal number format");
            self.word();
        }
    }

    fn string(&mut self) -> Tok {
        loop {
            match self.peek() {
                None | Some(b'\n') => {
                    self.error = Some("non-terminated string");
                    return Tok::Illegal;
                }
                Some(b'"') => {
                    self.next();
                    return Tok::String;
                }
                Some(b'\\') => {
                    self.next();
                    self.escape(false);
                }
                Some(_) => self.next(),
            }
        }
    }

    fn escape(&mut self, brace: bool) {
        match self.peek() {
            Some(b'\\' | b'"' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.next(),
            Some(b'{') if brace => self.next(),
            Some(b'u') => {
                self.next();
                // Anything but four hexadecimal digits is refused when the string is read.
                for _ in 0..4 {
                    if self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                        self.next();
                    }
                }
            }
            _ => self.error = Some("illegal escape sequence"),
        }
    }

    fn raw_string(&mut self) -> Tok {
        loop {
            match self.peek() {
                None => {
                    self.error = Some("non-terminated string");
                    return Tok::Illegal;
                }
                Some(b'`') => {
                    self.next();
                    return Tok::String;
                }
                Some(_) => self.next(),
            }
        }
    }

    fn template_start(&mut self) -> Tok {
        let raw = match self.peek() {
            Some(b'"') => false,
            Some(b'`') => true,
            _ => {
                self.error = Some("illegal $ character");
                return Tok::Illegal;
            }
        };
        self.next();
        self.templates.push(Template { raw, depth: 0 });
        self.template_part(raw)
    }

    fn template_part(&mut self, raw: bool) -> Tok {
        loop {
            match self.peek() {
                Some(b'{') => {
                    self.next();
                    return if raw { Tok::RawPart } else { Tok::Part };
                }
                Some(b'`') if raw => {
                    self.next();
                    self.templates.pop();
                    return Tok::RawEnd;
                }
                Some(b'"') if !raw => {
                    self.next();
                    self.templates.pop();
                    return Tok::End;
                }
                Some(b'\\') => {
                    self.next();
                    if !raw {
                        self.escape(true);
                    } else if self.peek() == Some(b'{') {
                        self.next();
                    }
                }
                None => break,
                Some(b'\n') if !raw => break,
                Some(_) => self.next(),
            }
        }
        self.templates.pop();
        self.error = Some("non-terminated string");
        Tok::Illegal
    }

    fn closing_brace(&mut self) -> Tok {
        match self.templates.last_mut() {
            Some(template) if template.depth == 0 => {
                let raw = template.raw;
                self.template_part(raw)
            }
            Some(template) => {
                template.depth -= 1;
                Tok::RBrace
            }
            None => Tok::RBrace,
        }
    }
}
