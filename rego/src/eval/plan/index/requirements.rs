//! Requirements of a body: the expressions that OPA's index understands.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Alternatives, Frequency, Required, Requirement, Site, scalar};
use crate::compile::program::{
    CompiledBranch, CompiledCallee, CompiledExpr, CompiledExprKind, CompiledTerm, CompiledTermKind,
    RefHead, Slot,
};
use crate::eval::plan::Layout;
use crate::value::{Number, Value};

/// The most ways to a rule that OPA follows through `or`.
const MAX_PATHS: usize = 32;

type Constants = HashMap<Slot, Value>;

/// Returns the ways to a branch; one without requirements if it is always evaluated.
pub(super) fn alternatives(
    layout: &Layout,
    branch: &CompiledBranch,
    frequency: &mut Frequency,
) -> Alternatives {
    if prints(&branch.body) {
        return vec![Vec::new()];
    }
    let mut scan = Indexer {
        layout,
        args: &branch.args,
        outer: Vec::new(),
        own: Vec::new(),
        disjunctions: Vec::new(),
        frequency,
    };
    scan.body(&branch.body, &mut Constants::new());
    scan.paths()
}

/// Tells if a body, or one in it, prints: such a rule is always evaluated.
fn prints(body: &[CompiledExpr]) -> bool {
    body.iter().any(|expr| match &expr.kind {
        CompiledExprKind::Call {
            callee: CompiledCallee::Builtin(builtin),
            ..
        } => builtin.name == "internal.print",
        CompiledExprKind::Every { body, .. } | CompiledExprKind::Not(body) => prints(body),
        CompiledExprKind::And(left, right) | CompiledExprKind::Or(left, right) => {
            prints(left) || prints(right)
        }
        _ => false,
    })
}

/// Collects the requirements of one body.
struct Indexer<'a> {
    layout: &'a Layout,
    args: &'a [CompiledTerm],
    /// Requirements of the bodies around an operand of `and` or `or`.
    outer: Vec<Requirement>,
    own: Vec<Requirement>,
    disjunctions: Vec<Alternatives>,
    frequency: &'a mut Frequency,
}

impl Indexer<'_> {
    fn body(&mut self, body: &[CompiledExpr], constants: &mut Constants) {
        for expr in body {
            self.expr(expr, constants);
        }
    }

    fn expr(&mut self, expr: &CompiledExpr, constants: &mut Constants) {
        if expr.negated || !expr.with.is_empty() {
            return;
        }
        let place = expr.span.start;
        match &expr.kind {
            CompiledExprKind::Term(term) => {
                if let Some(site) = self.site(term) {
                    self.insert(site, Required::Defined, None, place);
                }
            }
            CompiledExprKind::Unify(a, b) => self.equal(a, b, constants, place),
            CompiledExprKind::Call {
                callee: CompiledCallee::Builtin(builtin),
                args,
                output: None,
            } => match (builtin.name, args.as_slice()) {
                ("equal", [a, b]) => self.equal(a, b, constants, place),
                ("glob.match", [pattern, delimiters, text]) => {
                    self.glob(pattern, delimiters, text, place);
                }
                ("internal.member_2", [item, collection]) => {
                    self.member(item, collection, constants, place);
                }
                _ => {}
            },
            CompiledExprKind::And(left, right) => {
                let left = self.operand(left, constants);
                let right = self.operand(right, constants);
                self.require(left, place);
                self.require(right, place);
            }
            CompiledExprKind::Or(left, right) => {
                let mut all = self.operand(left, constants);
                if all.is_empty() {
                    return;
                }
                let right = self.operand(right, constants);
                if right.is_empty() {
                    return;
                }
                all.extend(right);
                self.require(all, place);
            }
            _ => {}
        }
    }

    fn require(&mut self, mut all: Alternatives, place: u32) {
        if all.len() > 1 {
            for requirement in all.iter().flatten() {
                self.frequency.count(&requirement.site, place);
            }
            self.disjunctions.push(all);
            return;
        }
        for one in all.pop().into_iter().flatten() {
            self.insert(one.site, one.value, one.delimiter, place);
        }
    }

    /// Returns the ways to satisfy an operand of `and` or `or`; none if nothing about it is known.
    fn operand(&mut self, body: &[CompiledExpr], constants: &Constants) -> Alternatives {
        let mut outer = self.own.clone();
        outer.extend(self.outer.iter().cloned());
        let mut scratch = Frequency::default();
        let mut scan = Indexer {
            layout: self.layout,
            args: self.args,
            outer,
            own: Vec::new(),
            disjunctions: Vec::new(),
            frequency: &mut scratch,
        };
        scan.body(body, &mut constants.clone());
        let mut all = scan.paths();
        if let [only] = all.as_slice()
            && only.is_empty()
        {
            return Vec::new();
        }
        for requirement in all.iter_mut().flatten() {
            if requirement.value.is_var() {
                requirement.value = Required::Defined;
            }
        }
        all
    }

    /// Returns each combination of the requirements with one way of each disjunction.
    fn paths(self) -> Alternatives {
        let mut paths = vec![self.own.clone()];
        for alternatives in &self.disjunctions {
            if paths.len() * alternatives.len() > MAX_PATHS {
                return vec![self.own];
            }
            let with = |path: &Vec<Requirement>| {
                let path = path.clone();
                alternatives
                    .iter()
                    .map(move |alternative| [path.clone(), alternative.clone()].concat())
            };
            paths = paths.iter().flat_map(with).collect();
        }
        paths
    }

    fn insert(&mut self, site: Site, value: Required, delimiter: Option<Box<str>>, place: u32) {
        self.frequency.count(&site, place);
        let requirement = Requirement {
            site,
            value,
            delimiter,
        };
        for other in &mut self.own {
            if other.site != requirement.site {
                continue;
            }
            if other.value == requirement.value {
                return;
            }
            if other.value.is_var() && !requirement.value.is_var() {
                *other = requirement;
                return;
            }
        }
        self.own.push(requirement);
    }

    /// Returns the document that a reference with known keys leads to, unless a rule makes it.
    fn site(&self, term: &CompiledTerm) -> Option<Site> {
        let CompiledTermKind::Ref(reference) = &term.kind else {
            return None;
        };
        self.site_at(reference.head, &reference.path)
    }

    fn site_at(&self, head: RefHead, path: &[CompiledTerm]) -> Option<Site> {
        let keys: Vec<Value> = path.iter().map(constant).collect::<Option<_>>()?;
        match head {
            RefHead::Input => Some(Site::Input(keys)),
            RefHead::Data if !self.is_virtual(&keys) => Some(Site::Data(keys)),
            _ => None,
        }
    }

    /// Tells if a path leads to a rule, below one, or to a package.
    fn is_virtual(&self, keys: &[Value]) -> bool {
        let mut node = self.layout.nodes.first();
        for key in keys {
            let child = node.and_then(|node| node.children.get(key.as_str()?));
            match child.and_then(|child| self.layout.nodes.get(*child)) {
                None => return false,
                Some(child) if child.set.is_some() => return true,
                child => node = child,
            }
        }
        true
    }

    /// Returns the document whose value a variable has.
    fn resolved(&self, slot: Slot) -> Option<Site> {
        let mut known = self.own.iter().chain(&self.outer);
        let known = known
            .find(|other| other.value == Required::Slot(slot))
            .map(|other| other.site.clone());
        let mut args = self.args.iter();
        known.or_else(|| {
            args.position(|arg| matches!(arg.kind, CompiledTermKind::Slot(own) if own == slot))
                .map(Site::Arg)
        })
    }

    fn equal(&mut self, a: &CompiledTerm, b: &CompiledTerm, constants: &mut Constants, place: u32) {
        let element = self.element(a, b, constants, place) || self.element(b, a, constants, place);
        if !element && !self.operands(a, b, constants, place) {
            self.operands(b, a, constants, place);
        }
    }

    /// Reads `input.x[_] = "a"`: a requirement on an element of a document.
    fn element(
        &mut self,
        a: &CompiledTerm,
        b: &CompiledTerm,
        constants: &Constants,
        place: u32,
    ) -> bool {
        let CompiledTermKind::Ref(reference) = &a.kind else {
            return false;
        };
        let Some((last, path)) = reference.path.split_last() else {
            return false;
        };
        if !matches!(last.kind, CompiledTermKind::Slot(_)) {
            return false;
        }
        let Some(site) = self.site_at(reference.head, path) else {
            return false;
        };
        let value = match &b.kind {
            CompiledTermKind::Slot(slot) => constants.get(slot).cloned(),
            _ => constant(b),
        };
        match value.filter(scalar) {
            Some(value) => {
                self.insert(site, Required::Value(value), None, place);
                true
            }
            None => false,
        }
    }

    fn operands(
        &mut self,
        a: &CompiledTerm,
        b: &CompiledTerm,
        constants: &mut Constants,
        place: u32,
    ) -> bool {
        match &a.kind {
            CompiledTermKind::Slot(slot) => {
                if let Some(value) = constant(b) {
                    constants.insert(*slot, value);
                }
                let (Some(value), Some(site)) = (indexed(b), self.resolved(*slot)) else {
                    return false;
                };
                self.insert(site, value, None, place);
                true
            }
            CompiledTermKind::Ref(_) => {
                let Some(site) = self.site(a) else {
                    return false;
                };
                let value = match &b.kind {
                    CompiledTermKind::Slot(slot) => match constants.get(slot) {
                        Some(value) => Some(Required::Value(value.clone())),
                        None => Some(Required::Slot(*slot)),
                    },
                    _ => indexed(b),
                };
                match value {
                    Some(value) => {
                        self.insert(site, value, None, place);
                        true
                    }
                    None => false,
                }
            }
            _ => false,
        }
    }

    fn member(
        &mut self,
        item: &CompiledTerm,
        collection: &CompiledTerm,
        constants: &Constants,
        place: u32,
    ) {
        if let CompiledTermKind::Slot(slot) = &item.kind
            && let Some(site) = self.resolved(*slot)
        {
            for value in elements(collection, constants) {
                self.insert(site.clone(), value, None, place);
            }
            return;
        }
        let value = match &item.kind {
            CompiledTermKind::Slot(slot) => {
                constants.get(slot).map_or(Required::Slot(*slot), |value| {
                    Required::Value(value.clone())
                })
            }
            _ => match constant(item).filter(scalar) {
                Some(value) => Required::Value(value),
                None => return,
            },
        };
        let site = match &collection.kind {
            CompiledTermKind::Slot(slot) => self
                .resolved(*slot)
                .filter(|site| !matches!(site, Site::Arg(_))),
            _ => self.site(collection),
        };
        if let Some(site) = site {
            self.insert(site, value, None, place);
        }
    }

    fn glob(
        &mut self,
        pattern: &CompiledTerm,
        delimiters: &CompiledTerm,
        text: &CompiledTerm,
        place: u32,
    ) {
        let (CompiledTermKind::String(pattern), CompiledTermKind::Slot(slot)) =
            (&pattern.kind, &text.kind)
        else {
            return;
        };
        let CompiledTermKind::Array(letters) = &delimiters.kind else {
            return;
        };
        let mut delimiter = String::new();
        for letter in letters {
            let CompiledTermKind::String(letter) = &letter.kind else {
                return;
            };
            delimiter.push_str(letter);
        }
        if letters.is_empty() {
            delimiter.push('.');
        }
        let parts: Option<Vec<_>> = split(pattern, &delimiter).into_iter().map(part).collect();
        if let (Some(parts), Some(site)) = (parts, self.resolved(*slot)) {
            self.insert(
                site,
                Required::Array(parts.into()),
                Some(delimiter.into()),
                place,
            );
        }
    }
}

/// Returns the elements of a known collection.
fn elements(collection: &CompiledTerm, constants: &Constants) -> Vec<Required> {
    match &collection.kind {
        CompiledTermKind::Slot(slot) => match constants.get(slot) {
            Some(Value::Array(items)) => items.iter().cloned().map(Required::Value).collect(),
            Some(Value::Set(items)) => items.iter().cloned().map(Required::Value).collect(),
            Some(Value::Object(members)) => {
                members.values().cloned().map(Required::Value).collect()
            }
            _ => Vec::new(),
        },
        CompiledTermKind::Array(items) | CompiledTermKind::Set(items) => {
            items.iter().map(required).collect()
        }
        CompiledTermKind::Object(entries) => {
            entries.iter().map(|(_, value)| required(value)).collect()
        }
        _ => Vec::new(),
    }
}

fn required(term: &CompiledTerm) -> Required {
    match &term.kind {
        CompiledTermKind::Slot(slot) => Required::Slot(*slot),
        // An element with variables in it: any value may equal it.
        _ => Required::Value(constant(term).unwrap_or_else(|| Value::object(Vec::new()))),
    }
}

/// Returns the value that a document is compared with, if the index has its kind.
fn indexed(term: &CompiledTerm) -> Option<Required> {
    match &term.kind {
        CompiledTermKind::Slot(slot) => Some(Required::Slot(*slot)),
        CompiledTermKind::Array(items) => {
            let items = items.iter().map(|item| match &item.kind {
                CompiledTermKind::Slot(_) => Some(None),
                _ => constant(item).filter(scalar).map(Some),
            });
            items.collect::<Option<Box<[_]>>>().map(Required::Array)
        }
        _ => constant(term).filter(scalar).map(Required::Value),
    }
}

/// Returns the value of a term without variables and references.
fn constant(term: &CompiledTerm) -> Option<Value> {
    let all = |items: &[CompiledTerm]| items.iter().map(constant).collect::<Option<Vec<_>>>();
    Some(match &term.kind {
        CompiledTermKind::Null => Value::Null,
        CompiledTermKind::Bool(value) => Value::Bool(*value),
        CompiledTermKind::Number(text) => Value::Number(Number::parse(text)?),
        CompiledTermKind::String(text) => Value::String(Arc::clone(text)),
        CompiledTermKind::Array(items) => Value::array(all(items)?),
        CompiledTermKind::Set(items) => Value::set(all(items)?),
        CompiledTermKind::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| Some((constant(key)?, constant(value)?)));
            Value::object(entries.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Splits a text at the delimiters that no backslash precedes.
pub(crate) fn split<'t>(text: &'t str, delimiters: &str) -> Vec<&'t str> {
    let (mut parts, mut last, mut escaped) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        if letter == '\\' || escaped {
            escaped = !escaped;
        } else if delimiters.contains(letter) {
            parts.push(text.get(last..at).unwrap_or_default());
            last = at + letter.len_utf8();
        }
    }
    parts.push(text.get(last..).unwrap_or_default());
    parts
}

/// Returns a part of a pattern of `glob.match`: `*` is any, other wildcards are not indexed.
fn part(text: &str) -> Option<Option<Value>> {
    if text == "*" {
        return Some(None);
    }
    let mut escaped = false;
    for letter in text.chars() {
        match letter {
            '\\' => escaped = !escaped,
            '[' | '?' | '{' | '*' if !escaped => return None,
            _ => escaped = false,
        }
    }
    Some(Some(Value::from(text)))
}
