//! The target of each annotation, and the chain of annotations of each rule.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{Refused, read};
use crate::syntax::{Module, Rule, Span, TermKind};

/// Path below `data`, without `data` itself.
type Path = Vec<Arc<str>>;

/// An element of a rule's annotation chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Path of the rule or package that it belongs to, without `data`.
    pub path: Vec<Arc<str>>,
    /// The annotations; only the rule itself may have none.
    pub annotations: Option<Arc<Value>>,
}

/// Annotations of all modules, by the item that they belong to.
#[derive(Default)]
struct Attached {
    rules: BTreeMap<(usize, usize), Vec<Arc<Value>>>,
    documents: BTreeMap<Path, Arc<Value>>,
    packages: BTreeMap<Path, Arc<Value>>,
    subpackages: BTreeMap<Path, Vec<Arc<Value>>>,
}

/// Returns the chain of each rule, by module and rule: from the rule outwards.
///
/// # Errors
/// The module, and the first block that cannot be read or attached.
pub(crate) fn chains(modules: &[Module]) -> Result<Vec<Vec<Vec<Link>>>, (usize, Refused)> {
    let mut attached = Attached::default();
    for (at, module) in modules.iter().enumerate() {
        attach(at, module, &mut attached).map_err(|refused| (at, refused))?;
    }
    Ok(modules
        .iter()
        .enumerate()
        .map(|(at, module)| {
            let rules = module.rules.iter().enumerate();
            rules
                .map(|(index, rule)| chain(module, rule, (at, index), &attached))
                .collect()
        })
        .collect())
}

/// The item behind an annotation block.
enum AnnotationTarget {
    Package,
    Import,
    Rule(usize),
    Nothing,
}

fn target(module: &Module, line: u32) -> AnnotationTarget {
    let rules = module.rules.iter().enumerate();
    let rule = rules
        .map(|(at, rule)| (rule.span.line, at))
        .filter(|(at, _)| *at > line)
        .min();
    let imports = module.imports.iter().map(|import| import.span.line);
    let import = imports.filter(|at| *at > line).min();
    if module.package.span.line > line {
        return AnnotationTarget::Package;
    }
    match (rule, import) {
        (Some((at, _)), Some(import)) if import < at => AnnotationTarget::Import,
        (Some((_, rule)), _) => AnnotationTarget::Rule(rule),
        (None, Some(_)) => AnnotationTarget::Import,
        (None, None) => AnnotationTarget::Nothing,
    }
}

/// Path of a rule up to its dynamic part.
fn rule_path(module: &Module, rule: &Rule) -> Path {
    let mut path = module.package.path.clone();
    for part in &rule.head.reference {
        match &part.kind {
            TermKind::Var(name) if path.len() == module.package.path.len() => {
                path.push(name.clone());
            }
            TermKind::String(name) => path.push(name.clone()),
            _ => break,
        }
    }
    path
}

fn attach(at: usize, module: &Module, attached: &mut Attached) -> Result<(), Refused> {
    for annotation in read(module)? {
        let span: Span = annotation.span;
        let mut content = annotation.content;
        let entrypoint = content.contains_key("entrypoint");
        let target = target(module, span.line);
        let default = match target {
            AnnotationTarget::Package => "package",
            AnnotationTarget::Import => "import",
            AnnotationTarget::Rule(_) if entrypoint => "document",
            AnnotationTarget::Rule(_) => "rule",
            AnnotationTarget::Nothing => "",
        };
        let scope = content
            .get("scope")
            .and_then(Value::as_str)
            .unwrap_or(default);
        let scope = scope.to_owned();
        if entrypoint && !matches!(scope.as_str(), "document" | "package") {
            let message =
                format!("annotation entrypoint applied to non-document or package scope '{scope}'");
            return Err((span, message));
        }
        content.insert("scope".to_owned(), Value::from(scope.as_str()));
        let content = Arc::new(Value::Object(content));
        let added = attached.add(&scope, target, (at, module), content);
        let is_first = added.map_err(|message| (span, message))?;
        if !is_first {
            return Err((span, format!("{scope} annotation redeclared")));
        }
    }
    Ok(())
}

impl Attached {
    /// Adds an annotation. Returns false if the package or document has one of this scope already.
    ///
    /// # Errors
    /// The message for a scope that is unknown or does not fit the target.
    fn add(
        &mut self,
        scope: &str,
        target: AnnotationTarget,
        (at, module): (usize, &Module),
        content: Arc<Value>,
    ) -> Result<bool, String> {
        let package = module.package.path.clone();
        match (scope, target) {
            ("package", AnnotationTarget::Package) => {
                Ok(self.packages.insert(package, content).is_none())
            }
            ("subpackages", AnnotationTarget::Package) => {
                self.subpackages.entry(package).or_default().push(content);
                Ok(true)
            }
            ("rule", AnnotationTarget::Rule(rule)) => {
                self.rules.entry((at, rule)).or_default().push(content);
                Ok(true)
            }
            ("document", AnnotationTarget::Rule(rule)) => {
                let path = module.rules.get(rule).map(|rule| rule_path(module, rule));
                let path = path.unwrap_or_default();
                Ok(self.documents.insert(path, content).is_none())
            }
            ("rule" | "document", _) => Err(format!(
                "annotation scope '{scope}' must be applied to rule"
            )),
            ("package" | "subpackages", _) => Err(format!(
                "annotation scope '{scope}' must be applied to package"
            )),
            _ => Err(format!(
                "invalid annotation scope '{scope}'. Use one of 'rule', 'document', 'package', or 'subpackages'"
            )),
        }
    }
}

fn chain(module: &Module, rule: &Rule, at: (usize, usize), attached: &Attached) -> Vec<Link> {
    let path = rule_path(module, rule);
    let link = |annotations: &Arc<Value>, path: &[Arc<str>]| Link {
        path: path.to_vec(),
        annotations: Some(annotations.clone()),
    };
    let mut chain = Vec::new();
    match attached.rules.get(&at) {
        Some(own) => chain.extend(own.iter().rev().map(|own| link(own, &path))),
        None => chain.push(Link {
            path: path.clone(),
            annotations: None,
        }),
    }
    chain.extend(attached.documents.get(&path).map(|own| link(own, &path)));
    let package = &module.package.path;
    chain.extend(attached.packages.get(package).map(|own| link(own, package)));
    for length in (0..=package.len()).rev() {
        let outer = package.get(..length).unwrap_or_default();
        let found = attached.subpackages.get(outer);
        chain.extend(found.into_iter().flatten().map(|found| link(found, outer)));
    }
    chain
}
