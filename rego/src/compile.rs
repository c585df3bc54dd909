//! Compiler: resolves names, checks modules as OPA does and returns what the evaluator plans from.

mod context;
mod dynamics;
mod locals;
mod lower;
mod metadata;
mod probes;
pub mod program;
mod recursion;
mod resolve;
mod rewrite;
mod safety;
mod tree;
mod types;
mod unify;
mod vars;
mod with;

pub use program::Compiled;

use std::sync::Arc;

use crate::{
    Stop, annotations,
    builtins::{self, Registry},
    error::{Code, Error, Errors},
    signature::Declaration,
    syntax::{self, ExprKind, Module, Rule, Term, TermKind, display},
};
use context::Context;
use tree::Tree;

/// Settings of the compiler: builtins, `print`, and when to end early.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Declarations of all builtins that a module may call; a later one replaces an earlier one of the same name.
    pub builtins: Vec<Declaration>,
    /// Keep calls of `print`, as calls of `internal.print`; otherwise they are removed.
    pub print: bool,
    pub stop: Stop,
}

impl Options {
    /// Takes the declarations of a registry.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self {
            builtins: registry.declarations().copied().collect(),
            ..Self::default()
        }
    }
}

/// Checks modules and resolves their names.
///
/// The result has gone through the rewriting that OPA applies before it evaluates, because rules can tell the
/// difference. Of what it returns ([`program`]) this holds:
///
/// - **Names.** Each variable is a [`Slot`](program::Slot) of its rule's frame (`0..rule.slots.len()`); bodies of
///   comprehensions, `every`, `not`, `and` and `or` share the frame of their rule. A variable that two sibling bodies
///   use undeclared has one slot: bindings made in a nested body end with it. Wildcards have slots of their own.
///   Imports are gone. A reference starts at `input`, at `data` or at a slot. `else` branches have frames of their own.
/// - **Flat expressions.** Operands of calls are scalars, slots, and arrays, sets and objects of these. References,
///   calls and comprehensions in other places were moved into expressions of their own before the expression that
///   uses them ([`Expr::generated`](program::CompiledExpr)), also in front of a negated one: `not f(input.x)` is undefined when
///   `input.x` is. References and comprehensions remain as an operand of [`Unify`](program::CompiledExprKind::Unify), or
///   inside of its arrays, sets and objects, and a reference as [`Term`](program::CompiledExprKind::Term). Elements of a reference's path are
///   scalars, slots, and arrays, sets and objects of these.
/// - **Safety.** Expressions are in an order in which each variable that an expression needs (an operand of a call, a
///   variable of a negated expression, of a `with` value, of an `every` domain, in a key of an object or in a set) is
///   bound by an expression before it, by the head's arguments, or in the enclosing body. Slots in the head's key,
///   value and dynamic path are bound by the body. A slot in a reference's path may be unbound: the reference then enumerates.
/// - **Calls.** [`Callee`](program::CompiledCallee) names a declared builtin or the rules of a function; the number of operands
///   fits. With an output the call's value is unified with it (also `false`); without one the call holds if its value
///   is defined and not `false`. `x in xs` is `internal.member_2(x, xs)`, `k, x in xs` `internal.member_3(k, x, xs)`,
///   operators are `plus`, `minus`, `mul`, `div`, `rem`, `and`, `or`, `neq`, `lt`, `lte`, `gt`, `gte`; template strings are
///   `internal.template_string([part, …])`, where a part is a string or a set with the value or without any; `print` is
///   `internal.print([{value}, …])`, each set empty if the operand is undefined. `walk` is the only relation.
///   A complete rule may be called without operands.
/// - **Unification.** `=` and `:=` are both `Unify`; `some x in xs` is a `Unify` with a reference into `xs`; `==` is a
///   `Unify`, too, with operands that are bound: its references are not moved out, so `not input.a == 1` holds without `a`.
/// - **With.** Targets are resolved: part of `input`, part of `data` (a base document or the whole of a rule, or of a
///   package), a function, a builtin. The value for a function or a builtin is another callee or a term.
///   An expression that was moved in front of another one carries the `with` of the latter.
/// - **Metadata.** `rego.metadata.rule()` and `rego.metadata.chain()` are constants.
/// - **Rules.** Rules of one path are all functions with one number of arguments, or none is; kinds do not conflict;
///   a path that has rules without a dynamic part and without `contains` has no package and no rule below it.
///   Neither rules nor functions are recursive, except through a `data` reference that only
///   becomes known when evaluated: the evaluator reports that one.
///
/// # Errors
/// Every error that was found in the first stage that found any.
pub fn compile(mut modules: Vec<Module>, options: &Options) -> Result<Compiled, Errors> {
    let mut context = new_context(options);
    context.texts = modules
        .iter()
        .map(|module| (module.file.clone(), module.text.clone()))
        .collect();
    let chains = match annotations::chains(&modules) {
        Ok(chains) => chains,
        Err((module, (span, message))) => {
            context.module = module;
            context.error(Code::Parse, span, message);
            stage(&mut context)?;
            Vec::new()
        }
    };
    resolve::modules(&mut context, &mut modules);
    stage(&mut context)?;
    each_rule(&mut context, &mut modules, rewrite::head_reference);
    resolve::check(&mut context, &modules);
    stage(&mut context)?;
    let tree = Tree::new(&modules);
    functions(&mut context, &tree, &mut Vec::new());
    each_top_rule(&mut context, &mut modules, locals::rule);
    stage(&mut context)?;
    each_rule(&mut context, &mut modules, rewrite::templates);
    stage(&mut context)?;
    each_rule(&mut context, &mut modules, |context, rule| {
        rewrite::void_calls(context, rule);
    });
    stage(&mut context)?;
    let keep = options.print;
    each_rule(&mut context, &mut modules, |context, rule| {
        rewrite::prints(context, rule, keep);
        rewrite::expr_terms(context, rule);
    });
    let links = chains.iter().flatten();
    let rules = modules.iter_mut().flat_map(|module| &mut module.rules);
    for (rule, chain) in rules.zip(links) {
        metadata::rule(rule, chain);
    }
    each_rule(&mut context, &mut modules, |context, rule| {
        rewrite::comprehension_heads(context, rule);
        rewrite::head_refs(context, rule);
        with::body(context, &tree, &mut rule.body);
    });
    stage(&mut context)?;
    tree.conflicts(&mut context);
    stage(&mut context)?;
    check(&mut context, &mut modules)?;
    let mut compiled = lower::program(&context, modules);
    compiled.functions = context.functions;
    compiled.chains = chains.into_iter().flatten().collect();
    Ok(compiled)
}

/// Applies the stages after all rewriting: functions, safety, recursion, types and probes.
fn check(context: &mut Context, modules: &mut [Module]) -> Result<(), Errors> {
    each_rule(context, modules, |context, rule| {
        undefined_functions(context, &rule.body);
    });
    stage(context)?;
    safety(context, modules)?;
    each_rule(context, modules, |context, rule| {
        dynamics::body(context, &mut rule.body);
    });
    let order = recursion::check(context, modules);
    stage(context)?;
    types::rules(context, modules, &order);
    stage(context)?;
    each_rule(context, modules, deprecated);
    stage(context)?;
    each_rule(context, modules, probes::rule);
    stage(context)
}

fn new_context(options: &Options) -> Context {
    let mut context = Context {
        stop: options.stop.clone(),
        ..Context::default()
    };
    for declaration in &options.builtins {
        context.builtins.insert(declaration.name, *declaration);
    }
    context
}

/// Ends with the errors of the stages so far.
fn stage(context: &mut Context) -> Result<(), Errors> {
    context.cancelled();
    if context.errors.is_empty() {
        return Ok(());
    }
    let mut errors: Vec<Error> = std::mem::take(&mut context.errors);
    errors.sort_by(|a, b| {
        let key = |error: &Error| (error.file.clone(), error.span.line, error.span.column);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    errors.dedup();
    Err(Errors(errors))
}

fn each_top_rule(
    context: &mut Context,
    modules: &mut [Module],
    mut apply: impl FnMut(&mut Context, &mut Rule),
) {
    for (at, module) in modules.iter_mut().enumerate() {
        context.module = at;
        if context.cancelled() {
            return;
        }
        for rule in &mut module.rules {
            apply(context, rule);
        }
    }
}

/// Applies a stage to all rules and their branches.
fn each_rule(
    context: &mut Context,
    modules: &mut [Module],
    mut apply: impl FnMut(&mut Context, &mut Rule),
) {
    each_top_rule(context, modules, |context, rule| {
        let mut next = Some(rule);
        while let Some(rule) = next {
            apply(context, rule);
            next = rule.otherwise.as_deref_mut();
        }
    });
}

fn safety(context: &mut Context, modules: &mut [Module]) -> Result<(), Errors> {
    let shared = safety::shared_lines(modules);
    each_rule(context, modules, |context, rule| {
        let scope = safety::scope(&shared, context.module, rule);
        safety::head(context, rule, &scope);
    });
    stage(context)?;
    each_rule(context, modules, |context, rule| {
        let scope = safety::scope(&shared, context.module, rule);
        safety::rule_body(context, rule, &scope);
    });
    stage(context)
}

/// Collects the number of arguments of each function, by path.
fn functions(context: &mut Context, tree: &Tree, path: &mut Vec<Arc<str>>) {
    if let Some(args) = tree.args() {
        context.functions.insert(path.clone(), args);
    }
    for (name, child) in &tree.children {
        path.push(name.clone());
        functions(context, child, path);
        path.pop();
    }
}

/// Refuses calls of unknown functions and with a wrong number of operands.
fn undefined_functions(context: &mut Context, body: &syntax::Body) {
    for expr in body {
        if let ExprKind::Call(terms) = &expr.kind {
            check_call(context, expr, terms);
        }
        match &expr.kind {
            ExprKind::Every(every) => undefined_functions(context, &every.body),
            ExprKind::Not(not) => undefined_functions(context, &not.body),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                undefined_functions(context, &logical.left);
                undefined_functions(context, &logical.right);
            }
            ExprKind::Term(term) => undefined_in_term(context, term),
            ExprKind::Call(terms) | ExprKind::Some(terms) => {
                for term in terms {
                    undefined_in_term(context, term);
                }
            }
        }
    }
}

fn undefined_in_term(context: &mut Context, term: &Term) {
    match &term.kind {
        TermKind::ArrayComprehension(_, body)
        | TermKind::SetComprehension(_, body)
        | TermKind::ObjectComprehension(_, body) => undefined_functions(context, body),
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) => {
            for term in terms {
                undefined_in_term(context, term);
            }
        }
        TermKind::Object(members) => {
            for (key, value) in members {
                undefined_in_term(context, key);
                undefined_in_term(context, value);
            }
        }
        _ => {}
    }
}

fn check_call(context: &mut Context, expr: &syntax::Expr, terms: &[Term]) {
    let Some((operator, operands)) = terms.split_first() else {
        return;
    };
    let mut shown = operator.clone();
    if let TermKind::Ref(parts) = &mut shown.kind {
        for part in parts {
            if let TermKind::Var(name) = &mut part.kind {
                *name = context.written(name);
            }
        }
    }
    let shown = display::term(&shown);
    let Some(arity) = context.arity(operator) else {
        let message = match builtins::not_offered(&shown) {
            Some(reason) => format!("function {shown} is not offered: {reason}"),
            None => format!("undefined function {shown}"),
        };
        context.error(Code::Type, expr.span, message);
        return;
    };
    let variadic = matches!(&operator.kind, TermKind::Ref(terms)
        if context.builtin(terms).is_some_and(|found| found.variadic.is_some()));
    let given = operands.len();
    let fits = if expr.generated && &*shown != "eq" {
        given == arity + 1
    } else {
        given == arity || given == arity + 1 || expr.generated
    };
    if fits || variadic {
        return;
    }
    let given = given - usize::from(expr.generated);
    let message = if matches!(&operator.kind, TermKind::Ref(terms) if context.builtin(terms).is_some())
    {
        format!("{shown}: arity mismatch")
    } else {
        let plural = if given == 1 { "" } else { "s" };
        format!("function {shown} has arity {arity}, got {given} argument{plural}")
    };
    context.error(Code::Type, expr.span, message);
}

/// Refuses functions that Rego v1 has removed.
fn deprecated(context: &mut Context, rule: &mut Rule) {
    let mut found = Vec::new();
    deprecated_in_body(context, &rule.body, &mut found);
    for (span, name) in found {
        context.error(
            Code::Type,
            span,
            format!("deprecated built-in function calls in expression: {name}"),
        );
    }
}

fn deprecated_in_body(
    context: &Context,
    body: &syntax::Body,
    found: &mut Vec<(syntax::Span, &'static str)>,
) {
    let mut flat = |body: &syntax::Body| {
        for expr in body {
            if let ExprKind::Call(terms) = &expr.kind
                && let Some(TermKind::Ref(terms)) = terms.first().map(|term| &term.kind)
                && let Some(builtin) = context.builtin(terms).filter(|found| found.deprecated)
            {
                found.push((expr.span, builtin.name));
            }
        }
    };
    flat(body);
    // Visits the bodies inside of all expressions, each once.
    for expr in body {
        context::each_body_mut(&mut expr.clone(), &mut |body| flat(body));
    }
}

impl Compiled {
    /// Compiles a query, as `opa eval` takes it: expressions between `;` or line breaks.
    ///
    /// # Errors
    /// As [`parse`](crate::parse) and [`compile`]; the file's name is `query`.
    pub fn query(&self, text: &str, options: &Options) -> Result<program::CompiledQuery, Errors> {
        let mut body = syntax::parse_query(text)?;
        let mut context = new_context(options);
        context.functions.clone_from(&self.functions);
        context.texts = vec![("query".into(), text.into())];
        locals::query(&mut context, &mut body);
        stage(&mut context)?;
        let safe = safety::reserved();
        rewrite::templates_in_body(&mut context, &safe, &mut body);
        rewrite::query_prints(&mut context, &mut body, options.print);
        rewrite::expand_body(&mut context, &mut body);
        rewrite::heads_in_body(&mut context, &mut body);
        with::body(
            &mut context,
            &Tree::of_functions(&self.functions),
            &mut body,
        );
        stage(&mut context)?;
        undefined_functions(&mut context, &body);
        stage(&mut context)?;
        safety::query(&mut context, &mut body);
        stage(&mut context)?;
        dynamics::body(&mut context, &mut body);
        probes::query(&mut context, &mut body);
        stage(&mut context)?;
        Ok(lower::query(&context, text, body))
    }
}
