//! Checked modules: names resolved, expressions flat and in order. [`compile`](super::compile) lists the guarantees.

use std::{collections::BTreeMap, sync::Arc};

use crate::{annotations::Link, signature::Declaration, syntax::Span};

/// Modules after all checks, ready for planning.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    pub modules: Vec<Source>,
    pub rules: Vec<Rule>,
    /// Rules and packages by path below `data`.
    pub tree: Node,
    /// Annotations that apply to each rule, indexed by [`RuleId`]: from the rule outwards.
    pub chains: Vec<Vec<Link>>,
    /// Number of arguments of the rules at a path, for queries.
    pub(super) functions: BTreeMap<Vec<Arc<str>>, usize>,
}

#[derive(Debug, Clone)]
pub struct Source {
    pub file: Arc<str>,
    pub text: Arc<str>,
    /// Path of the package without `data`.
    pub package: Vec<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

/// Index into the frame of a rule or query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// A place in the tree of packages and rules.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Packages and rules below, by name.
    pub children: BTreeMap<Arc<str>, Node>,
    /// Rules of this path, in the order of modules and lines. Empty for a package.
    pub rules: Vec<RuleId>,
    /// The `default` rule of this path; not in `rules`.
    pub default: Option<RuleId>,
}

impl Node {
    /// Returns the node at a path below this one.
    #[must_use]
    pub fn find<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter()
            .try_fold(self, |node, name| node.children.get(name))
    }
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub id: RuleId,
    pub module: ModuleId,
    /// Whole rule in the text, `else` branches included.
    pub span: Span,
    /// Path below `data`: the package's, then names of the head up to the first element that is not a string.
    pub path: Arc<[Arc<str>]>,
    pub kind: Kind,
    /// The rest of the head's reference: `[x, "r"]` for `p.q[x].r := 1`, whose path ends in `q`.
    /// A rule with a suffix defines one or more members of the (nested) object at `path`.
    pub suffix: Vec<Term>,
    pub branch: Branch,
}

/// One body with its head's value; the next one is tried if the body does not hold.
#[derive(Debug, Clone)]
pub struct Branch {
    pub span: Span,
    /// Patterns of a function's arguments; empty for other rules.
    pub args: Vec<Term>,
    /// Element of `contains`; `Some` exactly for [`Kind::Set`].
    pub key: Option<Term>,
    /// Value; `Some` for all other kinds.
    pub value: Option<Term>,
    pub body: Body,
    /// Slots of this branch's frame, by [`Slot`].
    pub slots: Vec<SlotInfo>,
    pub otherwise: Option<Box<Branch>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Complete,
    /// `contains`: elements of a set (at each suffix).
    Set,
    /// A function; a `default` function has it too. Never with a suffix.
    Function,
}

#[derive(Debug, Clone)]
pub struct SlotInfo {
    /// Name as written; `None` for the compiler's own variables and for wildcards.
    pub name: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct Query {
    pub text: Arc<str>,
    pub body: Body,
    pub slots: Vec<SlotInfo>,
}

/// Expressions that all hold, in the order of evaluation.
pub type Body = Vec<Expr>;

#[derive(Debug, Clone)]
pub struct Expr {
    /// Expression in the text; of a generated one the term it was made from.
    pub span: Span,
    pub kind: ExprKind,
    /// `not`: holds if the rest of the expression does not.
    pub negated: bool,
    /// Moved out of another expression, or made by the compiler.
    pub generated: bool,
    /// Applied from left to right; values are evaluated before the first one applies.
    pub with: Vec<With>,
}

#[derive(Debug, Clone)]
pub enum ExprKind {
    /// Holds for each value of the term that is defined and not `false`.
    Term(Term),
    Unify(Term, Term),
    Call {
        callee: Callee,
        args: Vec<Term>,
        output: Option<Term>,
    },
    /// Holds if the body holds for each element; the domain is a slot or a constant. Not a collection: undefined.
    Every {
        key: Option<Slot>,
        value: Slot,
        domain: Term,
        body: Body,
    },
    /// Holds after all solutions of the body, which is evaluated without the values of the keys; fails where it does.
    Probe {
        keys: Vec<Slot>,
        body: Body,
    },
    /// Fails: OPA calls a builtin with an operand that is not bound.
    Unready(Arc<str>),
    /// Holds if the body does not; binds nothing.
    Not(Body),
    /// Holds if both bodies do; binds nothing that is used outside.
    And(Body, Body),
    /// Holds if the left or else the right body does; binds nothing that is used outside.
    Or(Body, Body),
}

#[derive(Debug, Clone)]
pub enum Callee {
    Builtin(Declaration),
    /// Rules at this path below `data` ([`Node::rules`] and [`Node::default`]).
    Function(Arc<[Arc<str>]>),
}

#[derive(Debug, Clone)]
pub struct With {
    pub span: Span,
    pub target: Target,
    pub value: Replacement,
}

#[derive(Debug, Clone)]
pub enum Target {
    /// Path below `input`; empty for the whole.
    Input(Vec<Term>),
    /// Path below `data`; empty for the whole.
    Data(Vec<Term>),
    Function(Arc<[Arc<str>]>),
    Builtin(Declaration),
}

#[derive(Debug, Clone)]
pub enum Replacement {
    /// A slot, a scalar, or an array, set or object of these.
    Term(Term),
    /// Another function; only for [`Target::Function`] and [`Target::Builtin`].
    Callee(Callee),
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
    /// Text of the number as written, `-` included.
    Number(Arc<str>),
    String(Arc<str>),
    Slot(Slot),
    Ref(Ref),
    Array(Vec<Term>),
    Set(Vec<Term>),
    Object(Vec<(Term, Term)>),
    ArrayComprehension(Box<Term>, Body),
    SetComprehension(Box<Term>, Body),
    ObjectComprehension(Box<(Term, Term)>, Body),
}

#[derive(Debug, Clone)]
pub struct Ref {
    pub head: Head,
    pub path: Vec<Term>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    Input,
    Data,
    Slot(Slot),
}
