//! What the engine would only notice at run time, or not at all: unknown, forbidden and misused
//! functions, results of the wrong kind, data in the place of rules.
//!
//! There is no type checker: an argument of the wrong type makes a call undefined at run time.

use std::collections::BTreeSet;

use regorus::unstable::{BUILTINS, Expr, Rule, RuleHead};
use serde_json::Value;

use super::{
    builtins, ec,
    error::{Error, Place},
    lower::{Call, Lowered, Names},
    module::Parsed,
    policy::Unit,
    syntax,
};

/// Functions that reach outside of an evaluation, whatever the engine has.
const FORBIDDEN: [&str; 3] = ["http.send", "net.lookup_ip_addr", "opa.runtime"];

/// The number of arguments with which the engine marks a function that takes any number.
const ANY: usize = 255;

/// Checks every call of a module.
pub(super) fn calls(module: &Parsed, lowered: &Lowered, names: &Names) -> Result<(), Error> {
    for call in &lowered.calls {
        call_of(module, call, names)?;
    }
    Ok(())
}

fn call_of(module: &Parsed, call: &Call, names: &Names) -> Result<(), Error> {
    let place = module.place(call.line);
    let function = call.function.clone();
    if FORBIDDEN.contains(&function.as_str()) {
        return Err(Error::ForbiddenFunction { place, function });
    }
    let Some(expected) = arity(&function, names) else {
        return Err(Error::UnknownFunction { place, function });
    };
    // The old form has the result as one more argument.
    let given = call.arguments;
    if expected == ANY || given == expected || given == expected + 1 {
        Ok(())
    } else {
        Err(Error::Arity {
            place,
            function,
            expected,
            given,
        })
    }
}

fn arity(function: &str, names: &Names) -> Option<usize> {
    if function.starts_with("data.") {
        return names.parameters(function);
    }
    match function {
        "print" => Some(ANY),
        "rego.metadata.chain" | "rego.metadata.rule" => Some(0),
        _ => {
            let ours = builtins::arity(function).or_else(|| ec::arity(function));
            let engine = || BUILTINS.get(function).map(|(_, arity)| usize::from(*arity));
            ours.or_else(engine)
        }
    }
}

/// Whether the rules of that name give results: `deny`, `violation`, `warn` and `deny_x` …
pub(crate) fn gives_results(name: &str) -> bool {
    let mut parts = name.split('_');
    let kind = matches!(parts.next(), Some("deny" | "violation" | "warn"));
    kind && parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Checks that rules with results give strings or objects, as far as the source shows.
pub(super) fn results(module: &Parsed) -> Result<(), Error> {
    for rule in &module.ast.policy {
        let name = syntax::prefix(syntax::head(rule)).join(".");
        if !gives_results(&name) {
            continue;
        }
        if let Some(given) = wrong_kind(rule) {
            return Err(Error::ResultKind {
                place: module.place(rule.span().line),
                rule: format!("{}.{name}", module.package.join(".")),
                given,
            });
        }
    }
    Ok(())
}

fn wrong_kind(rule: &Rule) -> Option<&'static str> {
    let Rule::Spec { head, .. } = rule else {
        return None;
    };
    match head {
        RuleHead::Set { key, .. } => key.as_ref().and_then(|key| scalar(key)),
        RuleHead::Compr { assign: None, .. } => Some("a boolean"),
        // A whole set or list is looked at when it is there.
        RuleHead::Compr {
            assign: Some(assign),
            ..
        } => match assign.value.as_ref() {
            Expr::Array { .. } | Expr::Set { .. } => None,
            value => scalar(value),
        },
        RuleHead::Func { .. } => Some("a function"),
    }
}

fn scalar(value: &Expr) -> Option<&'static str> {
    match value {
        Expr::Bool { .. } => Some("a boolean"),
        Expr::Number { .. } => Some("a number"),
        Expr::Null { .. } => Some("null"),
        Expr::Array { .. } | Expr::ArrayCompr { .. } => Some("an array"),
        Expr::Set { .. } | Expr::SetCompr { .. } => Some("a set"),
        _ => None,
    }
}

/// Refuses data at the path of a rule: one of the two would silently win.
pub(super) fn data(unit: &Unit, data: &Value) -> Result<(), Error> {
    for (path, line) in &unit.heads {
        let mut here = Some(data);
        let mut blocked = false;
        for segment in path {
            here = here.and_then(|value| value.get(segment.as_str()));
            blocked |= here.is_some_and(|value| !value.is_object());
        }
        if blocked || here.is_some() {
            return Err(Error::DataCollision {
                place: Place {
                    file: unit.file.clone(),
                    line: *line,
                },
                path: path.join("."),
            });
        }
    }
    Ok(())
}

/// The packages that the rules of the wanted packages can reach, by the references of each module.
///
/// A reference to `data.a.b` reaches package `a.b`, package `a` (with a rule `b`) and all packages
/// below `a.b`.
pub(super) fn reachable<'a>(
    units: &[Unit],
    wanted: impl Iterator<Item = &'a str>,
) -> BTreeSet<String> {
    let mut open: Vec<String> = wanted.map(|package| format!("data.{package}")).collect();
    let mut reached = BTreeSet::new();
    while let Some(reference) = open.pop() {
        for Unit { package, .. } in units {
            if below(&reference, package) || below(package, &reference) {
                if !reached.insert(package.clone()) {
                    continue;
                }
                let same = units.iter().filter(|unit| unit.package == *package);
                open.extend(same.flat_map(|unit| unit.references.iter().cloned()));
            }
        }
    }
    reached
}

/// Whether the path is the other one or stands below it.
fn below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
