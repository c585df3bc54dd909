//! The inventory of a policy: every rule with the annotations that apply to it, from the nearest outwards.

use std::collections::BTreeMap;

use regorus::unstable::Rule as Ast;
use serde_json::{Map, Value, json};

use super::{
    annotations,
    error::{Error, Place},
    module::{Parsed, data_path},
    syntax,
};

/// A rule of a policy.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Where it starts.
    pub(crate) place: Place,
    /// The package without `data`: `release.sbom`.
    pub(crate) package: String,
    /// The name: `deny`.
    pub(crate) name: String,
    /// Whether it takes arguments.
    pub(crate) is_function: bool,
    /// The annotations that apply: the rule's own, the document's, the package's, the outer packages'.
    pub(crate) annotations: Vec<Value>,
    /// The same with the path of what each belongs to, as `rego.metadata.chain()` gives it.
    pub(super) chain: Vec<Value>,
    /// The line of its package's declaration.
    pub(crate) package_line: u32,
}

/// An element of a rule's annotation chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The path of what it belongs to, from `data` on, without it.
    pub(crate) path: Vec<String>,
    /// The annotations; only the rule itself may have none.
    pub(crate) annotations: Option<Value>,
}

impl Rule {
    /// The code `package.short_name`, when the rule or its document is annotated with a short name.
    pub(crate) fn code(&self) -> Option<String> {
        let name = self.custom("short_name")?.as_str()?;
        Some(format!("{}.{name}", self.package))
    }

    /// A member of `custom` in the annotation of the rule or of its document.
    pub(crate) fn custom(&self, member: &str) -> Option<&Value> {
        let own = self.own().filter_map(|annotation| annotation.get("custom"));
        own.filter_map(|custom| custom.get(member)).next()
    }

    /// The title in the annotation of the rule or of its document.
    pub(crate) fn title(&self) -> Option<&str> {
        self.own().find_map(|own| own.get("title")?.as_str())
    }

    /// The description in the annotation of the rule or of its document.
    pub(crate) fn description(&self) -> Option<&str> {
        self.own().find_map(|own| own.get("description")?.as_str())
    }

    /// A member of `custom` that is a list of strings or a single one.
    pub(crate) fn list(&self, member: &str) -> Vec<&str> {
        match self.custom(member) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The chain: the rule itself first, then what it is part of.
    pub(crate) fn links(&self) -> impl Iterator<Item = Link> {
        let segments = |link: &Value| {
            let path = link.get("path").and_then(Value::as_array);
            let path = path.into_iter().flatten().filter_map(Value::as_str);
            path.map(str::to_owned).collect()
        };
        self.chain.iter().map(move |link| Link {
            path: segments(link),
            annotations: link.get("annotations").cloned(),
        })
    }

    /// Whether an annotation belongs to the rule itself.
    pub(crate) fn has_annotations(&self) -> bool {
        let scope = |own: &Value| own.get("scope").and_then(Value::as_str) == Some("rule");
        self.annotations.iter().any(scope)
    }

    fn own(&self) -> impl Iterator<Item = &Value> {
        self.annotations.iter().filter(|annotation| {
            let scope = annotation.get("scope").and_then(Value::as_str);
            matches!(scope, Some("rule" | "document"))
        })
    }
}

/// The annotations of all modules by what they belong to.
#[derive(Default)]
struct Attached {
    /// By module and rule.
    rules: BTreeMap<(usize, usize), Vec<Value>>,
    /// By full path of the rule.
    documents: BTreeMap<String, Value>,
    /// By full path of the package.
    packages: BTreeMap<String, Vec<Value>>,
    /// By full path of the package.
    subpackages: BTreeMap<String, Vec<Value>>,
}

/// Lists the rules of every module, in the order of the modules and of the rules in them.
///
/// # Errors
/// [`Error::Annotation`] when a block cannot be read or has nothing to belong to.
pub(super) fn inventory(modules: &[Parsed]) -> Result<Vec<Vec<Rule>>, Error> {
    let mut attached = Attached::default();
    for (number, module) in modules.iter().enumerate() {
        attach(number, module, &mut attached)?;
    }
    let listed = modules.iter().enumerate().map(|(number, module)| {
        let rules = module.ast.policy.iter().enumerate();
        let rules = rules.map(|(at, ast)| rule(module, ast, (number, at), &attached));
        rules.collect()
    });
    Ok(listed.collect())
}

/// Refuses two rules with the same code: results could not be told apart.
pub(super) fn check_codes<'a>(rules: impl Iterator<Item = &'a Rule>) -> Result<(), Error> {
    let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
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

fn attach(number: usize, module: &Parsed, attached: &mut Attached) -> Result<(), Error> {
    let package_line = module.ast.package.span.line;
    for annotation in annotations::read(module)? {
        let above_package = annotation.last_line < package_line;
        let next = module.ast.policy.iter().enumerate();
        let next = next
            .filter(|(_, rule)| rule.span().line > annotation.last_line)
            .min_by_key(|(_, rule)| rule.span().line);
        let mut content = annotation.content;
        let default = if above_package { "package" } else { "rule" };
        let scope = content.get("scope").and_then(Value::as_str);
        let scope = scope.unwrap_or(default).to_owned();
        content.insert("scope".to_owned(), Value::from(scope.as_str()));
        let content = Value::Object(content);
        let package = module.data_path();
        match (scope.as_str(), above_package, next) {
            ("package", true, _) => attached.packages.entry(package).or_default().push(content),
            ("subpackages", true, _) => {
                attached
                    .subpackages
                    .entry(package)
                    .or_default()
                    .push(content);
            }
            ("rule", false, Some((at, _))) => {
                attached
                    .rules
                    .entry((number, at))
                    .or_default()
                    .push(content);
            }
            ("document", false, Some((_, rule))) => {
                attached.documents.insert(full_path(module, rule), content);
            }
            _ => {
                return Err(Error::Annotation {
                    place: module.place(annotation.first_line),
                    cause: format!("METADATA of scope {scope} has nothing to belong to here"),
                });
            }
        }
    }
    Ok(())
}

fn full_path(module: &Parsed, rule: &Ast) -> String {
    let name = syntax::prefix(syntax::head(rule));
    format!("{}.{}", module.data_path(), name.join("."))
}

fn rule(module: &Parsed, ast: &Ast, at: (usize, usize), attached: &Attached) -> Rule {
    let name = syntax::prefix(syntax::head(ast)).join(".");
    let chain = chain(module, &name, at, attached);
    let annotations = chain.iter().filter_map(|link| link.get("annotations"));
    Rule {
        place: module.place(ast.span().line),
        package: module.package.join("."),
        is_function: syntax::parameters(ast).is_some(),
        annotations: annotations.cloned().collect(),
        name,
        chain,
        package_line: module.ast.package.span.line,
    }
}

/// What `rego.metadata.chain()` gives in the rule: the rule itself is always the first link.
fn chain(module: &Parsed, name: &str, at: (usize, usize), attached: &Attached) -> Vec<Value> {
    let path = [module.package.clone(), vec![name.to_owned()]].concat();
    let link =
        |annotations: &Value, path: &[String]| json!({"annotations": annotations, "path": path});
    let mut chain = Vec::new();
    match attached.rules.get(&at) {
        Some(own) => chain.extend(own.iter().rev().map(|own| link(own, &path))),
        None => chain.push(Value::Object(Map::from_iter([(
            "path".to_owned(),
            json!(path),
        )]))),
    }
    if let Some(document) = attached.documents.get(&data_path(&path)) {
        chain.push(link(document, &path));
    }
    let own = attached.packages.get(&module.data_path());
    chain.extend(
        own.into_iter()
            .flatten()
            .map(|own| link(own, &module.package)),
    );
    for length in (0..=module.package.len()).rev() {
        let outer = module.package.get(..length).unwrap_or_default();
        let found = attached.subpackages.get(&data_path(outer));
        chain.extend(found.into_iter().flatten().map(|found| link(found, outer)));
    }
    chain
}
