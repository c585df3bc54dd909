//! The part of CEL (Common Expression Language) that our triggers use: strings, `==`, `!=`, `&&`, `||`, `!`,
//! brackets, and the methods `matches`, `startsWith`, `endsWith` and `contains`. The rest is refused by name.

use anyhow::{Context as _, Result, bail, ensure};
use regex::Regex;

/// Evaluates an expression to true or false, with the values of its variables.
pub(crate) fn evaluate<'v>(text: &str, variable: &dyn Fn(&str) -> Option<&'v str>) -> Result<bool> {
    let tokens = tokens(text).with_context(|| format!("cannot read the CEL {text}"))?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        variable,
    };
    let value = parser.or()?;
    ensure!(
        parser.at == tokens.len(),
        "the CEL {text} goes on where it was expected to end"
    );
    match value {
        CelValue::Bool(value) => Ok(value),
        CelValue::String(_) => bail!("the CEL {text} is a string, expected true or false"),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    String(String),
    Sign(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
enum CelValue {
    String(String),
    Bool(bool),
}

const SIGNS: [&str; 10] = ["==", "!=", "&&", "||", "!", "(", ")", ".", ",", "?"];

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if first == '"' || first == '\'' {
            let (string, after) = string(rest, first)?;
            found.push(Token::String(string));
            rest = after;
        } else if word(first) {
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            found.push(Token::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.with_context(|| format!("{first} is not implemented"))?;
            found.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        }
        rest = rest.trim_start();
    }
    Ok(found)
}

/// Reads a quoted string with the escapes `\\`, `\"` and `\'`.
fn string(text: &str, quote: char) -> Result<(String, &str)> {
    let mut string = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Ok((string, &text[at + 1..]));
        }
        if c != '\\' {
            string.push(c);
            continue;
        }
        match chars.next() {
            Some((_, c @ ('\\' | '"' | '\''))) => string.push(c),
            Some((_, c)) => bail!("the escape \\{c} is not implemented"),
            None => break,
        }
    }
    bail!("a string has no end")
}

struct Parser<'t, 'v> {
    tokens: &'t [Token],
    at: usize,
    variable: &'t dyn Fn(&str) -> Option<&'v str>,
}

impl Parser<'_, '_> {
    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<CelValue> {
        let mut value = self.and()?;
        while self.take_sign("||") {
            let right = self.and()?;
            value = CelValue::Bool(truth(&value)? || truth(&right)?);
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<CelValue> {
        let mut value = self.comparison()?;
        while self.take_sign("&&") {
            let right = self.comparison()?;
            value = CelValue::Bool(truth(&value)? && truth(&right)?);
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Result<CelValue> {
        let left = self.unary()?;
        if self.take_sign("==") {
            return Ok(CelValue::Bool(left == self.unary()?));
        }
        if self.take_sign("!=") {
            return Ok(CelValue::Bool(left != self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<CelValue> {
        if self.take_sign("!") {
            let value = self.unary()?;
            return Ok(CelValue::Bool(!truth(&value)?));
        }
        let mut value = self.primary()?;
        while self.take_sign(".") {
            value = self.method(&value)?;
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<CelValue> {
        if self.take_sign("(") {
            let value = self.or()?;
            ensure!(self.take_sign(")"), "a bracket is not closed");
            return Ok(value);
        }
        let token = self.tokens.get(self.at).context("an operand is missing")?;
        self.at += 1;
        match token {
            Token::String(text) => Ok(CelValue::String(text.clone())),
            Token::Name(name) if name == "true" || name == "false" => {
                Ok(CelValue::Bool(name == "true"))
            }
            Token::Name(name) => {
                let value = (self.variable)(name);
                let value = value.with_context(|| format!("the variable {name} is not known"))?;
                Ok(CelValue::String(value.to_owned()))
            }
            Token::Sign(sign) => bail!("{sign} where an operand was expected"),
        }
    }

    fn method(&mut self, value: &CelValue) -> Result<CelValue> {
        let Some(Token::Name(name)) = self.tokens.get(self.at) else {
            bail!("a name was expected behind the dot");
        };
        self.at += 1;
        let CelValue::String(text) = value else {
            bail!("{name} of a boolean");
        };
        ensure!(self.take_sign("("), "{name} is not a method");
        let CelValue::String(argument) = self.or()? else {
            bail!("the argument of {name} is not a string");
        };
        ensure!(self.take_sign(")"), "a bracket is not closed");
        let found = match name.as_str() {
            "matches" => Regex::new(&argument)?.is_match(text),
            "startsWith" => text.starts_with(&argument),
            "endsWith" => text.ends_with(&argument),
            "contains" => text.contains(&argument),
            _ => bail!("the method {name} is not implemented"),
        };
        Ok(CelValue::Bool(found))
    }
}

fn truth(value: &CelValue) -> Result<bool> {
    match value {
        CelValue::Bool(value) => Ok(*value),
        CelValue::String(text) => bail!("{text:?} is a string, expected true or false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<bool> {
        evaluate(text, &|name| match name {
            "event" => Some("push"),
            "target_branch" => Some("refs/tags/v1.0"),
            _ => None,
        })
    }

    #[test]
    fn evaluates_what_triggers_use() {
        for text in [
            r#"event == "push" && target_branch.matches("^refs/tags/[0-9A-Za-z_][0-9A-Za-z._/+-]*$")"#,
            r#"!(event != 'push') || false"#,
            r#"target_branch.startsWith("refs/") && target_branch.endsWith("1.0") && target_branch.contains("tags")"#,
            r#"target_branch.matches("v1\\.0")"#,
        ] {
            assert!(value(text).unwrap(), "{text}");
        }
        assert!(!value(r#"target_branch.matches("^v")"#).unwrap());
    }

    #[test]
    fn refuses_the_rest_by_name() {
        for text in [
            "",
            "event",
            "event ==",
            "nothing == \"a\"",
            "event.size() == \"4\"",
            "event == \"push",
            "(event == \"push\"",
            "event == \"push\" \"x\"",
            "event.matches(\"(\")",
            "[event]",
        ] {
            assert!(value(text).is_err(), "{text}");
        }
    }
}
