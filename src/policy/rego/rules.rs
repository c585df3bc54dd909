//! Lists the rules of a policy with the annotations that apply to each, from the nearest outwards.

use std::collections::BTreeMap;

use rego::{
    annotations,
    syntax::{self, Head, TermKind},
};
use serde_json::Value;

use super::{
    check::gives_results,
    error::{Error, RulePlace},
    module::Module,
};
use crate::stop;

/// A rule of a policy with its place and annotations.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) place: RulePlace,
    /// The package without `data`, such as `release.sbom`.
    pub(crate) package: String,
    pub(crate) name: String,
    /// The names from `data` on: those of the package, then its own.
    pub(crate) path: Vec<String>,
    pub(crate) is_function: bool,
    /// The annotations that apply: the rule's own, the document's, the package's, the outer packages'.
    pub(crate) annotations: Vec<Value>,
    /// The same annotations with the path of the rule or package that each belongs to.
    chain: Vec<annotations::Link>,
    /// The line of the package's declaration.
    pub(crate) package_line: u32,
}

/// An element of a rule's annotation chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The path of the annotated rule or package, below `data`.
    pub(crate) path: Vec<String>,
    /// The annotations; `None` only for the rule itself.
    pub(crate) annotations: Option<Value>,
}

impl Rule {
    /// Returns the code `package.short_name`, if the rule or its document is annotated with a short name.
    pub(crate) fn code(&self) -> Option<String> {
        let name = self.custom("short_name")?.as_str()?;
        Some(format!("{}.{name}", self.package))
    }

    /// Tells by its name whether the rule returns results.
    pub(crate) fn gives_results(&self) -> bool {
        gives_results(&self.name)
    }

    /// Returns a member of `custom` in the annotation of the rule or of its document.
    pub(crate) fn custom(&self, member: &str) -> Option<&Value> {
        let own = self
            .own_annotations()
            .filter_map(|annotation| annotation.get("custom"));
        own.filter_map(|custom| custom.get(member)).next()
    }

    /// Returns the title in the annotation of the rule or of its document.
    pub(crate) fn title(&self) -> Option<&str> {
        self.own_annotations()
            .find_map(|own| own.get("title")?.as_str())
    }

    /// Returns the description in the annotation of the rule or of its document.
    pub(crate) fn description(&self) -> Option<&str> {
        self.own_annotations()
            .find_map(|own| own.get("description")?.as_str())
    }

    /// Returns a member of `custom` that is a list of strings or a single one.
    pub(crate) fn list(&self, member: &str) -> Vec<&str> {
        match self.custom(member) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the annotation chain: the rule itself first, then its document and packages.
    pub(crate) fn links(&self) -> impl Iterator<Item = Link> {
        self.chain.iter().map(|link| Link {
            path: link.path.iter().map(ToString::to_string).collect(),
            annotations: link.annotations.as_deref().cloned(),
        })
    }

    /// Tells whether an annotation belongs to the rule itself.
    pub(crate) fn has_annotations(&self) -> bool {
        let scope = |own: &Value| own.get("scope").and_then(Value::as_str) == Some("rule");
        self.annotations.iter().any(scope)
    }

    fn own_annotations(&self) -> impl Iterator<Item = &Value> {
        self.annotations.iter().filter(|annotation| {
            let scope = annotation.get("scope").and_then(Value::as_str);
            matches!(scope, Some("rule" | "document"))
        })
    }
}

/// Returns the warning about a rule without a code, with the annotation to add.
pub(crate) fn without_metadata(rule: &Rule) -> String {
    let missing = match (rule.title(), rule.custom("short_name")) {
        (None, None) => "has no METADATA with title and custom.short_name",
        (Some(_), _) => "has METADATA without custom.short_name",
        (None, Some(_)) => "has a custom.short_name that is not a text",
    };
    format!(
        "{}: rule {}.{} {missing}: add it, so that criteria can name the rule and reports show it when it passes",
        rule.place, rule.package, rule.name
    )
}

/// Lists the rules of parsed modules, in their order.
///
/// # Errors
/// A `# METADATA` block is malformed or does not precede a rule or package.
pub(super) fn inventory(modules: &[syntax::Module]) -> Result<Vec<Rule>, Error> {
    let chains = rego::inventory::annotations(modules)?;
    let mut all = Vec::new();
    for (module, chains) in modules.iter().zip(chains) {
        for (rule, chain) in module.rules.iter().zip(chains) {
            let annotations = chain.iter().filter_map(|link| link.annotations.as_deref());
            all.push(Rule {
                place: RulePlace {
                    file: module.file.to_string(),
                    line: rule.span.line,
                },
                package: module.package.path.join("."),
                path: module
                    .package
                    .path
                    .iter()
                    .map(ToString::to_string)
                    .chain(head_names(&rule.head).map(str::to_owned))
                    .collect(),
                name: head_name(&rule.head),
                is_function: rule.head.function,
                annotations: annotations.cloned().collect(),
                chain,
                package_line: module.package.span.line,
            });
        }
    }
    Ok(all)
}

/// Lists the rules of modules, which need not compile; empty without any rule.
///
/// # Errors
/// A module cannot be parsed or annotated.
pub(crate) fn list(modules: Vec<Module>) -> Result<Vec<Rule>, Error> {
    inventory(&parse(modules)?)
}

/// Parses modules; stops at the time limit of the run.
pub(super) fn parse(modules: Vec<Module>) -> Result<Vec<syntax::Module>, Error> {
    parse_until(modules, &end_of_run())
}

fn parse_until(modules: Vec<Module>, stop: &rego::Stop) -> Result<Vec<syntax::Module>, Error> {
    let parsed = modules
        .into_iter()
        .map(|module| rego::parse_until(module.file, module.source, stop));
    Ok(parsed.collect::<Result<Vec<_>, _>>()?)
}

/// Returns the condition that stops parsing and compiling at the time limit of the run.
pub(super) fn end_of_run() -> rego::Stop {
    rego::Stop {
        deadline: None,
        cancel: Some(stop::flag()),
    }
}

/// Returns the names at the start of a head, joined by dots.
pub(super) fn head_name(head: &Head) -> String {
    head_names(head).collect::<Vec<_>>().join(".")
}

fn head_names(head: &Head) -> impl Iterator<Item = &str> {
    head.reference.iter().map_while(|term| match &term.kind {
        TermKind::Var(name) | TermKind::String(name) => Some(name.as_ref()),
        _ => None,
    })
}

/// Refuses two rules with the same code, whose results could not be distinguished.
pub(super) fn check_codes<'a>(rules: impl Iterator<Item = &'a Rule>) -> Result<(), Error> {
    let mut seen: BTreeMap<String, &RulePlace> = BTreeMap::new();
    for rule in rules {
        let Some(code) = rule.code() else { continue };
        if let Some(first) = seen.get(&code) {
            return Err(Error::DuplicateCode {
                code,
                first: (*first).clone(),
                second: rule.place.clone(),
            });
        }
        seen.insert(code, &rule.place);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use super::*;

    #[test]
    fn a_run_that_ends_takes_parsing_and_compiling_with_it() {
        let modules = || {
            let source = "package p\n\ndeny contains \"x\" if input.x\n".to_owned();
            let file = "p.rego".to_owned();
            vec![Module { file, source }]
        };
        let stop = |is_set| rego::Stop {
            deadline: None,
            cancel: Some(Arc::new(AtomicBool::new(is_set))),
        };
        let parsed = parse_until(modules(), &stop(false)).unwrap();
        let ended = parse_until(modules(), &stop(true));
        assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
        let registry = rego::builtins::offered();
        for (is_set, ends) in [(false, false), (true, true)] {
            let options = rego::Options {
                stop: stop(is_set),
                ..rego::Options::new(&registry)
            };
            let compiled = rego::compile(parsed.clone(), &options).map_err(Error::from);
            assert_eq!(matches!(compiled, Err(Error::Stopped)), ends);
        }
    }
}
