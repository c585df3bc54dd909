//! Moves operands before their statement where the engine evaluates them in the wrong place.
//!
//! - `not f(x.y)`: an undefined operand makes the whole body undefined in Open Policy Agent, because
//!   call operands are evaluated outside of the negation; the engine makes the `not` true.
//! - `… with t as v`: the engine evaluates `v` in the replaced document and forgets it.
//! - `some x in walk(y)`: only the form with two arguments gives values.
//! - `data.a.b[k]` with a rule or plain data: the engine looks for rules at that path in every module,
//!   each time; it does not for `v[k]`.
//! - `some x in y`: the engine fails where `y` cannot be iterated, instead of being undefined. Arrays,
//!   objects and sets come after all scalars, so `y >= []` says in one comparison what `y` is.
//! - `f(x, out)`: the old form of `out = f(x)`.
//! - `p contains f(x) if …`: where `f(x)` is undefined for one `x`, the engine forgets the whole rule,
//!   instead of that one member. It moves to the end of the body, as Open Policy Agent does it.

use std::{fmt::Write as _, ops::Range};

use regorus::unstable::{BoolOp, Expr, Literal, LiteralStmt, RuleBody};

use super::{
    COLLECTION,
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
    let mut before = Vec::new();
    with_values(walker, statement, scope, &mut before);
    walks(walker, statement, &mut before);
    indexed(walker, statement, scope, &mut before);
    output_argument(walker, statement, scope);
    negated(walker, statement, scope, &mut before);
    iterated(walker, statement, scope, &mut before);
    if before.is_empty() {
        return;
    }
    let range = whole(walker, statement);
    let text = format!(
        "{}; {}",
        before.join("; "),
        walker.edits.text(range.clone())
    );
    let text = if bare { format!("{{ {text} }}") } else { text };
    walker.edits.replace(range, text);
}

/// The keys and values of a set's or an object's head that may be undefined.
pub(super) fn unsure<'e>(
    walker: &Walker<'_>,
    heads: &[&'e Expr],
    bodies: &[RuleBody],
    arguments: &Scope,
) -> Vec<&'e Expr> {
    let mut scope = arguments.clone();
    for body in bodies {
        let declared = syntax::declared_names(&body.query).into_iter();
        scope.extend(declared.map(|name| (name, None)));
    }
    let unsure = |head: &&&Expr| may_be_undefined(walker, head, &scope);
    heads.iter().filter(unsure).copied().collect()
}

/// Moves parts of a head to the end of its bodies, which then need braces. The lines of a body may
/// shift, those after it do not.
pub(super) fn heads(walker: &mut Walker<'_>, heads: &[&Expr], last: &Expr, bodies: &[RuleBody]) {
    let mut after = String::new();
    for head in heads {
        let range = range(walker, head);
        let name = walker.fresh();
        let text = walker.edits.text(range.clone());
        let _ = write!(after, "; {name} := {text}");
        walker.edits.replace(range, name);
    }
    if bodies.iter().all(|body| body.query.stmts.is_empty()) {
        let body = format!(" if {{ {} }}", after.trim_start_matches("; "));
        walker.edits.insert(range(walker, last).end, &body);
        return;
    }
    for body in bodies {
        let statements = &body.query.stmts;
        let (Some(first), Some(last)) = (statements.first(), statements.last()) else {
            continue;
        };
        let start = first.span.start as usize;
        let end = whole(walker, last).end.max(last.span.end as usize);
        let bare = body.query.span.start == first.span.start;
        let body = walker.edits.text(start..end);
        let text = match bare {
            true => format!("{{ {body}{after} }}"),
            false => format!("{body}{after}"),
        };
        walker.edits.replace(start..end, text);
    }
}

fn range(walker: &Walker<'_>, expr: &Expr) -> Range<usize> {
    syntax::extent(expr, &walker.module.source)
}

/// The statement from its first byte to the end of its last part.
fn whole(walker: &Walker<'_>, statement: &LiteralStmt) -> Range<usize> {
    let own = match &statement.literal {
        Literal::SomeIn { collection, .. } => range(walker, collection).end,
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => range(walker, expr).end,
        Literal::Every { query, .. } => query.span.end as usize,
        Literal::SomeVars { .. } => 0,
    };
    let with = statement.with_mods.last();
    let with = with.map_or(0, |with| range(walker, &with.r#as).end);
    statement.span.start as usize..own.max(with)
}

/// Puts the operand into a variable before the statement; `with` is repeated there when it applies.
fn hoist(walker: &mut Walker<'_>, operand: &Expr, with: &str, before: &mut Vec<String>) {
    let range = range(walker, operand);
    let name = walker.fresh();
    before.push(format!(
        "{name} := {}{with}",
        walker.edits.text(range.clone())
    ));
    walker.edits.replace(range, name);
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
        if !function && may_be_undefined(walker, value, scope) {
            hoist(walker, value, "", before);
        }
    }
}

fn walks(walker: &mut Walker<'_>, statement: &LiteralStmt, before: &mut Vec<String>) {
    let mut found = Vec::new();
    match &statement.literal {
        Literal::SomeIn { collection, .. } => find_walks(collection, &mut found),
        Literal::Expr { expr, .. } => find_walks(expr, &mut found),
        _ => {}
    }
    for (call, argument) in found {
        let name = walker.fresh();
        let argument = range(walker, argument);
        let argument = walker.edits.text(argument);
        before.push(format!("walk({argument}, {name})"));
        let call = range(walker, call);
        walker.edits.replace(call, name);
    }
}

/// The calls of `walk` with one argument, outside of comprehensions.
fn find_walks<'e>(expr: &'e Expr, found: &mut Vec<(&'e Expr, &'e Expr)>) {
    if let Expr::Call { fcn, params, .. } = expr {
        let walk = matches!(fcn.as_ref(), Expr::Var { span, .. } if span.text() == "walk");
        if let (true, [argument]) = (walk, params.as_slice()) {
            found.push((expr, argument));
        }
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
fn parts(expr: &Expr) -> Vec<&Expr> {
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
    let text = |part: &Expr| walker.edits.text(range(walker, part));
    let arguments: Vec<_> = arguments.iter().map(|argument| text(argument)).collect();
    let call = format!("{} = {}({})", text(output), text(fcn), arguments.join(", "));
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
    let Literal::SomeIn { collection, .. } = &statement.literal else {
        return;
    };
    if is_collection(walker, collection, scope) {
        return;
    }
    let range = range(walker, collection);
    if !statement.with_mods.is_empty() {
        walker.edits.insert(range.start, &format!("{COLLECTION}("));
        walker.edits.insert(range.end, ")");
        return;
    }
    let text = walker.edits.text(range.clone());
    if syntax::is_word(&text) {
        before.push(format!("{text} >= []"));
        return;
    }
    let name = walker.fresh();
    before.push(format!("{name} := {text}"));
    before.push(format!("{name} >= []"));
    walker.edits.replace(range, name);
}

/// Whether the expression gives a collection, if anything.
fn is_collection(walker: &Walker<'_>, expr: &Expr, scope: &Scope) -> bool {
    match expr {
        Expr::Array { .. }
        | Expr::Set { .. }
        | Expr::Object { .. }
        | Expr::ArrayCompr { .. }
        | Expr::SetCompr { .. }
        | Expr::ObjectCompr { .. } => true,
        Expr::Call { fcn, .. } => {
            let function = syntax::path(fcn).unwrap_or_default();
            let function = walker.function(&function, scope);
            COLLECTIONS.contains(&function.as_str())
        }
        _ => false,
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
    let mut with = String::new();
    for modifier in &statement.with_mods {
        let range = modifier.span.start as usize..range(walker, &modifier.r#as).end;
        with.push(' ');
        with.push_str(&walker.edits.text(range));
    }
    let mut operands = Vec::new();
    operands_of(walker, expr, scope, &mut operands);
    for operand in operands {
        hoist(walker, operand, &with, before);
    }
}

/// The operands of a negated expression that are evaluated before it.
fn operands_of<'e>(walker: &Walker<'_>, expr: &'e Expr, scope: &Scope, found: &mut Vec<&'e Expr>) {
    match expr {
        Expr::Call { params, .. } => {
            for parameter in params {
                whole_operand(walker, parameter, scope, found);
            }
        }
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
        Expr::BoolExpr { lhs, rhs, .. }
        | Expr::BinExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. } => {
            whole_operand(walker, lhs, scope, found);
            whole_operand(walker, rhs, scope, found);
        }
        Expr::Membership {
            key,
            value,
            collection,
            ..
        } => {
            for part in key.iter().chain([value, collection]) {
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
