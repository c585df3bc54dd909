//! Extracts the names in Rego texts: `input` paths, paths below `data`, and functions.

use std::collections::{BTreeMap, BTreeSet};

/// A resolved name in a rule: a fact or a path below `data`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A path from `input` on, or the full name of a function `ec.*`.
    Fact(String),
    Data(String),
}

/// A token of a Rego text with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RegoToken {
    pub(super) line: u32,
    kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TokenKind {
    /// Words joined by dots, or by brackets around a text.
    Chain(Vec<String>),
    Text(String),
    Sign(char),
}

/// Splits a text. Comments are omitted; the content of template strings is split as code.
pub(super) fn tokens(source: &str) -> Vec<RegoToken> {
    let chars: Vec<char> = source.chars().collect();
    let mut reader = Tokenizer {
        chars: &chars,
        at: 0,
        line: 1,
    };
    let mut tokens: Vec<RegoToken> = Vec::new();
    while let Some(c) = reader.peek() {
        let line = reader.line;
        let kind = match c {
            '#' => {
                reader.skip_line();
                continue;
            }
            '"' => TokenKind::Text(reader.text()),
            '`' => TokenKind::Text(reader.raw()),
            '$' => {
                // A template string: its delimiters are dropped, and its content is split.
                reader.next();
                reader.next();
                continue;
            }
            c if is_word(c) => TokenKind::Chain(reader.chain()),
            c => {
                reader.next();
                if c.is_whitespace() {
                    continue;
                }
                TokenKind::Sign(c)
            }
        };
        tokens.push(RegoToken { line, kind });
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Tokenizer<'a> {
    chars: &'a [char],
    at: usize,
    line: u32,
}

impl Tokenizer<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        self.line += u32::from(c == '\n');
        Some(c)
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    /// Reads `"…"`; a complex escape results in a text that does not equal any name.
    fn text(&mut self) -> String {
        self.next();
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '"' => break,
                '\\' => match self.next() {
                    Some(c @ ('"' | '\\' | '/')) => text.push(c),
                    Some('u') => text.push(self.unicode()),
                    Some(c) => text.extend(['\\', c]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        text
    }

    fn unicode(&mut self) -> char {
        let digits: String = (0..4).filter_map(|_| self.next()).collect();
        let code = u32::from_str_radix(&digits, 16).ok();
        code.and_then(char::from_u32)
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn raw(&mut self) -> String {
        self.next();
        let mut text = String::new();
        while let Some(c) = self.next().filter(|c| *c != '`') {
            text.push(c);
        }
        text
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| is_word(*c)) {
            word.push(c);
            self.next();
        }
        word
    }

    /// Reads words and texts in brackets; a computed member ends the chain.
    fn chain(&mut self) -> Vec<String> {
        let mut chain = vec![self.word()];
        loop {
            let (at, line) = (self.at, self.line);
            let member = match self.next() {
                Some('.') if self.peek().is_some_and(is_word) => Some(self.word()),
                Some('[') => self.bracket(),
                _ => None,
            };
            match member {
                Some(member) => chain.push(member),
                None => {
                    (self.at, self.line) = (at, line);
                    return chain;
                }
            }
        }
    }

    fn bracket(&mut self) -> Option<String> {
        self.blanks();
        let text = match self.peek()? {
            '"' => self.text(),
            '`' => self.raw(),
            _ => return None,
        };
        self.blanks();
        (self.next()? == ']').then_some(text)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }
}

/// Returns the imported names with the paths that they abbreviate.
pub(super) fn aliases(tokens: &[RegoToken]) -> BTreeMap<String, Vec<String>> {
    let chain = |at: usize| match tokens.get(at).map(|token| &token.kind) {
        Some(TokenKind::Chain(chain)) => Some(chain),
        _ => None,
    };
    let word = |at: usize, word: &str| chain(at).is_some_and(|chain| chain.as_slice() == [word]);
    let mut aliases = BTreeMap::new();
    for at in 0..tokens.len() {
        if !word(at, "import") {
            continue;
        }
        let Some(path) = chain(at + 1) else {
            continue;
        };
        let named = word(at + 2, "as").then(|| chain(at + 3)).flatten();
        let name = named.unwrap_or(path).last();
        if let Some(name) = name {
            aliases.insert(name.clone(), path.clone());
        }
    }
    aliases
}

/// Returns the resolved names of a rule; `own` are the first names of rules in its package.
pub(super) fn names(
    tokens: &[&RegoToken],
    package: &str,
    own: &BTreeSet<&str>,
    aliases: &BTreeMap<String, Vec<String>>,
) -> Vec<Name> {
    let mut found = BTreeSet::new();
    for token in tokens {
        let TokenKind::Chain(chain) = &token.kind else {
            continue;
        };
        let Some((first, rest)) = chain.split_first() else {
            continue;
        };
        if own.contains(first.as_str()) {
            found.insert(Name::Data(format!("{package}.{}", chain.join("."))));
        }
        let imported = aliases.get(first);
        let path = match imported {
            Some(path) => [path.as_slice(), rest].concat(),
            None => chain.clone(),
        };
        match path.split_first() {
            Some((root, rest)) if root == "data" => {
                found.insert(Name::Data(rest.join(".")));
            }
            Some((root, _)) if root == "input" || root == "ec" => {
                found.insert(Name::Fact(path.join(".")));
            }
            _ => {}
        }
    }
    found.into_iter().collect()
}

/// Returns the texts of the members `code` of objects.
pub(super) fn codes(tokens: &[&RegoToken]) -> BTreeSet<String> {
    let found = tokens.windows(3).filter_map(|three| match three {
        [key, colon, value] => match (&key.kind, &colon.kind, &value.kind) {
            (TokenKind::Text(key), TokenKind::Sign(':'), TokenKind::Text(code))
                if key == "code" =>
            {
                Some(code.clone())
            }
            _ => None,
        },
        _ => None,
    });
    found.collect()
}
