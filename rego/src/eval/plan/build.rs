//! Planning of all rules and of queries.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::count::unread_in_query;
use super::depends::{self, Facts, Uses};
use super::index;
use super::{
    Branch, Definition, Layout, NodeId, Plan, PlanExpr, PlanNode, QueryPlan, RuleSet, SetId,
    SetKind,
};
use crate::builtins::Registry;
use crate::compile::program::{self, Compiled, RuleId, RuleKind};
use crate::eval::error::{EvalCode, EvalError, Place};
use crate::syntax::Span;
use crate::value::Value;

/// Plans bodies of one file at a time.
pub(crate) struct Planner<'a> {
    pub(crate) layout: &'a Layout,
    /// Rules and documents that the planned rule uses.
    pub(crate) uses: Uses,
    pub(crate) file: u32,
    /// Slots of the frame that nothing reads.
    pub(crate) unread: Vec<bool>,
}

/// The slots of a frame while a body is planned.
#[derive(Debug, Clone)]
pub(crate) struct SlotScope {
    pub(crate) bound: Vec<bool>,
}

impl SlotScope {
    pub(crate) fn new(slots: usize) -> SlotScope {
        SlotScope {
            bound: vec![false; slots],
        }
    }

    /// Returns a new slot, which is bound.
    pub(crate) fn temporary(&mut self) -> usize {
        self.bound.push(true);
        self.bound.len() - 1
    }

    /// Ends a nested body: slots that it bound are unbound again, slots that it added stay in the
    /// frame.
    pub(crate) fn leave(&mut self, outer: &[bool]) {
        for (at, bound) in self.bound.iter_mut().enumerate() {
            *bound = outer.get(at).copied().unwrap_or(false);
        }
    }
}

pub(crate) type Planned<T> = Result<T, EvalError>;

/// Plans all rules of checked modules and groups them by path.
pub(crate) fn plan_rules(
    compiled: &Compiled,
    registry: &Registry,
    watched: Vec<Facts>,
) -> Planned<Plan> {
    let mut layout = Layout {
        files: compiled
            .modules
            .iter()
            .map(|module| Arc::clone(&module.file))
            .collect(),
        watched,
        ..Layout::default()
    };
    for declaration in registry.declarations() {
        if let Some(builtin) = registry.get(declaration.name) {
            layout
                .builtin_ids
                .insert(builtin.declaration.name, layout.builtins.len());
            layout.builtins.push(builtin.clone());
        }
    }
    let mut drafts = Vec::new();
    add_node(
        compiled,
        &compiled.tree,
        Vec::new(),
        &mut layout,
        &mut drafts,
    );
    let (mut sets, mut uses) = (Vec::new(), Vec::new());
    for draft in drafts {
        let mut planner = Planner {
            layout: &layout,
            uses: Uses::default(),
            file: 0,
            unread: Vec::new(),
        };
        sets.push(planner.set(compiled, draft)?);
        uses.push(planner.uses);
    }
    let mut uses = depends::close(uses);
    for uses in &mut uses {
        let watched = layout.watched.iter().enumerate().take(63);
        let referred = watched.filter(|(_, facts)| uses.refers_to(facts));
        uses.watched = referred.fold(0, |bits, (at, _)| bits | 1 << at);
    }
    for (set, uses) in sets.iter_mut().zip(&uses) {
        set.constant = set.kind != SetKind::Function && !uses.impure && !uses.reads_input();
    }
    Ok(Plan { layout, sets, uses })
}

/// Plans a query against planned rules.
pub(crate) fn plan_query(plan: &Plan, query: &program::CompiledQuery) -> Planned<QueryPlan> {
    let file = u32::try_from(plan.layout.files.len()).unwrap_or(u32::MAX);
    let mut planner = Planner {
        layout: &plan.layout,
        uses: Uses::default(),
        file,
        unread: unread_in_query(&query.body, &query.slots),
    };
    let mut scope = SlotScope::new(query.slots.len());
    let body = planner.body(&mut scope, &query.body)?;
    // Variables of nested bodies have no value at the end.
    let named = query.slots.iter().zip(&scope.bound);
    let names = named
        .map(|(slot, bound)| slot.name.clone().filter(|_| *bound))
        .collect();
    let branch = Branch {
        guard: None,
        place: Place {
            file,
            ..Place::default()
        },
        slots: scope.bound.len(),
        args: Vec::new(),
        body,
        keys: Vec::new(),
        value: PlanExpr::Const(Value::Bool(true)),
        contains: false,
        otherwise: None,
        names,
    };
    Ok(QueryPlan { branch })
}

/// A rule set whose bodies are not planned yet.
struct RuleSetDraft {
    path: Vec<Value>,
    kind: SetKind,
    rules: Vec<RuleId>,
    default: Option<RuleId>,
}

fn add_node(
    compiled: &Compiled,
    node: &program::RuleNode,
    path: Vec<Value>,
    layout: &mut Layout,
    drafts: &mut Vec<RuleSetDraft>,
) -> NodeId {
    let id = layout.nodes.len();
    let mut added = PlanNode {
        path: path.clone(),
        ..PlanNode::default()
    };
    if !node.rules.is_empty() || node.default.is_some() {
        let draft = draft(compiled, node, path.clone());
        added.set = Some(drafts.len());
        drafts.push(draft);
    }
    layout.nodes.push(added);
    for (name, child) in &node.children {
        let mut path = path.clone();
        path.push(Value::String(Arc::clone(name)));
        let child = add_node(compiled, child, path, layout, drafts);
        layout.nodes[id].children.insert(Arc::clone(name), child);
    }
    id
}

fn draft(compiled: &Compiled, node: &program::RuleNode, path: Vec<Value>) -> RuleSetDraft {
    let rule = |id: &RuleId| &compiled.rules[id.0 as usize];
    let mut rules = node.rules.clone();
    let dynamic = rules.iter().any(|id| !rule(id).suffix.is_empty());
    let kind = match rules
        .first()
        .or(node.default.as_ref())
        .map(|id| rule(id).kind)
    {
        Some(RuleKind::Function) => SetKind::Function,
        _ if dynamic => SetKind::Object,
        Some(RuleKind::Set) => SetKind::Set,
        _ => SetKind::Complete,
    };
    if dynamic {
        // Rules below are members of the object as well.
        node.children
            .values()
            .for_each(|child| collect(child, &mut rules));
    }
    RuleSetDraft {
        path,
        kind,
        rules,
        default: node.default,
    }
}

fn collect(node: &program::RuleNode, rules: &mut Vec<RuleId>) {
    rules.extend(&node.rules);
    node.children
        .values()
        .for_each(|child| collect(child, rules));
}

impl Planner<'_> {
    fn set(&mut self, compiled: &Compiled, draft: RuleSetDraft) -> Planned<RuleSet> {
        let depth = draft.path.len();
        let sources: Vec<&program::CompiledRule> = draft
            .rules
            .iter()
            .map(|id| &compiled.rules[id.0 as usize])
            .collect();
        let guards = index::guards(self.layout, &sources);
        let mut definition =
            |id: RuleId| self.definition(&compiled.rules[id.0 as usize], depth, draft.kind);
        let mut rules = draft
            .rules
            .into_iter()
            .map(&mut definition)
            .collect::<Planned<Vec<_>>>()?;
        for (rule, guards) in rules.iter_mut().zip(&guards) {
            guard(rule, guards);
        }
        let default = draft.default.map(&mut definition).transpose()?;
        let mut name = String::from("data");
        for key in &draft.path {
            name.push('.');
            name.push_str(key.as_str().unwrap_or_default());
        }
        Ok(RuleSet {
            path: draft.path,
            name: Arc::from(name),
            kind: draft.kind,
            rules,
            default,
            constant: false,
        })
    }

    /// Returns the index of a builtin.
    pub(crate) fn builtin(&self, name: &str, place: Place) -> Planned<usize> {
        match self.layout.builtin_ids.get(name) {
            Some(index) => Ok(*index),
            None => Err(self.internal(place, format!("function {name} is not offered"))),
        }
    }

    /// Returns the rules at a path.
    pub(crate) fn set_at(&self, path: &[Arc<str>]) -> Option<SetId> {
        let mut node = self.layout.nodes.first()?;
        for name in path {
            node = self.layout.nodes.get(*node.children.get(name)?)?;
        }
        node.set
    }

    /// Returns the rules below a node.
    pub(crate) fn sets_below(&self, node: NodeId) -> BTreeSet<SetId> {
        let mut found = BTreeSet::new();
        let mut open = vec![node];
        while let Some(at) = open.pop() {
            if let Some(node) = self.layout.nodes.get(at) {
                found.extend(node.set);
                open.extend(node.children.values());
            }
        }
        found
    }

    /// Returns the watched facts that a reference reads, and notes the reference.
    pub(crate) fn note(&mut self, facts: Facts) -> u64 {
        let mut bits = 0;
        for (at, watched) in self.layout.watched.iter().enumerate().take(63) {
            if watched.overlaps(&facts) {
                bits |= 1 << at;
            }
        }
        self.uses.facts.insert(facts);
        bits
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        Place {
            file: self.file,
            line: span.line,
            column: span.column,
            start: span.start,
            end: span.end,
        }
    }

    pub(crate) fn internal(&self, place: Place, message: impl Into<String>) -> EvalError {
        EvalError {
            code: EvalCode::Internal,
            message: message.into(),
            rule: Arc::from(""),
            file: self
                .layout
                .files
                .get(place.file as usize)
                .cloned()
                .unwrap_or_default(),
            line: place.line,
            column: place.column,
        }
    }
}

/// Gives the branches of a rule their guards.
fn guard(rule: &mut Definition, guards: &[Option<Arc<index::Guard>>]) {
    for variant in &mut rule.variants {
        let mut guards = guards.iter();
        let mut branch = Some(variant);
        while let (Some(at), Some(guard)) = (branch, guards.next()) {
            at.guard.clone_from(guard);
            branch = at.otherwise.as_deref_mut();
        }
    }
}
