//! Recursion: rules that refer to themselves, also through `data` references with unknown parts.

use std::{collections::BTreeMap, sync::Arc};

use super::context::{Context, is_var};
use crate::{
    error::Code,
    syntax::{Module, Rule, Span, Term, TermKind, Var, display, walk},
};

/// Rules by path, for references with unknown parts.
#[derive(Default)]
struct PathNode {
    children: BTreeMap<Arc<str>, PathNode>,
    /// Below are elements that are not strings.
    dynamic: Vec<usize>,
    rules: Vec<usize>,
}

impl PathNode {
    /// Collects the rules that a reference may need.
    fn needed(&self, path: &[Term], out: &mut Vec<usize>) {
        out.extend(&self.rules);
        let Some((part, rest)) = path.split_first() else {
            self.all_rules(out);
            return;
        };
        out.extend(&self.dynamic);
        match &part.kind {
            TermKind::String(name) => {
                if let Some(child) = self.children.get(name) {
                    child.needed(rest, out);
                }
            }
            _ if super::context::is_scalar(part) => {}
            _ => {
                for child in self.children.values() {
                    child.needed(rest, out);
                }
            }
        }
    }

    fn all_rules(&self, out: &mut Vec<usize>) {
        out.extend(&self.dynamic);
        for child in self.children.values() {
            out.extend(&child.rules);
            child.all_rules(out);
        }
    }
}

/// A rule in the dependency graph.
struct Vertex {
    module: usize,
    span: Span,
    shown: String,
    needs: Vec<usize>,
    /// For each of them the branch that needs it first.
    places: Vec<Span>,
}

/// Refuses rules that need themselves. Returns the rules' numbers, each behind those that it needs.
pub(super) fn check(context: &mut Context, modules: &[Module]) -> Vec<usize> {
    let (mut root, mut vertices) = (PathNode::default(), Vec::new());
    for (at, module) in modules.iter().enumerate() {
        for rule in &module.rules {
            insert(&mut root, vertices.len(), module, rule);
            let package = module
                .package
                .path
                .iter()
                .fold("data".to_owned(), |out, part| format!("{out}.{part}"));
            vertices.push(Vertex {
                module: at,
                span: rule.span,
                shown: format!(
                    "{package}.{}",
                    display::reference(&written(context, &rule.head.reference))
                ),
                needs: Vec::new(),
                places: Vec::new(),
            });
        }
    }
    let mut rules = modules.iter().flat_map(|module| &module.rules);
    for vertex in &mut vertices {
        let Some(rule) = rules.next() else { break };
        let mut needs = Vec::new();
        needed_by(&root, rule, &mut needs);
        needs.sort_by_key(|(need, _)| *need);
        needs.dedup_by_key(|(need, _)| *need);
        (vertex.needs, vertex.places) = needs.into_iter().unzip();
    }
    let components = components(&vertices);
    let mut order: Vec<usize> = (0..vertices.len()).collect();
    order.sort_by_key(|at| get(&components, *at));
    for start in 0..vertices.len() {
        if let Some(path) = cycle(&vertices, &components, start)
            && let Some(vertex) = vertices.get(start)
        {
            let names: Vec<&str> = path
                .iter()
                .filter_map(|at| vertices.get(*at))
                .map(|vertex| vertex.shown.as_str())
                .collect();
            let first = path
                .get(1)
                .and_then(|next| vertex.needs.binary_search(next).ok())
                .and_then(|at| vertex.places.get(at));
            context.module = vertex.module;
            context.error(
                Code::Recursion,
                *first.unwrap_or(&vertex.span),
                format!("rule {} is recursive: {}", vertex.shown, names.join(" -> ")),
            );
        }
    }
    order
}

/// A reference with variables as written.
fn written(context: &Context, reference: &[Term]) -> Vec<Term> {
    reference
        .iter()
        .map(|part| match &part.kind {
            TermKind::Var(name) => Term {
                span: part.span,
                kind: TermKind::Var(context.written(name)),
            },
            _ => part.clone(),
        })
        .collect()
}

fn insert(root: &mut PathNode, at: usize, module: &Module, rule: &Rule) {
    let mut node = root;
    for name in &module.package.path {
        node = node.children.entry(name.clone()).or_default();
    }
    for (index, part) in rule.head.reference.iter().enumerate() {
        let name: Var = match &part.kind {
            TermKind::Var(name) if index == 0 => name.clone(),
            TermKind::String(name) => name.clone(),
            _ => {
                node.dynamic.push(at);
                return;
            }
        };
        node = node.children.entry(name).or_default();
    }
    node.rules.push(at);
}

/// Collects the rules that a rule needs, each with the branch that needs it.
fn needed_by(root: &PathNode, rule: &Rule, out: &mut Vec<(usize, Span)>) {
    let mut next = Some(rule);
    while let Some(rule) = next {
        let mut visit = |term: &Term| {
            if let TermKind::Ref(terms) = &term.kind
                && let Some((head, path)) = terms.split_first()
                && is_var(head, "data")
            {
                let mut found = Vec::new();
                root.needed(path, &mut found);
                out.extend(found.into_iter().map(|need| (need, rule.span)));
            }
            true
        };
        let head = &rule.head;
        let terms = head.reference.iter().skip(1);
        for term in terms.chain(&head.args).chain(&head.key).chain(&head.value) {
            walk::terms(term, &mut visit);
        }
        walk::body(&rule.body, &mut visit);
        next = rule.otherwise.as_deref();
    }
}

/// Numbers the strongly connected components (Tarjan's algorithm without recursion).
fn components(vertices: &[Vertex]) -> Vec<usize> {
    let count = vertices.len();
    let (mut index, mut low) = (vec![usize::MAX; count], vec![0; count]);
    let (mut component, mut stack) = (vec![usize::MAX; count], Vec::new());
    let (mut next, mut found) = (0, 0);
    for start in 0..count {
        if index.get(start) != Some(&usize::MAX) {
            continue;
        }
        let mut work = vec![(start, 0_usize)];
        while let Some((at, child)) = work.pop() {
            if child == 0 {
                set(&mut index, at, next);
                set(&mut low, at, next);
                next += 1;
                stack.push(at);
            }
            let needs = vertices.get(at).map_or(&[][..], |vertex| &vertex.needs);
            if let Some(previous) = child.checked_sub(1).and_then(|child| needs.get(child)) {
                let least = get(&low, at).min(get(&low, *previous));
                if get(&component, *previous) == usize::MAX {
                    set(&mut low, at, least);
                }
            }
            if let Some(&to) = needs.get(child) {
                work.push((at, child + 1));
                if get(&index, to) == usize::MAX {
                    work.push((to, 0));
                } else if get(&component, to) == usize::MAX {
                    let least = get(&low, at).min(get(&index, to));
                    set(&mut low, at, least);
                }
                continue;
            }
            if get(&low, at) == get(&index, at) {
                while let Some(member) = stack.pop() {
                    set(&mut component, member, found);
                    if member == at {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

fn get(list: &[usize], at: usize) -> usize {
    list.get(at).copied().unwrap_or(usize::MAX)
}

fn set(list: &mut [usize], at: usize, value: usize) {
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
}

/// Finds a way from a rule to itself.
fn cycle(vertices: &[Vertex], components: &[usize], start: usize) -> Option<Vec<usize>> {
    let own = get(components, start);
    let mut seen = vec![false; vertices.len()];
    let mut path = vec![(start, 0)];
    while let Some((at, child)) = path.last_mut() {
        let needs = vertices.get(*at).map_or(&[][..], |vertex| &vertex.needs);
        let Some(&to) = needs.get(*child) else {
            path.pop();
            continue;
        };
        *child += 1;
        if to == start {
            let mut way: Vec<usize> = path.iter().map(|(at, _)| *at).collect();
            way.push(start);
            return Some(way);
        }
        if get(components, to) == own
            && let Some(slot) = seen.get_mut(to)
            && !*slot
        {
            *slot = true;
            path.push((to, 0));
        }
    }
    None
}
