//! Syntax tree of a module as written: what the parser returns and the compiler rewrites.
//!
//! The evaluator does not see this tree, it plans from [`crate::compile::program`].

use std::sync::Arc;

/// Place in the text of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub line: u32,
    /// Column of `start` in characters, from 1.
    pub column: u32,
}

/// Name of a variable. A wildcard has a name of its own, `$0`, `$1` …; the compiler's have `~0`, `~1` ….
pub type Var = Arc<str>;

#[derive(Debug, Clone)]
pub struct Module {
    pub file: Arc<str>,
    pub text: Arc<str>,
    pub package: Package,
    pub imports: Vec<Import>,
    pub rules: Vec<Rule>,
    pub comments: Vec<Comment>,
}

#[derive(Debug, Clone)]
pub struct Package {
    pub span: Span,
    pub path: Vec<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct Import {
    pub span: Span,
    /// A reference; its head is `data`, `input`, `future` or `rego`.
    pub path: Vec<Term>,
    pub alias: Option<Var>,
}

/// A comment: the text behind `#`, without it.
#[derive(Debug, Clone)]
pub struct Comment {
    pub span: Span,
    pub text: Arc<str>,
}

/// One rule; several bodies behind one head are several rules.
#[derive(Debug, Clone)]
pub struct Rule {
    pub span: Span,
    pub default: bool,
    pub head: Head,
    pub body: Body,
    /// The body is not in the text: `true`.
    pub generated_body: bool,
    pub otherwise: Option<Box<Rule>>,
}

#[derive(Debug, Clone)]
pub struct Head {
    pub span: Span,
    /// `p`, `p.q[x]`; the first term is a variable.
    pub reference: Vec<Term>,
    pub args: Vec<Term>,
    /// Written with parentheses, even without an argument.
    pub function: bool,
    pub key: Option<Term>,
    pub value: Option<Term>,
    pub assign: bool,
    /// The value is not in the text: `true`.
    pub generated_value: bool,
    pub has_if: bool,
    pub has_contains: bool,
}

pub type Body = Vec<Expr>;

#[derive(Debug, Clone)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
    pub with: Vec<With>,
    /// `not` before a single expression; `not { … }` is [`ExprKind::Not`].
    pub negated: bool,
    /// Made by the compiler, so it has no text of its own.
    pub generated: bool,
    /// An equality that was written as `:=`: its left side is an output only.
    pub assignment: bool,
}

#[derive(Debug, Clone)]
pub enum ExprKind {
    Term(Term),
    /// The operator, then the operands; infix operators by the name of their builtin (`eq`, `assign`, `plus` …).
    Call(Vec<Term>),
    /// `some x, y`, or one call of `internal.member_2`/`internal.member_3` for `some x in xs`.
    Some(Vec<Term>),
    Every(Box<Every>),
    Not(Box<Not>),
    And(Box<Logical>),
    Or(Box<Logical>),
}

/// `every k, v in domain { body }`
#[derive(Debug, Clone)]
pub struct Every {
    pub key: Option<Term>,
    pub value: Term,
    pub domain: Term,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub struct Not {
    pub body: Body,
    /// Written with braces, not as a single expression.
    pub explicit: bool,
}

#[derive(Debug, Clone)]
pub struct Logical {
    pub left: Body,
    pub right: Body,
    pub explicit_left: bool,
    pub explicit_right: bool,
}

#[derive(Debug, Clone)]
pub struct With {
    pub span: Span,
    pub target: Term,
    pub value: Term,
}

#[derive(Debug, Clone)]
pub struct Term {
    pub span: Span,
    pub kind: TermKind,
}

#[derive(Debug, Clone)]
pub enum TermKind {
    Null,
    Bool(bool),
    Number(Arc<str>),
    String(Arc<str>),
    Var(Var),
    /// At least two terms, or the operator of a call.
    Ref(Vec<Term>),
    Array(Vec<Term>),
    Set(Vec<Term>),
    Object(Vec<(Term, Term)>),
    ArrayComprehension(Box<Term>, Body),
    SetComprehension(Box<Term>, Body),
    ObjectComprehension(Box<(Term, Term)>, Body),
    /// The operator (a reference), then the operands.
    Call(Vec<Term>),
    Template {
        raw: bool,
        parts: Vec<TemplatePart>,
    },
}

#[derive(Debug, Clone)]
pub enum TemplatePart {
    Text(Arc<str>, Span),
    Expr(Expr),
}
