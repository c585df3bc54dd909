//! Annotations of rules without compiling their modules.

use std::sync::Arc;

use crate::annotations::{self, Link};
use crate::error::{Code, Error, Errors};
use crate::syntax::Module;

/// Returns the annotations that apply to each rule, by module and rule: from the rule
/// outwards.
///
/// # Errors
/// A block that cannot be read or has nothing to belong to.
pub fn annotations(modules: &[Module]) -> Result<Vec<Vec<Vec<Link>>>, Errors> {
    annotations::chains(modules).map_err(|(at, (span, message))| {
        let module = modules.get(at);
        let number = usize::try_from(span.line).unwrap_or(1).saturating_sub(1);
        let line = module.and_then(|module| module.text.lines().nth(number));
        Errors(vec![Error {
            code: Code::Parse,
            message,
            file: module.map_or_else(|| Arc::from(""), |module| Arc::clone(&module.file)),
            span,
            line: line.unwrap_or_default().to_owned(),
        }])
    })
}
