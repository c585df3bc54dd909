//! Makes objects that take values apart match as they do in Open Policy Agent: `{"a": x}` matches objects
//! with the one member `a`, in the engine all that have it. Each becomes a variable, whose members are
//! compared and taken afterwards.

use regorus::unstable::{AssignOp, Expr, Literal, LiteralStmt};

use super::{
    hoist::{range, text, walk_into},
    walk::{Scope, Walker},
};

/// Replaces the objects in the patterns of a statement; what has to follow it is added to `after`.
/// The operator that binds is that of the statement: `=` compares with what is bound already.
pub(super) fn exact(
    walker: &mut Walker<'_>,
    statement: &LiteralStmt,
    scope: &Scope,
    after: &mut Vec<String>,
) {
    match &statement.literal {
        Literal::SomeIn { key, value, .. } => {
            for pattern in key.iter().chain([value]) {
                objects(walker, pattern, ":=", after);
            }
        }
        Literal::Expr { expr, .. } => match expr.as_ref() {
            Expr::AssignExpr { op, lhs, rhs, .. } => {
                if matches!(op, AssignOp::ColEq) {
                    objects(walker, lhs, ":=", after);
                } else if has_value(rhs, scope) {
                    objects(walker, lhs, "=", after);
                } else if has_value(lhs, scope) {
                    objects(walker, rhs, "=", after);
                }
            }
            // Nothing else takes a value apart.
            expr => {
                if let Some((_, pattern)) = walk_into(expr) {
                    objects(walker, pattern, "=", after);
                }
            }
        },
        _ => {}
    }
}

/// Whether the expression has a value without the statement.
fn has_value(expr: &Expr, scope: &Scope) -> bool {
    match expr {
        Expr::Var { span, .. } => scope.contains_key(span.text()) || span.text() == "input",
        Expr::RefDot { .. } | Expr::RefBrack { .. } | Expr::Call { .. } => true,
        _ => false,
    }
}

/// Replaces the objects in a pattern.
pub(super) fn objects(
    walker: &mut Walker<'_>,
    pattern: &Expr,
    binds: &str,
    after: &mut Vec<String>,
) {
    match pattern {
        Expr::Array { items, .. } => {
            for item in items {
                objects(walker, item, binds, after);
            }
        }
        Expr::Object { fields, .. } => {
            let name = walker.fresh();
            let keys: Vec<_> = fields.iter().map(|(_, key, _)| text(walker, key)).collect();
            let all = match keys.as_slice() {
                [] => "set()".to_owned(),
                keys => format!("{{{}}}", keys.join(", ")),
            };
            after.push(format!("object.keys({name}) == {all}"));
            let mut inner = Vec::new();
            for ((_, _, value), key) in fields.iter().zip(keys) {
                objects(walker, value, binds, &mut inner);
                let member = text(walker, value);
                after.push(match value.as_ref() {
                    Expr::Object { .. } => format!("{member} := {name}[{key}]"),
                    // A name that is there twice is compared the second time.
                    Expr::Var { .. } if after.iter().any(|one| binds_name(one, &member)) => {
                        format!("{name}[{key}] == {member}")
                    }
                    Expr::Var { .. } | Expr::Array { .. } => {
                        format!("{member} {binds} {name}[{key}]")
                    }
                    _ => format!("{name}[{key}] == {member}"),
                });
            }
            after.append(&mut inner);
            let range = range(walker, pattern);
            walker.edits.replace(range, name);
        }
        _ => {}
    }
}

fn binds_name(statement: &str, name: &str) -> bool {
    let rest = statement.strip_prefix(name);
    name != "_" && rest.is_some_and(|rest| rest.starts_with(" := "))
}
