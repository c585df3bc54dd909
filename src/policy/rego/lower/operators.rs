//! Makes calls of what is written with operators: the engine fails at operands of the wrong kind, and
//! takes an element or a list that is undefined for one that is not there. Both are undefined in Open
//! Policy Agent. Works on sources that are rewritten already, of which only some need it.

use regorus::unstable::{
    ArithOp, BinOp, Expr, Literal, LiteralStmt, Query, Rule, RuleBody, RuleHead,
};

use super::edits::Edits;
use crate::policy::rego::{
    module::{self, Module},
    syntax,
};

/// The functions, in the order of [`name`].
pub(crate) const PLUS: &str = "__plus";
/// See [`PLUS`].
pub(crate) const MINUS: &str = "__minus";
/// See [`PLUS`].
pub(crate) const TIMES: &str = "__times";
/// See [`PLUS`].
pub(crate) const DIVIDED: &str = "__divided";
/// See [`PLUS`].
pub(crate) const REMAINDER: &str = "__remainder";
/// See [`PLUS`].
pub(crate) const UNION: &str = "__union";
/// See [`PLUS`].
pub(crate) const INTERSECTION: &str = "__intersection";
/// `element in list`.
pub(crate) const MEMBER: &str = "__member";
/// `key, element in list`.
pub(crate) const MEMBER_AT: &str = "__member_at";

/// Whether the engine takes the expression for something else, as part of another one.
pub(super) fn differs(expr: &Expr) -> bool {
    name(expr).is_some()
}

/// Whether that is so even where the expression is a whole statement.
pub(super) fn differs_alone(expr: &Expr) -> bool {
    differs(expr) && !matches!(expr, Expr::Membership { key: None, .. })
}

fn name(expr: &Expr) -> Option<&'static str> {
    Some(match expr {
        Expr::ArithExpr { op, .. } => match op {
            ArithOp::Add => PLUS,
            ArithOp::Sub => MINUS,
            ArithOp::Mul => TIMES,
            ArithOp::Div => DIVIDED,
            ArithOp::Mod => REMAINDER,
        },
        Expr::BinExpr { op, .. } => match op {
            BinOp::Union => UNION,
            BinOp::Intersection => INTERSECTION,
        },
        Expr::Membership { key: None, .. } => MEMBER,
        Expr::Membership { .. } => MEMBER_AT,
        _ => return None,
    })
}

/// The source with calls, on the same lines.
pub(super) fn called(source: String) -> String {
    let module = Module {
        file: String::new(),
        source,
    };
    // What is wrong with it, the engine says when it is loaded.
    let Ok(parsed) = module::parse(vec![module.clone()]) else {
        return module.source;
    };
    let Some(parsed) = parsed.first() else {
        return module.source;
    };
    let mut calls = Calls(Edits::new(&parsed.source));
    for rule in &parsed.ast.policy {
        calls.rule(rule);
    }
    calls.0.apply()
}

struct Calls<'a>(Edits<'a>);

impl Calls<'_> {
    fn rule(&mut self, rule: &Rule) {
        let Rule::Spec { head, bodies, .. } = rule else {
            return;
        };
        match head {
            RuleHead::Compr { refr, assign, .. } => {
                self.expr(refr);
                assign.iter().for_each(|assign| self.expr(&assign.value));
            }
            RuleHead::Set { refr, key, .. } => {
                self.expr(refr);
                key.iter().for_each(|key| self.expr(key));
            }
            RuleHead::Func { assign, .. } => {
                assign.iter().for_each(|assign| self.expr(&assign.value));
            }
        }
        for RuleBody { assign, query, .. } in bodies {
            assign.iter().for_each(|assign| self.expr(&assign.value));
            self.query(query);
        }
    }

    fn query(&mut self, query: &Query) {
        query
            .stmts
            .iter()
            .for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &LiteralStmt) {
        match &statement.literal {
            Literal::SomeVars { .. } => {}
            Literal::SomeIn {
                key,
                value,
                collection,
                ..
            } => {
                let parts = key.iter().chain([value, collection]);
                parts.for_each(|part| self.expr(part));
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => match expr.as_ref() {
                Expr::Membership {
                    key: None,
                    value,
                    collection,
                    ..
                } => {
                    self.expr(value);
                    self.expr(collection);
                }
                expr => self.expr(expr),
            },
            Literal::Every { domain, query, .. } => {
                self.expr(domain);
                self.query(query);
            }
        }
        statement
            .with_mods
            .iter()
            .for_each(|with| self.expr(&with.r#as));
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                items.iter().for_each(|item| self.expr(item));
            }
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.expr(key);
                    self.expr(value);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expr(term);
                self.query(query);
            }
            Expr::ObjectCompr {
                key, value, query, ..
            } => {
                self.expr(key);
                self.expr(value);
                self.query(query);
            }
            Expr::Call { params, .. } => params.iter().for_each(|part| self.expr(part)),
            Expr::UnaryExpr { expr, .. } => self.expr(expr),
            Expr::RefDot { refr, .. } => self.expr(refr),
            Expr::RefBrack { refr, index, .. } => {
                self.expr(refr);
                self.expr(index);
            }
            Expr::BoolExpr { lhs, rhs, .. } | Expr::AssignExpr { lhs, rhs, .. } => {
                self.expr(lhs);
                self.expr(rhs);
            }
            Expr::BinExpr { lhs, rhs, .. } | Expr::ArithExpr { lhs, rhs, .. } => {
                self.expr(lhs);
                self.expr(rhs);
                self.call(expr, &[lhs, rhs]);
            }
            Expr::Membership {
                key,
                value,
                collection,
                ..
            } => {
                let parts: Vec<_> = key.iter().chain([value, collection]).collect();
                parts.iter().for_each(|part| self.expr(part));
                let parts: Vec<_> = parts.into_iter().map(AsRef::as_ref).collect();
                self.call(expr, &parts);
            }
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. }
            | Expr::Var { .. } => {}
        }
    }

    /// Puts the name before the operands and a comma in the place of the last operator; `key, element in
    /// list` has one comma already.
    fn call(&mut self, expr: &Expr, operands: &[&Expr]) {
        let (Some(name), [.., before, last]) = (name(expr), operands) else {
            return;
        };
        let source = self.0.source();
        let whole = syntax::extent(expr, source);
        let gap = syntax::extent(before, source).end..syntax::extent(last, source).start;
        // Brackets around an operand are in the gap too.
        let mut operator = syntax::code(source, gap.start)
            .filter(|(_, byte)| !byte.is_ascii_whitespace() && !matches!(byte, b')' | b'('));
        let Some((at, byte)) = operator.next().filter(|(at, _)| *at < gap.end) else {
            return;
        };
        let length = if byte == b'i' { "in".len() } else { 1 };
        let left = self.0.text(whole.start..at);
        let right = self.0.text(at + length..whole.end);
        self.0.replace(whole, format!("{name}({left}, {right})"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_become_calls_on_the_same_lines() {
        let given = "package p\n\nr contains (x + 1) * y if {\n\tsome x in [1]\n\ty := (x -\n\t\t2) % 3\n\tz := x in [y]\n\tx in [1]\n\tnot 1, (x | y) in {\"a\": \" + \"}\n}\n";
        let expected = "package p\n\nr contains __times((__plus(x , 1)) , y) if {\n\tsome x in [1]\n\ty := __remainder((__minus(x ,\n\t\t2)) , 3)\n\tz := __member(x , [y])\n\tx in [1]\n\tnot __member_at(1, (__union(x , y)) , {\"a\": \" + \"})\n}\n";
        assert_eq!(
            called(given.to_owned()),
            expected.replace(" , ", " ,  ").replace("x ,\n", "x , \n")
        );
    }
}
