//! Checked modules: names resolved, expressions flat and in order. [`compile`](super::compile) lists the guarantees.

use std::{collections::BTreeMap, sync::Arc};

use crate::{annotations::Link, signature::Declaration, syntax::Span};

/// Modules after all checks, ready for planning.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    pub modules: Vec<ModuleSource>,
    pub rules: Vec<CompiledRule>,
    /// Rules and packages by path below `data`.
    pub tree: RuleNode,
    /// Annotations that apply to each rule, indexed by [`RuleId`]: from the rule outwards.
    pub chains: Vec<Vec<Link>>,
    /// Number of arguments of the rules at a path, for queries.
    pub(super) functions: BTreeMap<Vec<Arc<str>>, usize>,
}

#[derive(Debug, Clone)]
pub struct ModuleSource {
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
pub struct RuleNode {
    /// Packages and rules below, by name.
    pub children: BTreeMap<Arc<str>, RuleNode>,
    /// Rules of this path, in the order of modules and lines. Empty for a package.
    pub rules: Vec<RuleId>,
    /// The `default` rule of this path; not in `rules`.
    pub default: Option<RuleId>,
}

impl RuleNode {
    /// Returns the node at a path below this one.
    #[must_use]
    pub fn find<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter()
            .try_fold(self, |node, name| node.children.get(name))
    }
}

#[derive(Debug, Clone)]
pub struct CompiledRule {
    pub id: RuleId,
    pub module: ModuleId,
    /// Whole rule in the text, `else` branches included.
    pub span: Span,
    /// Path below `data`: the package's, then names of the head up to the first element that is not a string.
    pub path: Arc<[Arc<str>]>,
    pub kind: RuleKind,
    /// The rest of the head's reference: `[x, "r"]` for `p.q[x].r := 1`, whose path ends in `q`.
    /// A rule with a suffix defines one or more members of the (nested) object at `path`.
    pub suffix: Vec<CompiledTerm>,
    pub branch: CompiledBranch,
}

/// One body with its head's value; the next one is tried if the body does not hold.
#[derive(Debug, Clone)]
pub struct CompiledBranch {
    pub span: Span,
    /// Patterns of a function's arguments; empty for other rules.
    pub args: Vec<CompiledTerm>,
    /// Element of `contains`; `Some` exactly for [`RuleKind::Set`].
    pub key: Option<CompiledTerm>,
    /// Value; `Some` for all other kinds.
    pub value: Option<CompiledTerm>,
    pub body: Body,
    /// Slots of this branch's frame, by [`Slot`].
    pub slots: Vec<SlotInfo>,
    pub otherwise: Option<Box<CompiledBranch>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleKind {
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
pub struct CompiledQuery {
    pub text: Arc<str>,
    pub body: Body,
    pub slots: Vec<SlotInfo>,
}

/// Expressions that all hold, in the order of evaluation.
pub type Body = Vec<CompiledExpr>;

#[derive(Debug, Clone)]
pub struct CompiledExpr {
    /// Expression in the text; of a generated one the term it was made from.
    pub span: Span,
    pub kind: CompiledExprKind,
    /// `not`: holds if the rest of the expression does not.
    pub negated: bool,
    /// Moved out of another expression, or made by the compiler.
    pub generated: bool,
    /// Applied from left to right; values are evaluated before the first one applies.
    pub with: Vec<CompiledWith>,
}

#[derive(Debug, Clone)]
pub enum CompiledExprKind {
    /// Holds for each value of the term that is defined and not `false`.
    Term(CompiledTerm),
    Unify(CompiledTerm, CompiledTerm),
    Call {
        callee: CompiledCallee,
        args: Vec<CompiledTerm>,
        output: Option<CompiledTerm>,
    },
    /// Holds if the body holds for each element; the domain is a slot or a constant. Not a collection: undefined.
    Every {
        key: Option<Slot>,
        value: Slot,
        domain: CompiledTerm,
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
pub enum CompiledCallee {
    Builtin(Declaration),
    /// Rules at this path below `data` ([`RuleNode::rules`] and [`RuleNode::default`]).
    Function(Arc<[Arc<str>]>),
}

#[derive(Debug, Clone)]
pub struct CompiledWith {
    pub span: Span,
    pub target: WithTarget,
    pub value: WithValue,
}

#[derive(Debug, Clone)]
pub enum WithTarget {
    /// Path below `input`; empty for the whole.
    Input(Vec<CompiledTerm>),
    /// Path below `data`; empty for the whole.
    Data(Vec<CompiledTerm>),
    Function(Arc<[Arc<str>]>),
    Builtin(Declaration),
}

#[derive(Debug, Clone)]
pub enum WithValue {
    /// A slot, a scalar, or an array, set or object of these.
    Term(CompiledTerm),
    /// Another function; only for [`WithTarget::Function`] and [`WithTarget::Builtin`].
    Callee(CompiledCallee),
}

#[derive(Debug, Clone)]
pub struct CompiledTerm {
    pub span: Span,
    pub kind: CompiledTermKind,
}

#[derive(Debug, Clone)]
pub enum CompiledTermKind {
    Null,
    Bool(bool),
    /// Text of the number as written, `-` included.
    Number(Arc<str>),
    String(Arc<str>),
    Slot(Slot),
    Ref(Ref),
    Array(Vec<CompiledTerm>),
    Set(Vec<CompiledTerm>),
    Object(Vec<(CompiledTerm, CompiledTerm)>),
    ArrayComprehension(Box<CompiledTerm>, Body),
    SetComprehension(Box<CompiledTerm>, Body),
    ObjectComprehension(Box<(CompiledTerm, CompiledTerm)>, Body),
}

#[derive(Debug, Clone)]
pub struct Ref {
    pub head: RefHead,
    pub path: Vec<CompiledTerm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefHead {
    Input,
    Data,
    Slot(Slot),
}
