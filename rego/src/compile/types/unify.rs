//! Compares terms with types, and infers the types of variables on the way.

use super::{InferredType, env::Env};
use crate::{
    compile::context::is_scalar,
    syntax::{Term, TermKind, Var, display},
};

/// Compares two terms that are unified.
pub(super) fn terms(env: &mut Env<'_>, left: &Term, right: &Term) -> bool {
    let (of_left, of_right) = (env.of(left), env.of(right));
    match (of_left.is_unknown(), of_right.is_unknown()) {
        (true, false) => return term(env, left, &of_right, false),
        (false, true) => return term(env, right, &of_left, false),
        (false, false) => return of_left.unifies(&of_right),
        (true, true) => {}
    }
    match (&left.kind, &right.kind) {
        (TermKind::Array(left), TermKind::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| terms(env, left, right))
        }
        (TermKind::Object(left), TermKind::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| {
                    let key = display::term(key);
                    let other = right.iter().find(|(other, _)| display::term(other) == key);
                    other.is_none_or(|(_, other)| terms(env, value, other))
                })
        }
        (TermKind::Var(_), _) => {
            let fits = term(env, right, &InferredType::Any, false);
            let of = env.of(right);
            let of = if of.is_unknown() {
                InferredType::Any
            } else {
                of
            };
            fits && term(env, left, &of, false)
        }
        (_, TermKind::Var(_)) => {
            let fits = term(env, left, &InferredType::Any, false);
            let of = env.of(left);
            let of = if of.is_unknown() {
                InferredType::Any
            } else {
                of
            };
            fits && term(env, right, &of, false)
        }
        // Parts without a type on both sides are accepted.
        _ => true,
    }
}

/// Compares a variable with a type, which it gains if it has none, or with `union`.
fn variable(env: &mut Env<'_>, name: &Var, of: &InferredType, union: bool) -> bool {
    let known = env.var(name);
    if union {
        env.set(name, known.or(of.clone()));
        return true;
    }
    if known != InferredType::Unknown {
        return known.unifies(of) || known.is_unknown();
    }
    env.set(name, of.clone());
    true
}

/// Compares a member with the type of the object. A key that is not a scalar fits any object.
fn member(env: &mut Env<'_>, (key, value): &(Term, Term), of: &InferredType, union: bool) -> bool {
    if !is_scalar(key) {
        term(env, value, &InferredType::Any, union);
        return true;
    }
    let at = of.select(&display::term(key), &env.of(key));
    at.is_some_and(|of| term(env, value, &of, union))
}

/// Compares a term with a type. With `union` variables gain the type besides those that they have.
pub(super) fn term(env: &mut Env<'_>, value: &Term, of: &InferredType, union: bool) -> bool {
    match (&value.kind, of) {
        (TermKind::Var(name), of) => variable(env, name, of, union),
        (
            TermKind::Array(_) | TermKind::Object(_) | TermKind::Set(_),
            InferredType::Union(types),
        ) => {
            let mut fits = false;
            for of in types {
                fits |= term(env, value, of, true);
            }
            fits
        }
        (TermKind::Array(items), InferredType::Any) | (TermKind::Set(items), InferredType::Any) => {
            for item in items {
                term(env, item, &InferredType::Any, true);
            }
            true
        }
        (TermKind::Object(members), InferredType::Any) => {
            for (key, value) in members {
                term(env, key, &InferredType::Any, true);
                term(env, value, &InferredType::Any, true);
            }
            true
        }
        (TermKind::Array(items), InferredType::Array(types, rest)) => {
            (items.len() == types.len() || rest.is_some())
                && items.iter().enumerate().all(|(at, item)| {
                    types
                        .get(at)
                        .or(rest.as_deref())
                        .is_some_and(|of| term(env, item, of, union))
                })
        }
        (TermKind::Set(items), InferredType::Set(of)) => {
            items.iter().all(|item| term(env, item, of, union))
        }
        (TermKind::Object(members), InferredType::Object(types, rest)) => {
            (members.len() == types.len() || rest.is_some())
                && members
                    .iter()
                    .all(|member| self::member(env, member, of, union))
        }
        (TermKind::Array(_) | TermKind::Object(_) | TermKind::Set(_), _) => false,
        _ => {
            let own = env.of(value);
            own.is_unknown() || own.unifies(of)
        }
    }
}
