//! Every builtin of Open Policy Agent 1.20 with its types, and those that are not offered.

mod crypto;
mod encoding;
mod text;
mod types;
mod values;

use std::sync::LazyLock;

use super::{BuiltinError, CallContext, Function, Registry};
use crate::signature::Declaration;
use crate::value::Value;

/// A declaration with the code of the function.
type Entry = (Declaration, Function);

/// Builtins of Open Policy Agent that are not offered, with the reason.
const NOT_OFFERED: &[(&str, &str)] = &[
    ("graphql.", "GraphQL is not supported"),
    ("http.send", "rules do not send requests"),
    ("net.lookup_ip_addr", "rules do not resolve names"),
    ("opa.runtime", "there is no runtime of Open Policy Agent"),
    ("providers.", "rules do not send requests"),
    ("rego.parse_module", "rules do not read policies"),
    (
        "strings.render_template",
        "Go's template language is not supported",
    ),
];

/// Returns the reason for which a builtin of OPA is not offered; `None` for one that is, and for unknown names.
pub fn not_offered(name: &str) -> Option<&'static str> {
    let found = NOT_OFFERED
        .iter()
        .find(|(own, _)| name == *own || (own.ends_with('.') && name.starts_with(own)));
    found.map(|(_, reason)| *reason)
}

/// Returns every builtin that is not offered, or the prefix of its family's names, with the reason.
pub fn refused() -> &'static [(&'static str, &'static str)] {
    NOT_OFFERED
}

/// Returns the registry of all offered builtins.
pub fn offered() -> Registry {
    let mut registry = Registry::default();
    let families = [
        values::ENTRIES,
        text::ENTRIES,
        encoding::ENTRIES,
        crypto::ENTRIES,
    ];
    for (declaration, function) in families.into_iter().flatten() {
        if not_offered(declaration.name).is_none() {
            registry.add(*declaration, *function);
        }
    }
    registry
}

/// Returns the declarations of all offered builtins, for the compiler.
pub fn declarations() -> &'static [Declaration] {
    static ALL: LazyLock<Vec<Declaration>> =
        LazyLock::new(|| offered().declarations().copied().collect());
    &ALL
}

/// Functions of the evaluator itself: relations, output and the annotations of rules.
fn elsewhere(_: &mut CallContext, _: &[Value]) -> Result<Value, BuiltinError> {
    Err(BuiltinError::Halt(
        "the builtin is part of the evaluator".to_owned(),
    ))
}
