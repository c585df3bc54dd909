//! Moves what a rule gives to the end of its body, and what a query declares to its front.
//!
//! - `p contains f(x) if …`: where `f(x)` is undefined for one `x`, the engine forgets the whole rule,
//!   instead of that one member.
//! - `r := [x | x = y] if …`: the engine takes a `y` of the body for a new name.
//! - `x := y` before `z[x]`: the engine turns them round.
//! - `some x` after a loop: the engine refuses to declare it again the second time.

use std::{collections::BTreeSet, fmt::Write as _};

use regorus::unstable::{AssignOp, Expr, Literal, LiteralStmt, Query, RuleBody, RuleHead};

use super::{
    SAME,
    hoist::{is_comprehension, is_constant, is_walk, parts, range, text, whole},
    patterns,
    walk::{Scope, Walker},
};
use crate::policy::rego::syntax;

/// Whether a value is taken by one of the names that the query declares.
pub(super) fn indexes_by_name(query: &Query, outputs: &[&Expr]) -> bool {
    let declared = query.stmts.iter().flat_map(syntax::declared_names);
    let declared: BTreeSet<_> = declared.collect();
    let indexes = |expr: &Expr| {
        any_part(expr, &|part| match part {
            Expr::RefBrack { index, .. } => {
                matches!(index.as_ref(), Expr::Var { span, .. } if declared.contains(span.text()))
            }
            _ => false,
        })
    };
    let in_statement = |statement: &LiteralStmt| match &statement.literal {
        Literal::SomeVars { .. } => false,
        Literal::SomeIn { collection, .. } => indexes(collection),
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => indexes(expr),
        Literal::Every { domain, .. } => indexes(domain),
    };
    outputs.iter().any(|output| indexes(output)) || query.stmts.iter().any(in_statement)
}

/// Whether something holds for the expression or a part of it, comprehensions left out.
fn any_part(expr: &Expr, holds: &impl Fn(&Expr) -> bool) -> bool {
    holds(expr) || parts(expr).into_iter().any(|part| any_part(part, holds))
}

/// Makes the value of `x := y` one that cannot be taken for a pattern: the engine puts such a statement
/// behind those that take values by `x`, and does not compile them then.
pub(super) fn settle(walker: &mut Walker<'_>, statement: &LiteralStmt) {
    fn pattern(expr: &Expr) -> bool {
        match expr {
            Expr::Var { .. } => true,
            Expr::Array { .. } | Expr::Object { .. } => parts(expr).into_iter().any(pattern),
            _ => false,
        }
    }
    if let Literal::Expr { expr, .. } = &statement.literal
        && let Expr::AssignExpr {
            op: AssignOp::ColEq,
            rhs,
            ..
        } = expr.as_ref()
        && pattern(rhs)
    {
        let value = range(walker, rhs);
        walker.edits.insert(value.start, &format!("{SAME}("));
        walker.edits.insert(value.end, ")");
    }
}

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

/// The names in a statement, those of comprehensions left out: it declares them, or may bind them.
pub(super) fn names(statement: &LiteralStmt) -> BTreeSet<String> {
    fn collect(expr: &Expr, names: &mut BTreeSet<String>) {
        if let Expr::Var { span, .. } = expr {
            names.insert(span.text().to_owned());
        }
        for part in parts(expr) {
            collect(part, names);
        }
    }
    let mut names = syntax::declared_names(statement);
    match &statement.literal {
        Literal::Expr { expr, .. } => collect(expr, &mut names),
        Literal::SomeIn { collection, .. } => collect(collection, &mut names),
        Literal::SomeVars { .. } | Literal::NotExpr { .. } | Literal::Every { .. } => {}
    }
    names
}

/// Whether there is a comprehension in the expression: in a head the engine takes names of the body in
/// it for new ones.
fn comprehends(expr: &Expr) -> bool {
    any_part(expr, &is_comprehension)
}

/// Whether the query can have several solutions.
fn has_loops(query: &Query) -> bool {
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
fn loops(expr: &Expr) -> bool {
    any_part(expr, &|part| match part {
        Expr::RefBrack { index, .. } => !matches!(
            index.as_ref(),
            Expr::String { .. } | Expr::RawString { .. } | Expr::Number { .. }
        ),
        Expr::Call { fcn, .. } => is_walk(fcn),
        _ => false,
    })
}

/// The parts of a head that are more than literals and local names.
fn unsure<'e>(
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

/// Where the head of a rule ends.
fn end(walker: &Walker<'_>, head: &RuleHead) -> usize {
    let (name, last) = match head {
        RuleHead::Compr { refr, assign, .. } | RuleHead::Func { refr, assign, .. } => {
            (refr, assign.as_ref().map(|assign| &assign.value))
        }
        RuleHead::Set { refr, key, .. } => (refr, key.as_ref()),
    };
    let name = range(walker, name);
    let last = last.map_or(name.end, |last| range(walker, last).end);
    syntax::balanced(name.start..last, &walker.module.source).end
}

/// Puts what binds the arguments before a body and parts of the head after it; it needs braces then. The
/// lines of a body may shift, those after it do not.
fn enclose(
    walker: &mut Walker<'_>,
    front: &[String],
    parts: &[&Expr],
    head: &RuleHead,
    bodies: &[RuleBody],
) {
    let front: String = front.iter().map(|one| format!("{one}; ")).collect();
    let mut after = String::new();
    for part in parts {
        let name = walker.fresh();
        let _ = write!(after, "; {name} := {}", text(walker, part));
        let range = range(walker, part);
        walker.edits.replace(range, name);
    }
    let new = format!("{front}{}", after.trim_start_matches("; "));
    let new = format!(" if {{ {} }}", new.trim_end_matches("; "));
    if bodies.is_empty() {
        let end = end(walker, head);
        walker.edits.insert(end, &new);
    }
    for body in bodies {
        let statements = &body.query.stmts;
        let (Some(first), Some(last)) = (statements.first(), statements.last()) else {
            let value = body.assign.as_ref().map(|assign| &assign.value);
            let end = value.map_or_else(|| end(walker, head), |value| range(walker, value).end);
            walker.edits.insert(end, &new);
            continue;
        };
        let (start, end) = (whole(walker, first).start, whole(walker, last).end);
        let bare = body.query.span.start == first.span.start;
        let body = walker.edits.text(start..end);
        let text = match bare {
            true => format!("{{ {front}{body}{after} }}"),
            false => format!("{front}{body}{after}"),
        };
        walker.edits.replace(start..end, text);
    }
}

/// A rule with a body: its names are resolved, what it gives moves where it has to.
pub(super) fn definition(walker: &mut Walker<'_>, head: &RuleHead, bodies: &[RuleBody]) {
    let mut scope = Scope::new();
    let mut outputs: Vec<&Expr> = Vec::new();
    let mut front = Vec::new();
    let mut keyed = matches!(head, RuleHead::Set { .. });
    match head {
        RuleHead::Compr { refr, assign, .. } => {
            keyed = syntax::path(refr).is_none();
            keys(walker, refr, &mut outputs);
            outputs.extend(assign.iter().map(|assign| assign.value.as_ref()));
        }
        RuleHead::Set { refr, key, .. } => {
            keys(walker, refr, &mut outputs);
            outputs.extend(key.iter().map(AsRef::as_ref));
        }
        RuleHead::Func { args, assign, .. } => {
            let mut names = BTreeSet::new();
            for argument in args {
                syntax::bound_names(argument, &mut names);
            }
            scope.extend(names.into_iter().map(|name| (name, None)));
            for argument in args {
                patterns::objects(walker, argument, "=", &mut front);
            }
            outputs.extend(assign.iter().map(|assign| assign.value.as_ref()));
        }
    }
    if bodies.is_empty() {
        for output in &outputs {
            walker.expr(output, &scope);
        }
    }
    // What has one value is undefined with it, in the engine too, unless there are many.
    let many = keyed || bodies.is_empty() && outputs.iter().any(|output| loops(output));
    let shared = if many { outputs.clone() } else { Vec::new() };
    let shared = unsure(walker, &shared, bodies, &scope);
    for (number, body) in bodies.iter().enumerate() {
        let mut outputs = if number == 0 {
            outputs.clone()
        } else {
            Vec::new()
        };
        outputs.extend(body.assign.iter().map(|assign| assign.value.as_ref()));
        // A function's value that is undefined leaves it to the next `else`.
        let leaves = matches!(head, RuleHead::Func { .. }) && bodies.len() > 1;
        let all = leaves || has_loops(&body.query);
        let own = outputs.iter().copied();
        let own = own.filter(|output| !keyed && (all || loops(output) || comprehends(output)));
        let own = unsure(
            walker,
            &own.collect::<Vec<_>>(),
            std::slice::from_ref(body),
            &scope,
        );
        let encloses = !own.is_empty() || !front.is_empty();
        let bare = shared.is_empty() && !encloses;
        walker.query(&body.query, &outputs, &scope, bare);
        if encloses {
            enclose(walker, &front, &own, head, std::slice::from_ref(body));
        }
    }
    let alone = bodies.is_empty() && !front.is_empty();
    if !shared.is_empty() || alone {
        enclose(walker, &front, &shared, head, bodies);
    }
}

/// The keys in the reference of a head, as in `name[key].part contains value`. Those that are raw texts
/// become usual ones: the engine knows no others there.
fn keys<'e>(walker: &mut Walker<'_>, refr: &'e Expr, found: &mut Vec<&'e Expr>) {
    match refr {
        Expr::RefBrack { refr, index, .. } => {
            keys(walker, refr, found);
            found.push(index);
            if let Expr::RawString { span, .. } = index.as_ref() {
                let text = serde_json::Value::from(span.text()).to_string();
                let range = range(walker, index);
                walker.edits.push(range, text);
            }
        }
        Expr::RefDot { refr, .. } => keys(walker, refr, found),
        _ => {}
    }
}
