//! What is defined where: the rule names of each package, the functions with their arity.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Rule, RuleHead};

use super::{PLAIN, fixed::Once};
use crate::policy::rego::{ec, module::Parsed, syntax};

/// The names of a whole policy.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Rule names by the full path of their package.
    rules: BTreeMap<String, BTreeSet<String>>,
    /// The full paths of rules whose name is one segment and that are no functions.
    values: BTreeSet<String>,
    /// The number of parameters of each function by its full path.
    functions: BTreeMap<String, usize>,
    /// The full paths of rules that are nothing but sets below keys, by their package.
    keyed_sets: BTreeMap<String, BTreeSet<String>>,
    /// Packages with a function whose bodies stand in several modules.
    split: BTreeSet<String>,
    /// The first segments of all packages.
    roots: BTreeSet<String>,
    /// What of `data` has to stay where it is.
    stays: Stays,
    /// The rules and functions that are computed once.
    once: Once,
    /// Whether `ec.*` are functions of the policy, so that tests can replace them.
    pub(super) mockable: bool,
}

/// Documents that are read in a way in which their place matters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stays {
    /// `data` itself is read.
    pub(super) all: bool,
    /// The first segments of what `with` replaces.
    pub(super) roots: BTreeSet<String>,
}

impl Names {
    /// Collects the names.
    pub(crate) fn of(modules: &[Parsed], mockable: bool) -> Self {
        let mut names = Self {
            mockable,
            ..Self::default()
        };
        let mut homes: BTreeMap<String, usize> = BTreeMap::new();
        let mut others = BTreeSet::new();
        for (number, module) in modules.iter().enumerate() {
            let package = module.data_path();
            names.roots.extend(module.package.first().cloned());
            for rule in &module.ast.policy {
                let name = syntax::prefix(syntax::head(rule));
                let Some(first) = name.first() else { continue };
                let path = format!("{package}.{}", name.join("."));
                let own = names.rules.entry(package.clone()).or_default();
                own.insert(first.clone());
                if name.len() == 1 && is_keyed_set(rule) {
                    let sets = names.keyed_sets.entry(package.clone()).or_default();
                    sets.insert(path.clone());
                } else {
                    others.insert(format!("{package}.{first}"));
                }
                if let Some(parameters) = syntax::parameters(rule) {
                    if *homes.entry(path.clone()).or_insert(number) != number {
                        names.split.insert(package.clone());
                    }
                    names.functions.insert(path, parameters);
                } else if name.len() == 1 {
                    names.values.insert(path);
                }
            }
        }
        for sets in names.keyed_sets.values_mut() {
            sets.retain(|path| !others.contains(path));
        }
        if mockable {
            names.roots.insert("ec".to_owned());
            let functions = ec::FUNCTIONS.iter();
            let functions =
                functions.map(|(name, arity)| (format!("data.{name}"), usize::from(*arity)));
            names.functions.extend(functions);
        }
        names
    }

    /// Whether the package has a rule of that name.
    pub(super) fn is_rule(&self, package: &str, name: &str) -> bool {
        let rules = self.rules.get(package);
        rules.is_some_and(|rules| rules.contains(name))
    }

    /// The full paths of the rules of a package that are nothing but sets below keys.
    pub(super) fn keyed_sets(&self, package: &str) -> impl Iterator<Item = &String> {
        self.keyed_sets.get(package).into_iter().flatten()
    }

    /// How many parameters the function with that full path has.
    pub(crate) fn parameters(&self, path: &str) -> Option<usize> {
        self.functions.get(path).copied()
    }

    /// The first segment of a path below `data` when only plain data can be there.
    pub(super) fn plain_root<'p>(&self, path: &'p str) -> Option<&'p str> {
        let root = path.strip_prefix("data.")?.split('.').next()?;
        let stays = self.stays.all || self.stays.roots.contains(root);
        let taken = self.roots.contains(root) || self.roots.contains(PLAIN);
        (!stays && !taken && syntax::is_name(root)).then_some(root)
    }

    /// Whether the path is that of a rule or of plain data, which can be read as a whole.
    pub(super) fn is_document(&self, path: &str) -> bool {
        self.values.contains(path) || self.plain_root(path).is_some()
    }

    /// Says which documents have to stay.
    pub(super) fn keep(&mut self, stays: Stays) {
        self.stays = stays;
    }

    /// Says what is computed once.
    pub(super) fn compute_once(&mut self, once: Once) {
        self.once = once;
    }

    /// The number of a rule or function that is computed once, by its full path.
    pub(super) fn once(&self, path: &str) -> Option<usize> {
        self.once.get(path).copied()
    }

    /// The full paths of all packages.
    pub(super) fn packages(&self) -> impl Iterator<Item = &String> {
        self.rules.keys()
    }

    /// Whether the modules of the package must become one.
    pub(super) fn is_split(&self, package: &str) -> bool {
        self.split.contains(package)
    }
}

/// Whether the rule is `name[key] contains value`.
fn is_keyed_set(rule: &Rule) -> bool {
    let set = matches!(
        rule,
        Rule::Spec {
            head: RuleHead::Set { key: Some(_), .. },
            ..
        }
    );
    set && syntax::path(syntax::head(rule)).is_none()
}
