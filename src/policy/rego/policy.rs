//! The modules of a policy as they are kept: rewritten for the engine, with what later checks need.
//!
//! Their syntax trees take ten times as much memory as their sources, so they go once all is read.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Host, check,
    engine::{Assembly, Program, TIME_LIMIT},
    error::Error,
    lower::{self, Names},
    module::{self, Module, Parsed},
    rules::{self, Rule},
    syntax,
};

/// The modules of a policy, read, with the inventory of their rules.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(super) units: Vec<Unit>,
    pub(super) rules: Vec<Vec<Rule>>,
    /// The annotation chains that rewritten sources look up by position.
    pub(super) chains: Vec<Value>,
    /// The members of `data` that rewritten sources read by way of [`lower::PLAIN`].
    pub(super) plain: BTreeSet<String>,
    /// Whether tests may replace `ec.*`.
    pub(super) mockable: bool,
    /// Whether every call names a function and gives it what it takes.
    pub(super) calls: Result<(), Error>,
    /// Whether the rules that give results give strings or objects.
    results: Result<(), Error>,
}

/// One module.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) file: String,
    /// The full path of the package.
    pub(super) package: String,
    /// The source for the engine; empty when another module of the package holds it.
    pub(super) source: String,
    /// The full paths below `data` that are referred to.
    pub(super) references: BTreeSet<String>,
    /// The path below `data` and the line of each rule.
    pub(super) heads: Vec<(Vec<String>, u32)>,
}

impl Policy {
    /// Reads the modules.
    ///
    /// # Errors
    /// The first module that cannot be parsed or annotated, and [`Error::Empty`] without rules.
    pub(crate) fn read(modules: Vec<Module>) -> Result<Self, Error> {
        Self::new(modules, false)
    }

    /// Reads the modules for their unit tests, in which `with` may replace `ec.*`.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub(crate) fn read_with_tests(modules: Vec<Module>) -> Result<Self, Error> {
        Self::new(modules, true)
    }

    fn new(modules: Vec<Module>, mockable: bool) -> Result<Self, Error> {
        let modules = module::parse(modules)?;
        let rules = rules::inventory(&modules)?;
        if rules.iter().all(Vec::is_empty) {
            return Err(Error::Empty);
        }
        let mut names = Names::of(&modules, mockable);
        let lowered = lower::lower(&modules, &rules, &mut names);
        let mut paired = modules.iter().zip(&lowered.modules);
        let calls = paired.try_for_each(|(module, lowered)| check::calls(module, lowered, &names));
        Ok(Self {
            results: modules.iter().try_for_each(check::results),
            calls,
            mockable,
            plain: lowered.plain(),
            chains: lowered.chains,
            units: modules
                .into_iter()
                .zip(lowered.modules)
                .map(|(module, lowered)| Unit {
                    heads: heads(&module),
                    package: module.data_path(),
                    file: module.file,
                    source: lowered.source,
                    references: lowered.references,
                })
                .collect(),
            rules,
        })
    }

    /// Every rule, in the order of the modules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().flatten()
    }

    /// Checks the policy and makes what the wanted packages can reach ready for evaluation.
    ///
    /// # Errors
    /// The first thing that would go wrong or be misunderstood at run time, with file and line.
    pub(crate) fn compile<'a>(
        &self,
        wanted: impl Iterator<Item = &'a str>,
        data: &Value,
        host: &Host,
    ) -> Result<Program, Error> {
        rules::check_codes(self.rules())?;
        self.results.clone()?;
        let assembly = Assembly {
            policy: self,
            limit: TIME_LIMIT,
        };
        assembly.assemble(Some(wanted.collect()), data, host)
    }
}

fn heads(module: &Parsed) -> Vec<(Vec<String>, u32)> {
    let heads = module.ast.policy.iter().map(|rule| {
        let name = syntax::prefix(syntax::head(rule));
        let path = module.package.iter().cloned().chain(name).collect();
        (path, rule.span().line)
    });
    heads.collect()
}
