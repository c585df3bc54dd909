//! Moves what a rule gives to the end of its body, and what a query declares to its front.
//!
//! - `p contains f(x) if …`: where `f(x)` is undefined for one `x`, the engine forgets the whole rule,
//!   instead of that one member.
//! - `r := [x | x = y] if …`: the engine takes a `y` of the body for a new name.
//! - `some x` after a loop: the engine refuses to declare it again the second time.

use std::fmt::Write as _;

use regorus::unstable::{Expr, Literal, LiteralStmt, Query, RuleBody};

use super::{
    hoist::{is_comprehension, is_constant, is_walk, parts, range, whole},
    walk::{Scope, Walker},
};
use crate::policy::rego::syntax;

/// Moves the declarations of names to the front: where they come after a loop, the engine refuses the
/// second time.
pub(super) fn declarations(walker: &mut Walker<'_>, statements: &[LiteralStmt], scope: &Scope) {
    let Some((first, others)) = statements.split_first() else {
        return;
    };
    let mut names = Vec::new();
    for statement in others {
        if let Literal::SomeVars { vars, .. } = &statement.literal {
            let vars = vars.iter().map(|name| name.text());
            names.extend(vars.map(|name| {
                let other = scope.get(name).and_then(Option::as_deref);
                other.unwrap_or(name)
            }));
            let range = whole(walker, statement);
            walker.edits.replace(range, "true".to_owned());
        }
    }
    if !names.is_empty() {
        let start = whole(walker, first).start;
        let names = format!("some {}; ", names.join(", "));
        walker.edits.insert(start, &names);
    }
}

/// Whether there is a comprehension in the expression: in a head the engine takes names of the body in
/// it for new ones.
pub(super) fn comprehends(expr: &Expr) -> bool {
    is_comprehension(expr) || parts(expr).into_iter().any(comprehends)
}

/// Whether the query can have several solutions.
pub(super) fn has_loops(query: &Query) -> bool {
    query
        .stmts
        .iter()
        .any(|statement| match &statement.literal {
            Literal::SomeIn { .. } | Literal::SomeVars { .. } => true,
            Literal::Expr { expr, .. } => loops(expr),
            Literal::NotExpr { .. } | Literal::Every { .. } => false,
        })
}

/// Whether the expression can have several values: it has a variable for an index, or walks.
pub(super) fn loops(expr: &Expr) -> bool {
    let own = match expr {
        Expr::RefBrack { index, .. } => !matches!(
            index.as_ref(),
            Expr::String { .. } | Expr::RawString { .. } | Expr::Number { .. }
        ),
        Expr::Call { fcn, .. } => is_walk(fcn),
        _ => false,
    };
    own || parts(expr).into_iter().any(loops)
}

/// The parts of a head that are more than literals and local names.
pub(super) fn unsure<'e>(
    walker: &Walker<'_>,
    heads: &[&'e Expr],
    bodies: &[RuleBody],
    arguments: &Scope,
) -> Vec<&'e Expr> {
    let mut scope = arguments.clone();
    for body in bodies {
        let declared = body.query.stmts.iter().flat_map(syntax::declared_names);
        scope.extend(declared.map(|name| (name, None)));
    }
    let unsure = |head: &&&Expr| !is_constant(walker, head, &scope);
    heads.iter().filter(unsure).copied().collect()
}

/// Moves parts of a head to the end of its bodies, which then need braces. The lines of a body may
/// shift, those after it do not.
pub(super) fn to_end(walker: &mut Walker<'_>, heads: &[&Expr], last: &Expr, bodies: &[RuleBody]) {
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
        let (start, end) = (whole(walker, first).start, whole(walker, last).end);
        let bare = body.query.span.start == first.span.start;
        let body = walker.edits.text(start..end);
        let text = match bare {
            true => format!("{{ {body}{after} }}"),
            false => format!("{body}{after}"),
        };
        walker.edits.replace(start..end, text);
    }
}
