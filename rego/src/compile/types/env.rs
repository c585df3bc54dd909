//! Types known while checking: types of variables, rules and functions.

use std::{collections::HashMap, sync::Arc};

use super::InferredType;
use crate::{
    compile::context::{Context, data_path, is_var},
    syntax::{Term, TermKind, Var, display},
};

/// Types of a function's arguments and of its result.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) args: Vec<InferredType>,
    pub(super) result: InferredType,
}

/// Type of the rules at a path, as far as it is inferred.
#[derive(Debug, Clone)]
pub(super) enum KnownType {
    Value(InferredType),
    Function(Signature),
}

/// Inferred types of rules, by path below `data`.
#[derive(Default)]
pub(super) struct TypeNode {
    pub(super) children: HashMap<Arc<str>, TypeNode>,
    pub(super) known: Option<KnownType>,
}

/// Types while a body is checked.
pub(super) struct Env<'a> {
    pub(super) context: &'a Context,
    pub(super) root: &'a TypeNode,
    scopes: Vec<HashMap<Var, InferredType>>,
    /// Rules have any type: the expression has `with`.
    pub(super) relaxed: bool,
}

impl<'a> Env<'a> {
    pub(super) fn new(context: &'a Context, root: &'a TypeNode) -> Self {
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

    pub(super) fn var(&self, name: &Var) -> InferredType {
        let mut scopes = self.scopes.iter().rev();
        scopes
            .find_map(|scope| scope.get(name))
            .cloned()
            .unwrap_or(InferredType::Unknown)
    }

    pub(super) fn set(&mut self, name: &Var, of: InferredType) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.clone(), of);
        }
    }

    /// Returns the signature of a function and of a builtin with its result.
    pub(super) fn signature(&self, operator: &Term) -> Option<(Signature, Option<InferredType>)> {
        let TermKind::Ref(terms) = &operator.kind else {
            return None;
        };
        if let Some(builtin) = self.context.builtin(terms) {
            let signature = Signature {
                args: builtin.args.iter().map(InferredType::from).collect(),
                result: builtin
                    .result
                    .as_ref()
                    .map_or(InferredType::Any, InferredType::from),
            };
            return Some((signature, builtin.variadic.as_ref().map(InferredType::from)));
        }
        if self.relaxed {
            return None;
        }
        let path = data_path(terms)?;
        let node = path
            .iter()
            .try_fold(self.root, |node, name| node.children.get(name))?;
        match &node.known {
            Some(KnownType::Function(signature)) => Some((signature.clone(), None)),
            _ => None,
        }
    }

    pub(super) fn of(&self, term: &Term) -> InferredType {
        match &term.kind {
            TermKind::Null => InferredType::Null,
            TermKind::Bool(_) => InferredType::Boolean,
            TermKind::Number(_) => InferredType::Number,
            TermKind::String(_) => InferredType::String,
            TermKind::Var(name) => self.var(name),
            TermKind::Ref(terms) => self.reference(terms),
            TermKind::Array(terms) => {
                InferredType::Array(terms.iter().map(|term| self.of(term)).collect(), None)
            }
            TermKind::Set(terms) if terms.is_empty() => {
                InferredType::Set(Box::new(InferredType::Any))
            }
            TermKind::Set(terms) => {
                let (mut unknown, mut of) = (false, InferredType::Unknown);
                for term in terms {
                    let element = self.of(term);
                    unknown |= element.is_unknown();
                    of = of.or(element);
                }
                InferredType::Set(Box::new(if unknown { InferredType::Unknown } else { of }))
            }
            TermKind::Object(members) => self.object(members),
            TermKind::ArrayComprehension(head, _) => {
                InferredType::Array(Vec::new(), Some(Box::new(self.closed(head))))
            }
            TermKind::SetComprehension(head, _) => InferredType::Set(Box::new(self.closed(head))),
            TermKind::ObjectComprehension(head, _) => InferredType::Object(
                Vec::new(),
                Some(Box::new((self.closed(&head.0), self.closed(&head.1)))),
            ),
            _ => InferredType::Any,
        }
    }

    /// Type of a comprehension's head: what its own body infers is not kept.
    fn closed(&self, term: &Term) -> InferredType {
        let of = self.of(term);
        if of.is_unknown() {
            InferredType::Any
        } else {
            of
        }
    }

    fn object(&self, members: &[(Term, Term)]) -> InferredType {
        let (mut fixed, mut rest) = (Vec::new(), None);
        for (key, value) in members {
            let of = self.of(value);
            if crate::compile::context::is_scalar(key) {
                fixed.push((display::term(key).into(), of));
                continue;
            }
            let (keys, values) = rest
                .take()
                .unwrap_or((InferredType::Unknown, InferredType::Unknown));
            rest = Some((keys.or(self.of(key)), values.or(of)));
        }
        if members.is_empty() {
            rest = Some((InferredType::Any, InferredType::Any));
        }
        InferredType::Object(fixed, rest.map(Box::new))
    }

    /// Type of a reference, [`InferredType::Any`] if nothing more is known.
    pub(super) fn reference(&self, terms: &[Term]) -> InferredType {
        let Some((mut of, rest)) = self.start(terms) else {
            return InferredType::Any;
        };
        for part in rest {
            let next = if crate::compile::context::is_scalar(part) {
                of.select(&display::term(part), &self.of(part))
            } else {
                of.keys().map(|_| of.values())
            };
            of = next.unwrap_or(InferredType::Unknown);
        }
        of
    }

    /// Returns the type that a reference starts with and the rest of its path; `None` if all is possible.
    pub(super) fn start<'t>(&self, terms: &'t [Term]) -> Option<(InferredType, &'t [Term])> {
        let (head, mut rest) = terms.split_first()?;
        let TermKind::Var(name) = &head.kind else {
            return None;
        };
        if is_var(head, "input") {
            return None;
        }
        if !is_var(head, "data") {
            let of = self.var(name);
            return (of != InferredType::Unknown).then_some((of, rest));
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
            if let Some(KnownType::Value(of)) = &node.known {
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
        node.is_some_and(|node| matches!(node.known, Some(KnownType::Function(_))))
    }
}
