//! Checks bodies and infers the types of rules.

use super::{
    InferredType,
    env::{Env, KnownType, Signature, TypeNode},
    unify,
};
use crate::{
    compile::context::{Context, called, calls, is_scalar},
    error::Code,
    syntax::{Body, Expr, ExprKind, Module, Rule, Span, Term, TermKind, display, walk},
};

type Errors = Vec<(Span, String)>;

/// Checks all rules, each after those that it needs.
pub(in crate::compile) fn rules(context: &mut Context, modules: &[Module], order: &[usize]) {
    let all: Vec<(usize, &Module, &Rule)> = modules
        .iter()
        .enumerate()
        .flat_map(|(at, module)| module.rules.iter().map(move |rule| (at, module, rule)))
        .collect();
    let mut root = TypeNode::default();
    for index in order {
        let Some((at, module, rule)) = all.get(*index) else {
            continue;
        };
        let mut errors = Errors::new();
        let mut known = None;
        let mut next = Some(*rule);
        while let Some(branch) = next {
            let found = check_rule(context, &root, branch, &mut errors);
            known = merged(known, found);
            next = branch.otherwise.as_deref();
        }
        if !errors.is_empty() {
            known = Some(KnownType::Value(InferredType::Any));
        }
        insert(&mut root, module, rule, known);
        context.module = *at;
        for (span, message) in errors {
            context.error(Code::Type, span, message);
        }
    }
}

/// Joins what is known of two rules of one path.
fn merged(first: Option<KnownType>, second: Option<KnownType>) -> Option<KnownType> {
    match (first, second) {
        (Some(KnownType::Value(first)), Some(KnownType::Value(second))) => {
            Some(KnownType::Value(first.or(second)))
        }
        (Some(KnownType::Function(first)), Some(KnownType::Function(second))) => {
            let args = first.args.into_iter().zip(second.args);
            Some(KnownType::Function(Signature {
                args: args.map(|(first, second)| first.or(second)).collect(),
                result: first.result.or(second.result),
            }))
        }
        (Some(_), Some(_)) => Some(KnownType::Value(InferredType::Any)),
        (first, second) => first.or(second),
    }
}

fn insert(root: &mut TypeNode, module: &Module, rule: &Rule, known: Option<KnownType>) {
    let mut node = root;
    for name in &module.package.path {
        node = node.children.entry(name.clone()).or_default();
    }
    for (at, part) in rule.head.reference.iter().enumerate() {
        let name = match &part.kind {
            TermKind::Var(name) if at == 0 => name,
            TermKind::String(name) if at > 0 => name,
            _ => {
                node.known = Some(KnownType::Value(InferredType::Any));
                return;
            }
        };
        node = node.children.entry(name.clone()).or_default();
    }
    node.known = merged(node.known.take(), known);
}

fn check_rule(
    context: &Context,
    root: &TypeNode,
    rule: &Rule,
    errors: &mut Errors,
) -> Option<KnownType> {
    let mut env = Env::new(context, root);
    body(&mut env, &rule.body, errors);
    let head = &rule.head;
    let settled = |of: InferredType| {
        if of.is_unknown() {
            InferredType::Any
        } else {
            of
        }
    };
    if !head.args.is_empty() {
        for arg in &head.args {
            walk::terms(arg, &mut |term| {
                if let TermKind::Var(name) = &term.kind
                    && env.var(name) == InferredType::Unknown
                {
                    env.set(name, InferredType::Any);
                }
                true
            });
        }
        let args = head.args.iter().map(|arg| settled(env.of(arg))).collect();
        let value = head.value.as_ref()?;
        let result = settled(env.of(value));
        return Some(KnownType::Function(Signature { args, result }));
    }
    if let Some(key) = &head.key {
        return Some(KnownType::Value(InferredType::Set(Box::new(settled(
            env.of(key),
        )))));
    }
    let value = head.value.as_ref()?;
    Some(KnownType::Value(settled(env.of(value))))
}

fn body(env: &mut Env<'_>, exprs: &Body, errors: &mut Errors) {
    for expr in exprs {
        env.relaxed = !expr.with.is_empty();
        let before = errors.len();
        closures(env, expr, errors);
        env.relaxed = !expr.with.is_empty();
        references(env, expr, errors);
        let found = errors.len() > before;
        let mut own = Errors::new();
        check_expr(env, expr, &mut own);
        if !found {
            errors.append(&mut own);
        }
        env.relaxed = false;
    }
}

/// Checks the bodies of comprehensions, and references in nested bodies.
fn closures(env: &mut Env<'_>, expr: &Expr, errors: &mut Errors) {
    let terms: &[Term] = match &expr.kind {
        ExprKind::Term(term) => std::slice::from_ref(term),
        ExprKind::Call(terms) => terms,
        ExprKind::Every(every) => {
            nested(env, [&every.body], errors);
            return;
        }
        ExprKind::Not(not) => {
            nested(env, [&not.body], errors);
            return;
        }
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            nested(env, [&logical.left, &logical.right], errors);
            return;
        }
        ExprKind::Some(_) => return,
    };
    for term in terms {
        walk::outside_closures(term, &mut |term| {
            let (TermKind::ArrayComprehension(_, inner)
            | TermKind::SetComprehension(_, inner)
            | TermKind::ObjectComprehension(_, inner)) = &term.kind
            else {
                return true;
            };
            env.push();
            body(env, inner, errors);
            env.pop();
            false
        });
    }
}

fn nested<'b>(env: &mut Env<'_>, bodies: impl IntoIterator<Item = &'b Body>, errors: &mut Errors) {
    for inner in bodies {
        env.push();
        for expr in inner {
            env.relaxed = !expr.with.is_empty();
            references(env, expr, errors);
        }
        env.pop();
    }
}

/// Checks the references of an expression.
fn references(env: &mut Env<'_>, expr: &Expr, errors: &mut Errors) {
    let terms = match &expr.kind {
        ExprKind::Term(term) => std::slice::from_ref(term),
        ExprKind::Call(terms) => terms.get(1..).unwrap_or_default(),
        ExprKind::Every(every) => std::slice::from_ref(&every.domain),
        _ => return,
    };
    for term in terms {
        walk::outside_closures(term, &mut |term| {
            match &term.kind {
                TermKind::ArrayComprehension(..)
                | TermKind::SetComprehension(..)
                | TermKind::ObjectComprehension(..) => return false,
                TermKind::Ref(terms) => reference(env, terms, errors),
                _ => {}
            }
            true
        });
    }
}

fn reference(env: &mut Env<'_>, terms: &[Term], errors: &mut Errors) {
    let Some(head) = terms.first() else { return };
    let shown = || {
        let mut terms = terms.to_vec();
        for term in &mut terms {
            if let TermKind::Var(name) = &mut term.kind {
                *name = env.context.written(name);
            }
        }
        display::reference(&terms)
    };
    if env.is_function(terms) {
        let message = format!("function {} used as reference, not called", shown());
        errors.push((head.span, message));
        return;
    }
    let builtin = |part: &Term| {
        matches!(&part.kind, TermKind::Var(_))
            && env.context.builtin(std::slice::from_ref(part)).is_some()
    };
    if terms.iter().skip(1).any(builtin) {
        errors.push((head.span, format!("undefined ref: {}", shown())));
        return;
    }
    let Some((mut of, rest)) = env.start(terms) else {
        for part in terms.iter().skip(1) {
            infer(env, part, &InferredType::Any);
        }
        return;
    };
    for part in rest {
        let next = match of.keys() {
            None => None,
            Some(_) if is_scalar(part) => of.select(&display::term(part), &env.of(part)),
            Some(keys) => {
                let known = env.of(part);
                let fits = match &part.kind {
                    TermKind::Var(_) if known.is_unknown() => {
                        infer(env, part, &keys);
                        true
                    }
                    TermKind::Var(_) => known.unifies(&keys),
                    _ => unify::term(env, part, &keys, false),
                };
                fits.then(|| of.values())
            }
        };
        let Some(next) = next else {
            let shown = shown();
            errors.push((head.span, format!("undefined ref: {shown}")));
            return;
        };
        of = if next == InferredType::Unknown {
            InferredType::Any
        } else {
            next
        };
    }
}

fn infer(env: &mut Env<'_>, part: &Term, of: &InferredType) {
    if let TermKind::Var(name) = &part.kind
        && env.var(name) == InferredType::Unknown
    {
        let of = if of.is_unknown() {
            &InferredType::Any
        } else {
            of
        };
        env.set(name, of.clone());
    }
}

fn check_expr(env: &mut Env<'_>, expr: &Expr, errors: &mut Errors) {
    let ExprKind::Call(terms) = &expr.kind else {
        return;
    };
    let Some((operator, operands)) = terms.split_first() else {
        return;
    };
    if calls(expr, "eq") {
        if let [left, right] = operands
            && !unify::terms(env, left, right)
        {
            errors.push((expr.span, "match error".to_owned()));
        }
        return;
    }
    let Some((signature, variadic)) = called(expr).and_then(|name| env.signature(name)) else {
        // A call of a rule is a call of a function only if the rule may have any type.
        if !env.relaxed && !matches!(env.of(operator), InferredType::Any | InferredType::Unknown) {
            let name = display::term(operator);
            errors.push((expr.span, format!("undefined function {name}")));
            return;
        }
        // Any function: its result has any type.
        for operand in operands {
            walk::outside_closures(operand, &mut |term| {
                infer(env, term, &InferredType::Any);
                true
            });
        }
        return;
    };
    let mut wanted = signature.args;
    if variadic.is_none() {
        wanted.push(signature.result);
    }
    for (at, operand) in operands.iter().enumerate() {
        let Some(of) = wanted.get(at).or(variadic.as_ref()) else {
            break;
        };
        let known = env.of(operand);
        let fits =
            (known.is_unknown() || known.unifies(of)) && unify::term(env, operand, of, false);
        if !fits {
            let name = display::term(operator);
            errors.push((expr.span, format!("{name}: invalid argument(s)")));
            return;
        }
    }
}
