//! What is defined where: the rule names of each package, the functions with their arity.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::rego::{ec, module::Parsed, syntax};

/// The names of a whole policy.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Rule names by the full path of their package.
    rules: BTreeMap<String, BTreeSet<String>>,
    /// The number of parameters of each function by its full path.
    functions: BTreeMap<String, usize>,
    /// Packages with a function whose bodies stand in several modules.
    split: BTreeSet<String>,
    /// Whether `ec.*` are functions of the policy, so that tests can replace them.
    pub(super) mockable: bool,
}

impl Names {
    /// Collects the names.
    pub(crate) fn of(modules: &[Parsed], mockable: bool) -> Self {
        let mut names = Self {
            mockable,
            ..Self::default()
        };
        let mut homes: BTreeMap<String, usize> = BTreeMap::new();
        for (number, module) in modules.iter().enumerate() {
            let package = module.data_path();
            for rule in &module.ast.policy {
                let name = syntax::prefix(syntax::head(rule));
                let Some(first) = name.first() else { continue };
                let path = format!("{package}.{}", name.join("."));
                let own = names.rules.entry(package.clone()).or_default();
                own.insert(first.clone());
                if let Some(parameters) = syntax::parameters(rule) {
                    if *homes.entry(path.clone()).or_insert(number) != number {
                        names.split.insert(package.clone());
                    }
                    names.functions.insert(path, parameters);
                }
            }
        }
        if mockable {
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

    /// How many parameters the function with that full path has.
    pub(crate) fn parameters(&self, path: &str) -> Option<usize> {
        self.functions.get(path).copied()
    }

    /// Whether the modules of the package must become one.
    pub(super) fn is_split(&self, package: &str) -> bool {
        self.split.contains(package)
    }
}
