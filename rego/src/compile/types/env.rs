//! Types known while checking: types of variables, rules and functions.

use std::{collections::HashMap, sync::Arc};

use super::Type;
use crate::{
    compile::context::{Context, data_path, is_var},
    syntax::{Term, TermKind, Var, display},
};

/// Types of a function's arguments and of its result.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) args: Vec<Type>,
    pub(super) result: Type,
}

/// Type of the rules at a path, as far as it is inferred.
#[derive(Debug, Clone)]
pub(super) enum Known {
    Value(Type),
    Function(Signature),
}

/// Inferred types of rules, by path below `data`.
#[derive(Default)]
pub(super) struct Node {
    pub(super) children: HashMap<Arc<str>, Node>,
    pub(super) known: Option<Known>,
}

/// Types while a body is checked.
pub(super) struct Env<'a> {
    pub(super) context: &'a Context,
    pub(super) root: &'a Node,
    scopes: Vec<HashMap<Var, Type>>,
    /// Rules have any type: the expression has `with`.
    pub(super) relaxed: bool,
}

impl<'a> Env<'a> {
    pub(super) fn new(context: &'a Context, root: &'a Node) -> Self {
        Self {
            context,
            root,
            scopes: vec![HashMap::new()],
            relaxed: false,
        }
    }

    pub(super) fn push(&mut self) {
        self.scopes.push(HashMap::new());
    }

    pub(super) fn pop(&mut self) {
        self.scopes.pop();
    }

    pub(super) fn var(&self, name: &Var) -> Type {
        let mut scopes = self.scopes.iter().rev();
        scopes
            .find_map(|scope| scope.get(name))
            .cloned()
            .unwrap_or(Type::Unknown)
    }

    pub(super) fn set(&mut self, name: &Var, of: Type) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.clone(), of);
        }
    }

    /// Returns the signature of a function and of a builtin with its result.
    pub(super) fn signature(&self, operator: &Term) -> Option<(Signature, Option<Type>)> {
        let TermKind::Ref(terms) = &operator.kind else {
            return None;
        };
        if let Some(builtin) = self.context.builtin(terms) {
            let signature = Signature {
                args: builtin.args.iter().map(Type::from).collect(),
                result: builtin.result.as_ref().map_or(Type::Any, Type::from),
            };
            return Some((signature, builtin.variadic.as_ref().map(Type::from)));
        }
        if self.relaxed {
            return None;
        }
        let path = data_path(terms)?;
        let node = path
            .iter()
            .try_fold(self.root, |node, name| node.children.get(name))?;
        match &node.known {
            Some(Known::Function(signature)) => Some((signature.clone(), None)),
            _ => None,
        }
    }

    pub(super) fn of(&self, term: &Term) -> Type {
        match &term.kind {
            TermKind::Null => Type::Null,
            TermKind::Bool(_) => Type::Boolean,
            TermKind::Number(_) => Type::Number,
            TermKind::String(_) => Type::String,
            TermKind::Var(name) => self.var(name),
            TermKind::Ref(terms) => self.reference(terms),
            TermKind::Array(terms) => {
                Type::Array(terms.iter().map(|term| self.of(term)).collect(), None)
            }
            TermKind::Set(terms) if terms.is_empty() => Type::Set(Box::new(Type::Any)),
            TermKind::Set(terms) => {
                let (mut unknown, mut of) = (false, Type::Unknown);
                for term in terms {
                    let element = self.of(term);
                    unknown |= element.is_unknown();
                    of = of.or(element);
                }
                Type::Set(Box::new(if unknown { Type::Unknown } else { of }))
            }
            TermKind::Object(members) => self.object(members),
            TermKind::ArrayComprehension(head, _) => {
                Type::Array(Vec::new(), Some(Box::new(self.closed(head))))
            }
            TermKind::SetComprehension(head, _) => Type::Set(Box::new(self.closed(head))),
            TermKind::ObjectComprehension(head, _) => Type::Object(
                Vec::new(),
                Some(Box::new((self.closed(&head.0), self.closed(&head.1)))),
            ),
            _ => Type::Any,
        }
    }

    /// Type of a comprehension's head: what its own body infers is not kept.
    fn closed(&self, term: &Term) -> Type {
        let of = self.of(term);
        if of.is_unknown() { Type::Any } else { of }
    }

    fn object(&self, members: &[(Term, Term)]) -> Type {
        let (mut fixed, mut rest) = (Vec::new(), None);
        for (key, value) in members {
            let of = self.of(value);
            if crate::compile::context::is_scalar(key) {
                fixed.push((display::term(key).into(), of));
                continue;
            }
            let (keys, values) = rest.take().unwrap_or((Type::Unknown, Type::Unknown));
            rest = Some((keys.or(self.of(key)), values.or(of)));
        }
        if members.is_empty() {
            rest = Some((Type::Any, Type::Any));
        }
        Type::Object(fixed, rest.map(Box::new))
    }

    /// Type of a reference, [`Type::Any`] if nothing more is known.
    pub(super) fn reference(&self, terms: &[Term]) -> Type {
        let Some((mut of, rest)) = self.start(terms) else {
            return Type::Any;
        };
        for part in rest {
            let next = if crate::compile::context::is_scalar(part) {
                of.select(&display::term(part), &self.of(part))
            } else {
                of.keys().map(|_| of.values())
            };
            of = next.unwrap_or(Type::Unknown);
        }
        of
    }

    /// Returns the type that a reference starts with and the rest of its path; `None` if all is possible.
    pub(super) fn start<'t>(&self, terms: &'t [Term]) -> Option<(Type, &'t [Term])> {
        let (head, mut rest) = terms.split_first()?;
        let TermKind::Var(name) = &head.kind else {
            return None;
        };
        if is_var(head, "input") {
            return None;
        }
        if !is_var(head, "data") {
            let of = self.var(name);
            return (of != Type::Unknown).then_some((of, rest));
        }
        if self.relaxed {
            return None;
        }
        let mut node = self.root;
        while let Some((part, more)) = rest.split_first() {
            let TermKind::String(name) = &part.kind else {
                return None;
            };
            node = node.children.get(name)?;
            rest = more;
            if let Some(Known::Value(of)) = &node.known {
                return Some((of.clone(), rest));
            }
        }
        None
    }

    /// Tells if a reference is a function.
    pub(super) fn is_function(&self, terms: &[Term]) -> bool {
        let node = data_path(terms).and_then(|path| {
            path.iter()
                .try_fold(self.root, |node, name| node.children.get(name))
        });
        node.is_some_and(|node| matches!(node.known, Some(Known::Function(_))))
    }
}
