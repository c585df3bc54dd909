//! A policy: checked modules with the list of their rules.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use rego::{Compiled, Options, Value, builtins};

use super::{
    FunctionHost, check, ec,
    engine::{Program, TIME_LIMIT},
    error::Error,
    module::Module,
    places::RulePlaces,
    rules::{self, Rule},
};

/// The checked modules of a policy, with the list of their rules.
#[derive(Debug)]
pub(crate) struct Policy {
    compiled: Compiled,
    rules: Vec<Rule>,
    /// The result of the check that rules return strings or objects.
    results: Result<(), Error>,
    /// The lines of each file on which a rule or an expression starts.
    lines: Vec<(String, BTreeSet<u32>)>,
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
        // Coverage is measured only in tests.
        let lines = parsed.iter().filter(|_| print);
        let lines = lines.map(|module| (module.file.to_string(), rego::syntax::lines(module)));
        let lines = lines.collect();
        let mut registry = builtins::offered();
        ec::register(&mut registry, &FunctionHost::offline());
        let options = Options {
            print,
            stop: rules::end_of_run(),
            ..Options::new(&registry)
        };
        let compiled = rego::compile(parsed, &options)?;
        Ok(Self {
            compiled,
            rules,
            results,
            lines,
        })
    }

    /// Returns every rule, in the order of the modules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Returns the lines of each file on which a rule or an expression starts; empty for policies read without tests.
    pub(super) fn lines(&self) -> &[(String, BTreeSet<u32>)] {
        &self.lines
    }

    /// Makes the checks beyond the language and compiles the rules for evaluation.
    ///
    /// # Errors
    /// The first rule or data document that would be misinterpreted at run time, with file and line.
    pub(crate) fn compile(
        &self,
        data: &serde_json::Value,
        host: &FunctionHost,
    ) -> Result<Program, Error> {
        rules::check_codes(self.rules())?;
        self.results.clone()?;
        self.program(data, host, TIME_LIMIT)
    }

    /// Compiles the rules with data for evaluation.
    pub(super) fn program(
        &self,
        data: &serde_json::Value,
        host: &FunctionHost,
        limit: Duration,
    ) -> Result<Program, Error> {
        check::data(&self.compiled, data)?;
        let mut registry = builtins::offered();
        ec::register(&mut registry, host);
        let program = rego::Program::new(&self.compiled, &registry, &[]);
        let program = program.map_err(|error| {
            Error::Compile(rego::Errors(vec![rego::Error {
                code: rego::Code::Type,
                message: error.message,
                file: error.file,
                span: rego::syntax::Span {
                    line: error.line,
                    column: error.column,
                    ..rego::syntax::Span::default()
                },
                line: String::new(),
            }]))
        })?;
        let now = Timestamp::now().as_nanosecond();
        Ok(Program {
            program: program.with_data(Value::from(data)),
            places: Arc::new(RulePlaces::of(self.rules())),
            now_ns: i64::try_from(now).unwrap_or(i64::MAX),
            limit,
        })
    }
}
