//! A policy: checked modules with the inventory of their rules.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use rego::{Compiled, Options, Value, builtins};

use super::{
    Host, check, ec,
    engine::{Program, TIME_LIMIT},
    error::{Error, Place},
    module::Module,
    rules::{self, Rule},
};

/// The modules of a policy, checked, with the inventory of their rules.
#[derive(Debug)]
pub(crate) struct Policy {
    compiled: Compiled,
    rules: Vec<Rule>,
    /// Whether the rules that give results give strings or objects.
    results: Result<(), Error>,
}

impl Policy {
    /// Reads and checks the modules.
    ///
    /// # Errors
    /// The first module that cannot be parsed, annotated or checked, and [`Error::Empty`] without rules.
    pub(crate) fn read(modules: Vec<Module>) -> Result<Self, Error> {
        Self::new(modules, false)
    }

    /// Reads the modules for their unit tests, in which `print` writes.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub(crate) fn read_with_tests(modules: Vec<Module>) -> Result<Self, Error> {
        Self::new(modules, true)
    }

    fn new(modules: Vec<Module>, print: bool) -> Result<Self, Error> {
        let parsed = rules::parse(modules)?;
        let rules = rules::inventory(&parsed)?;
        if rules.is_empty() {
            return Err(Error::Empty);
        }
        let results = parsed.iter().try_for_each(check::results);
        let mut registry = builtins::offered();
        ec::register(&mut registry, &Host::offline());
        let options = Options {
            print,
            ..Options::new(&registry)
        };
        let compiled = rego::compile(parsed, &options).map_err(|errors| Error::from(&errors))?;
        Ok(Self {
            compiled,
            rules,
            results,
        })
    }

    /// Every rule, in the order of the modules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Checks what production needs beyond the language, and makes the rules ready for evaluation.
    ///
    /// # Errors
    /// The first thing that would be misunderstood at run time, with file and line.
    pub(crate) fn compile(&self, data: &serde_json::Value, host: &Host) -> Result<Program, Error> {
        rules::check_codes(self.rules())?;
        self.results.clone()?;
        self.program(data, host, TIME_LIMIT)
    }

    /// Makes the rules ready for evaluation.
    pub(super) fn program(
        &self,
        data: &serde_json::Value,
        host: &Host,
        limit: Duration,
    ) -> Result<Program, Error> {
        check::data(&self.compiled, data)?;
        let mut registry = builtins::offered();
        ec::register(&mut registry, host);
        let program = rego::Program::new(&self.compiled, &registry, &[]);
        let program = program.map_err(|error| Error::Compile {
            place: Place {
                file: error.file.to_string(),
                line: error.line,
            },
            cause: error.message,
        })?;
        let places = self.rules().map(|rule| {
            let name = format!("{}.{}", rule.package, rule.name);
            (name, rule.place.clone())
        });
        // The first body of a rule is where a reader starts.
        let places: BTreeMap<_, _> = places.collect::<Vec<_>>().into_iter().rev().collect();
        let now = Timestamp::now().as_nanosecond();
        Ok(Program {
            program: program.with_data(Value::from(data)),
            places: Arc::new(places),
            now_ns: i64::try_from(now).unwrap_or(i64::MAX),
            limit,
        })
    }
}
