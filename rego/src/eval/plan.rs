//! Plans: checked modules with every decision made that does not depend on values.
//!
//! The compiler orders expressions, so it is known for each place of a body which slots are bound.
//! A plan says for each expression if it tests, binds or enumerates, and references to rules are
//! indices.

mod body;
mod build;
mod count;
mod depends;
mod index;
mod refs;
mod rules;
mod terms;
mod unify;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(crate) use build::{plan_query, plan_rules};
pub(crate) use depends::{Facts, Uses};
pub(crate) use index::{Accept, Condition, Guard, Site, scalar, split};

use super::error::Place;
use crate::builtins::Builtin;
use crate::value::Value;

pub(crate) type SetId = usize;
pub(crate) type NodeId = usize;
/// Index of a slot in a frame.
pub(crate) type SlotId = usize;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    pub(crate) sets: Vec<RuleSet>,
    /// Dependencies of each rule set, direct and indirect.
    pub(crate) uses: Vec<Uses>,
}

/// The names that bodies are planned with.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Rules and packages by path; the first node is `data`.
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) builtins: Vec<Builtin>,
    pub(crate) builtin_ids: HashMap<&'static str, usize>,
    pub(crate) files: Vec<Arc<str>>,
    pub(crate) watched: Vec<Facts>,
}

/// A place in the tree of packages and rules.
#[derive(Debug, Default)]
pub(crate) struct PlanNode {
    pub(crate) children: BTreeMap<Arc<str>, NodeId>,
    pub(crate) set: Option<SetId>,
    /// Path below `data`, as keys of a reference.
    pub(crate) path: Vec<Value>,
}

#[derive(Debug)]
pub(crate) struct RuleSet {
    /// Path below `data`, as keys of a reference.
    pub(crate) path: Vec<Value>,
    /// Path with dots, `data` included: `data.a.b`.
    pub(crate) name: Arc<str>,
    pub(crate) kind: SetKind,
    pub(crate) rules: Vec<Definition>,
    pub(crate) default: Option<Definition>,
    /// The rules refer to data alone, so their value is the same for each input.
    pub(crate) constant: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetKind {
    Complete,
    Set,
    /// Rules with keys of their own: an object, nested if there are several keys.
    Object,
    Function,
}

#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) place: Place,
    /// The rule with its first `n` keys given, for each `n`; the first one is the whole rule.
    pub(crate) variants: Vec<Branch>,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) place: Place,
    /// Conditions without which the branch is not evaluated.
    pub(crate) guard: Option<Arc<Guard>>,
    /// Number of slots in the frame.
    pub(crate) slots: usize,
    /// Patterns of the arguments of a function, or of the given keys.
    pub(crate) args: Vec<Pattern>,
    pub(crate) body: Vec<Stmt>,
    /// Keys between the path of the rule set and the value.
    pub(crate) keys: Vec<PlanExpr>,
    /// The element of a set, or the value.
    pub(crate) value: PlanExpr,
    /// The value is an element of a set.
    pub(crate) contains: bool,
    pub(crate) otherwise: Option<Box<Branch>>,
    pub(crate) names: Vec<Option<Arc<str>>>,
}

impl Branch {
    /// Returns the value if it does not depend on the body.
    pub(crate) fn constant(&self) -> Option<&Value> {
        match &self.value {
            PlanExpr::Const(value) => Some(value),
            _ => None,
        }
    }
}

/// A value that is computed without enumeration; it may be undefined.
#[derive(Debug, Clone)]
pub(crate) enum PlanExpr {
    Const(Value),
    Slot(SlotId),
    Array(Box<[PlanExpr]>),
    Set(Box<[PlanExpr]>),
    Object(Box<[(PlanExpr, PlanExpr)]>),
    Path(Arc<Path>),
    Comprehension(Arc<Comprehension>),
}

/// A reference whose keys are all known.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) source: Source,
    pub(crate) steps: Vec<PlanExpr>,
    /// Watched facts that this reference reads, as bits.
    pub(crate) reads: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Input,
    Slot(SlotId),
    /// Base documents: no rule is below the path. Steps start at `data`.
    Base,
    Rule(SetId),
    /// A package or a part of one; steps start at the node.
    Tree(NodeId),
}

/// A reference with keys that are found by enumeration.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) source: Source,
    pub(crate) steps: Vec<Step>,
    pub(crate) reads: u64,
}

#[derive(Debug)]
pub(crate) enum Step {
    Get(PlanExpr),
    Each(Pattern),
}

/// A term that a value is unified with.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// Binds a slot that nothing reads.
    Any,
    Bind(SlotId),
    Equals(PlanExpr),
    Array(Box<[Pattern]>),
    Object(Box<[(PlanExpr, Pattern)]>),
}

/// The use of a value that an expression returns.
#[derive(Debug)]
pub(crate) enum Output {
    Truthy,
    Match(Pattern),
}

impl Output {
    /// The comprehension that the value is compared with.
    pub(crate) fn comprehension(&self) -> Option<&PlanExpr> {
        match self {
            Self::Match(Pattern::Equals(expr @ PlanExpr::Comprehension(_))) => Some(expr),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Comprehension {
    pub(crate) kind: ComprehensionKind,
    pub(crate) body: Vec<Stmt>,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) enum ComprehensionKind {
    Array(PlanExpr),
    Set(PlanExpr),
    Object(PlanExpr, PlanExpr),
}

#[derive(Debug)]
pub(crate) struct Stmt {
    pub(crate) place: Place,
    pub(crate) kind: StmtKind,
}

#[derive(Debug)]
pub(crate) enum StmtKind {
    Let(SlotId, PlanExpr),
    Test(PlanExpr),
    Equal(PlanExpr, PlanExpr),
    Match(Pattern, PlanExpr),
    Never,
    /// The builtin is that which `with` may replace.
    Compare(Comparison, Option<usize>, Box<[PlanExpr; 2]>, Output),
    Builtin(usize, Box<[PlanExpr]>, Output),
    Function(SetId, Box<[PlanExpr]>, Output),
    Print(Box<[PlanExpr]>),
    Walk(usize, PlanExpr, Output),
    Scan(Box<Scan>, Output),
    Not(Vec<Stmt>),
    /// Evaluates all solutions of a body without the values of some slots.
    Probe(Box<[SlotId]>, Vec<Stmt>),
    /// Fails with a message: a builtin has an operand that OPA has not bound.
    Unready(Arc<str>),
    And(Vec<Stmt>, Vec<Stmt>),
    Or(Vec<Stmt>, Vec<Stmt>),
    Every {
        key: Option<SlotId>,
        value: SlotId,
        domain: PlanExpr,
        body: Vec<Stmt>,
    },
    With(Box<[PlanWith]>, Vec<Stmt>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug)]
pub(crate) enum PlanWith {
    Input(Box<[PlanExpr]>, PlanExpr),
    Data(Box<[PlanExpr]>, PlanExpr),
    Function(Callee, Replacement),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Callee {
    Rules(SetId),
    Builtin(usize),
}

#[derive(Debug, Clone)]
pub(crate) enum Replacement {
    Value(PlanExpr),
    Callee(Callee),
}

#[derive(Debug)]
pub(crate) struct QueryPlan {
    pub(crate) branch: Branch,
}
