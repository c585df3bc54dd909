//! Moves operands before their statement where the engine evaluates them in the wrong place.
//!
//! - `not f(x.y)`: an undefined operand makes the whole body undefined in Open Policy Agent, because
//!   call operands are evaluated outside of the negation; the engine makes the `not` true.
//! - `… with t as v`: the engine evaluates `v` in the replaced document and forgets it.
//! - `walk(y, x)` and `some x in walk(y)`: the engine gives values for the first only, and takes `x` for
//!   unbound afterwards, so that `not z[x]` is false. Both become `x = all[_]`.
//! - `data.a.b[k]` with a rule or plain data: the engine looks for rules at that path in every module,
//!   each time; it does not for `v[k]`.
//! - `some x in y`: the engine fails where `y` cannot be iterated, instead of being undefined. Arrays,
//!   objects and sets come after all scalars, so `y >= []` says in one comparison what `y` is.
//! - `f(x, out)`: the old form of `out = f(x)`.

use std::ops::Range;

use regorus::unstable::{BoolOp, Expr, Literal, LiteralStmt};

use super::{
    SAME, WALK, patterns,
    walk::{Scope, Walker},
};
use crate::policy::rego::syntax;

/// Rewrites a statement. `bare` says that it is a body without braces, which then needs them.
pub(super) fn statement(
    walker: &mut Walker<'_>,
    statement: &LiteralStmt,
    scope: &Scope,
    bare: bool,
) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    with_values(walker, statement, scope, &mut before);
    indexed(walker, statement, scope, &mut before);
    patterns::exact(walker, statement, scope, &mut after);
    walks(walker, statement, &mut before);
    output_argument(walker, statement, scope);
    negated(walker, statement, scope, &mut before);
    iterated(walker, statement, scope, &mut before);
    if before.is_empty() && after.is_empty() {
        return;
    }
    let range = whole(walker, statement);
    before.push(walker.edits.text(range.clone()));
    before.append(&mut after);
    let text = before.join("; ");
    let text = if bare { format!("{{ {text} }}") } else { text };
    walker.edits.replace(range, text);
}

pub(super) fn range(walker: &Walker<'_>, expr: &Expr) -> Range<usize> {
    syntax::extent(expr, &walker.module.source)
}

/// The text of an expression with the changes made in it so far.
pub(super) fn text(walker: &Walker<'_>, expr: &Expr) -> String {
    walker.edits.text(range(walker, expr))
}

/// The statement from its first byte to the end of its last part.
pub(super) fn whole(walker: &Walker<'_>, statement: &LiteralStmt) -> Range<usize> {
    let mut whole = statement.span.start as usize..0;
    match &statement.literal {
        Literal::SomeIn { collection, .. } => whole.end = range(walker, collection).end,
        Literal::NotExpr { expr, .. } => whole.end = range(walker, expr).end,
        Literal::Expr { expr, .. } => {
            let expr = range(walker, expr);
            whole = whole.start.min(expr.start)..expr.end;
        }
        Literal::Every { query, .. } => whole.end = query.span.end as usize,
        Literal::SomeVars { vars, .. } => {
            whole.end = vars.last().map_or(0, |last| last.end as usize);
        }
    }
    if let Some(with) = statement.with_mods.last() {
        whole.end = range(walker, &with.r#as).end;
    }
    syntax::balanced(whole, &walker.module.source)
}

/// Puts the operand into a variable before the statement; `with` is repeated there when it applies.
fn hoist(walker: &mut Walker<'_>, operand: &Expr, with: &str, before: &mut Vec<String>) {
    let name = walker.fresh();
    before.push(format!("{name} := {}{with}", text(walker, operand)));
    let range = range(walker, operand);
    walker.edits.replace(range, name);
}

/// The `with` of a statement as text, after a space.
fn modifiers(walker: &Walker<'_>, statement: &LiteralStmt) -> String {
    let mut with = String::new();
    for modifier in &statement.with_mods {
        let range = modifier.span.start as usize..range(walker, &modifier.r#as).end;
        let range = syntax::balanced(range, &walker.module.source);
        with.push(' ');
        with.push_str(&walker.edits.text(range));
    }
    with
}

fn with_values(
    walker: &mut Walker<'_>,
    statement: &LiteralStmt,
    scope: &Scope,
    before: &mut Vec<String>,
) {
    for with in &statement.with_mods {
        let value = with.r#as.as_ref();
        let function = syntax::path(value).is_some_and(|path| {
            let path = walker.function(&path, scope);
            walker.names.parameters(&path).is_some()
        });
        if !function && !is_constant(walker, value, scope) {
            hoist(walker, value, "", before);
        }
    }
}

fn walks(walker: &mut Walker<'_>, statement: &LiteralStmt, before: &mut Vec<String>) {
    let with = modifiers(walker, statement);
    if let Literal::Expr { expr, .. } = &statement.literal
        && let Some((argument, pattern)) = walk_into(expr)
    {
        let all = walker.fresh();
        let argument = text(walker, argument);
        before.push(format!("{all} := {WALK}({argument}){with}"));
        let pattern = text(walker, pattern);
        let range = range(walker, expr);
        walker.edits.replace(range, format!("{pattern} = {all}[_]"));
        return;
    }
    let mut found = Vec::new();
    match &statement.literal {
        Literal::SomeIn { collection, .. } => find_walks(collection, &mut found),
        Literal::Expr { expr, .. } => find_walks(expr, &mut found),
        _ => {}
    }
    for (call, argument) in found {
        let (all, name) = (walker.fresh(), walker.fresh());
        let argument = text(walker, argument);
        before.push(format!("{all} := {WALK}({argument}){with}"));
        before.push(format!("{name} := {all}[_]"));
        let call = range(walker, call);
        walker.edits.replace(call, name);
    }
}

/// What `walk(document, pattern)` takes.
pub(super) fn walk_into(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match expr {
        Expr::Call { fcn, params, .. } if is_walk(fcn) => match params.as_slice() {
            [argument, pattern] => Some((argument, pattern)),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn is_walk(function: &Expr) -> bool {
    matches!(function, Expr::Var { span, .. } if span.text() == "walk")
}

/// The calls of `walk` with one argument, outside of comprehensions.
fn find_walks<'e>(expr: &'e Expr, found: &mut Vec<(&'e Expr, &'e Expr)>) {
    if let Expr::Call { fcn, params, .. } = expr
        && let (true, [argument]) = (is_walk(fcn), params.as_slice())
    {
        found.push((expr, argument));
    }
    for part in parts(expr) {
        find_walks(part, found);
    }
}

/// Reads documents that are indexed by a variable as a whole first. Where one is undefined, so is the statement.
fn indexed(
    walker: &mut Walker<'_>,
    statement: &LiteralStmt,
    scope: &Scope,
    before: &mut Vec<String>,
) {
    let mut found = Vec::new();
    match &statement.literal {
        _ if !statement.with_mods.is_empty() => {}
        Literal::SomeIn { collection, .. } => find_indexed(walker, collection, scope, &mut found),
        Literal::Expr { expr, .. } => find_indexed(walker, expr, scope, &mut found),
        _ => {}
    }
    for document in found {
        let name = walker.fresh();
        let range = range(walker, document);
        let document = walker.edits.exchange(range, name.clone());
        before.push(format!("{name} := {document}"));
    }
}

fn find_indexed<'e>(walker: &Walker<'_>, expr: &'e Expr, scope: &Scope, found: &mut Vec<&'e Expr>) {
    if let Expr::RefBrack { refr, index, .. } = expr
        && !matches!(index.as_ref(), Expr::String { .. } | Expr::RawString { .. })
        && walker.document(refr, scope)
    {
        found.push(refr);
        find_indexed(walker, index, scope, found);
        return;
    }
    for part in parts(expr) {
        find_indexed(walker, part, scope, found);
    }
}

/// The expressions in an expression that are evaluated with it, so none of comprehensions.
pub(super) fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Call { params, .. } => params.iter().map(AsRef::as_ref).collect(),
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            items.iter().map(AsRef::as_ref).collect()
        }
        Expr::Object { fields, .. } => {
            let fields = fields.iter();
            fields
                .flat_map(|(_, key, value)| [key.as_ref(), value.as_ref()])
                .collect()
        }
        Expr::RefDot { refr, .. } => vec![refr],
        Expr::RefBrack { refr, index, .. } => vec![refr, index],
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => vec![lhs, rhs],
        Expr::Membership {
            key,
            value,
            collection,
            ..
        } => {
            let parts = key.iter().chain([value, collection]);
            parts.map(AsRef::as_ref).collect()
        }
        _ => Vec::new(),
    }
}

fn output_argument(walker: &mut Walker<'_>, statement: &LiteralStmt, scope: &Scope) {
    let Literal::Expr { expr, .. } = &statement.literal else {
        return;
    };
    let Expr::Call { fcn, params, .. } = expr.as_ref() else {
        return;
    };
    let function = syntax::path(fcn).unwrap_or_default();
    let parameters = walker.names.parameters(&walker.function(&function, scope));
    let Some((output, arguments)) = params.split_last() else {
        return;
    };
    if parameters != Some(arguments.len()) {
        return;
    }
    let arguments = arguments.iter().map(|argument| text(walker, argument));
    let arguments = arguments.collect::<Vec<_>>().join(", ");
    let call = format!(
        "{} = {}({arguments})",
        text(walker, output),
        text(walker, fcn)
    );
    let range = range(walker, expr);
    walker.edits.replace(range, call);
}

/// Builtins that give a collection or nothing.
const COLLECTIONS: [&str; 7] = [
    "array.concat",
    "array.reverse",
    "array.slice",
    "numbers.range",
    "object.keys",
    "sort",
    "split",
];

fn iterated(
    walker: &mut Walker<'_>,
    statement: &LiteralStmt,
    scope: &Scope,
    before: &mut Vec<String>,
) {
    let Literal::SomeIn {
        value, collection, ..
    } = &statement.literal
    else {
        return;
    };
    let start = range(walker, value).end;
    let range = range(walker, collection);
    if !statement.with_mods.is_empty() {
        // It holds for the list alone, in the engine for the rest of the query.
        let with = modifiers(walker, statement);
        let name = walker.fresh();
        let list = text(walker, collection);
        before.push(format!("{name} := {SAME}({list}){with}"));
        before.push(format!("{name} >= []"));
        let end = whole(walker, statement).end;
        walker.edits.replace(start..end, format!(" in {name}"));
        return;
    }
    if is_collection(walker, collection, scope) {
        return;
    }
    let list = text(walker, collection);
    if syntax::is_word(&list) {
        before.push(format!("{list} >= []"));
        return;
    }
    let name = walker.fresh();
    before.push(format!("{name} := {list}"));
    before.push(format!("{name} >= []"));
    walker.edits.replace(range, name);
}

/// Whether the expression gives a collection, if anything.
fn is_collection(walker: &Walker<'_>, expr: &Expr, scope: &Scope) -> bool {
    match expr {
        Expr::Array { .. } | Expr::Set { .. } | Expr::Object { .. } => true,
        Expr::Call { fcn, .. } => {
            let function = syntax::path(fcn).unwrap_or_default();
            let function = walker.function(&function, scope);
            COLLECTIONS.contains(&function.as_str())
        }
        _ => is_comprehension(expr),
    }
}

fn negated(
    walker: &mut Walker<'_>,
    statement: &LiteralStmt,
    scope: &Scope,
    before: &mut Vec<String>,
) {
    let Literal::NotExpr { expr, .. } = &statement.literal else {
        return;
    };
    let with = modifiers(walker, statement);
    let mut operands = Vec::new();
    operands_of(walker, expr, scope, &mut operands);
    for operand in operands {
        hoist(walker, operand, &with, before);
    }
}

/// The operands of a negated expression that are evaluated before it.
fn operands_of<'e>(walker: &Walker<'_>, expr: &'e Expr, scope: &Scope, found: &mut Vec<&'e Expr>) {
    match expr {
        Expr::BoolExpr {
            op: BoolOp::Eq,
            lhs,
            rhs,
            ..
        }
        | Expr::AssignExpr { lhs, rhs, .. } => {
            inner_operands(walker, lhs, scope, found);
            inner_operands(walker, rhs, scope, found);
        }
        Expr::Call { .. }
        | Expr::Membership { .. }
        | Expr::BoolExpr { .. }
        | Expr::BinExpr { .. }
        | Expr::ArithExpr { .. }
        | Expr::Array { .. }
        | Expr::Set { .. }
        | Expr::Object { .. } => {
            for part in parts(expr) {
                whole_operand(walker, part, scope, found);
            }
        }
        Expr::RefDot { .. } | Expr::RefBrack { .. } => inner_operands(walker, expr, scope, found),
        _ => {}
    }
}

fn whole_operand<'e>(
    walker: &Walker<'_>,
    expr: &'e Expr,
    scope: &Scope,
    found: &mut Vec<&'e Expr>,
) {
    if may_be_undefined(walker, expr, scope) {
        found.push(expr);
    }
}

/// A plain reference stays inside of the negation; what its indexes and calls need does not.
fn inner_operands<'e>(
    walker: &Walker<'_>,
    expr: &'e Expr,
    scope: &Scope,
    found: &mut Vec<&'e Expr>,
) {
    match expr {
        Expr::Var { .. } => {}
        Expr::RefDot { refr, .. } => inner_operands(walker, refr, scope, found),
        Expr::RefBrack { refr, index, .. } => {
            inner_operands(walker, refr, scope, found);
            whole_operand(walker, index, scope, found);
        }
        _ => whole_operand(walker, expr, scope, found),
    }
}

pub(super) fn is_comprehension(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::ArrayCompr { .. } | Expr::SetCompr { .. } | Expr::ObjectCompr { .. }
    )
}

/// Whether the expression consists of literals and local names.
pub(super) fn is_constant(walker: &Walker<'_>, expr: &Expr, scope: &Scope) -> bool {
    let mut inner = parts(expr).into_iter();
    !is_comprehension(expr)
        && !may_be_undefined(walker, expr, scope)
        && inner.all(|part| is_constant(walker, part, scope))
}

/// Whether the expression reads a document or calls a function.
fn may_be_undefined(walker: &Walker<'_>, expr: &Expr, scope: &Scope) -> bool {
    match expr {
        Expr::Var { span, .. } => {
            let name = span.text();
            let global = name == "input" || name == "data" || walker.alias(name).is_some();
            !scope.contains_key(name) && (global || walker.is_rule(name, scope))
        }
        Expr::RefDot { .. }
        | Expr::RefBrack { .. }
        | Expr::Call { .. }
        | Expr::ArithExpr { .. }
        | Expr::BinExpr { .. }
        | Expr::BoolExpr { .. }
        | Expr::Membership { .. }
        | Expr::UnaryExpr { .. } => true,
        Expr::Array { items, .. } | Expr::Set { items, .. } => items
            .iter()
            .any(|item| may_be_undefined(walker, item, scope)),
        Expr::Object { fields, .. } => fields.iter().any(|(_, key, value)| {
            may_be_undefined(walker, key, scope) || may_be_undefined(walker, value, scope)
        }),
        _ => false,
    }
}
