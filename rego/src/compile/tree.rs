//! Tree of packages and rules, and conflicts between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::context::Context;
use crate::{
    error::Code,
    syntax::{Module, Rule, Span, Term, TermKind, display, walk},
};

/// A node in the tree of packages and rules.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) children: BTreeMap<Arc<str>, Tree>,
    /// Rules whose ground path ends here.
    rules: Vec<RuleEntry>,
    /// Modules whose package has this path.
    packages: Vec<(usize, Span)>,
}

/// Returns the file and the line of a span.
fn place(context: &Context, module: usize, span: Span) -> String {
    let file = context.texts.get(module).map(|(file, _)| file.clone());
    format!("{}:{}", file.unwrap_or_default(), span.line)
}

/// Properties of a rule that conflicts depend on.
#[derive(Debug, Clone)]
struct RuleEntry {
    module: usize,
    span: Span,
    default: bool,
    args: usize,
    set: bool,
    ground: bool,
    /// The whole reference as printed in messages.
    shown: String,
    /// Below the string prefix there are other elements, which are ground: `p[1]`.
    package: Span,
}

/// Name of a ground element of a reference: strings as they are, other values as printed, after a zero byte.
fn element(term: &Term) -> Option<Arc<str>> {
    match &term.kind {
        TermKind::String(name) => Some(name.clone()),
        _ if walk::is_ground(term) => Some(format!("\0{}", display::term(term)).into()),
        _ => None,
    }
}

impl Tree {
    pub(super) fn new(modules: &[Module]) -> Self {
        let mut root = Self::default();
        for (at, module) in modules.iter().enumerate() {
            let node = root.descend(module.package.path.iter().cloned());
            node.packages.push((at, module.package.span));
            for rule in &module.rules {
                root.add(at, module, rule);
            }
        }
        root
    }

    /// Makes the tree that checks of `with` in queries need.
    pub(super) fn of_functions(functions: &BTreeMap<Vec<Arc<str>>, usize>) -> Self {
        let mut root = Self::default();
        for (path, args) in functions {
            root.descend(path.iter().cloned()).rules.push(RuleEntry {
                module: 0,
                span: Span::default(),
                default: false,
                args: *args,
                set: false,
                ground: true,
                shown: String::new(),
                package: Span::default(),
            });
        }
        root
    }

    fn descend(&mut self, path: impl IntoIterator<Item = Arc<str>>) -> &mut Self {
        path.into_iter()
            .fold(self, |node, name| node.children.entry(name).or_default())
    }

    fn add(&mut self, at: usize, module: &Module, rule: &Rule) {
        let reference = &rule.head.reference;
        let mut path: Vec<Arc<str>> = module.package.path.clone();
        let mut ground = true;
        for (index, part) in reference.iter().enumerate() {
            let name = match &part.kind {
                TermKind::Var(name) if index == 0 => Some(name.clone()),
                _ => element(part),
            };
            let Some(name) = name else {
                ground = false;
                break;
            };
            path.push(name);
        }
        let package: String = module
            .package
            .path
            .iter()
            .fold("data".to_owned(), |out, part| format!("{out}.{part}"));
        let entry = RuleEntry {
            module: at,
            span: rule.span,
            default: rule.default,
            args: rule.head.args.len(),
            set: rule.head.key.is_some(),
            ground,
            shown: format!("{package}.{}", display::reference(reference)),
            package: module.package.span,
        };
        self.descend(path).rules.push(entry);
    }

    /// Returns the node at a path of strings.
    pub(super) fn find(&self, path: &[Arc<str>]) -> Option<&Self> {
        path.iter()
            .try_fold(self, |node, name| node.children.get(name))
    }

    /// Tells if rules of this path have arguments.
    pub(super) fn function(&self) -> bool {
        self.rules.iter().any(|rule| rule.args > 0)
    }

    /// Number of arguments of the first rule.
    pub(super) fn args(&self) -> Option<usize> {
        self.rules.first().map(|rule| rule.args)
    }

    /// Tells if a proper prefix of a path is a rule.
    pub(super) fn covers(&self, path: &[Term]) -> bool {
        let mut node = self;
        let Some((_, prefix)) = path.split_last() else {
            return false;
        };
        for part in prefix {
            let Some(child) = element(part).and_then(|name| node.children.get(&name)) else {
                return false;
            };
            if !child.rules.is_empty() {
                return true;
            }
            node = child;
        }
        false
    }

    /// Refuses rules that exclude each other.
    pub(super) fn conflicts(&self, context: &mut Context) {
        self.rule_conflicts(context);
        if context.errors.is_empty() {
            self.package_conflicts(context);
        }
    }

    fn rule_conflicts(&self, context: &mut Context) {
        if let Some(first) = self.rules.first() {
            self.node_conflicts(context, first);
        }
        for child in self.children.values() {
            child.rule_conflicts(context);
        }
    }

    fn node_conflicts(&self, context: &mut Context, first: &RuleEntry) {
        let name = &self.rules.last().unwrap_or(first).shown;
        context.module = first.module;
        let mut below = Vec::new();
        if self.rules.iter().any(|rule| rule.ground) {
            for child in self.children.values() {
                child.flatten(&mut below, false);
            }
        } else {
            for child in self.children.values() {
                child.flatten(&mut below, true);
            }
        }
        if !below.is_empty() {
            below.sort();
            let list: Vec<String> = below
                .iter()
                .map(|(shown, module, span)| {
                    format!("{shown} defined at {}", place(context, *module, *span))
                })
                .collect();
            let message = match list.as_slice() {
                [only] => format!("rule {name} conflicts with rule {only}"),
                _ => format!("rule {name} conflicts with: rules {}", list.join(", ")),
            };
            context.error(Code::Type, first.span, message);
            return;
        }
        if self.is_mixed() {
            let message = format!("conflicting rules {name} found");
            context.error(Code::Type, first.span, message);
            return;
        }
        let defaults: Vec<&RuleEntry> = self.rules.iter().filter(|rule| rule.default).collect();
        if let [first, _, ..] = defaults.as_slice() {
            let places: Vec<String> = defaults
                .iter()
                .map(|rule| place(context, rule.module, rule.span))
                .collect();
            context.module = first.module;
            context.error(
                Code::Type,
                first.package,
                format!(
                    "multiple default rules {name} found at {}",
                    places.join(", ")
                ),
            );
        }
    }

    /// Tells if the rules of this path are of different kinds or have different numbers of arguments.
    fn is_mixed(&self) -> bool {
        let kinds: BTreeSet<bool> = self.rules.iter().map(|rule| rule.set).collect();
        let args: BTreeSet<usize> = self.rules.iter().map(|rule| rule.args).collect();
        let complete = |rule: &&RuleEntry| !rule.set && rule.ground;
        let whole = self.rules.iter().filter(complete).count();
        let partial = self.rules.len() - whole;
        let sets = self.rules.iter().any(|rule| rule.set && rule.ground);
        let objects_of_sets = self.rules.iter().any(|rule| rule.set && !rule.ground);
        kinds.len() > 1 || args.len() > 1 || (whole > 0 && partial > 0) || (sets && objects_of_sets)
    }

    fn flatten(&self, out: &mut Vec<(String, usize, Span)>, functions: bool) {
        for rule in &self.rules {
            if !functions || rule.args > 0 {
                out.push((rule.shown.clone(), rule.module, rule.span));
            }
        }
        for child in self.children.values() {
            child.flatten(out, functions);
        }
    }

    fn package_conflicts(&self, context: &mut Context) {
        for rule in self.rules.iter().filter(|rule| rule.ground) {
            if let Some((module, span)) = self.packages.first() {
                context.module = *module;
                let place = context
                    .texts
                    .get(rule.module)
                    .map(|(file, _)| format!("{file}:{}", rule.span.line))
                    .unwrap_or_default();
                let name = rule.shown.trim_start_matches("data.");
                context.error(
                    Code::Type,
                    *span,
                    format!(
                        "package {name} conflicts with rule {} defined at {place}",
                        rule.shown
                    ),
                );
                return;
            }
        }
        for child in self.children.values() {
            child.package_conflicts(context);
        }
    }
}
