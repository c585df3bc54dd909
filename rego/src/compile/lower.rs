//! Last stage: names become slots, and the tree becomes [`program`](super::program).

use std::{collections::HashMap, sync::Arc};

use super::{
    context::{Context, calls, data_path, is_operator},
    probes,
    program::{
        Body, Compiled, CompiledBranch, CompiledCallee, CompiledExpr, CompiledExprKind,
        CompiledQuery, CompiledRule, CompiledTerm, CompiledTermKind, CompiledWith, ModuleSource,
        Ref, RefHead, RuleId, RuleKind, RuleNode, Slot, SlotInfo, WithTarget, WithValue,
    },
};
use crate::syntax::{self, Module, Var};

/// Slots of one frame while a rule is lowered.
struct Frame<'a> {
    context: &'a Context,
    slots: Vec<SlotInfo>,
    numbers: HashMap<Var, Slot>,
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "texts are limited to 64 MiB, so numbers of slots and rules fit"
)]
fn number(length: usize) -> u32 {
    length as u32
}

/// Makes the program of checked modules.
pub(super) fn program(context: &Context, modules: Vec<Module>) -> Compiled {
    let mut compiled = Compiled::default();
    for module in &modules {
        let path = &module.package.path;
        descend(&mut compiled.tree, path);
        compiled.modules.push(ModuleSource {
            file: module.file.clone(),
            text: module.text.clone(),
            package: path.clone(),
        });
    }
    for (at, module) in modules.into_iter().enumerate() {
        let package = module.package.path;
        for rule in module.rules {
            let id = RuleId(number(compiled.rules.len()));
            let default = rule.default;
            let rule = lower_rule(
                context,
                id,
                super::program::ModuleId(number(at)),
                &package,
                rule,
            );
            let node = descend(&mut compiled.tree, &rule.path);
            if default {
                node.default = Some(id);
            } else {
                node.rules.push(id);
            }
            compiled.rules.push(rule);
        }
    }
    compiled
}

fn descend<'t>(tree: &'t mut RuleNode, path: &[Arc<str>]) -> &'t mut RuleNode {
    path.iter().fold(tree, |node, name| {
        node.children.entry(name.clone()).or_default()
    })
}

/// Lowers a query whose names are resolved.
pub(super) fn query(context: &Context, text: &str, body: syntax::Body) -> CompiledQuery {
    let mut frame = Frame::new(context);
    let body = frame.body(body);
    CompiledQuery {
        text: text.into(),
        body,
        slots: frame.slots,
    }
}

fn lower_rule(
    context: &Context,
    id: RuleId,
    module: super::program::ModuleId,
    package: &[Arc<str>],
    rule: syntax::Rule,
) -> CompiledRule {
    let mut path: Vec<Arc<str>> = package.to_vec();
    let head = &rule.head;
    let strings = head
        .reference
        .iter()
        .enumerate()
        .take_while(|(at, part)| match &part.kind {
            syntax::TermKind::Var(name) if *at == 0 => {
                path.push(name.clone());
                true
            }
            syntax::TermKind::String(name) if *at > 0 => {
                path.push(name.clone());
                true
            }
            _ => false,
        })
        .count();
    let kind = if head.key.is_some() {
        RuleKind::Set
    } else if head.function && !head.args.is_empty() {
        RuleKind::Function
    } else {
        RuleKind::Complete
    };
    let span = rule.span;
    let (branch, suffix) = lower_branch(context, rule, strings);
    CompiledRule {
        id,
        module,
        span,
        path: path.into(),
        kind,
        suffix,
        branch,
    }
}

fn lower_branch(
    context: &Context,
    rule: syntax::Rule,
    strings: usize,
) -> (CompiledBranch, Vec<CompiledTerm>) {
    let mut frame = Frame::new(context);
    let head = rule.head;
    let args = frame.terms(head.args);
    let suffix = frame.terms(head.reference.into_iter().skip(strings).collect());
    let body = frame.body(rule.body);
    let key = head.key.map(|key| frame.term(key));
    let value = head.value.map(|value| frame.term(value));
    let branch = CompiledBranch {
        span: rule.span,
        args,
        key,
        value,
        body,
        slots: frame.slots,
        otherwise: rule
            .otherwise
            .map(|next| Box::new(lower_branch(context, *next, strings).0)),
    };
    (branch, suffix)
}

impl<'a> Frame<'a> {
    fn new(context: &'a Context) -> Self {
        Self {
            context,
            slots: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    fn slot(&mut self, var: &Var) -> Slot {
        if let Some(slot) = self.numbers.get(var) {
            return *slot;
        }
        let slot = Slot(number(self.slots.len()));
        let written = self.context.written(var);
        let name = (!written.starts_with('~') && !written.starts_with('$')).then_some(written);
        self.slots.push(SlotInfo { name });
        self.numbers.insert(var.clone(), slot);
        slot
    }

    fn body(&mut self, body: syntax::Body) -> Body {
        body.into_iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr(&mut self, expr: syntax::Expr) -> CompiledExpr {
        let equality = calls(&expr, "eq");
        let kind = match expr.kind {
            syntax::ExprKind::Term(term) => CompiledExprKind::Term(self.term(term)),
            syntax::ExprKind::Call(terms) => self.call(terms, equality),
            // No longer there after the renaming of variables.
            syntax::ExprKind::Some(_) => CompiledExprKind::Term(CompiledTerm {
                span: expr.span,
                kind: CompiledTermKind::Bool(true),
            }),
            syntax::ExprKind::Every(every) => {
                let domain = self.term(every.domain);
                let key = every.key.and_then(|key| self.local(&key));
                let value = self.local(&every.value).unwrap_or_else(|| {
                    let slot = Slot(number(self.slots.len()));
                    self.slots.push(SlotInfo { name: None });
                    slot
                });
                CompiledExprKind::Every {
                    key,
                    value,
                    domain,
                    body: self.body(every.body),
                }
            }
            syntax::ExprKind::Not(not) => CompiledExprKind::Not(self.body(not.body)),
            syntax::ExprKind::And(logical) => {
                let left = self.body(logical.left);
                CompiledExprKind::And(left, self.body(logical.right))
            }
            syntax::ExprKind::Or(logical) => {
                let left = self.body(logical.left);
                CompiledExprKind::Or(left, self.body(logical.right))
            }
        };
        CompiledExpr {
            span: expr.span,
            kind,
            negated: expr.negated,
            generated: expr.generated,
            with: expr.with.into_iter().map(|with| self.with(with)).collect(),
        }
    }

    fn local(&mut self, term: &syntax::Term) -> Option<Slot> {
        match &term.kind {
            syntax::TermKind::Var(name) => Some(self.slot(name)),
            _ => None,
        }
    }

    /// Makes a probe or its failure (see [`probes`]).
    fn probe(&mut self, terms: &[syntax::Term]) -> Option<CompiledExprKind> {
        match terms {
            [name, message] if is_operator(name, probes::UNREADY) => match &message.kind {
                syntax::TermKind::String(message) => {
                    Some(CompiledExprKind::Unready(message.clone()))
                }
                _ => None,
            },
            [name, keys, body] if is_operator(name, probes::PROBE) => {
                let (syntax::TermKind::Array(keys), syntax::TermKind::ArrayComprehension(_, body)) =
                    (&keys.kind, &body.kind)
                else {
                    return None;
                };
                let keys = keys.iter().filter_map(|key| self.local(key)).collect();
                let body = self.body(body.clone());
                Some(CompiledExprKind::Probe { keys, body })
            }
            _ => None,
        }
    }

    fn call(&mut self, terms: Vec<syntax::Term>, equality: bool) -> CompiledExprKind {
        if let Some(probe) = self.probe(&terms) {
            return probe;
        }
        let arity = terms.first().and_then(|name| self.context.arity(name));
        let callee = terms.first().and_then(|name| self.callee(name));
        let mut operands = self.terms(terms.into_iter().skip(1).collect());
        if equality
            && operands.len() == 2
            && let (Some(right), Some(left)) = (operands.pop(), operands.pop())
        {
            return CompiledExprKind::Unify(left, right);
        }
        let output = if arity.is_some_and(|arity| operands.len() > arity) {
            operands.pop()
        } else {
            None
        };
        match callee {
            Some(callee) => CompiledExprKind::Call {
                callee,
                args: operands,
                output,
            },
            // Undefined functions were refused before.
            None => CompiledExprKind::Term(CompiledTerm {
                span: syntax::Span::default(),
                kind: CompiledTermKind::Bool(false),
            }),
        }
    }

    fn callee(&self, name: &syntax::Term) -> Option<CompiledCallee> {
        let syntax::TermKind::Ref(terms) = &name.kind else {
            return None;
        };
        if let Some(builtin) = self.context.builtin(terms) {
            return Some(CompiledCallee::Builtin(*builtin));
        }
        data_path(terms).map(|path| CompiledCallee::Function(path.into()))
    }

    fn with(&mut self, with: syntax::With) -> CompiledWith {
        let callee = self.callee(&with.target);
        let mut function = false;
        let target = match (callee, with.target.kind) {
            (Some(CompiledCallee::Builtin(builtin)), _) => {
                function = true;
                WithTarget::Builtin(builtin)
            }
            (Some(CompiledCallee::Function(path)), syntax::TermKind::Ref(terms)) => {
                function = true;
                let called = self
                    .context
                    .functions
                    .get(path.as_ref())
                    .is_some_and(|args| *args > 0);
                if called {
                    WithTarget::Function(path)
                } else {
                    WithTarget::Data(self.terms(terms.into_iter().skip(1).collect()))
                }
            }
            (_, syntax::TermKind::Ref(mut terms)) => {
                let path = terms.split_off(1.min(terms.len()));
                let data = terms
                    .first()
                    .is_some_and(|head| super::context::is_var(head, "data"));
                let path = self.terms(path);
                if data {
                    WithTarget::Data(path)
                } else {
                    WithTarget::Input(path)
                }
            }
            _ => WithTarget::Input(Vec::new()),
        };
        // A document below `data` is a value, also in the place of a function.
        let callee = self.callee(&with.value).filter(|callee| match callee {
            CompiledCallee::Builtin(_) => function,
            CompiledCallee::Function(path) => {
                function && self.context.functions.contains_key(path.as_ref())
            }
        });
        let value = match callee {
            Some(callee) => WithValue::Callee(callee),
            None => WithValue::Term(self.term(with.value)),
        };
        CompiledWith {
            span: with.span,
            target,
            value,
        }
    }

    fn terms(&mut self, terms: Vec<syntax::Term>) -> Vec<CompiledTerm> {
        terms.into_iter().map(|term| self.term(term)).collect()
    }

    fn term(&mut self, term: syntax::Term) -> CompiledTerm {
        let kind = match term.kind {
            syntax::TermKind::Null => CompiledTermKind::Null,
            syntax::TermKind::Bool(value) => CompiledTermKind::Bool(value),
            syntax::TermKind::Number(text) => CompiledTermKind::Number(text),
            syntax::TermKind::String(text) => CompiledTermKind::String(text),
            syntax::TermKind::Var(name) => CompiledTermKind::Slot(self.slot(&name)),
            syntax::TermKind::Ref(terms) => self.reference(terms),
            syntax::TermKind::Array(terms) => CompiledTermKind::Array(self.terms(terms)),
            syntax::TermKind::Set(terms) => CompiledTermKind::Set(self.terms(terms)),
            syntax::TermKind::Object(members) => CompiledTermKind::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (self.term(key), self.term(value)))
                    .collect(),
            ),
            syntax::TermKind::ArrayComprehension(head, body) => {
                let body = self.body(body);
                CompiledTermKind::ArrayComprehension(Box::new(self.term(*head)), body)
            }
            syntax::TermKind::SetComprehension(head, body) => {
                let body = self.body(body);
                CompiledTermKind::SetComprehension(Box::new(self.term(*head)), body)
            }
            syntax::TermKind::ObjectComprehension(head, body) => {
                let body = self.body(body);
                let (key, value) = *head;
                let head = (self.term(key), self.term(value));
                CompiledTermKind::ObjectComprehension(Box::new(head), body)
            }
            // Both became expressions of their own before.
            syntax::TermKind::Call(_) | syntax::TermKind::Template { .. } => CompiledTermKind::Null,
        };
        CompiledTerm {
            span: term.span,
            kind,
        }
    }

    fn reference(&mut self, terms: Vec<syntax::Term>) -> CompiledTermKind {
        let mut terms = terms.into_iter();
        let head = match terms.next().map(|head| head.kind) {
            Some(syntax::TermKind::Var(name)) if &*name == "input" => RefHead::Input,
            Some(syntax::TermKind::Var(name)) if &*name == "data" => RefHead::Data,
            Some(syntax::TermKind::Var(name)) => RefHead::Slot(self.slot(&name)),
            // Heads of other kinds were moved out before.
            _ => RefHead::Data,
        };
        let path = self.terms(terms.collect());
        CompiledTermKind::Ref(Ref { head, path })
    }
}
