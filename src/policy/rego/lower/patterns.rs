//! Makes objects that take values apart match as they do in Open Policy Agent: `{"a": x}` matches objects
//! with the one member `a`, in the engine all that have it. Each becomes a variable, its members are
//! compared and taken afterwards.

use regorus::unstable::{AssignOp, Expr, Literal, LiteralStmt};

use super::{
    hoist,
    walk::{Scope, Walker},
};
use crate::policy::rego::syntax;

/// Replaces the objects in the patterns of a statement; what has to follow it is added to `after`.
pub(super) fn exact(
    walker: &mut Walker<'_>,
    statement: &LiteralStmt,
    scope: &Scope,
    after: &mut Vec<String>,
) {
    match &statement.literal {
        Literal::SomeIn { key, value, .. } => {
            for pattern in key.iter().chain([value]) {
                objects(walker, pattern, after);
            }
        }
        Literal::Expr { expr, .. } => match expr.as_ref() {
            Expr::AssignExpr { op, lhs, rhs, .. } => {
                let declares = matches!(op, AssignOp::ColEq);
                if declares || has_value(rhs, scope) {
                    objects(walker, lhs, after);
                } else if has_value(lhs, scope) {
                    objects(walker, rhs, after);
                }
            }
            Expr::Call { params, .. } => {
                // The pattern of `walk(document, pattern)`; nothing else takes a value apart.
                if let (true, Some(pattern)) = (hoist::walks_into(expr), params.last()) {
                    objects(walker, pattern, after);
                }
            }
            _ => {}
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

fn objects(walker: &mut Walker<'_>, pattern: &Expr, after: &mut Vec<String>) {
    match pattern {
        Expr::Array { items, .. } => {
            for item in items {
                objects(walker, item, after);
            }
        }
        Expr::Object { fields, .. } => {
            let mut inner = Vec::new();
            for (_, _, value) in fields {
                objects(walker, value, &mut inner);
            }
            let text = |part: &Expr| {
                let range = syntax::extent(part, &walker.module.source);
                walker.edits.text(range)
            };
            let keys: Vec<_> = fields.iter().map(|(_, key, _)| text(key)).collect();
            let keys = match keys.as_slice() {
                [] => "set()".to_owned(),
                keys => format!("{{{}}}", keys.join(", ")),
            };
            let members = text(pattern);
            let name = walker.fresh();
            after.push(format!("object.keys({name}) == {keys}"));
            after.push(format!("{members} = {name}"));
            after.append(&mut inner);
            let range = syntax::extent(pattern, &walker.module.source);
            walker.edits.replace(range, name);
        }
        _ => {}
    }
}
