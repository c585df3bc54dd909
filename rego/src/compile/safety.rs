//! Safety: expressions in an order in which the variables that they need are bound.

use std::collections::{HashMap, HashSet};

use super::{
    context::{Context, Vars, calls},
    unify::unified,
    vars::{self, PATTERN, SAFETY, Skip, Visitor},
};
use crate::{
    error::Code,
    syntax::{Body, Expr, ExprKind, Module, Rule, Span, Term, TermKind, Var, display, walk},
};

/// Unsafe variables, with the first place where each is.
type Unsafe = Vec<(Span, Vars)>;

/// Returns the names that are always safe: `input`, `data` and the builtins.
pub(super) fn reserved() -> Vars {
    ["input".into(), "data".into()].into()
}

/// Refuses variables in heads that the body does not mention.
pub(super) fn head(context: &mut Context, rule: &Rule, scope: &str) {
    let head = &rule.head;
    let mut visitor = Visitor::new(SAFETY);
    visitor.body(&rule.body);
    let mut found = visitor.found;
    for arg in &head.args {
        found.extend(vars::of_term(arg, Skip::default()));
    }
    let terms = head
        .key
        .iter()
        .chain(&head.value)
        .chain(head.reference.iter().skip(1));
    let mut reported = Vars::new();
    let mut missing: Vec<(Span, Var)> = Vec::new();
    for term in terms {
        walk::terms(term, &mut |term| {
            if let TermKind::Var(name) = &term.kind
                && !found.contains(name)
                && !matches!(&**name, "input" | "data")
                && reported.insert(name.clone())
            {
                missing.push((term.span, name.clone()));
            }
            true
        });
    }
    missing.sort();
    for (span, name) in missing {
        let name = context.written(&name);
        if !name.starts_with('~') {
            let name = shown_name(&name);
            context.error(
                Code::UnsafeVar,
                span,
                format!("var {name} is unsafe{scope}"),
            );
        }
    }
}

fn shown_name(name: &Var) -> &str {
    if name.starts_with('$') { "_" } else { name }
}

/// Orders the body of a rule.
pub(super) fn rule_body(context: &mut Context, rule: &mut Rule, scope: &str) {
    let mut safe = reserved();
    for arg in &rule.head.args {
        safe.extend(vars::of_term(arg, Skip::default()));
    }
    body(context, &safe, &mut rule.body, scope);
}

/// Puts the expressions of a query in order, or refuses unsafe variables.
pub(super) fn query(context: &mut Context, body_: &mut Body) {
    body(context, &reserved(), body_, "");
}

fn body(context: &mut Context, safe: &Vars, body: &mut Body, scope: &str) {
    let mut refused = Unsafe::new();
    reorder(context, safe, body, &mut refused);
    report(context, refused, scope);
}

fn report(context: &mut Context, mut refused: Unsafe, scope: &str) {
    refused.sort_by_key(|(span, _)| (span.line, span.column));
    let mut places: HashMap<&Var, Span> = HashMap::new();
    for (span, vars) in &refused {
        for var in vars {
            places.entry(var).or_insert(*span);
        }
    }
    let mut named: Vec<(Span, Var)> = places
        .into_iter()
        .map(|(var, span)| (span, context.written(var)))
        .filter(|(_, name)| !name.starts_with('~'))
        .collect();
    named.sort();
    if named.is_empty() {
        let mut seen = Vars::new();
        for (span, vars) in refused {
            if vars
                .into_iter()
                .filter(|var| seen.insert(var.clone()))
                .count()
                > 0
            {
                context.error(
                    Code::UnsafeVar,
                    span,
                    format!("expression is unsafe{scope}"),
                );
            }
        }
        return;
    }
    for (span, name) in named {
        let hint = if matches!(&*name, "and" | "or" | "not") {
            format!(" (hint: `import future.keywords.{name}` to import a future keyword)")
        } else {
            String::new()
        };
        let name = shown_name(&name);
        context.error(
            Code::UnsafeVar,
            span,
            format!("var {name} is unsafe{scope}{hint}"),
        );
    }
}

/// An expression that waits for its variables.
struct Waiting {
    expr: Expr,
    needs: Vars,
    /// Variables of its closures that the body binds.
    closes_over: Vars,
}

impl Waiting {
    fn new(context: &Context, expr: Expr, closed_over: impl Fn(&Var) -> bool) -> Self {
        let mut visitor = Visitor::promoting(context);
        visitor.expr(&expr);
        let needs = visitor.found;
        let in_closures = in_closures(&expr).into_iter();
        let closes_over = in_closures.filter(closed_over).collect();
        Self {
            expr,
            needs,
            closes_over,
        }
    }

    /// Returns the variables that the expression binds, if all that it needs are safe.
    fn ready(&mut self, context: &Context, safe: &Vars) -> Option<Vars> {
        let outputs = outputs(context, &self.expr, safe);
        let is_open = |var: &&Var| !safe.contains(*var);
        let open: Vars = self.closes_over.iter().filter(is_open).cloned().collect();
        if !open.is_empty() {
            if open == outputs {
                return None;
            }
            self.needs.extend(open);
        }
        self.needs
            .retain(|var| !outputs.contains(var) && !safe.contains(var));
        self.needs.is_empty().then_some(outputs)
    }
}

/// Puts a body in order; what stays unsafe goes to `refused`.
fn reorder(context: &Context, globals: &Vars, body: &mut Body, refused: &mut Unsafe) {
    let mut visitor = Visitor::promoting(context);
    visitor.body(body);
    let body_vars = visitor.found;
    let mut safe: Vars = body_vars.intersection(globals).cloned().collect();
    let closed_over = |var: &Var| body_vars.contains(var) && !globals.contains(var);
    let mut waiting: Vec<Option<Waiting>> = std::mem::take(body)
        .into_iter()
        .map(|expr| Some(Waiting::new(context, expr, closed_over)))
        .collect();
    let mut ordered: Body = Vec::with_capacity(waiting.len());
    loop {
        let before = ordered.len();
        for slot in &mut waiting {
            let Some(next) = slot else { continue };
            if let Some(outputs) = next.ready(context, &safe)
                && let Some(done) = slot.take()
            {
                ordered.push(done.expr);
                safe.extend(outputs);
            }
        }
        if ordered.len() == before {
            break;
        }
    }
    let mut globals = globals.clone();
    for expr in &mut ordered {
        closures(context, &globals, expr, refused);
        let mut visitor = Visitor::promoting(context);
        visitor.expr(expr);
        globals.extend(visitor.found);
    }
    *body = ordered;
    for left in waiting.into_iter().flatten() {
        refused.push((left.expr.span, left.needs));
        body.push(left.expr);
    }
}

/// Variables in comprehensions and nested bodies of an expression.
fn in_closures(expr: &Expr) -> Vars {
    let mut visitor = Visitor::new(Skip::default());
    match &expr.kind {
        ExprKind::Every(every) => visitor.body(&every.body),
        ExprKind::Not(not) => visitor.body(&not.body),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            visitor.body(&logical.left);
            visitor.body(&logical.right);
        }
        _ => {}
    }
    terms_of(expr, &mut |term| {
        walk::terms(term, &mut |term| {
            let closure = matches!(
                term.kind,
                TermKind::ArrayComprehension(..)
                    | TermKind::SetComprehension(..)
                    | TermKind::ObjectComprehension(..)
            );
            if closure {
                visitor.term(term);
            }
            !closure
        });
    });
    visitor.found
}

/// Visits the terms of an expression itself, not those of its bodies.
fn terms_of<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Term)) {
    match &expr.kind {
        ExprKind::Term(term) => visit(term),
        ExprKind::Call(terms) | ExprKind::Some(terms) => terms.iter().for_each(&mut *visit),
        ExprKind::Every(every) => visit(&every.domain),
        ExprKind::Not(_) | ExprKind::And(_) | ExprKind::Or(_) => {}
    }
    for with in &expr.with {
        visit(&with.target);
        visit(&with.value);
    }
}

/// Puts the bodies in an expression in order.
fn closures(context: &Context, globals: &Vars, expr: &mut Expr, refused: &mut Unsafe) {
    let span = expr.span;
    match &mut expr.kind {
        ExprKind::Every(every) => {
            let mut inner = globals.clone();
            for term in every.key.iter().chain([&every.value]) {
                inner.extend(vars::of_term(term, Skip::default()));
            }
            reorder(context, &inner, &mut every.body, refused);
        }
        ExprKind::Not(not) => reorder(context, globals, &mut not.body, refused),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            reorder(context, globals, &mut logical.left, refused);
            reorder(context, globals, &mut logical.right, refused);
        }
        _ => {}
    }
    super::context::each_term_mut(expr, &mut |term| {
        closures_of_term(context, globals, term, span, refused);
    });
}

fn closures_of_term(
    context: &Context,
    globals: &Vars,
    term: &mut Term,
    span: Span,
    refused: &mut Unsafe,
) {
    let (head, body) = match &mut term.kind {
        TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body) => {
            (vars::of_term(head, Skip::default()), body)
        }
        TermKind::ObjectComprehension(head, body) => {
            let mut found = vars::of_term(&head.0, Skip::default());
            found.extend(vars::of_term(&head.1, Skip::default()));
            (found, body)
        }
        _ => {
            for child in super::context::children_mut(term) {
                closures_of_term(context, globals, child, span, refused);
            }
            return;
        }
    };
    let mut visitor = Visitor::promoting(context);
    visitor.body(body);
    let unbound: Vars = head
        .into_iter()
        .filter(|var| !visitor.found.contains(var) && !globals.contains(var))
        .collect();
    if !unbound.is_empty() {
        refused.push((span, unbound));
    }
    reorder(context, globals, body, refused);
}

/// Returns the variables that an expression binds if the safe ones are bound.
pub(super) fn outputs(context: &Context, expr: &Expr, safe: &Vars) -> Vars {
    if expr.negated {
        return Vars::new();
    }
    for with in &expr.with {
        let mut visitor = Visitor::new(SAFETY);
        visitor.with(with);
        if !visitor.found.is_subset(safe) {
            return Vars::new();
        }
    }
    match &expr.kind {
        ExprKind::Term(term) => outputs_of_terms([term], safe),
        ExprKind::Call(_) if calls(expr, "eq") => outputs_of_equality(expr, safe),
        ExprKind::Call(terms) => outputs_of_call(context, terms, safe),
        ExprKind::Every(every) => outputs_of_terms([&every.domain], safe),
        _ => Vars::new(),
    }
}

/// Variables in brackets of references whose head is safe.
fn outputs_of_terms<'t>(terms: impl IntoIterator<Item = &'t Term>, safe: &Vars) -> Vars {
    let mut found = Visitor::new(Skip {
        ref_head: true,
        ..Skip::default()
    });
    for term in terms {
        walk::terms(term, &mut |term| match &term.kind {
            TermKind::ArrayComprehension(..)
            | TermKind::SetComprehension(..)
            | TermKind::ObjectComprehension(..)
            | TermKind::Template { .. } => false,
            TermKind::Ref(terms) => {
                let safe = is_safe(terms, safe);
                if safe {
                    found.term(term);
                }
                safe
            }
            _ => true,
        });
    }
    found.found
}

/// Tells if the head of a reference is bound.
pub(super) fn is_safe(terms: &[Term], safe: &Vars) -> bool {
    terms.first().is_none_or(|head| match &head.kind {
        TermKind::Var(name) => safe.contains(name) || matches!(&**name, "input" | "data"),
        _ => vars::of_term(head, SAFETY).is_subset(safe),
    })
}

/// Returns the variables that an equality binds if the safe ones are bound.
pub(super) fn outputs_of_equality(expr: &Expr, safe: &Vars) -> Vars {
    let ExprKind::Call(terms) = &expr.kind else {
        return Vars::new();
    };
    let [_, left, right] = terms.as_slice() else {
        return Vars::new();
    };
    let mut known = outputs_of_terms([left, right], safe);
    known.extend(safe.iter().cloned());
    if expr.assignment {
        for var in vars::of_term(left, Skip::default()) {
            known.remove(&var);
        }
    }
    let bound = unified(&known, left, right);
    known.extend(bound);
    known.retain(|var| !safe.contains(var));
    known
}

fn outputs_of_call(context: &Context, terms: &[Term], safe: &Vars) -> Vars {
    let Some((operator, operands)) = terms.split_first() else {
        return Vars::new();
    };
    let Some(arity) = context.arity(operator) else {
        return Vars::new();
    };
    let mut bound = outputs_of_terms(operands, safe);
    if arity >= operands.len() {
        return bound;
    }
    let (inputs, outputs) = operands.split_at(arity);
    let mut visitor = Visitor::new(PATTERN);
    visitor.terms(inputs);
    if !visitor
        .found
        .iter()
        .all(|var| bound.contains(var) || safe.contains(var))
    {
        return Vars::new();
    }
    let mut visitor = Visitor::new(PATTERN);
    visitor.terms(outputs);
    bound.extend(visitor.found);
    bound
}

/// Returns the variables of an operand without braces that its body does not bind for itself.
pub(super) fn vars_from_outside(context: &Context, body: &Body) -> Vars {
    let mut occurrences: HashMap<Var, usize> = HashMap::new();
    for expr in body {
        for var in vars::of_expr(expr, SAFETY) {
            *occurrences.entry(var).or_default() += 1;
        }
    }
    if body.len() == 1 {
        return occurrences.into_keys().collect();
    }
    let mut bound = Vars::new();
    for expr in body {
        let ExprKind::Call(terms) = &expr.kind else {
            continue;
        };
        if calls(expr, "eq") {
            bound.extend(outputs_of_equality(expr, &Vars::new()));
            continue;
        }
        let arity = terms.first().and_then(|operator| context.arity(operator));
        if let Some(outputs) = arity.and_then(|arity| terms.get(arity + 1..)) {
            let mut visitor = Visitor::new(PATTERN);
            visitor.terms(outputs);
            bound.extend(visitor.found);
        }
    }
    occurrences
        .into_iter()
        .filter(|(var, times)| !bound.contains(var) || *times == 1)
        .map(|(var, _)| var)
        .collect()
}

/// Returns the lines of each module on which several rules begin.
pub(super) fn shared_lines(modules: &[Module]) -> HashSet<(usize, u32)> {
    let (mut first, mut shared) = (HashMap::new(), HashSet::new());
    for (at, module) in modules.iter().enumerate() {
        for rule in &module.rules {
            let mut next = Some(rule);
            while let Some(rule) = next {
                let place = (at, rule.span.line);
                let name = path_text(rule);
                if first.entry(place).or_insert_with(|| name.clone()) != &name {
                    shared.insert(place);
                }
                next = rule.otherwise.as_deref();
            }
        }
    }
    shared
}

/// Names the rule in messages if its line has several.
pub(super) fn scope(shared: &HashSet<(usize, u32)>, module: usize, rule: &Rule) -> String {
    if shared.contains(&(module, rule.span.line)) {
        format!(" in rule {}", path_text(rule))
    } else {
        String::new()
    }
}

/// Prints the path of a rule up to its dynamic part.
fn path_text(rule: &Rule) -> String {
    let reference = &rule.head.reference;
    let ground = reference
        .iter()
        .skip(1)
        .take_while(|part| walk::is_ground(part))
        .count();
    display::reference(reference.get(..=ground).unwrap_or(reference))
}
