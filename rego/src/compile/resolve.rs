//! Resolves names of imports and of the package's rules to references into `data` and `input`.

use std::{collections::HashMap, sync::Arc};

use super::{
    context::{Context, Vars, calls, is_root},
    vars,
};
use crate::{
    error::Code,
    syntax::{
        Body, Expr, ExprKind, Import, Module, Rule, TemplatePart, Term, TermKind, Var, display,
    },
};

type Globals = HashMap<Var, Vec<Term>>;

/// Names that are variables where they are used.
type Ignored = Vec<Vars>;

/// Resolves the names of all modules.
pub(super) fn modules(context: &mut Context, modules: &mut [Module]) {
    let mut exports: HashMap<Vec<Arc<str>>, Vec<Term>> = HashMap::new();
    for module in modules.iter() {
        let names = exports.entry(module.package.path.clone()).or_default();
        names.extend(
            module
                .rules
                .iter()
                .filter_map(|rule| rule.head.reference.first().cloned()),
        );
    }
    for (at, module) in modules.iter_mut().enumerate() {
        context.module = at;
        let globals = globals(module, exports.get(&module.package.path));
        for rule in &mut module.rules {
            let mut next = Some(rule);
            while let Some(rule) = next {
                resolve_rule(context, &globals, rule);
                next = rule.otherwise.as_deref_mut();
            }
        }
    }
}

/// Returns the name that an import brings.
pub(super) fn import_name(import: &Import) -> Option<Var> {
    if let Some(alias) = &import.alias {
        return Some(alias.clone());
    }
    match &import.path.last()?.kind {
        TermKind::Var(name) | TermKind::String(name) => Some(name.clone()),
        _ => None,
    }
}

fn globals(module: &Module, rules: Option<&Vec<Term>>) -> Globals {
    let mut globals = Globals::new();
    for head in rules.into_iter().flatten() {
        let TermKind::Var(name) = &head.kind else {
            continue;
        };
        if globals.contains_key(name) {
            continue;
        }
        let term = |kind| Term {
            span: head.span,
            kind,
        };
        let mut path = vec![term(TermKind::Var("data".into()))];
        let package = module.package.path.iter().cloned();
        path.extend(
            package
                .chain([name.clone()])
                .map(|part| term(TermKind::String(part))),
        );
        globals.insert(name.clone(), path);
    }
    for import in &module.imports {
        let local = import.path.first().is_some_and(
            |head| matches!(&head.kind, TermKind::Var(name) if matches!(&**name, "data" | "input")),
        );
        if let Some(name) = import_name(import).filter(|_| local) {
            globals.insert(name, import.path.clone());
        }
    }
    globals
}

fn resolve_rule(context: &mut Context, globals: &Globals, rule: &mut Rule) {
    let mut args = Vars::new();
    for arg in &rule.head.args {
        if let Some(root) = pattern_vars(arg, &mut args) {
            context.error(
                Code::Compile,
                rule.span,
                format!("args must not shadow {root} (use a different variable name)"),
            );
            return;
        }
    }
    let mut ignored = vec![args, vars::declared(&rule.body)];
    for part in rule.head.reference.iter_mut().skip(1) {
        resolve_term(globals, &mut ignored, part);
    }
    for term in rule.head.key.iter_mut().chain(&mut rule.head.value) {
        resolve_term(globals, &mut ignored, term);
    }
    resolve_body(globals, &mut ignored, &mut rule.body);
}

/// Collects the variables of a pattern; returns `input` or `data` if it is in it.
fn pattern_vars(term: &Term, found: &mut Vars) -> Option<Var> {
    if let Some(root) = is_root(term) {
        return Some(root.clone());
    }
    match &term.kind {
        TermKind::Var(name) => {
            found.insert(name.clone());
            None
        }
        TermKind::Array(terms) | TermKind::Ref(terms) => {
            terms.iter().find_map(|term| pattern_vars(term, found))
        }
        TermKind::Object(members) => members
            .iter()
            .find_map(|(_, value)| pattern_vars(value, found)),
        _ => None,
    }
}

fn resolve_body(globals: &Globals, ignored: &mut Ignored, body: &mut Body) {
    for expr in body {
        resolve_expr(globals, ignored, expr);
    }
}

fn resolve_expr(globals: &Globals, ignored: &mut Ignored, expr: &mut Expr) {
    match &mut expr.kind {
        ExprKind::Term(term) => resolve_term(globals, ignored, term),
        ExprKind::Call(terms) => resolve_terms(globals, ignored, terms),
        ExprKind::Some(terms) => {
            for term in terms {
                if matches!(term.kind, TermKind::Call(_)) {
                    resolve_term(globals, ignored, term);
                }
            }
        }
        ExprKind::Every(every) => {
            let mut locals = vars::of_term(&every.value, vars::Skip::default());
            if let Some(key) = &every.key {
                locals.extend(vars::of_term(key, vars::Skip::default()));
            }
            ignored.push(locals);
            resolve_term(globals, ignored, &mut every.domain);
            resolve_body(globals, ignored, &mut every.body);
            ignored.pop();
        }
        ExprKind::Not(not) => resolve_body(globals, ignored, &mut not.body),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            resolve_body(globals, ignored, &mut logical.left);
            resolve_body(globals, ignored, &mut logical.right);
        }
    }
    for with in &mut expr.with {
        resolve_term(globals, ignored, &mut with.target);
        resolve_term(globals, ignored, &mut with.value);
    }
}

fn resolve_terms(globals: &Globals, ignored: &mut Ignored, terms: &mut [Term]) {
    for term in terms {
        resolve_term(globals, ignored, term);
    }
}

fn lookup<'g>(globals: &'g Globals, ignored: &Ignored, name: &Var) -> Option<&'g Vec<Term>> {
    let path = globals.get(name)?;
    (!ignored.iter().any(|vars| vars.contains(name))).then_some(path)
}

/// Returns a global's path, at the place of its use.
fn placed(path: &[Term], span: crate::syntax::Span) -> Vec<Term> {
    path.iter()
        .map(|part| Term {
            span,
            kind: part.kind.clone(),
        })
        .collect()
}

fn resolve_term(globals: &Globals, ignored: &mut Ignored, term: &mut Term) {
    let span = term.span;
    match &mut term.kind {
        TermKind::Var(name) => {
            if let Some(path) = lookup(globals, ignored, name) {
                term.kind = TermKind::Ref(placed(path, span));
            }
        }
        TermKind::Ref(terms) => {
            let head = terms.first().and_then(|head| match &head.kind {
                TermKind::Var(name) => lookup(globals, ignored, name).map(|path| (path, head.span)),
                _ => None,
            });
            let skip = usize::from(matches!(
                terms.first().map(|head| &head.kind),
                Some(TermKind::Var(_))
            ));
            resolve_terms(globals, ignored, terms.get_mut(skip..).unwrap_or_default());
            if let Some((path, span)) = head {
                terms.splice(0..1, placed(path, span));
            }
        }
        TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            resolve_terms(globals, ignored, terms);
        }
        TermKind::Object(members) => {
            for (key, value) in members {
                resolve_term(globals, ignored, key);
                resolve_term(globals, ignored, value);
            }
        }
        TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body) => {
            ignored.push(vars::declared(body));
            resolve_term(globals, ignored, head);
            resolve_body(globals, ignored, body);
            ignored.pop();
        }
        TermKind::ObjectComprehension(head, body) => {
            ignored.push(vars::declared(body));
            resolve_term(globals, ignored, &mut head.0);
            resolve_term(globals, ignored, &mut head.1);
            resolve_body(globals, ignored, body);
            ignored.pop();
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                if let TemplatePart::Expr(expr) = part {
                    resolve_expr(globals, ignored, expr);
                }
            }
        }
        _ => {}
    }
}

/// Refuses rules and variables that would hide `input` or `data`, and two imports of one name.
pub(super) fn check(context: &mut Context, modules: &[Module]) {
    for (at, module) in modules.iter().enumerate() {
        context.module = at;
        for rule in &module.rules {
            check_rule(context, rule);
        }
    }
    if !context.errors.is_empty() {
        return;
    }
    for (at, module) in modules.iter().enumerate() {
        context.module = at;
        let mut seen: HashMap<Var, &Import> = HashMap::new();
        for import in &module.imports {
            let Some(name) = import_name(import) else {
                continue;
            };
            if let Some(first) = seen.get(&name) {
                let mut shown = format!("import {}", display::reference(&first.path));
                if let Some(alias) = &first.alias {
                    shown = format!("{shown} as {alias}");
                }
                context.error(
                    Code::Compile,
                    import.span,
                    format!("import must not shadow {shown}"),
                );
            } else {
                seen.insert(name, import);
            }
        }
    }
}

fn check_rule(context: &mut Context, rule: &Rule) {
    if let Some(Term {
        kind: TermKind::Var(name),
        ..
    }) = rule.head.reference.first()
        && matches!(&**name, "input" | "data")
    {
        context.error(
            Code::Compile,
            rule.span,
            format!("rules must not shadow {name} (use a different rule name)"),
        );
    }
    let mut next = Some(rule);
    while let Some(rule) = next {
        check_body(context, &rule.body);
        let head = &rule.head;
        for term in head.reference.iter().chain(&head.key).chain(&head.value) {
            check_term(context, term);
        }
        next = rule.otherwise.as_deref();
    }
}

fn check_body(context: &mut Context, body: &Body) {
    for expr in body {
        if calls(expr, "assign")
            && let ExprKind::Call(terms) = &expr.kind
            && let Some(name) = terms.get(1).and_then(is_root)
        {
            context.error(
                Code::Compile,
                expr.span,
                format!("variables must not shadow {name} (use a different variable name)"),
            );
        }
        match &expr.kind {
            ExprKind::Every(every) => check_body(context, &every.body),
            ExprKind::Not(not) => check_body(context, &not.body),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                check_body(context, &logical.left);
                check_body(context, &logical.right);
            }
            ExprKind::Term(term) => check_term(context, term),
            ExprKind::Call(terms) => terms.iter().for_each(|term| check_term(context, term)),
            ExprKind::Some(_) => {}
        }
    }
}

fn check_term(context: &mut Context, term: &Term) {
    match &term.kind {
        TermKind::ArrayComprehension(_, body)
        | TermKind::SetComprehension(_, body)
        | TermKind::ObjectComprehension(_, body) => check_body(context, body),
        TermKind::Ref(terms)
        | TermKind::Array(terms)
        | TermKind::Set(terms)
        | TermKind::Call(terms) => terms.iter().for_each(|term| check_term(context, term)),
        TermKind::Object(members) => {
            for (key, value) in members {
                check_term(context, key);
                check_term(context, value);
            }
        }
        _ => {}
    }
}
