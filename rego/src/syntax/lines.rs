//! Lines of a module that an evaluation can reach: heads of rules and expressions, as OPA's coverage lists them.

use std::collections::BTreeSet;

use super::{Body, ExprKind, Module, Rule, Term, TermKind, walk};

/// Returns the lines of a module on which a rule or an expression starts.
#[must_use]
pub fn lines(module: &Module) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for rule in &module.rules {
        let mut next = Some(rule);
        while let Some(rule) = next {
            of_rule(rule, &mut found);
            next = rule.otherwise.as_deref();
        }
    }
    found
}

fn of_rule(rule: &Rule, found: &mut BTreeSet<u32>) {
    found.insert(rule.head.span.line);
    let head = &rule.head;
    for term in head.key.iter().chain(&head.value) {
        of_term(term, found);
    }
    if !rule.generated_body {
        of_body(&rule.body, found);
    }
}

fn of_body(body: &Body, found: &mut BTreeSet<u32>) {
    for expr in body {
        match &expr.kind {
            // A declaration without `in` is not evaluated.
            ExprKind::Some(terms)
                if terms
                    .iter()
                    .all(|term| matches!(term.kind, TermKind::Var(_))) =>
            {
                continue;
            }
            ExprKind::Some(terms) | ExprKind::Call(terms) => {
                terms.iter().for_each(|term| of_term(term, found));
            }
            ExprKind::Term(term) => of_term(term, found),
            ExprKind::Every(every) => {
                of_term(&every.domain, found);
                of_body(&every.body, found);
            }
            ExprKind::Not(not) => of_body(&not.body, found),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                of_body(&logical.left, found);
                of_body(&logical.right, found);
            }
        }
        found.insert(expr.span.line);
        for with in &expr.with {
            of_term(&with.value, found);
        }
    }
}

fn of_term(term: &Term, found: &mut BTreeSet<u32>) {
    walk::terms(term, &mut |term| match &term.kind {
        TermKind::ArrayComprehension(head, body) | TermKind::SetComprehension(head, body) => {
            of_term(head, found);
            of_body(body, found);
            false
        }
        TermKind::ObjectComprehension(head, body) => {
            of_term(&head.0, found);
            of_term(&head.1, found);
            of_body(body, found);
            false
        }
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_heads_and_expressions() {
        let text = "package p\n\nx := 1\n\ny contains z if {\n\tsome z\n\txs := [a |\n\t\ta := 1\n\t]\n\tnot xs[z] == 2\n}\n";
        let module = crate::parse("p.rego", text).unwrap();
        let found: Vec<_> = lines(&module).into_iter().collect();
        assert_eq!(found, [3, 5, 7, 8, 10]);
    }
}
