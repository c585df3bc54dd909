//! Checks beyond the language: results of the wrong type, data at the path of rules.

use rego::{
    compile::Compiled,
    syntax::{self, Rule, Term, TermKind},
};
use serde_json::Value;

use super::{
    error::{Error, RulePlace},
    rules,
};

/// Tells whether rules with this name return results: `deny`, `violation`, `warn` and `deny_x` …
pub(crate) fn gives_results(name: &str) -> bool {
    let mut parts = name.split('_');
    let kind = matches!(parts.next(), Some("deny" | "violation" | "warn"));
    kind && parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Checks that rules with results return strings or objects, as far as the source shows.
pub(super) fn results(module: &syntax::Module) -> Result<(), Error> {
    for rule in &module.rules {
        let name = rules::head_name(&rule.head);
        if !gives_results(&name) {
            continue;
        }
        let place = RulePlace {
            file: module.file.to_string(),
            line: rule.span.line,
        };
        if let Some(part) = module.package.path.iter().find(|part| part.contains('.')) {
            return Err(Error::PackageName {
                place,
                part: part.to_string(),
            });
        }
        if let Some(given) = wrong_kind(rule) {
            return Err(Error::ResultKind {
                place,
                rule: format!("{}.{name}", module.package.path.join(".")),
                given,
            });
        }
    }
    Ok(())
}

fn wrong_kind(rule: &Rule) -> Option<&'static str> {
    let head = &rule.head;
    if head.function {
        return Some("a function");
    }
    if let Some(key) = &head.key {
        return scalar(key);
    }
    match &head.value {
        Some(value) if !head.generated_value => match value.kind {
            // A set or list as a whole is checked after evaluation.
            TermKind::Array(_) | TermKind::Set(_) => None,
            _ => scalar(value),
        },
        _ => Some("a boolean"),
    }
}

fn scalar(value: &Term) -> Option<&'static str> {
    match value.kind {
        TermKind::Bool(_) => Some("a boolean"),
        TermKind::Number(_) => Some("a number"),
        TermKind::Null => Some("null"),
        TermKind::Array(_) | TermKind::ArrayComprehension(..) => Some("an array"),
        TermKind::Set(_) | TermKind::SetComprehension(..) => Some("a set"),
        _ => None,
    }
}

/// Refuses data at the path of a rule, because one of the two would silently be ignored.
pub(super) fn data(compiled: &Compiled, data: &Value) -> Result<(), Error> {
    for rule in &compiled.rules {
        let mut here = Some(data);
        let mut blocked = false;
        for segment in rule.path.iter() {
            here = here.and_then(|value| value.get(segment.as_ref()));
            blocked |= here.is_some_and(|value| !value.is_object());
        }
        if blocked || here.is_some() {
            let module = compiled.modules.get(rule.module.0 as usize);
            return Err(Error::DataCollision {
                place: RulePlace {
                    file: module
                        .map(|module| module.file.to_string())
                        .unwrap_or_default(),
                    line: rule.span.line,
                },
                path: format!("data.{}", rule.path.join(".")),
            });
        }
    }
    Ok(())
}
