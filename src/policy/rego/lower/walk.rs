//! The walk over a rule: names are resolved and every statement is given to `hoist`.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Expr, Literal, LiteralStmt, Query, Rule, Span};

use super::{CHAIN, Call, OWN, PLAIN, edits::Edits, fixed, heads, hoist, names::Names, operators};
use crate::policy::rego::{module::Parsed, syntax};

/// The local names that are visible, with the name each gets instead when its own is taken.
pub(super) type Scope = BTreeMap<String, Option<String>>;

/// What a walk over a rule found.
pub(super) struct Seen<'a> {
    pub(super) edits: Edits<'a>,
    pub(super) calls: Vec<Call>,
    pub(super) references: BTreeSet<String>,
    pub(super) plain: BTreeSet<String>,
    pub(super) replaced: BTreeSet<String>,
    pub(super) needs: BTreeSet<String>,
    pub(super) uses_chain: bool,
    pub(super) operators: bool,
}

pub(super) struct Walker<'a> {
    pub(super) module: &'a Parsed,
    pub(super) names: &'a Names,
    pub(super) edits: Edits<'a>,
    package: String,
    chain: usize,
    seen_chain: bool,
    calls: Vec<Call>,
    references: BTreeSet<String>,
    plain: BTreeSet<String>,
    replaced: BTreeSet<String>,
    needs: BTreeSet<String>,
    operators: bool,
    /// The names that each query around declares, the outermost first.
    around: Vec<BTreeSet<String>>,
    fresh: usize,
}

impl<'a> Walker<'a> {
    /// A walk over one rule, whose annotation chain will stand at that position.
    pub(super) fn new(module: &'a Parsed, names: &'a Names, chain: usize) -> Self {
        Self {
            module,
            names,
            edits: Edits::new(&module.source),
            package: module.data_path(),
            chain,
            seen_chain: false,
            calls: Vec::new(),
            references: BTreeSet::new(),
            plain: BTreeSet::new(),
            replaced: BTreeSet::new(),
            needs: BTreeSet::new(),
            operators: false,
            around: Vec::new(),
            fresh: 0,
        }
    }

    pub(super) fn finish(self) -> Seen<'a> {
        Seen {
            edits: self.edits,
            calls: self.calls,
            references: self.references,
            plain: self.plain,
            replaced: self.replaced,
            needs: self.needs,
            uses_chain: self.seen_chain,
            operators: self.operators,
        }
    }

    pub(super) fn rule(&mut self, rule: &Rule) {
        match rule {
            Rule::Spec { head, bodies, .. } => heads::definition(self, head, bodies),
            Rule::Default { value, .. } => self.expr(value, &Scope::new()),
        }
    }

    /// A query with the expressions that see its variables. A rule's body may lack braces.
    pub(super) fn query(&mut self, query: &Query, outputs: &[&Expr], outer: &Scope, body: bool) {
        let mut scope = outer.clone();
        let names = query.stmts.iter().flat_map(heads::names);
        self.around.push(names.collect());
        let settles = heads::indexes_by_name(query, outputs);
        for statement in &query.stmts {
            let mut inner = scope.clone();
            self.declare(syntax::declared_names(statement), &mut inner, 1);
            let before = self.edits.set_aside();
            self.statement(statement, &scope, &inner);
            if settles {
                heads::settle(self, statement);
            }
            let bare = body && query.span.start == statement.span.start;
            hoist::statement(self, statement, &inner, bare);
            self.edits.append(before);
            scope = inner;
        }
        for output in outputs {
            self.expr(output, &scope);
        }
        self.around.pop();
        heads::declarations(self, &query.stmts, &scope);
    }

    /// A statement between the names that are visible before and after it.
    fn statement(&mut self, statement: &LiteralStmt, scope: &Scope, inner: &Scope) {
        match &statement.literal {
            Literal::SomeVars { vars, .. } => self.rename(vars, inner),
            Literal::SomeIn {
                key,
                value,
                collection,
                ..
            } => {
                for pattern in key.iter().chain([value]) {
                    self.expr(pattern, inner);
                }
                self.expr(collection, scope);
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => match expr.as_ref() {
                Expr::AssignExpr { lhs, rhs, .. } => {
                    self.expr(lhs, inner);
                    self.expr(rhs, scope);
                }
                expr => {
                    self.operators |= operators::differs_alone(expr);
                    self.within(expr, scope);
                }
            },
            Literal::Every {
                key,
                value,
                domain,
                query,
                ..
            } => {
                self.expr(domain, scope);
                let names: Vec<_> = key.iter().chain([value]).collect();
                let mut inner = scope.clone();
                let bound = names.iter().map(|name| name.text().to_owned());
                self.declare(bound.collect(), &mut inner, 0);
                self.query(query, &[], &inner, true);
                self.every(&names, query, &inner);
            }
        }
        for with in &statement.with_mods {
            self.needs.insert(fixed::WITH.to_owned());
            self.target(&with.refr, scope);
            self.expr(&with.r#as, scope);
        }
    }

    /// Binds the names of an `every` in its query once more: the engine takes them for unbound there, so
    /// that `not x[name]` is false.
    fn every(&mut self, names: &[&Span], query: &Query, inner: &Scope) {
        let mut bound = String::new();
        for span in names.iter().filter(|span| span.text() != "_") {
            let name = inner.get(span.text()).and_then(Option::as_deref);
            let name = name.unwrap_or(span.text()).to_owned();
            let fresh = self.fresh();
            bound.push_str(&format!("{name} := {fresh}; "));
            self.edits
                .push(span.start as usize..span.end as usize, fresh);
        }
        if let Some(first) = query.stmts.first() {
            let start = hoist::whole(self, first).start;
            self.edits.insert(start, &bound);
        }
    }

    /// What `with` replaces: a rule of the own package needs its full path.
    fn target(&mut self, target: &Expr, scope: &Scope) {
        match target {
            Expr::Var { span, .. } if self.is_rule(span.text(), scope) => {
                let at = span.start as usize;
                self.edits.insert(at, &format!("{}.", self.package));
            }
            _ => {
                let path = self.resolve(&syntax::prefix(target), scope);
                let below = path.as_deref().and_then(|path| path.strip_prefix("data."));
                let root = below.and_then(|path| path.split('.').next());
                self.replaced.extend(root.map(str::to_owned));
                self.expr(target, scope);
            }
        }
    }

    /// Makes names visible; the innermost of the queries around may be the one that declares them.
    fn declare(&self, names: BTreeSet<String>, scope: &mut Scope, innermost: usize) {
        let around = self.around.len().saturating_sub(innermost);
        let around = self.around.get(..around).unwrap_or_default();
        for name in names {
            let outer = scope.get(&name).cloned();
            let other = if name == "_" {
                None
            } else if outer.is_some() || around.iter().any(|names| names.contains(&name)) {
                // The engine takes a name of a query around for that one, even if it comes later.
                let outer = outer.flatten();
                Some(format!("{}__i", outer.as_ref().unwrap_or(&name)))
            } else {
                let taken = self.names.is_rule(&self.package, &name);
                taken.then(|| format!("{name}__l"))
            };
            scope.insert(name, other);
        }
    }

    fn rename(&mut self, spans: &[Span], scope: &Scope) {
        for span in spans {
            if let Some(Some(other)) = scope.get(span.text()) {
                let range = span.start as usize..span.end as usize;
                self.edits.push(range, other.clone());
            }
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr, scope: &Scope) {
        self.operators |= operators::differs(expr);
        self.within(expr, scope);
    }

    fn within(&mut self, expr: &Expr, scope: &Scope) {
        match expr {
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                let path = self.resolve(&syntax::prefix(expr), scope);
                self.needs
                    .extend(path.as_deref().and_then(|path| self.need(path)));
                let path = path.filter(|path| path == "data" || path.starts_with("data."));
                let plain = path.as_deref().and_then(|path| self.names.plain_root(path));
                self.reference(expr, scope, plain.is_some());
                self.plain.extend(plain.map(str::to_owned));
                self.references.extend(path);
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                for item in items {
                    self.expr(item, scope);
                }
            }
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.expr(key, scope);
                    self.expr(value, scope);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.query(query, &[term.as_ref()], scope, false);
            }
            Expr::ObjectCompr {
                key, value, query, ..
            } => self.query(query, &[key.as_ref(), value.as_ref()], scope, false),
            Expr::Call { .. } => self.call(expr, scope),
            Expr::UnaryExpr { expr, .. } => self.expr(expr, scope),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => {
                self.expr(lhs, scope);
                self.expr(rhs, scope);
            }
            Expr::Membership {
                key,
                value,
                collection,
                ..
            } => {
                for part in key.iter().chain([value, collection]) {
                    self.expr(part, scope);
                }
            }
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => {}
        }
    }

    /// The parts of a reference: its root gets its full path, its indexes are expressions.
    fn reference(&mut self, expr: &Expr, scope: &Scope, plain: bool) {
        match expr {
            Expr::Var { span, .. } => {
                let range = span.start as usize..span.end as usize;
                match scope.get(span.text()) {
                    Some(Some(other)) => self.edits.push(range, other.clone()),
                    Some(None) => {}
                    None => {
                        let full = self.alias(span.text());
                        let full = full.or_else(|| plain.then(|| span.text().to_owned()));
                        match full {
                            Some(full) if plain => {
                                let moved = full.replacen("data", &format!("data.{PLAIN}"), 1);
                                self.edits.push(range, moved);
                            }
                            Some(full) => self.edits.push(range, full),
                            None => {}
                        }
                    }
                }
            }
            Expr::RefDot { refr, .. } => self.reference(refr, scope, plain),
            Expr::RefBrack { refr, index, .. } => {
                self.reference(refr, scope, plain);
                self.expr(index, scope);
            }
            _ => self.expr(expr, scope),
        }
    }

    fn call(&mut self, call: &Expr, scope: &Scope) {
        let Expr::Call { fcn, params, .. } = call else {
            return;
        };
        let written = syntax::path(fcn).unwrap_or_default();
        let function = self.function(&written, scope);
        self.calls.push(Call {
            arguments: params.len(),
            line: call.span().line,
            function: function.clone(),
        });
        self.needs.insert(function.clone());
        let own = match function.as_str() {
            "rego.metadata.chain" => Some(CHAIN),
            "rego.metadata.rule" => Some(OWN),
            _ => None,
        };
        if let (Some(own), true) = (own, params.is_empty()) {
            let range = syntax::extent(call, &self.module.source);
            self.edits.push(range, format!("{own}({})", self.chain));
            self.seen_chain = true;
            return;
        }
        if function.starts_with("data.") {
            self.references.insert(function);
        }
        self.reference(fcn, scope, false);
        for parameter in params {
            self.expr(parameter, scope);
        }
    }

    /// The full path of a function as it is written in a call.
    pub(super) fn function(&self, written: &[String], scope: &Scope) -> String {
        let full = self.resolve(written, scope);
        let full = full.unwrap_or_else(|| written.join("."));
        let local = format!("{}.{full}", self.package);
        if self.names.parameters(&local).is_some() {
            local
        } else {
            full
        }
    }

    /// The full path of a name that is no local variable.
    fn resolve(&self, written: &[String], scope: &Scope) -> Option<String> {
        let (root, rest) = written.split_first()?;
        if scope.contains_key(root) {
            return None;
        }
        let root = self.alias(root).unwrap_or_else(|| root.clone());
        Some([&[root], rest].concat().join("."))
    }

    /// The full path of a document that is read: below `input` or `data`, or a rule of the own package.
    fn need(&self, path: &str) -> Option<String> {
        match path.split('.').next()? {
            "data" | "input" => Some(path.to_owned()),
            root if self.names.is_rule(&self.package, root) => {
                Some(format!("{}.{path}", self.package))
            }
            _ => None,
        }
    }

    /// Whether the reference is one to a whole document below `data`, written with its full path.
    pub(super) fn document(&self, refr: &Expr, scope: &Scope) -> bool {
        let Some(written) = syntax::path(refr) else {
            return false;
        };
        let path = self.resolve(&written, scope);
        path.is_some_and(|path| self.names.is_document(&path))
    }

    /// The path that an imported name stands for.
    pub(super) fn alias(&self, name: &str) -> Option<String> {
        if name == "ec" && self.names.mockable {
            return Some("data.ec".to_owned());
        }
        self.module.aliases.get(name).cloned()
    }

    /// Whether the name means a rule of the own package here.
    pub(super) fn is_rule(&self, name: &str, scope: &Scope) -> bool {
        !scope.contains_key(name) && self.names.is_rule(&self.package, name)
    }

    /// A variable name that the rule does not use yet.
    pub(super) fn fresh(&mut self) -> String {
        self.fresh += 1;
        format!("__h{}", self.fresh)
    }
}
