//! Names of terms and tokens in messages, as OPA spells them.

use super::{ast::TermKind, lexer::Tok};

/// Name of a kind of term in messages.
pub(super) fn kind_name(kind: &TermKind) -> &'static str {
    match kind {
        TermKind::Null => "null",
        TermKind::Bool(_) => "boolean",
        TermKind::Number(_) => "number",
        TermKind::String(_) => "string",
        TermKind::Var(_) => "var",
        TermKind::Ref(_) => "ref",
        TermKind::Array(_) => "array",
        TermKind::Set(_) => "set",
        TermKind::Object(_) => "object",
        TermKind::ArrayComprehension(..) => "arraycomprehension",
        TermKind::SetComprehension(..) => "setcomprehension",
        TermKind::ObjectComprehension(..) => "objectcomprehension",
        TermKind::Call(_) => "call",
        TermKind::Template { .. } => "templatestring",
    }
}

/// OPA's name of a token in messages; those of operators are their builtins' names.
pub(super) fn name_of(tok: Tok) -> &'static str {
    match tok {
        Tok::Illegal => "illegal",
        Tok::Eof => "eof",
        Tok::Ident => "identifier",
        Tok::Number => "number",
        Tok::String => "string",
        Tok::Part => "template-string-part",
        Tok::End => "template-string-end",
        Tok::RawPart => "raw-template-string-part",
        Tok::RawEnd => "raw-template-string-end",
        Tok::LBrack => "[",
        Tok::RBrack => "]",
        Tok::LBrace => "{",
        Tok::RBrace => "}",
        Tok::LParen => "(",
        Tok::RParen => ")",
        Tok::Comma => ",",
        Tok::Colon => ":",
        Tok::Add => "plus",
        Tok::Sub => "minus",
        Tok::Mul => "mul",
        Tok::Quo => "div",
        Tok::Rem => "rem",
        Tok::And | Tok::LogicalAnd => "and",
        Tok::Or | Tok::LogicalOr => "or",
        Tok::Unify => "eq",
        Tok::Equal => "equal",
        Tok::Assign => "assign",
        Tok::Neq => "neq",
        Tok::Gt => "gt",
        Tok::Lt => "lt",
        Tok::Gte => "gte",
        Tok::Lte => "lte",
        Tok::Dot => ".",
        Tok::Semicolon => ";",
        Tok::Package => "package",
        Tok::Import => "import",
        Tok::As => "as",
        Tok::Default => "default",
        Tok::Else => "else",
        Tok::Not => "not",
        Tok::Some => "some",
        Tok::With => "with",
        Tok::Null => "null",
        Tok::True => "true",
        Tok::False => "false",
        Tok::In => "in",
        Tok::Every => "every",
        Tok::Contains => "contains",
        Tok::If => "if",
    }
}
