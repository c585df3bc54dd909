//! State that all stages share: names, errors and the variables that the compiler makes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    Stop,
    error::{Code, Error},
    signature::Declaration,
    syntax::{Expr, ExprKind, Span, Term, TermKind, Var, line_of},
};

pub(super) type Vars = HashSet<Var>;

/// Path below `data`, without `data` itself.
pub(super) type Path = Vec<Arc<str>>;

/// State of a compilation, shared by its stages.
#[derive(Default)]
pub(super) struct Context {
    pub(super) builtins: HashMap<&'static str, Declaration>,
    /// Number of arguments of the rules at a path.
    pub(super) functions: BTreeMap<Path, usize>,
    pub(super) next: u32,
    /// Names as written, by the compiler's names.
    pub(super) names: HashMap<Var, Var>,
    pub(super) errors: Vec<Error>,
    /// File and text of each module.
    pub(super) texts: Vec<(Arc<str>, Arc<str>)>,
    /// Index of the module that new errors belong to.
    pub(super) module: usize,
    pub(super) stop: Stop,
}

impl Context {
    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        let (file, line) = match self.texts.get(self.module) {
            Some((file, text)) => (file.clone(), line_of(text, span).to_owned()),
            None => ("".into(), String::new()),
        };
        self.errors.push(Error {
            code,
            message: message.into(),
            file,
            span,
            line,
        });
    }

    /// Tells if the host has cancelled compiling, and records that as an error.
    pub(super) fn cancelled(&mut self) -> bool {
        let Some(reason) = self.stop.reason() else {
            return false;
        };
        self.errors.clear();
        self.error(Code::Cancelled, Span::default(), reason);
        true
    }

    /// Returns a new variable of the compiler: `~0`, `~1` …
    pub(super) fn variable(&mut self) -> Var {
        let name = format!("~{}", self.next);
        self.next += 1;
        name.into()
    }

    /// Returns a new variable and the expression `variable = term`.
    pub(super) fn capture(&mut self, term: Term) -> (Term, Expr) {
        let span = term.span;
        let variable = Term {
            span,
            kind: TermKind::Var(self.variable()),
        };
        let expr = generated(
            span,
            ExprKind::Call(vec![operator(span, "eq"), variable.clone(), term]),
        );
        (variable, expr)
    }

    /// Returns the name as written of a variable.
    pub(super) fn written(&self, var: &Var) -> Var {
        self.names.get(var).unwrap_or(var).clone()
    }

    /// Returns the number of arguments of a function.
    pub(super) fn arity(&self, operator: &Term) -> Option<usize> {
        let TermKind::Ref(terms) = &operator.kind else {
            return None;
        };
        if let Some(declaration) = self.builtin(terms) {
            return Some(declaration.args.len());
        }
        self.functions.get(&data_path(terms)?).copied()
    }

    /// Returns the builtin that a reference names.
    pub(super) fn builtin(&self, terms: &[Term]) -> Option<&Declaration> {
        match terms {
            [
                Term {
                    kind: TermKind::Var(name),
                    ..
                },
            ] => self.builtins.get(&**name),
            [
                Term {
                    kind: TermKind::Var(name),
                    ..
                },
                ..,
            ] if &**name != "data" && &**name != "input" => {
                let mut full = String::from(&**name);
                for part in terms.get(1..)? {
                    let TermKind::String(part) = &part.kind else {
                        return None;
                    };
                    full.push('.');
                    full.push_str(part);
                }
                self.builtins.get(full.as_str())
            }
            _ => None,
        }
    }
}

/// Makes an expression that is not in the text.
pub(super) fn generated(span: Span, kind: ExprKind) -> Expr {
    Expr {
        span,
        kind,
        with: Vec::new(),
        negated: false,
        generated: true,
        assignment: false,
    }
}

/// Makes the operator of a call of a builtin.
pub(super) fn operator(span: Span, name: &str) -> Term {
    let kind = |at: usize, part: &str| match at {
        0 => TermKind::Var(part.into()),
        _ => TermKind::String(part.into()),
    };
    Term {
        span,
        kind: TermKind::Ref(
            name.split('.')
                .enumerate()
                .map(|(at, part)| Term {
                    span,
                    kind: kind(at, part),
                })
                .collect(),
        ),
    }
}

/// Returns the path of a reference to `data` that has strings only.
pub(super) fn data_path(terms: &[Term]) -> Option<Path> {
    let (head, rest) = terms.split_first()?;
    if !is_var(head, "data") {
        return None;
    }
    rest.iter()
        .map(|part| match &part.kind {
            TermKind::String(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// Tells if a term is a variable with this name.
pub(super) fn is_var(term: &Term, name: &str) -> bool {
    matches!(&term.kind, TermKind::Var(var) if &**var == name)
}

/// Tells if a term is `input` or `data` alone.
pub(super) fn is_root(term: &Term) -> Option<&Var> {
    match &term.kind {
        TermKind::Ref(terms) => match terms.as_slice() {
            [
                Term {
                    kind: TermKind::Var(name),
                    ..
                },
            ] if matches!(&**name, "input" | "data") => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// Name of the function that an expression calls.
pub(super) fn called(expr: &Expr) -> Option<&Term> {
    match &expr.kind {
        ExprKind::Call(terms) => terms.first(),
        _ => None,
    }
}

/// Tells if an expression calls a builtin that has a name without dots.
pub(super) fn calls(expr: &Expr, name: &str) -> bool {
    called(expr).is_some_and(|operator| is_operator(operator, name))
}

pub(super) fn is_operator(operator: &Term, name: &str) -> bool {
    matches!(&operator.kind, TermKind::Ref(terms) if matches!(terms.as_slice(), [only] if is_var(only, name)))
}

/// Tells if a term is a scalar.
pub(super) fn is_scalar(term: &Term) -> bool {
    matches!(
        term.kind,
        TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_)
    )
}

/// Tells if a term has a reference or a comprehension in it.
pub(super) fn requires_eval(term: &Term) -> bool {
    let mut found = false;
    crate::syntax::walk::terms(term, &mut |term| {
        found |= matches!(
            term.kind,
            TermKind::Ref(_)
                | TermKind::ArrayComprehension(..)
                | TermKind::SetComprehension(..)
                | TermKind::ObjectComprehension(..)
        );
        !found
    });
    found
}

/// Applies a function to all bodies of an expression and its terms, innermost first.
pub(super) fn each_body_mut(expr: &mut Expr, apply: &mut dyn FnMut(&mut Vec<Expr>)) {
    let mut nested = |body: &mut Vec<Expr>| {
        for inner in body.iter_mut() {
            each_body_mut(inner, apply);
        }
        apply(body);
    };
    match &mut expr.kind {
        ExprKind::Every(every) => nested(&mut every.body),
        ExprKind::Not(not) => nested(&mut not.body),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            nested(&mut logical.left);
            nested(&mut logical.right);
        }
        _ => {}
    }
    each_term_mut(expr, &mut |term| body_of_term_mut(term, apply));
}

/// Applies a function to the bodies in a term, innermost first.
pub(super) fn body_of_term_mut(term: &mut Term, apply: &mut dyn FnMut(&mut Vec<Expr>)) {
    if let TermKind::ArrayComprehension(_, body)
    | TermKind::SetComprehension(_, body)
    | TermKind::ObjectComprehension(_, body) = &mut term.kind
    {
        for inner in body.iter_mut() {
            each_body_mut(inner, apply);
        }
        apply(body);
    }
    for child in children_mut(term) {
        body_of_term_mut(child, apply);
    }
}

/// Returns the terms directly in a term, without those of a comprehension's body.
pub(super) fn children_mut(term: &mut Term) -> Vec<&mut Term> {
    match &mut term.kind {
        TermKind::Ref(terms)
        | TermKind::Array(terms)
        | TermKind::Set(terms)
        | TermKind::Call(terms) => terms.iter_mut().collect(),
        TermKind::Object(members) => members
            .iter_mut()
            .flat_map(|(key, value)| [key, value])
            .collect(),
        TermKind::ArrayComprehension(head, _) | TermKind::SetComprehension(head, _) => {
            vec![head]
        }
        TermKind::ObjectComprehension(head, _) => {
            let (key, value) = &mut **head;
            vec![key, value]
        }
        _ => Vec::new(),
    }
}

/// Applies a function to the terms of an expression itself, not to those in its bodies.
pub(super) fn each_term_mut(expr: &mut Expr, apply: &mut dyn FnMut(&mut Term)) {
    match &mut expr.kind {
        ExprKind::Term(term) => apply(term),
        ExprKind::Call(terms) | ExprKind::Some(terms) => terms.iter_mut().for_each(&mut *apply),
        ExprKind::Every(every) => {
            every.key.iter_mut().for_each(&mut *apply);
            apply(&mut every.value);
            apply(&mut every.domain);
        }
        ExprKind::Not(_) | ExprKind::And(_) | ExprKind::Or(_) => {}
    }
    for with in &mut expr.with {
        apply(&mut with.target);
        apply(&mut with.value);
    }
}
